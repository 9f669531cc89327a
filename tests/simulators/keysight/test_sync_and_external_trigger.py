"""The generator's Sync connector and the oscilloscope's external trigger input, wired to each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.past import Past

# Ten points at 10 kSa/s, the first of them high already: 1 ms.
BURST = (
    "OUTP1:LOAD INF;:SOUR1:DATA:ARB step,1,1,1,1,1,-1,-1,-1,-1,1;:SOUR1:FUNC:ARB step;:SOUR1:FUNC:ARB:SRAT 10000"
    ";:SOUR1:FUNC:ARB:FILT OFF;:SOUR1:FUNC ARB;:SOUR1:VOLT 8;:SOUR1:BURS:MODE TRIG;:SOUR1:BURS:NCYC 3"
    ";:TRIG1:SOUR BUS;:SOUR1:BURS:STAT ON;:OUTP1 ON"
)
SCOPE = (
    "STOP;:CHAN1:DISP ON;:CHAN1:RANG 20;:TIM:RANG 0.01;:EXT:PROB 1;:EXT:RANG 8"
    ";:TRIG:EDGE:SOUR EXT;:TRIG:EDGE:LEV 1.5,EXT;:TRIG:SWE NORM"
)


def ready(lab: Any, generator: str = "*OPC", scope: str = "*OPC") -> float:
    """Set up and armed, the pre-trigger part full; the world time."""
    lab.gen(BURST)
    lab.gen(generator)
    lab.osc(SCOPE)
    lab.osc(scope)
    lab.osc("SING")
    now_s: float = lab.wait(0.02)
    return now_s


def triggered_at(lab: Any) -> float | None:
    """World time of the trigger; None if it still waits."""
    if int(lab.osc("OPER:COND?")) & 8:
        return None
    record = lab.scope.acquisition.record
    return float(record.start_s - record.origin_s)


@pytest.mark.parametrize("looked_at", [False, True])
def test_the_first_sample_of_a_burst_triggers(lab: Any, looked_at: bool) -> None:
    began_s = ready(lab)
    if looked_at:  # up to the very moment at which the burst begins
        assert lab.osc("AER?") == "1"
        assert int(lab.osc("OPER:COND?")) == 8 + 32
    lab.gen("TRIG1")
    if looked_at:
        assert int(lab.osc("OPER:COND?")) & 8
    lab.wait(0.1)
    assert lab.osc("TER?") == "1"
    assert triggered_at(lab) == pytest.approx(began_s, abs=1e-9)
    assert lab.errors() == []


@pytest.mark.parametrize(
    ("generator", "scope", "after_s"),
    [
        ("TRIG1:DEL 0.05", "*OPC", 0.05),
        ("*OPC", "TRIG:EDGE:SLOP NEG", 3e-3),  # the end of the last repeat
        ("OUTP1:SYNC:POL INV", "*OPC", 3e-3),
        ("OUTP1:SYNC:POL INV", "TRIG:EDGE:SLOP NEG", 0.0),
        ("OUTP1:SYNC:MODE CARR", "TRIG:EDGE:SLOP NEG", 0.5e-3),
        ("*OPC", "EXT:PROB 10;:TRIG:EDGE:LEV 30,EXT", 0.0),
        ("OUTP2:SYNC:POL INV;:OUTP2:SYNC:MODE MARK", "*OPC", 0.0),  # of the channel that Sync does not follow
        ("OUTP1 OFF", "*OPC", 0.0),
    ],
)
def test_edges_of_a_burst(lab: Any, generator: str, scope: str, after_s: float) -> None:
    began_s = ready(lab, generator, scope)
    lab.gen("TRIG1")
    lab.wait(0.1)
    assert triggered_at(lab) == pytest.approx(began_s + after_s, abs=1e-9)
    assert lab.errors() == []


@pytest.mark.parametrize(
    ("generator", "scope"),
    [
        ("OUTP:SYNC OFF", "*OPC"),
        ("OUTP:SYNC:SOUR CH2;:TRIG2:SOUR BUS;:SOUR2:BURS:STAT ON", "*OPC"),
        ("OUTP1:SYNC:MODE MARK", "*OPC"),
        ("*OPC", "TRIG:EDGE:LEV 3.4,EXT"),
        ("*OPC", "TRIG:EDGE:SOUR LINE"),
        ("*OPC", "EXT:PROB 10;:TRIG:EDGE:LEV 34,EXT"),
    ],
)
def test_what_does_not_reach_the_level_does_not_trigger(lab: Any, generator: str, scope: str) -> None:
    ready(lab, generator, scope)
    lab.gen("TRIG1")
    lab.wait(0.1)
    assert triggered_at(lab) is None


def test_a_second_repeat_is_no_edge_and_a_second_burst_is(lab: Any) -> None:
    ready(lab)
    lab.gen("TRIG1")
    lab.wait(0.0015)  # within the second repeat
    lab.osc("SING;:TIM:RANG 0.0001")
    lab.wait(0.1)
    assert triggered_at(lab) is None
    second_s = lab.time.now_s()
    lab.gen("TRIG1")
    lab.wait(0.1)
    assert triggered_at(lab) == pytest.approx(second_s, abs=1e-9)


def test_a_sequence_is_one_cycle(lab: Any) -> None:
    sequence = '"s","step",2,repeat,maintain,5,"step",0,once,highAtStart,5'
    began_s = ready(
        lab,
        f"SOUR1:BURS:STAT OFF;:SOUR1:DATA:SEQ #2{len(sequence)}{sequence};:SOUR1:FUNC:ARB s;:SOUR1:BURS:STAT ON",
        "TRIG:EDGE:SLOP NEG",
    )
    assert lab.errors() == []
    lab.gen("TRIG1")
    lab.wait(0.1)
    assert triggered_at(lab) == pytest.approx(began_s + 3 * 3e-3, abs=1e-9)


def test_a_square_wave_while_it_plays_on_and_one_edge_for_each_internal_burst(lab: Any) -> None:
    lab.gen("SOUR1:FUNC SIN;:SOUR1:FREQ 50;:OUTP1 ON;:SOUR1:BURS:STAT OFF")
    lab.osc(SCOPE + ";:TIM:RANG 0.001;:SING")
    lab.wait(0.1)
    first_s = triggered_at(lab)
    lab.osc("SING")
    lab.wait(0.1)
    second_s = triggered_at(lab)
    assert first_s is not None
    assert second_s is not None
    turns = (second_s - first_s) * 50
    assert turns == pytest.approx(round(turns), abs=1e-6)
    assert turns > 1
    began_s = lab.time.now_s()
    lab.gen("SOUR1:BURS:NCYC 2;:SOUR1:BURS:INT:PER 0.5;:TRIG1:SOUR IMM;:SOUR1:BURS:STAT ON")
    lab.wait(0.2)
    lab.osc("SING")
    lab.wait(1.0)
    assert triggered_at(lab) == pytest.approx(began_s + 0.5, abs=1e-9)
    lab.gen("SOUR1:FUNC DC")
    lab.osc("SING")
    lab.wait(5.0)
    assert triggered_at(lab) is None


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    idle_s=st.floats(0.02, 500.0),
    delay_s=st.floats(0.0, 2.0),
    looks_s=st.lists(st.floats(1e-6, 0.5), max_size=4),
)
def test_the_edge_is_found_exactly_however_often_somebody_looks(
    lab: Any, idle_s: float, delay_s: float, looks_s: list[float]
) -> None:
    ready(lab, f"TRIG1:DEL {delay_s!r}")
    began_s = lab.wait(idle_s)
    lab.gen("TRIG1")
    for wait_s in looks_s:
        lab.osc("OPER:COND?")
        lab.wait(wait_s)
    lab.wait(3.0)
    assert triggered_at(lab) == pytest.approx(began_s + delay_s, abs=1e-9)


def test_settings_of_the_external_trigger_input(lab: Any) -> None:
    lab.osc("*RST")
    assert lab.osc("EXT?") == ":EXT:BWL 0;RANG +8.00000000E+00;UNIT VOLT;PROB +1.00000000E+00"
    lab.osc("EXT:RANG 1.6")  # this series has one range
    assert float(lab.osc("EXT:RANG?")) == 8.0
    lab.osc("TRIG:LEV 1.5,EXT;:EXT:PROB 10;:EXT:UNIT AMP;:EXT:BWL OFF")
    assert lab.osc("EXT:RANG?;PROB?;UNIT?;BWL?") == "+8.00000000E+01;+1.00000000E+01;AMP;0"
    assert float(lab.osc("TRIG:LEV? EXT")) == 15.0
    assert lab.errors() == []
    saved = lab.scope.handle(b"SYST:SET?")
    lab.osc("*RST")
    lab.scope.handle(b"SYST:SET " + saved)
    assert float(lab.osc("EXT:PROB?")) == 10.0
    for refused in ("EXT:RANG 81", "TRIG:LEV 81,EXT", "TRIG:LEV -81,EXT", "EXT:PROB 1001", "EXT:BWL ON"):
        lab.osc(refused)
        assert lab.errors()[0].startswith("-22"), refused


def test_the_1000_series_has_two_ranges() -> None:
    setting = Setting("scope", "DSOX1102G", "CN1", "1", Timebase(), Past())
    scope: ScpiInstrument = SimulatedInfiniiVision(setting)
    for asked, got in ((b"1.2", 1.6), (b"1.7", 8.0)):
        scope.handle(b"EXT:RANG " + asked)
        assert float(scope.handle(b"EXT:RANG?") or b"nan") == got


def test_sync_after_a_reset(lab: Any) -> None:
    lab.gen("OUTP1:SYNC:POL INV;:OUTP1:SYNC:MODE CARR;:OUTP:SYNC:SOUR CH2;:OUTP:SYNC OFF")
    asked = "OUTP:SYNC?;:OUTP:SYNC:SOUR?;:OUTP1:SYNC:MODE?;:OUTP1:SYNC:POL?"
    assert lab.gen(asked) == "0;CH2;CARR;INV"
    lab.gen("*RST")
    assert lab.gen(asked) == "1;CH1;NORM;NORM"
