"""What a run that goes on with a session makes of its record: what is done, what had to end it, who has it in hand."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import aimdlab
from aimdlab import _platform
from aimdlab.config.campaign import load_campaign
from aimdlab.errors import ConfigurationError, StoppedByPersonError
from aimdlab.scoring.results import EXPOSURE_PROVEN, Feature, Score, Verdict
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.consent import Consent, Settlement
from aimdlab.sequencer.interrupted import session_folder
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.sequencer.resume import _set_aside
from aimdlab.sequencer.runs import Owner, Runs, owner_data, read_runs
from aimdlab.sequencer.tries import Course, Tries
from aimdlab.sequencer.unchanged import PlannedAgain, plan_again
from aimdlab.session.acceptance import Changes, basis_of
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import SessionHeader, new_header
from aimdlab.session.inbox import send, waiting
from campaign_files import TODAY, Files

PASS, FAIL = (Score(verdict, verdict.value, (), ()) for verdict in (Verdict.PASS, Verdict.FAIL))
INVALID = Score(Verdict.INVALID, "level off", (), ())
PROVEN_INVALID = replace(INVALID, features=(Feature(EXPOSURE_PROVEN, 1.0, "1", 0.0),))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def tried(plan: Plan, *attempts: tuple[str, Score]) -> Tries:
    """What is known after these attempts, each by its step's name without the test."""
    tries, steps = Tries([step.as_record() for step in plan.steps]), {step.id: step.index for step in plan.steps}
    for name, score in attempts:
        step = steps[f"1/{name}"]
        tries.add(step, tries.next_number(step), score)
    return tries


def done(plan: Plan, tries: Tries) -> list[str]:
    return [step.id.partition("/")[2] for step in plan.steps if tries.is_done(step.index)]


def course(plan: Plan, *attempts: tuple[str, Score]) -> Course:
    return tried(plan, *attempts).course(plan.tests[0])


def test_a_step_is_done_by_an_attempt_that_stands(files: Files) -> None:
    plan = files.plan()
    tries = tried(
        plan, ("settings", PASS), ("baseline", PASS), ("0001", INVALID), ("0002", PROVEN_INVALID), ("0003", FAIL)
    )
    assert done(plan, tries) == ["settings", "baseline", "0002", "0003"]
    first = tries.first_to_do()
    assert first is not None
    assert plan.steps[first].id == "1/0001", "its retries begin anew"
    assert tries.next_number(first) == 2


def test_a_check_is_done_if_no_exposure_follows_it(files: Files) -> None:
    plan = files.plan()
    assert done(plan, tried(plan, ("0001", PASS), ("check", PASS), ("settings-after", PASS))) == [
        "0001", "check", "settings-after"
    ]  # fmt: skip
    assert done(plan, tried(plan, ("0001", PASS), ("check", PASS), ("0002", INVALID))) == ["0001"]
    assert done(plan, tried(plan, ("0001", PASS), ("check", INVALID))) == ["0001"]
    assert done(plan, tried(plan, ("0001", PASS), ("check", FAIL), ("baseline", PASS))) == ["baseline", "0001", "check"]


@pytest.mark.parametrize("rule", ["continue", "stop", "check"])
def test_what_ended_a_run_still_ends_it(files: Files, rule: str) -> None:
    files.change(files.test, ("on_fail: continue", f"on_fail: {rule}"))
    plan = files.plan()
    ended = [
        course(plan, ("0001", PASS), ("0002", FAIL)).ended,
        course(plan, ("0001", FAIL), ("check", PASS), ("0002", PASS), ("check", FAIL)).ended,
        course(plan, ("0001", PROVEN_INVALID), ("check", INVALID)).ended,
        course(plan, ("0001", PROVEN_INVALID), ("check", INVALID), ("check", FAIL)).ended,
    ]
    assert [bool(reason) for reason in ended] == {
        "continue": [False] * 4,
        "stop": [True, True, False, False],
        "check": [False, False, False, True],
    }[rule]


def test_the_device_is_checked_before_anything_else_if_it_was_not(files: Files) -> None:
    files.change(files.test, ("on_fail: continue", "on_fail: check"))
    plan = files.plan()
    unchecked = course(plan, ("0001", PASS), ("0002", PROVEN_INVALID)).suspicion
    assert unchecked is not None
    assert (unchecked.step_id, unchecked.verdict) == ("1/0002", Verdict.INVALID)
    assert course(plan, ("0001", FAIL), ("check", INVALID)).suspicion is not None
    assert course(plan, ("0001", FAIL), ("check", PASS)).suspicion is None
    assert course(plan, ("0001", INVALID)).suspicion is None


