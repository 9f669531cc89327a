"""Faults on the simulated Keysight instruments and on what they are wired to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aimdlab.errors import SimulationError

SPAN_S = 0.4


def recorded(lab: Any, disturb: Callable[[], None] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Volts at both inputs around a trigger in a square wave of 10 Hz, noise on input 2; ``disturb`` comes 0.2 s after."""
    lab.world.mark(3, 1)
    for channel in (1, 2):
        source = f"SOUR{channel}"
        lab.gen(f":{source}:FUNC SQU;:{source}:FREQ 10;:OUTP{channel}:LOAD INF;:{source}:VOLT 4;:OUTP{channel} ON")
    lab.osc("*RST;:STOP;:CHAN1:RANG 8;:CHAN2:DISP 1;:CHAN2:RANG 8;:TIM:RANG 0.4;:TIM:REF LEFT;:TIM:POS 0.04")
    lab.osc(":TRIG:SWE NORM;:TRIG:LEV 0.5;:WAV:FORM WORD;BYT LSBF;UNS 1;POIN MAX;:WAV:POIN:MODE RAW;:SING")
    lab.wait(0.2)
    if disturb is not None:
        disturb()
    lab.wait(1.0)
    assert lab.errors() == []
    assert lab.osc(":RST?") == "STOP"
    return volts(lab, 1), volts(lab, 2)


def volts(lab: Any, channel: int) -> np.ndarray:
    lab.osc(f":WAV:SOUR CHAN{channel}")
    preamble = [float(field) for field in lab.osc(":WAV:PRE?").split(",")]
    codes = np.frombuffer(lab.scope.handle(b":WAV:DATA?")[10:], "<u2")
    shown: np.ndarray = (codes.astype(float) - preamble[9]) * preamble[7] + preamble[8]
    return shown


def test_a_probe_that_comes_off_shows_nothing_but_noise_and_leaves_the_rest_as_it_was(lab: Any, tmp_path: Any) -> None:
    calm = recorded(lab)
    other = type(lab)(tmp_path)
    shaken = recorded(other, lambda: other.world.disturb("oscilloscope.2", "unplug", **{"for": 0.05}))
    assert np.array_equal(shaken[0], calm[0])
    is_other = np.flatnonzero(shaken[1] != calm[1])
    dt_s = SPAN_S / len(calm[1])
    assert (is_other[-1] - is_other[0]) * dt_s == pytest.approx(0.05, abs=2 * dt_s)
    off = shaken[1][is_other[0] : is_other[-1]]
    assert abs(off.mean()) < 0.01
    assert 0.01 < off.std() < 0.04


def test_a_probe_that_is_off_never_triggers_and_triggers_again_afterwards(lab: Any) -> None:
    lab.gen("FUNC SQU;:FREQ 10;:OUTP:LOAD INF;:VOLT 4;:OUTP ON")
    lab.osc("*RST;:STOP;:CHAN1:RANG 8;:TIM:RANG 0.01;:TRIG:SWE NORM;:TRIG:LEV 0.5")
    lab.world.disturb("oscilloscope.1", "unplug", **{"for": 1.03})
    start_s = lab.time.now_s()
    lab.osc(":SING")
    lab.wait(1.0)
    assert lab.osc(":TER?") == "0"
    lab.wait(0.2)
    assert lab.osc(":TER?") == "1"
    end_s = lab.scope.acquisition.record.start_s - lab.scope.acquisition.record.origin_s
    assert start_s + 1.0299 <= end_s <= start_s + 1.131


def test_a_probe_may_stay_off_for_good(lab: Any) -> None:
    lab.world.disturb("oscilloscope.1", "unplug")
    lab.wait(1e6)
    assert not lab.scope.inputs[1].signal.samples(lab.time.now_s() - 1.0, 1e-3, 1000).any()


@pytest.mark.parametrize(
    ("name", "kind", "parameters"),
    [
        ("oscilloscope.1", "trip", {}),
        ("oscilloscope.1", "unplug", {"for": 0.0}),
        ("oscilloscope.1", "unplug", {"factor": 1.0}),
        ("oscilloscope.9", "unplug", {}),
        ("generator", "unplug", {}),
    ],
)
def test_what_cannot_happen_is_refused(lab: Any, name: str, kind: str, parameters: dict[str, float]) -> None:
    with pytest.raises(SimulationError):
        lab.world.disturb(name, kind, **parameters)


def test_a_generator_without_power_forgets_all_of_it(lab: Any) -> None:
    asked = "OUTP1?;:FUNC?;:VOLT?;:OUTP:LOAD?;:DATA:VOL:CAT?;:BURS:STAT?;:FORM:BORD?;:OUTP:SYNC?"
    fresh = lab.gen(asked)
    lab.gen("*CLS;:FORM:BORD SWAP;:DATA:ARB:DAC a,#216" + "ab" * 8)
    lab.gen("FUNC:ARB a;:FUNC ARB;:OUTP:LOAD INF;:VOLT 4;:BURS:STAT ON;:OUTP ON;:OUTP:SYNC OFF;:NONSENSE")
    assert lab.gen(asked) != fresh
    lab.wait(1.0)
    now_s = lab.time.now_s()
    lab.generator.power_cycle()
    assert lab.gen("*ESR?;:SYST:ERR?") == '128;+0,"No error"'
    assert lab.gen(asked) == fresh
    lab.wait(1.0)
    assert not lab.generator.outputs[1].samples(now_s, 1e-3, 1000).any()


def test_an_oscilloscope_without_power_forgets_all_of_it(lab: Any) -> None:
    recorded(lab)
    lab.osc("*CLS;:OPEE 8")
    lab.scope.power_cycle()
    assert lab.osc("*ESR?;:CHAN1:RANG?;:RST?;:TRIG:SWE?;:OPEE?;:CHAN2:DISP?") == "128;+4.00000000E+01;RUN;AUTO;0;0"


def test_an_oscilloscope_that_is_stuck_says_that_it_runs_until_it_is_reset(lab: Any) -> None:
    recorded(lab)
    assert lab.osc(":OPER:COND?") == "0"
    lab.scope.stuck_until_s = float("inf")
    lab.wait(1000.0)
    assert lab.osc(":OPER:COND?") == "8"
    lab.osc("*RST;:STOP")
    assert lab.osc(":OPER:COND?") == "0"
