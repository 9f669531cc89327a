"""What differs from the beginning: all of it is told, just that can be accepted, and what was accepted holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from aimdlab.bench.bench import Bench
from aimdlab.errors import ConfigurationError, RecordAlteredError
from aimdlab.sequencer.consent import Consent, Settlement
from aimdlab.sequencer.unchanged import PlannedAgain, instruments_again, plan_again, world_facts
from aimdlab.sequencer.unlike import first_lines
from aimdlab.session.acceptance import Basis, Changes, acceptances, basis_of, record_acceptance
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events
from aimdlab.session.header import SessionHeader, new_header
from campaign_files import TODAY, Files

REASON = "The comment says where the probe lay, no more"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "lab")


@pytest.fixture
def header(files: Files) -> SessionHeader:
    plan = files.plan()
    return new_header(
        title="monday",
        tests=tuple({**test.as_record(), "ambient": {"temperature": 300.0}} for test in plan.tests),
        plan=tuple(step.as_record() for step in plan.steps),
        configuration=plan.campaign.texts(),
        campaign_file=str(files.campaign),
        facts=world_facts(plan.campaign.bench, ""),
    )


def again(header: SessionHeader, basis: Basis, *codes: str) -> PlannedAgain:
    consent = Consent(codes, REASON, "a.smith") if codes else None
    return plan_again(header, basis, None, Settlement("aimdlab resume monday", consent), today=TODAY)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        work()
    return str(caught.value)


def codes_of(refusal: str) -> list[str]:
    return re.findall(r"--accept ([0-9a-f]{8})", refusal)


def same(header: SessionHeader) -> Basis:
    return basis_of(header, ())


def test_every_difference_is_told_at_once_and_just_these_can_be_accepted(files: Files, header: SessionHeader) -> None:
    files.change(files.device, ("# loop_area:", "# loop area:"))
    files.change(files.test, ("aimdlab: test/1\n", "aimdlab: test/1\n# one\n"))
    world = files.folder / "configs/worlds/robust_pacemaker.yaml"
    files.change(world, ("seed: 20260101", "seed: 20260102"))
    header.software["numpy"] = "1.0"  # type: ignore[index]
    said = refused(lambda: again(header, same(header)))
    for words in (
        "1. software, numpy: then 1.0; now",
        "pacemaker.yaml, line",
        "injected_ten_steps.yaml, line 4",
        "4. world file ../worlds/robust_pacemaker.yaml of the simulated bench",
        "aimdlab resume monday --accept",
        '--reason "..." --operator NAME',
    ):
        assert words in said, said
    (code,) = codes_of(said)
    assert "not what differs now" in refused(lambda: again(header, same(header), "00000000"))
    changes = again(header, same(header), code).changes
    assert set(changes.software) == {"numpy"}
    assert len(changes.configuration) == 2
    assert changes.world_sha256 == world_facts(files.plan().campaign.bench, "")["simulated_world_sha256"]

    files.change(files.device, ("# loop area:", "# the loop area:"))
    assert "not what differs now" in refused(lambda: again(header, same(header), code)), "that was not shown"


def test_what_was_accepted_holds_from_then_on(files: Files, header: SessionHeader, tmp_path: Path) -> None:
    files.change(files.device, ("# loop_area:", "# loop area:"))
    other = files.test.with_name("other.yaml")
    other.write_bytes(files.test.read_bytes())
    files.change(files.campaign, ("injected_ten_steps.yaml", "other.yaml"))
    said = refused(lambda: again(header, same(header)))
    assert "other.yaml: then not used; now used" in said
    assert "injected_ten_steps.yaml: then used; now not used" in said
    settlement = Settlement("", Consent(tuple(codes_of(said)), REASON, "a.smith"))
    changes = plan_again(header, same(header), None, settlement, today=TODAY).changes

    with_log = EventLog(tmp_path / "events.jsonl")
    record_acceptance(with_log, "a.smith", REASON, settlement.accepted, changes)
    with_log.close()
    (accepted,) = acceptances(read_events(tmp_path / "events.jsonl", "0" * 64))
    assert (accepted.operator, accepted.reason) == ("a.smith", REASON)
    assert accepted.changes == changes
    assert "accepted by a.smith" in accepted.in_words()
    assert REASON in accepted.in_words()
    basis = basis_of(header, [accepted])
    assert again(header, basis).changes == Changes()
    files.change(files.device, ("# loop area:", "# loop_area:"))
    assert "pacemaker.yaml, line" in refused(lambda: again(header, basis)), "back is a difference too"


def test_another_plan_or_limit_is_never_accepted(files: Files, header: SessionHeader) -> None:
    files.change(files.test, ('"20 mT"]', '"20 mT", "30 mT"]'))
    said = refused(lambda: again(header, same(header)))
    assert codes_of(said) == []
    assert "Nobody can accept number 2, 3" in said
    assert "1. " in said
    assert "plan, step 1/" in said
    assert "plan, step" in refused(lambda: again(header, same(header), "00000000"))


def test_files_that_make_no_plan_are_told_with_what_differs(files: Files, header: SessionHeader) -> None:
    files.change(files.device, ("# loop_area:", "# loop area:"))
    files.change(files.test, ("exposure:", "exposure_time:"))
    said = refused(lambda: again(header, same(header)))
    assert "pacemaker.yaml, line" in said
    assert "As they are now, they make no plan" in said
    assert "exposure_time" in said
    assert codes_of(said) == []


class Answering:
    """Instruments that answer."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self._entries = entries

    def equipment_list(self) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self._entries]


