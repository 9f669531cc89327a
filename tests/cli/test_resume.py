"""A run that was killed or stopped is gone on with, or sealed as it is; nothing committed is lost, nothing done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import Lab
from resumed import HELD, READ, committed, events, held, released, resume

STEPS = ["1/settings", "1/baseline", "1/0001", "1/0002", "1/0003", "1/0004", "1/check", "1/settings-after"]
BEFORE = ["1/settings", "1/baseline"]

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_a_killed_run_ends_as_if_nobody_had_killed_it(stopped: Lab, copy: Lab) -> None:
    before = committed(copy.session)
    assert before == [(step, 1) for step in STEPS[:4]]
    again = copy.cli("run", copy.campaign, "--session", copy.session)
    assert again.returncode == 2
    assert f"aimdlab resume {copy.session}" in again.stderr
    assert f"aimdlab seal {copy.session}" in again.stderr

    status, result = resume(copy)
    assert (status, result["did"], result["ended_early"]) == (0, "resumed", "")
    assert [step["step_id"] for step in result["steps"]] == STEPS
    sealed = Path(result["session"])
    assert committed(sealed) == [
        *before, (READ, 1), *((step, 2) for step in BEFORE), *((step, 1) for step in STEPS[4:-1]), (READ, 2)
    ]  # fmt: skip
    assert not copy.session.exists()

    undisturbed = copy.cli("run", copy.campaign, "--session", "undisturbed", "--json")
    wanted = json.loads(undisturbed.stdout)
    assert undisturbed.returncode == 0
    for step, known in zip(result["steps"], wanted["steps"], strict=True):
        assert step["verdict"] == known["verdict"] == "PASS"
        _compare(step, known)
    exposures = [attempt.exposure_s for attempt in _attempts(sealed)]
    assert result["exposure_s"] == pytest.approx(sum(exposures))
    assert result["run_exposure_s"] == pytest.approx(sum(exposures[4:]))

    log = events(sealed)
    first, second = (event.data for event in log if event.kind in ("run.started", "run.resumed"))
    assert first["pid"] != second["pid"]
    assert first["host"] == second["host"]
    assert (second["attempts"], second["next_step"]) == (4, "1/0003")
    assert "killed" in second["interruption"]
    assert second["ambient"]["temperature"] == pytest.approx(22)
    assert [event.kind for event in log if event.kind.startswith("run.")] == ["run.started", "run.resumed", "run.ended"]
    assert second["bench_clock"] == "virtual"
    nothing = copy.cli("resume", copy.session)
    assert nothing.returncode == 2
    assert "nothing to go on with" in nothing.stderr


def _attempts(session: Path) -> list[Any]:
    with open_session(session) as found:
        return list(found.attempts())


def _compare(step: dict[str, Any], known: dict[str, Any]) -> None:
    """The same features: to the bit at the injection, whose noise has a key; the device is at another phase."""
    found, wanted = step["attempts"][0]["features"], known["attempts"][0]["features"]
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if name.startswith(("injected_", "injection_")):
            assert found[name] == value, name
        elif name.startswith(("pulse_interval_", "pulse_amplitude_")) and value["value"] is not None:
            assert found[name]["value"] == pytest.approx(value["value"], rel=0.02), name


def test_an_attempt_that_nobody_reported_is_not_repeated_and_a_stop_is_gone_on_with(copy: Lab) -> None:
    campaign = ("--campaign", copy.campaign)
    # Killed when the fourth attempt of this run has its name and no event.
    with held(copy, "written", 4, "resume", copy.session, *campaign):
        pass
    assert committed(copy.session)[4:] == [(READ, 1), ("1/settings", 2), ("1/baseline", 2), ("1/0003", 1)]
    # A wish to a run that is over is not obeyed.
    assert copy.cli("tell", copy.session, "stop").returncode == 0
    with held(copy, "committed", 4, "resume", copy.session, *campaign) as run:
        assert copy.cli("tell", copy.session, "stop").returncode == 0
        status, _, said = released(run)
    assert status == 4, said
    assert "what was measured is kept in" in said
    assert f"aimdlab resume {copy.session}" in said
    assert f"aimdlab seal {copy.session}" in said
    status, result = resume(copy, *campaign)
    assert status == 0
    done = committed(Path(result["session"]))
    assert done[8:] == [
        (READ, 2), ("1/settings", 3), ("1/baseline", 3), ("1/0004", 1),
        (READ, 3), ("1/settings", 4), ("1/baseline", 4), ("1/check", 1),
    ]  # fmt: skip
    assert {step["verdict"] for step in result["steps"]} == {"PASS"}
    log = events(Path(result["session"]))
    assert [event.data["step_id"] for event in log if event.kind == "attempt.found"] == ["1/0003"]
    assert [event.message for event in log if event.kind == "command.stale"] == [
        "said before the session was gone on with, and not obeyed: stop"
    ]


@posix_signals
def test_ctrl_c_while_it_goes_on_leaves_a_session_that_can_be_gone_on_with(copy: Lab) -> None:
    with held(copy, "committed", 1, "resume", copy.session, "--campaign", copy.campaign) as run:
        run.send_signal(signal.SIGINT)
        status, _, said = released(run)
    assert status == 4, said
    assert f"aimdlab resume {copy.session}" in said
    log = events(copy.session)
    kinds = [event.kind for event in log]
    assert kinds[-1] == "run.interrupted"
    assert "safety.made_safe" in kinds[kinds.index("run.resumed") :]
    sealed = copy.cli("seal", copy.session, "--json")
    result = json.loads(sealed.stdout)
    assert sealed.returncode == result["exit_status"] == 1
    assert result["did"] == "sealed"
    assert result["verdicts"] == {"PASS": 4, "NOT_RUN": 4}
    assert "stopped by Ctrl-C" in result["ended_early"]
    assert [event.data["not_run"] for event in events(Path(result["session"])) if event.kind == "run.given_up"] == [4]
    again = copy.cli("seal", copy.session)
    assert again.returncode == 1
    assert "nothing was done" in again.stdout


def test_a_bench_that_is_not_ready_costs_nothing_that_was_measured(copy: Lab) -> None:
    robust = copy.world.read_text(encoding="utf-8")
    copy.change(copy.world, "mode: VVI", "silent: true\n    mode: VVI")
    campaign = ("--campaign", copy.campaign)
    status, result = resume(copy, *campaign)
    assert (status, result["sealed"]) == (1, False)
    assert "no pulse in the baseline" in result["ended_early"]
    assert [step["verdict"] for step in result["steps"][:5]] == ["PASS", "INVALID", "PASS", "PASS", "NOT_RUN"]
    copy.world.write_text(robust, encoding="utf-8")
    status, result = resume(copy, *campaign)
    assert (status, result["sealed"]) == (0, True)
    baseline = result["steps"][1]
    assert [attempt["verdict"] for attempt in baseline["attempts"]] == ["PASS", *["INVALID"] * 3, "PASS"]


def test_a_full_disk_loses_nothing_and_the_session_goes_on_once_there_is_room(copy: Lab) -> None:
    arguments = ["resume", copy.session, "--campaign", copy.campaign]
    full = subprocess.run(
        [*HELD, "FULL", "4", *map(str, arguments)],
        cwd=copy.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert full.returncode == 5, full.stderr
    assert "disk full" in full.stderr
    assert f"aimdlab resume {copy.session}" in full.stderr
    kept = committed(copy.session)
    assert kept[4:] == [(READ, 1), ("1/settings", 2), ("1/baseline", 2), ("1/0003", 1)]
    assert [event.kind for event in events(copy.session)][-1] == "run.interrupted"
    status, result = resume(copy, *arguments[2:])
    assert status == 0
    assert committed(Path(result["session"]))[: len(kept)] == kept


def test_a_stop_that_a_dead_run_did_not_hear_holds_where_nobody_attends(copy: Lab) -> None:
    """A person who resumes has thought again; the guardian, or a PC that starts anew, has not."""
    assert copy.cli("tell", copy.session, "stop").returncode == 0
    attempts = committed(copy.session)
    done = copy.cli("resume", copy.session, "--campaign", copy.campaign, "--unattended")
    assert done.returncode == 4, done.stderr
    assert committed(copy.session) == attempts
    assert [event.kind for event in events(copy.session)].count("command.stale") == 0


def test_a_device_that_was_exposed_and_not_yet_checked_is_checked_first(lab: Lab) -> None:
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["20 mT"]')
    lab.change(lab.test, "on_fail: continue", "on_fail: check")
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    with held(lab, "committed", 3, "run", lab.campaign, "--session", lab.session):
        pass
    with held(lab, "committed", 5, "resume", lab.session):
        pass
    order = [step for step, _ in committed(lab.session)]
    assert order[3:] == [READ, *BEFORE, "1/check", "1/0002"], "first the check that the kill prevented"
    sealed = lab.cli("seal", lab.session, "--json")
    with open_session(Path(json.loads(sealed.stdout)["session"])) as session:
        found = {result.step_id: result.verdict for result in session.steps()}
    assert found == {
        "1/settings": "PASS", "1/baseline": "PASS", "1/0001": "FAIL", "1/0002": "FAIL",
        "1/check": "NOT_RUN", "1/settings-after": "NOT_RUN",
    }  # fmt: skip
