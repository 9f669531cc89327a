"""What was recorded comes out again to the last bit, whatever became of the run; what was forged does not."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filters
import numpy as np
import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import (
    AimdlabError,
    ConfigurationError,
    RecordAlteredError,
    RecordError,
    StoppedByPersonError,
    WorkerLostError,
)
from aimdlab.replay.attempt import AttemptReplay
from aimdlab.replay.session import Replay, replay_session
from aimdlab.replay.workers import replay_all
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from command_line import ROOT, Lab

DATA = ROOT / "tests/data"


def replayed(path: Path, workers: int = 1) -> Replay:
    with open_session(path) as session:
        return replay_session(session, workers)


def printed(path: Path, capsys: pytest.CaptureFixture[str], asked: Asked | None = None) -> tuple[int, dict[str, Any]]:
    """The command in this process: exit status and JSON."""
    status = replay(path, asked or Asked(), as_json=True)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["exit_status"] == status
    return status, found


def with_feature(name: str, change: Callable[[float], float]) -> Callable[[Attempt], Attempt]:
    def forge(attempt: Attempt) -> Attempt:
        features = tuple(
            replace(feature, value=change(feature.value)) if feature.name == name else feature
            for feature in attempt.score.features
        )
        assert repr(features) != repr(attempt.score.features)
        return replace(attempt, score=replace(attempt.score, features=features))

    return forge


def with_score(**changes: Any) -> Callable[[Attempt], Attempt]:
    return lambda attempt: replace(attempt, score=replace(attempt.score, **changes))


def test_a_session_with_every_kind_of_step_comes_out_again(injected: Path, lab: Lab) -> None:
    done = lab.cli("replay", injected)
    assert done.returncode == 0, done.stderr
    assert "attempts scored again from their raw bytes: 6; identical to the last bit: 6; differ: 0" in done.stdout
    assert "verdicts: 5 PASS, 1 FAIL" in done.stdout
    assert "reproduced: every feature, outcome and verdict" in done.stdout


def test_beats_come_out_again(synchronised: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = printed(synchronised, capsys)
    assert (status, found["identical"], found["differing"], found["close"]) == (0, found["attempts"], 0, 0)
    assert found["verdicts"] == {"PASS": 5}


def test_retries_faults_and_a_stop_come_out_again(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_session(stopped) as session:
        recorded = [(attempt.step_id, attempt.score.verdict, attempt.fault) for attempt in session.attempts()]
    assert recorded[2:] == [
        ("1/0001", "INVALID", "oscilloscope, command ':DIG': the link broke"),
        ("1/0001", "PASS", ""),
        ("1/0002", "FAIL", "amplifier: it reports an over-temperature"),
    ]
    status, found = printed(stopped, capsys)
    assert (status, found["attempts"], found["identical"]) == (0, 5, 5)
    assert found["verdicts"] == {"PASS": 3, "FAIL": 1, "NOT_RUN": 2}


SESSIONS = [path for path in sorted(DATA.glob("format_*/*")) if path.suffix in ("", ".h5")]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_version_of_the_format_is_replayed(path: Path) -> None:
    result = replayed(path)
    assert result.attempts > 2
    assert (result.differing, result.problems, result.changed_steps) == (0, [], [])


def test_the_first_version_names_neither_limits_nor_procedure_nor_fault() -> None:
    with open_session(DATA / "format_1/sealed.h5") as session:
        assert not {"criteria", "procedure"} & session.header.tests[0].keys()
        assert all("fault" not in record.attempt for record in session.records())


def test_a_fault_of_the_first_version_is_the_last_note_that_is_no_other(stopped: Path, rebuild: Any) -> None:
    from aimdlab.replay.scorings import fault_of

    with open_session(stopped) as session:
        for record in session.records():
            fault = record.attempt.pop("fault")
            assert fault_of(record) == fault
        record.attempt["notes"] = ["not exposed: the oscilloscope saw no edge"]
        assert fault_of(record) == ""
        record.attempt["notes"] += ["generator: stuck"]
        assert fault_of(record) == "generator: stuck"


def test_several_processes_say_what_one_says(injected: Path) -> None:
    def seen(workers: int) -> list[AttemptReplay]:
        with open_session(injected) as session:
            return list(replay_all(session, session.records(), None, workers))

    one, two = seen(1), seen(2)
    assert [attempt.index for attempt in one] == list(range(6))
    # NaN is in it, which equals nothing: by their words.
    assert list(map(repr, one)) == list(map(repr, two))


def test_a_worker_that_dies_is_an_error_and_no_hang(injected: Path) -> None:
    with open_session(injected) as session:
        records = itertools.cycle(session.records())
        results = replay_all(session, records, None, 2)
        next(results)
        for child in multiprocessing.active_children():
            child.kill()
        with pytest.raises(WorkerLostError, match="--jobs 1") as caught:
            for _ in results:
                pass
    assert caught.value.exit_status == 70
    assert multiprocessing.active_children() == []


def test_a_stop_ends_every_worker(injected: Path) -> None:
    def stop(_planned: int, _attempt: AttemptReplay) -> None:
        raise StoppedByPersonError("stopped by Ctrl-C")

    with open_session(injected) as session, pytest.raises(StoppedByPersonError):
        replay_session(session, 2, stop)
    assert multiprocessing.active_children() == []


def test_workers_leave_ctrl_c_to_the_process_that_started_them(injected: Path) -> None:
    with open_session(injected) as session:
        results = replay_all(session, itertools.islice(itertools.cycle(session.records()), 12), None, 2)
        first = next(results)
        if os.name == "posix":
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGINT)
        assert len([first, *results]) == 12


# ---- forged, with every hash right -----------------------------------------------------------------------------


def test_a_forged_feature_is_named_with_both_values(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = rebuild(injected, {"1/0002": with_feature("pulse_interval_max", lambda _: 1.0)}, sealed=True)
    with open_session(forged) as session:
        session.verify()
    assert replay(forged, Asked(jobs=1), as_json=False) == 5
    said = capsys.readouterr().out
    assert "attempt 1 at step 3 (1/0002):" in said
    assert "feature pulse_interval_max: value: recorded 1.0, recomputed 16.2" in said
    assert "NOT REPRODUCED: the software is the same (on the same computer)" in said
    assert "differ: 1" in said


def _last_bit(value: float) -> float:
    return float(np.nextafter(value, np.inf))


@pytest.mark.parametrize(
    ("step", "forge", "what"),
    [
        ("1/0001", with_feature("pulse_width_max", _last_bit), ["feature pulse_width_max: value"]),
        ("1/0001", with_feature("injected_clipped", lambda _: -0.0), ["feature injected_clipped: value"]),
        ("1/0002", with_feature("pulse_amplitude_min", lambda _: 0.0), ["feature pulse_amplitude_min: value"]),
        ("1/0002", with_score(verdict=Verdict.PASS), ["verdict"]),
        ("1/0002", with_score(reason="as it should be"), ["reason"]),
        ("1/0001", with_score(outcomes=()), ["number of outcomes"]),
        ("1/0001", lambda a: with_score(features=a.score.features[1:])(a), ["feature injected_pulse_a"]),
        ("1/0001", lambda a: with_score(features=a.score.features[::-1])(a), ["order of the features"]),
        ("1/settings", with_score(verdict=Verdict.FAIL), ["verdict"]),
    ],
)  # fmt: skip
def test_whatever_is_forged_in_a_score_is_found(
    injected: Path, rebuild: Any, step: str, forge: Callable[[Attempt], Attempt], what: list[str]
) -> None:
    result = replayed(rebuild(injected, {step: forge}, alone=True))
    assert not result.is_reproduced
    (attempt,) = result.listed
    assert attempt.step_id == step
    assert [one.what for one in attempt.differences] == what


def test_a_forged_limit_of_an_outcome_is_found(injected: Path, rebuild: Any) -> None:
    def forge(attempt: Attempt) -> Attempt:
        first, *others = attempt.score.outcomes
        looser = replace(first, criterion=replace(first.criterion, upper=20.0), verdict=Verdict.PASS)
        return with_score(outcomes=(looser, *others))(attempt)

    (attempt,) = replayed(rebuild(injected, {"1/0002": forge}, alone=True)).listed
    assert [one.what for one in attempt.differences] == [
        "outcome on pulse_interval_max: verdict",
        "outcome on pulse_interval_max: limit, upper",
    ]
    assert (attempt.differences[1].recorded, attempt.differences[1].recomputed) == (20.0, 1.1)


def test_a_step_that_was_not_scored_as_planned_is_found(injected: Path, rebuild: Any) -> None:
    def forge(attempt: Attempt) -> Attempt:
        return replace(attempt, scoring={**attempt.scoring, "level_tolerance": 0.5})

    (attempt,) = replayed(rebuild(injected, {"1/0001": forge}, alone=True)).listed
    assert [one.what for one in attempt.differences] == ["planned scoring"]


def test_limits_that_are_not_those_of_the_recorded_device_file_are_found(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    person = {"1/settings": lambda attempt: attempt}
    looser = [{**limit, "upper": limit["upper"] and 20.0} for limit in test["criteria"]]
    status, found = printed(rebuild(injected, person, alone=True, tests=({**test, "criteria": looser},)), capsys)
    assert status == 5
    assert "are not those of the device file" in found["problems"][0]
    status, found = printed(
        rebuild(injected, person, alone=True, name="second", tests=({**test, "procedure": "extrinsic_potential"},)),
        capsys,
    )
    assert status == 5
    assert "is not that of the test file" in found["problems"][0]


def test_a_scoring_that_failed_then_and_works_now_is_a_difference(injected: Path, rebuild: Any) -> None:
    score = Score(Verdict.INVALID, "the scoring itself failed, please report this: KeyError: 1.", (), ())
    result = replayed(rebuild(injected, {"1/0001": lambda attempt: replace(attempt, score=score)}, alone=True))
    assert [(step.recorded.verdict, step.recomputed.verdict) for step in result.changed_steps] == [("INVALID", "PASS")]
    assert not result.is_reproduced


def test_a_scoring_that_fails_again_in_the_same_way_is_reproduced(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        plan = [dict(step) for step in session.header.plan]
    broken = {key: value for key, value in plan[2]["scoring"].items() if key != "level_tolerance"}
    plan[2]["scoring"] = broken

    def fail(attempt: Attempt) -> Attempt:
        reason = (
            "the scoring itself failed, please report this: ConfigurationError: scoring record: 'level_tolerance' is "
            "missing or not a number, got None. The captures are kept."
        )
        suspect = replace(attempt.score.features[0], name="device_suspect", value=1.0, unit="1", u=0.0)
        return replace(attempt, scoring=broken, score=Score(Verdict.INVALID, reason, (suspect,), ()))

    result = replayed(rebuild(injected, {"1/0001": fail}, alone=True, plan=tuple(plan)))
    assert (result.differing, result.is_reproduced) == (0, True)


# ---- other software ----------------------------------------------------------------------------------------------


def older(path: Path, **versions: str) -> dict[str, str]:
    with open_session(path) as session:
        return {**session.header.software, **versions}


def test_other_software_explains_a_difference(injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]) -> None:
    forged = rebuild(
        injected,
        {"1/0001": with_feature("pulse_width_max", lambda value: value * 1.01)},
        alone=True,
        software=older(injected, numpy="2.0.1", aimdlab="0.0.9"),
    )
    assert replay(forged, Asked(), as_json=False) == 5
    said = capsys.readouterr().out
    assert "recorded by aimdlab 0.0.9 with numpy 2.0.1; aimdlab 0.0.9 then, " in said
    assert "made with other software (aimdlab 0.0.9 then, " in said
    assert "numpy 2.0.1 then, " in said


def test_another_state_of_the_scoring_code_explains_a_difference_too(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change = {"1/0001": with_feature("pulse_width_max", lambda value: value * 1.01)}
    now = older(injected)["scoring code"]
    assert len(now) == 16
    assert int(now, 16)
    other = older(injected, **{"scoring code": "0" * 16})
    found = printed(rebuild(injected, change, "other", alone=True, software=other), capsys)[1]
    assert f"scoring code {'0' * 16} then, {now} now" in found["explanation"]
    silent = {name: version for name, version in other.items() if name != "scoring code"}
    found = printed(rebuild(injected, change, "silent", alone=True, software=silent), capsys)[1]
    assert "does not say with which state of the scoring code" in found["explanation"]


def test_the_last_digits_may_differ_on_another_computer_and_are_told(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change = {"1/0001": with_feature("pulse_width_max", lambda value: value * (1 + 1e-9))}
    other = rebuild(injected, change, "other", alone=True, software=older(injected, numpy="2.0.1"))
    status, found = printed(other, capsys)
    assert (status, found["close"], found["identical"], found["differing"]) == (0, 1, 0, 0)
    assert found["close_differences"][0]["differences"][0]["what"] == "feature pulse_width_max: value"
    # The same software on the same computer gives the same bits.
    status, found = printed(rebuild(injected, change, "same", alone=True), capsys)
    assert (status, found["close"], found["differing"]) == (5, 0, 1)


def test_other_software_that_gives_the_same_bits_reproduces(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    same = {"1/0002": lambda attempt: attempt}
    software = older(injected, numpy="2.0.1")
    status, found = printed(rebuild(injected, same, alone=True, software=software), capsys)
    assert (status, found["identical"]) == (0, 1)
    assert any(words.startswith("numpy 2.0.1 then") for words in found["environment_differs"])


# ---- altered without its hashes, and what cannot be replayed -----------------------------------------------------


def test_altered_codes_are_said_to_be_altered(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    path = copy / "attempts/000003-01.h5"
    with h5py.File(path, "r+") as file:
        codes = file["codes/0001"]
        whole = codes[()]
        whole[1000] += 1
        codes[...] = whole
    with pytest.raises(
        RecordAlteredError, match=r"the record itself was altered.*attempt 1 at step 3 .*aimdlab verify"
    ):
        replay(copy, Asked(), as_json=True)


def test_a_removed_attempt_is_said_to_be_removed(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    (copy / "attempts/000001-01.h5").unlink()
    with pytest.raises(RecordAlteredError, match="number 1 was removed"):
        replay(copy, Asked(), as_json=True)


def test_a_session_that_does_not_say_how_it_was_scored_is_refused(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    person = {"1/settings": lambda attempt: attempt}
    unknown = rebuild(injected, person, alone=True, name="unknown", tests=({**test, "procedure": "dowsing"},))
    with pytest.raises(RecordError, match="there is no procedure 'dowsing'"):
        replayed(unknown)
    plain = {key: value for key, value in test.items() if key not in ("criteria", "procedure")}
    nothing = rebuild(
        injected, person, alone=True, name="nothing", tests=(plain,), configuration={"notes.txt": "no YAML: ["}
    )
    with pytest.raises(RecordError, match="no recorded test file has that name"):
        replayed(nothing)
    with pytest.raises(RecordError, match="names no test"):
        replayed(rebuild(injected, person, alone=True, name="testless", tests=()))


def test_criteria_of_the_recorded_text_serve_where_the_header_has_none(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    plain = {key: value for key, value in test.items() if key not in ("criteria", "procedure")}
    result = replayed(rebuild(injected, {"1/0002": lambda attempt: attempt}, alone=True, tests=(plain,)))
    assert (result.identical, result.differing) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"device": Path("x.yaml"), "step": "1"}, "--device scores the whole record"),
        ({"plot": True}, "need --step"),
        ({"attempt": 1}, "need --step"),
        ({"out": Path("x.png")}, "--out names the file"),
        ({"step": "1", "out": Path("x.png")}, "--out names the file"),
    ],
)
def test_options_that_do_not_go_together(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Asked(**asked)


def test_no_session_is_status_2(lab: Lab) -> None:
    with pytest.raises(AimdlabError, match="there is no session") as caught:
        replay(lab.folder / "nowhere", Asked(), as_json=True)
    assert caught.value.exit_status == 2


def test_the_last_attempt_cannot_be_cut_off(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    (copy / "attempts/000003-01.h5").unlink()
    with pytest.raises(RecordAlteredError, match="attempt number 4 was removed"):
        replay(copy, Asked(), as_json=True)


def test_a_folder_that_is_sealed_meanwhile_is_replayed_as_the_file(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aimdlab.cli import replay as command
    from aimdlab.session.folder import SessionFolder
    from aimdlab.session.seal import seal

    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    opened = command.open_session
    calls: Iterator[int] = itertools.count()

    def open_and_seal(path: Path) -> Any:
        session = opened(path)
        if next(calls) == 0:
            seal(SessionFolder.open(copy))
        return session

    monkeypatch.setattr(command, "open_session", open_and_seal)
    status, found = printed(copy, capsys)
    assert (status, found["identical"]) == (0, 5)
    assert found["session"].endswith("copy.h5")