def log(path: Path, *events: tuple[str, dict[str, Any]]) -> Runs:
    written = EventLog(path / "events.jsonl", anchor="0" * 64)
    for kind, data in events:
        written.record(kind, f"said of {kind}", source="test", **data)
    written.close()
    return read_runs(read_events(path / "events.jsonl", "0" * 64))


def test_the_log_tells_how_the_last_run_ended(tmp_path: Path) -> None:
    assert log(tmp_path, ("session.created", {})) == Runs()
    assert Runs().interruption == "no run began"
    runs = log(tmp_path, ("run.started", owner_data()), ("attempt.scored", {}))
    assert (runs.count, runs.has_ended, runs.owner is not None) == (1, False, True)
    assert "killed" in runs.interruption
    runs = log(tmp_path, ("run.interrupted", {}), ("run.resumed", {"pid": 1, "host": "elsewhere"}))
    assert runs.owner == Owner(1, "", "elsewhere")
    runs = log(tmp_path, ("run.interrupted", {}), ("session.sealing", {}))
    assert (runs.count, runs.interruption) == (2, "said of run.interrupted")
    runs = log(tmp_path, ("run.ended", {"ended_early": "a FAIL"}), ("run.sealing", {"pid": 2, "host": "here"}))
    assert (runs.has_ended, runs.ended_early, runs.owner) == (True, "a FAIL", Owner(2, "", "here"))


def test_a_run_is_at_work_while_its_process_lives_here() -> None:
    host = platform.node()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        started = _platform.process_started(other.pid)
        assert Owner(other.pid, started, host).is_at_work()
        assert Owner(other.pid, "", host).is_at_work(), "a log that does not tell when is believed"
        assert Owner(other.pid, "before the restart", host).is_at_work() == (not started), "a number given again"
        assert Owner(other.pid, started, host + "-2").is_at_work() == bool(started), "the computer got another name"
        assert not Owner(other.pid, "", host + "-2").is_at_work()
        assert not Owner(os.getpid(), "", host).is_at_work()
        with pytest.raises(ConfigurationError, match=f"process {other.pid} .*tell monday stop"):
            Runs(owner=Owner(other.pid, started, host)).refuse_if_at_work(Path("monday"))
        other.communicate(b"\n")
    assert not Owner(other.pid, started, host).is_at_work()
    Runs(owner=Owner(other.pid, started, host)).refuse_if_at_work(Path("monday"))


def header_of(files: Files) -> SessionHeader:
    plan = files.plan()
    return new_header(
        title="monday",
        tests=tuple({**test.as_record(), "ambient": {"temperature": 300.0}} for test in plan.tests),
        plan=tuple(step.as_record() for step in plan.steps),
        configuration=plan.campaign.texts(),
        campaign_file=str(files.campaign),
    )


def again(
    header: SessionHeader, campaign: Path | None = None, today: date = TODAY, consent: Consent | None = None
) -> PlannedAgain:
    settlement = Settlement("aimdlab resume monday", consent)
    return plan_again(header, basis_of(header, ()), campaign, settlement, today=today)


def test_the_same_files_make_the_same_plan_wherever_they_are(files: Files, tmp_path: Path) -> None:
    header = header_of(files)
    assert again(header).plan.steps == files.plan().steps
    moved = files.folder / "configs/campaigns/of_monday.yaml"
    files.campaign.rename(moved)
    assert again(header, moved).plan.campaign.texts().keys() != header.configuration.keys()
    assert again(header, moved).changes == Changes()
    with pytest.raises(ConfigurationError, match="--campaign"):
        again(replace(header, campaign_file=""))


