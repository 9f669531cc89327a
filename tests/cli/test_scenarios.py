"""Training on the command line: faults strike, the record says so, and a test is never mixed with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import Control, Lab

TRAINING = """\
aimdlab: scenario/1
faults:
  - {fault: late, by: "1 ms", instrument: oscilloscope, for: 20}
  - {fault: power_cycle, instrument: generator, step: 1/baseline, message: 5, for: "0 s"}
  - {fault: drop, instrument: generator, step: 1/0001, message: 9}
  - {fault: wrong_identity, serial: MY00000000, instrument: oscilloscope, step: 1/0002, message: 3}
"""
STRUCK = [("late", "", -1), ("power_cycle", "1/baseline", 1), ("drop", "1/0001", 1), ("wrong_identity", "1/0002", 1)]


@pytest.fixture
def scenario(lab: Lab) -> Path:
    lab.fewer_steps()
    path = lab.folder / "scenario.yaml"
    path.write_text(TRAINING, encoding="utf-8")
    return path


def recorded(path: Path) -> dict[tuple[str, int, str, str], bytes]:
    """Bytes of every capture before the last step, by step, attempt, kind and channel."""
    with open_session(path) as session:
        return {
            (attempt.step_id, attempt.number, capture.kind, capture.channel): bytes(capture.codes)
            for attempt in session.attempts()
            for capture in attempt.captures
            if attempt.step_id in ("1/baseline", "1/0001")
        }


def struck(path: Path) -> list[tuple[object, ...]]:
    with open_session(path) as session:
        return [
            (event.data["fault"], event.data["name"], event.data["attempt"])
            for event in session.events()
            if event.kind == "simulation.fault"
        ]


def test_a_run_under_a_scenario_is_training_repeats_to_the_bit_and_stays_training(lab: Lab, scenario: Path) -> None:
    run = ("run", lab.campaign, "--scenario", scenario.relative_to(lab.folder), "--session")
    for session in (lab.session, lab.folder / "again"):
        stopped = lab.cli(*run, session)
        assert stopped.returncode == 3, stopped.stderr
        assert "training: faults strike as a scenario says; this is no test" in stopped.stderr
        assert "serial MY00000000" in stopped.stderr
        assert struck(session) == STRUCK
    captures = recorded(lab.session)
    assert {key[:2] for key in captures} >= {("1/baseline", 2), ("1/0001", 2)}
    assert captures == recorded(lab.folder / "again")
    done = lab.cli("resume", lab.session)
    assert done.returncode == 0, done.stderr
    assert "training, faults struck as a scenario says; it shows nothing of compliance" in done.stdout
    sealed_file = lab.session.with_suffix(".h5")
    with open_session(sealed_file) as sealed:
        assert [test["scenario"] for test in sealed.header.tests] == [TRAINING]
    assert f"{len(STRUCK)} faults struck on purpose: training" in lab.cli("verify", sealed_file).stdout
    assert ": training, session " in lab.cli("replay", sealed_file).stdout


def test_what_no_scenario_can_strike_is_refused_before_anything_is_connected(lab: Lab, scenario: Path) -> None:
    run = ("run", lab.campaign, "--session", lab.session, "--scenario", scenario)
    attached = lab.cli(*run, "--attach", "127.0.0.1:1")
    assert attached.returncode == 2
    assert "Give --scenario to `aimdlab simulate`" in attached.stderr
    scenario.write_text(TRAINING.replace("generator", "genrator"), encoding="utf-8")
    for misspelt in (lab.cli(*run), lab.cli("simulate", lab.bench, "--scenario", scenario)):
        assert misspelt.returncode == 2
        assert f"{scenario}, line 4, key faults[1].instrument: there is no 'genrator'. Did you mean" in misspelt.stderr
    lab.change(lab.bench, "simulated:\n  world: ../worlds/robust_pacemaker.yaml\n", "")
    for driver in ("keysight_33500b", "keysight_infiniivision"):
        lab.change(lab.bench, f"driver: {driver}", f"driver: {driver}\n    resource: TCPIP::127.0.0.1::1::SOCKET")
    real = lab.cli(*run)
    assert real.returncode == 2
    assert "this is a real bench, which no scenario can strike" in real.stderr
    assert not lab.session.exists()


def test_a_test_is_not_gone_on_with_as_training(
    lab: Lab, scenario: Path, served: tuple[Control, dict[str, Any]]
) -> None:
    control, hello = served
    assert hello["scenario"] == ""
    control.ask("inject", fault="wrong_identity", instrument="oscilloscope", step="1/0001", message=3)
    stopped = lab.cli("run", lab.campaign, "--session", lab.session, "--attach", hello["control"], "--clock", "virtual")
    assert stopped.returncode == 3, stopped.stderr
    assert struck(lab.session) == [("wrong_identity", "1/0001", 1)]
    refused = lab.cli("resume", lab.session, "--scenario", scenario)
    assert refused.returncode == 2
    assert "a test must not be gone on with under one" in refused.stderr
    with open_session(lab.session) as session:
        assert "scenario" not in session.header.tests[0]
    done = lab.cli("resume", lab.session)
    assert done.returncode == 0, done.stderr
    assert "training, faults struck by hand; it shows nothing of compliance" in done.stdout
    verified = lab.cli("verify", lab.session.with_suffix(".h5"), "--json")
    assert json.loads(verified.stdout)["training"] is True
