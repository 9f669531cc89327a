"""A record under other limits: a new record beside the old one, refused where more than the limits is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import ConfigurationError, RecordAlteredError, RecordError, SessionExistsError
from aimdlab.replay.rescoring import check_rescoring
from aimdlab.scoring.results import Verdict
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from command_line import ROOT

SHIPPED = (ROOT / "configs/devices/pacemaker.yaml").read_text(encoding="utf-8")
LOOSE = ('upper: "1.1 s"', 'upper: "20 s"')


@pytest.fixture
def device(tmp_path: Path) -> Callable[..., Path]:
    """The shipped device file, changed, under a name."""

    def make(*changes: tuple[str, str], name: str = "other.yaml") -> Path:
        text = SHIPPED
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def rescored(path: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = replay(path, asked, as_json=True)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, found


def test_the_original_device_file_changes_nothing(
    injected: Path, device: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = injected.read_bytes()
    status, found = rescored(injected, Asked(device=device(), out=tmp_path / "same.jsonl"), capsys)
    assert (status, found["changes"], found["not_reproduced"]) == (1, [], [])
    assert found["verdicts"] == {"PASS": 5, "FAIL": 1}
    assert injected.read_bytes() == before
    assert [path.name for path in injected.parent.glob("session*")] == ["session.h5"]
    summary = check_rescoring(tmp_path / "same.jsonl")
    assert (summary.attempts, summary.sha256) == (6, found["record_sha256"])
    with open_session(injected) as session:
        assert summary.head["session"]["session_id"] == session.header.session_id
        assert summary.head["session"]["header_sha256"] == session.header_sha256
        assert summary.head["session"]["root_sha256"] == session.verify().seal.root_sha256  # type: ignore[union-attr]
        (last,) = [record.sha256 for record in session.records()][-1:]
        assert summary.end["last_attempt_sha256"] == last
        assert (
            summary.head["device_file"]["text"] == SHIPPED == session.header.configuration["../devices/pacemaker.yaml"]
        )
    assert all(step["recorded"] == step["now"] for step in summary.end["steps"])


def test_a_fail_that_becomes_a_pass_cannot_be_overlooked(
    injected: Path, device: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nothing could be measured of pulses that did not come: with those limits it would be INVALID.
    only_interval = SHIPPED[SHIPPED.index("  - feature: pulse_amplitude_min") :]
    path = device(LOOSE, (only_interval, ""))
    out = tmp_path / "loose.jsonl"
    assert replay(injected, Asked(device=path, out=out, operator="B. Auditor"), as_json=False) == 0
    said = capsys.readouterr().out
    assert "FAIL BECOMES PASS in 1 of 6 steps" in said
    assert "because the limits are others, not the device: 1/0002" in said
    row = next(line for line in said.splitlines() if line.startswith("1/0002"))
    assert row.split()[:3] == ["1/0002", "FAIL", "PASS"]
    assert "at most 1.1 s: FAIL" in said
    assert "at most 20 s: PASS" in said
    summary = check_rescoring(out)
    step = summary.end["steps"][3]
    assert (step["recorded"]["verdict"], step["now"]["verdict"]) == ("FAIL", "PASS")
    assert (summary.head["operator"], summary.head["tests"][0]["criteria"][0]["upper"]) == ("B. Auditor", 20.0)
    assert summary.head["tests"][0]["recorded_criteria"][0]["upper"] == 1.1
    with open_session(injected) as session:
        assert session.steps()[3].verdict is Verdict.FAIL, "the record itself stays as it is"


def test_stricter_limits_fail_what_passed(
    synchronised: Path, device: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = device(('lower: "3.0 V"', 'lower: "3.9 V"'), ("state: beginning of service", "state: nearly empty"))
    status, found = rescored(synchronised, Asked(device=path, out=tmp_path / "strict.jsonl"), capsys)
    assert status == 1
    assert {change["step_id"]: change["now"] for change in found["changes"]} == dict.fromkeys(
        ("1/baseline", "1/0001", "1/check"), "FAIL"
    )
    (outcome,) = found["changes"][0]["outcomes"]
    assert (outcome["recorded"]["lower"], outcome["now"]["lower"]) == (3.0, 3.9)
    assert found["fail_becomes_pass"] == []
    assert found["also_different"] == ["battery.state"]


def test_a_folder_is_scored_as_far_as_it_goes_and_lies_beside(
    stopped: Path, device: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(device=device(name="limits.yaml"))
    try:
        status, found = rescored(stopped, asked, capsys)
        target = stopped.with_name("session.limits.rescored.jsonl")
        assert (status, found["record"]) == (1, str(target))
        assert check_rescoring(target).head["session"]["root_sha256"] is None
        with pytest.raises(SessionExistsError, match="--out"):
            replay(stopped, asked, as_json=True)
        assert check_rescoring(target).sha256 == found["record_sha256"]
        assert rescored(target, Asked(), capsys)[1]["record_sha256"] == found["record_sha256"]
        with pytest.raises(ConfigurationError, match="can only be proven"):
            replay(target, Asked(step="0"), as_json=True)
    finally:
        stopped.with_name("session.limits.rescored.jsonl").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([('rate: "60 1/min"', 'rate: "70 1/min"')], "therapy.rate: .*programmed"),
        ([('length: "100 cm"', 'length: "90 cm"')], "lead.length: .*levels"),
        ([('resistance: "20 kohm"', 'resistance: "10 kohm"')], "input.resistance: "),
        ([("Sensitivity: 2.5 mV", "Sensitivity: 1 mV")], "settings.Sensitivity: .*confirmed"),
        ([('response_time: "3 s"', 'response_time: "9 s"')], "response_time: .*as long as"),
        ([('recovery: "0 s"', 'recovery: "5 s"')], "recovery: .*pauses"),
        ([('firmware: "1.0"', 'firmware: "1.1"')], "firmware: .*another device"),
        ([("SIM-L-0001", "SIM-L-0002")], r"description.components\[1\].serial: .*another device"),
        ([("feature: pulse_width_max", "feature: pulse_wdith_max")], "yields no 'pulse_wdith_max'"),
        ([('unit: s\n    clause: "9.1"\n    rule: guard_band\n    rationale: A pause', 'unit: V\n    clause: "9.1"\n    '
           'rule: guard_band\n    rationale: A pause')], "criteria"),
        ([("  - feature: pulse_interval_max\n", "  - feature: pulse_interval_mean\n")], "nothing asks for pacing"),
        ([("criteria: ", "limits: ")], "unknown key"),
    ],
)  # fmt: skip
def test_what_is_not_a_matter_of_limits_is_refused(
    injected: Path, device: Any, tmp_path: Path, changes: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        replay(injected, Asked(device=device(*changes), out=tmp_path / "new.jsonl"), as_json=True)
    assert not (tmp_path / "new.jsonl").exists()


def test_features_that_do_not_come_out_are_no_matter_of_limits(
    injected: Path, device: Any, rebuild: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forge(attempt: Attempt) -> Attempt:
        features = [replace(one, value=one.value + (one.name == "pulse_count")) for one in attempt.score.features]
        return replace(attempt, score=replace(attempt.score, features=tuple(features)))

    forged = rebuild(injected, {"1/0001": forge}, alone=True)
    status, found = rescored(forged, Asked(device=device(), out=tmp_path / "new.jsonl"), capsys)
    assert (status, found["not_reproduced"]) == (5, ["attempt 1 at step 2 (1/0001)"])


def test_every_line_of_the_new_record_is_proven(
    injected: Path, device: Any, rebuild: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = rebuild(injected, {"1/0001": lambda attempt: attempt, "1/settings": lambda attempt: attempt}, alone=True)
    out = tmp_path / "new.jsonl"
    rescored(small, Asked(device=device(), out=out), capsys)
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 4
    head, first, second, end = lines
    for broken in (
        head + first + second,
        head + first + end,
        head + second + first + end,
        head + first + second + end + end,
        head + first + second + end[:-1],
        head.replace(b'"operator":"', b'"operator":"X') + first + second + end,
        head + first.replace(b"PASS", b"FAIL", 1) + second + end,
        head + first + second + end.replace(b'"attempts":2', b'"attempts":3'),
        head + first + first + end,
        head + first + b" " + second + end,
    ):
        out.write_bytes(broken)
        with pytest.raises(RecordAlteredError):
            check_rescoring(out)
    for none in (b"", first + second + end, b"no JSON\n", injected.read_bytes()):
        out.write_bytes(none)
        with pytest.raises(RecordError):
            check_rescoring(out)
    out.write_bytes(whole)
    assert check_rescoring(out).attempts == 2


def test_a_header_whose_limits_were_forged_is_no_base_for_others(
    injected: Path, device: Any, rebuild: Any, tmp_path: Path
) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    looser = [{**limit, "upper": limit["upper"] and 20.0} for limit in test["criteria"]]
    person = {"1/settings": lambda attempt: attempt}
    forged = rebuild(injected, person, alone=True, tests=({**test, "criteria": looser},))
    with pytest.raises(RecordAlteredError, match="are not those of the device file"):
        replay(forged, Asked(device=device(), out=tmp_path / "new.jsonl"), as_json=True)
    assert not (tmp_path / "new.jsonl").exists()


def test_a_record_that_cannot_be_written_leaves_nothing(injected: Path, device: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be made"):
        replay(injected, Asked(device=device(), out=tmp_path / "no/such/folder.jsonl"), as_json=True)