SCOPE = {
    "name": "oscilloscope", "driver": "keysight_infiniivision", "resource": "TCPIP::a", "manufacturer": "K", "model": "M",
    "serial": "1", "firmware": "2", "options": {"x": 1}, "calibration": {"due": "2027-01-01"},
}  # fmt: skip
ALL = Basis({}, {}, {"oscilloscope": SCOPE}, "")


def answered(*entries: dict[str, Any], codes: tuple[str, ...] = ()) -> dict[str, Any]:
    consent = Consent(codes, REASON, "a.smith") if codes else None
    return instruments_again(ALL, cast(Bench, Answering(*entries)), Settlement("aimdlab resume monday", consent))


def test_another_instrument_of_the_same_driver_can_be_accepted() -> None:
    assert answered({**SCOPE, "resource": "TCPIP::b"}) == {}
    twin = {**SCOPE, "serial": "9", "calibration": {"due": "2028-01-01"}}
    said = refused(lambda: answered(twin))
    assert "instrument oscilloscope, serial: then '1'; now '9'" in said
    assert "instrument oscilloscope, calibration" in said
    assert answered(twin, codes=tuple(codes_of(said))) == {"oscilloscope": twin}
    assert answered(SCOPE, codes=tuple(codes_of(said))) == {}, "nothing differs, nothing is accepted"


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [SCOPE, {**SCOPE, "name": "another"}],
        [{**SCOPE, "driver": "other", "serial": "9"}],
        [{**SCOPE, "options": {"x": 2}}],
    ],
)
def test_another_bench_is_never_accepted(entries: list[dict[str, Any]]) -> None:
    said = refused(lambda: answered(*entries))
    assert "Nobody can accept" in said
    assert codes_of(said) == []


@pytest.mark.parametrize(
    ("reason", "operator", "said"),
    [(REASON, "", "--operator"), ("", "a.smith", "--reason"), ("ok", "a.smith", "--reason"), (" ", "a.smith", "words")],
)
def test_nobody_accepts_without_name_and_reason(reason: str, operator: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Consent(("00000000",), reason, operator)


def test_a_world_is_compared_where_the_run_starts_it(files: Files, header: SessionHeader) -> None:
    world = files.folder / "configs/worlds/robust_pacemaker.yaml"
    files.change(world, ("seed: 20260101", "seed: 20260102"))
    assert "world file" in refused(lambda: again(header, same(header)))
    attached = plan_again(header, same(header), None, Settlement(""), "127.0.0.1:1", TODAY)
    assert attached.changes == Changes()
    older = Basis(same(header).software, same(header).configuration, {}, "")  # a session that does not say
    assert again(header, older).changes == Changes()


@pytest.mark.parametrize(
    ("data", "key"),
    [({"software": []}, "software"), ({"differences": [1]}, "differences"), ({"configuration": {"a": 1}}, "texts")],
)
def test_a_forged_acceptance_is_named(tmp_path: Path, data: dict[str, Any], key: str) -> None:
    whole: dict[str, Any] = {
        "operator": "x", "reason": "y", "differences": [], "software": {}, "configuration": {}, "equipment": {},
        "world_sha256": "",
    }  # fmt: skip
    log = EventLog(tmp_path / "events.jsonl")
    log.record("resume.accepted", key, source="x", **{**whole, **data})
    log.close()
    with pytest.raises(RecordAlteredError, match=r"\(resume\.accepted\) was altered"):
        acceptances(read_events(tmp_path / "events.jsonl", "0" * 64))


def test_the_places_where_two_files_differ() -> None:
    assert first_lines("a\nb\n", "a\nb\nc\n") == ("line 3", "'(the file ends before)'", "'c'")
    where, was, now = first_lines("a\nb\nc\nd\ne\n", "a\nB\nc\nd\n")
    assert (where, was, now) == ("line 2 and 1 more places (line 5)", "'b'", "'B'")
    numbers = [f"{number}\n" for number in range(100_000)]
    assert first_lines("".join(numbers), "".join(reversed(numbers))) == ("line 1", "'0'", "'99999'"), "and soon"
    assert first_lines("a\n", "a") == ("line 1", "'a\\n'", "'a'")
