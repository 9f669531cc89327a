"""While one instrument is fetched from or set up, another is told something: a fault of either erases nothing."""

from __future__ import annotations

from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import Lab

# The first of a step follows the output's being switched on, the second its being switched off.
SWITCHED_OFF = 'fault: drop, instrument: generator, step: "1/0001", command: "OUTP1?", message: 2'
# Asked back only once both inputs are set up, which is for the exposure.
SET_UP = 'fault: drop, instrument: oscilloscope, step: "1/0001", command: "CHAN2:RANG?"'

PROOF = [("injection_monitor", "verify")]
EXPOSED = [*PROOF, ("injection_monitor", "exposure"), ("device_monitor", "exposure")]


def attempts_under(lab: Lab, fault: str) -> tuple[dict[str, Any], list[Any]]:
    lab.fewer_steps()
    _, result = lab.run("--scenario", str(lab.scenario(fault)))
    with open_session(lab.session.with_suffix(".h5")) as session:
        session.verify()
        attempts = [attempt for attempt in session.attempts() if attempt.step_id == "1/0001"]
    return next(step for step in result["steps"] if step["step_id"] == "1/0001"), attempts


@pytest.mark.parametrize(("fault", "kept"), [(SWITCHED_OFF, EXPOSED), (SET_UP, PROOF)], ids=["off", "set up"])
def test_what_was_recorded_before_a_fault_of_the_other_is_kept(
    lab: Lab, fault: str, kept: list[tuple[str, str]]
) -> None:
    step, (struck, again) = attempts_under(lab, fault)
    assert step["verdict"] == "PASS"
    assert [(capture.channel, capture.kind) for capture in struck.captures] == kept
    assert "generator" in struck.fault or "oscilloscope" in struck.fault
    assert (struck.exposure_s > 0) == (kept == EXPOSED)
    assert [(capture.channel, capture.kind) for capture in again.captures] == EXPOSED
    assert not again.fault


def test_a_device_that_failed_stays_failed_if_the_generator_is_lost_while_it_is_switched_off(lab: Lab) -> None:
    world = lab.folder / "configs/worlds/robust_pacemaker.yaml"
    lab.change(world, "    mode: VVI\n", '    mode: VVI\n    sensing_threshold: "0.5 V"\n')
    step, (struck,) = attempts_under(lab, SWITCHED_OFF)
    assert step["verdict"] == "FAIL"
    assert struck.fault


def test_the_set_up_fault_of_an_exposure_that_does_not_come_is_told_all_the_same(lab: Lab) -> None:
    lab.fewer_steps()
    drift = 'fault: drift, node: amplifier, factor: 0.8, for: "1 min", step: "1/0001"'
    lab.run("--scenario", str(lab.scenario(SET_UP, drift)))
    with open_session(lab.session.with_suffix(".h5")) as session:
        first = next(attempt for attempt in session.attempts() if attempt.step_id == "1/0001")
    assert "no reply" in first.fault or "broke" in first.fault or "closed" in first.fault, first.fault
    assert [(capture.channel, capture.kind) for capture in first.captures] == PROOF
    assert first.exposure_s == 0
    assert any(note.startswith("not exposed") for note in first.notes)