def test_a_calibration_must_be_valid_on_the_day_that_it_goes_on(files: Files) -> None:
    files.change(files.bench, ("    # calibration: {", "    calibration: {"))
    header = header_of(files)
    again(header)
    with pytest.raises(ConfigurationError, match="overdue since 2027-01-14"):
        again(header, today=date(2027, 1, 15))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan, tests: (plan[:-1], tests), "step 1/settings-after, step_id: then nothing"),
        (lambda plan, tests: (({**plan[0], "title": "x"}, *plan[1:]), tests), "step 1/settings, title: then 'x'; now"),
        (
            lambda plan, tests: (plan, ({**tests[0], "pictures": {"phantom.jpg": "0" * 64}},)),
            r"pictures\.phantom\.jpg: then '0*'; now nothing",
        ),
        (
            lambda plan, tests: (plan, ({**tests[0], "levels": {**tests[0]["levels"], "tier": 2}},)),
            "levels.tier: then 2; now 1",
        ),
        (
            lambda plan, tests: (plan, ({**tests[0], "edition": "ISO/TS 10974:2018"},)),
            "edition: then 'ISO/TS 10974:2018'",
        ),
    ],
)
def test_another_plan_from_the_same_files_is_refused(files: Files, change: Any, said: str) -> None:
    header = header_of(files)
    plan, tests = change(header.plan, header.tests)
    with pytest.raises(ConfigurationError, match=said):
        again(replace(header, plan=plan, tests=tests))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"software": {"aimdlab": "0.0.1"}}, "software, aimdlab: then 0.0.1"),
        ({"software": {"aimdlab": aimdlab.__version__, "scoring code": "x"}}, "software, scoring code: then x"),
        ({"software": {"aimdlab": aimdlab.__version__, "numpy": "1.0"}}, "software, numpy: then 1.0"),
        ({"format_version": 1}, "format of the session: then 1; now 2"),
    ],
)
def test_other_software_is_refused(files: Files, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        again(replace(header_of(files), **change))


@pytest.mark.parametrize("name", ["gradient_injected_ten_steps", "extrinsic_potential_demo"])
def test_no_plan_depends_on_where_its_files_lie(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, records = Path("configs/campaigns") / f"{name}.yaml", []
    monkeypatch.chdir(Files(tmp_path / "here").folder)
    for path in (campaign, Files(tmp_path / "elsewhere").folder / campaign):
        plan = make_plan(load_campaign(path), TODAY)
        records.append(([step.as_record() for step in plan.steps], [test.as_record() for test in plan.tests]))
    assert records[0] == records[1]
    assert str(tmp_path) not in str(records)


def test_what_is_said_while_a_session_is_gone_on_with_is_obeyed(tmp_path: Path) -> None:
    with SessionFolder.create(tmp_path / "monday", new_header(title="x", plan=(), configuration={})) as folder:
        send(folder.path, "stop", sender="A")
        before, attention = waiting(folder.path), Attention()
        _set_aside(folder, before, attention)
        attention.check()  # that was said to a run that is over
        send(folder.path, "stop", sender="B")
        _set_aside(folder, before, attention)
    with pytest.raises(StoppedByPersonError, match="asked for by B"):
        attention.check()


def test_a_session_is_found_by_any_name_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "monday"
    (folder / "attempts").mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert session_folder(Path()) == folder.resolve()
    monkeypatch.chdir(folder / "attempts")
    assert session_folder(Path("..")) == folder.resolve()


@pytest.mark.parametrize("pid", ["x", 0, -1, 10**30, None, 1.5])
def test_a_process_that_cannot_be_is_nobody(tmp_path: Path, pid: Any) -> None:
    assert log(tmp_path, ("run.started", {**owner_data(), "pid": pid})).owner is None


def test_runs_that_do_not_come_past_a_step_are_not_started_for_ever(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", anchor="0" * 64)
    for kind, step in [("run.started", ""), *[("run.resumed", "1/0002")] * 2]:
        log.record(kind, "", source="sequencer", **({"next_step": step} if step else {}))
    runs = read_runs(read_events(tmp_path / "events.jsonl", "0" * 64))
    runs.refuse_if_in_vain(tmp_path, "1/0002")
    log.record("run.resumed", "", source="sequencer", next_step="1/0002")
    log.close()
    runs = read_runs(read_events(tmp_path / "events.jsonl", "0" * 64))
    with pytest.raises(ConfigurationError, match="3 runs in a row went on at step 1/0002"):
        runs.refuse_if_in_vain(tmp_path, "1/0002")
    runs.refuse_if_in_vain(tmp_path, "1/0003")


@pytest.mark.parametrize(
    ("events", "wish"),
    [
        (["pause"], "pause"),
        (["pause", "note"], "pause"),
        (["pause", "continue"], ""),
        (["stop", "continue"], "stop"),
        (["pause", "run.interrupted"], ""),
        (["pause", "unattended"], "pause"),
        (["pause", "attended"], ""),
    ],
)
def test_what_a_person_wanted_of_a_run_that_died_is_known(tmp_path: Path, events: list[str], wish: str) -> None:
    written: list[tuple[str, dict[str, Any]]] = [("run.started", {})]
    for event in events:
        if event.endswith("attended"):
            written.append(("run.resumed", {"unattended": event == "unattended"}))
        else:
            written.append((event, {}) if "." in event else ("command.received", {"command": event}))
    assert log(tmp_path, *written).wish == wish
