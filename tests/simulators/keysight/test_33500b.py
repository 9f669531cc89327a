"""The simulated 33500B: what its settings put on the output, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.past import Past

POINTS = np.array([0, 0, 32767, 32767, -32767, -32767, 0, 0, 0, 16384], dtype=np.int16)


def block(data: bytes) -> bytes:
    length = str(len(data)).encode()
    return b"#" + str(len(length)).encode() + length + data


def load(lab: Any, name: str = "pulse", points: np.ndarray = POINTS, channel: int = 1) -> None:
    lab.gen(f"FORM:BORD SWAP;:SOUR{channel}:DATA:ARB:DAC {name},".encode() + block(points.astype("<i2").tobytes()))


def volts(lab: Any, start_s: float, dt_s: float, n: int, channel: int = 1) -> list[float]:
    found: list[float] = lab.generator.outputs[channel].samples(start_s, dt_s, n).round(6).tolist()
    return found


def burst(lab: Any, cycles: str = "3", settings: str = "") -> None:
    load(lab)
    lab.gen("FUNC:ARB pulse;:FUNC:ARB:FILT OFF;:FUNC:ARB:SRAT 1000;:FUNC ARB;:OUTP:LOAD INF;:VOLT 4")
    lab.gen(f"BURS:MODE TRIG;:BURS:NCYC {cycles};:TRIG:SOUR BUS;:BURS:STAT ON;:OUTP ON{settings}")
    assert lab.errors() == []


CYCLE = [0, 0, 2, 2, -2, -2, 0, 0, 0, pytest.approx(1.0, abs=1e-4)]


def test_a_finite_burst_plays_and_rests(lab: Any) -> None:
    burst(lab)
    start_s = lab.wait(0.1)
    lab.gen("*TRG")
    assert lab.generator.observe()["channels"]["1"]["playing_until_s"] == pytest.approx(start_s + 0.03)
    lab.wait(1.0)
    assert volts(lab, start_s - 2.5e-3, 1e-3, 40) == [0, 0, 0, *CYCLE, *CYCLE, *CYCLE, *[0] * 7]
    assert lab.generator.observe()["channels"]["1"]["playing"] is False
    assert lab.errors() == []


def test_operation_complete_waits_for_the_end_of_a_burst(lab: Any) -> None:
    burst(lab)
    lab.gen("*CLS;*TRG;*OPC")
    assert lab.gen("*ESR?") == "0"
    lab.wait(0.0299)
    assert lab.gen("*ESR?") == "0"
    lab.wait(0.0002)
    assert lab.gen("*ESR?") == "1"
    assert lab.gen("*OPC?") == "1"


def test_a_trigger_during_a_burst_is_ignored_and_said(lab: Any) -> None:
    burst(lab)
    start_s = lab.time.now_s()
    lab.gen("*TRG")
    lab.wait(0.012)
    lab.gen("*TRG")
    assert lab.errors() == ['-211,"Trigger ignored"']
    lab.wait(1)
    assert volts(lab, start_s + 0.5e-3, 1e-3, 32) == [*CYCLE, *CYCLE, *CYCLE, 0, 0]


@pytest.mark.parametrize("how", ["ABOR", "OUTP OFF", "*RST", "FUNC SIN;:OUTP OFF"])
def test_a_burst_can_be_ended(lab: Any, how: str) -> None:
    burst(lab, "INF")
    start_s = lab.time.now_s()
    lab.gen("*TRG")
    end_s = lab.wait(0.0235)
    lab.gen(how)
    lab.wait(1)
    assert volts(lab, start_s + 0.5e-3, 1e-3, 23) == [*CYCLE, *CYCLE, *CYCLE[:3]]
    assert volts(lab, end_s + 1e-6, 1e-3, 100) == [0.0] * 100


def test_the_output_can_be_switched_during_a_burst(lab: Any) -> None:
    burst(lab)
    start_s = lab.time.now_s()
    lab.gen("*TRG")
    lab.wait(5e-3)
    lab.gen("OUTP OFF")
    lab.wait(5e-3)
    lab.gen("OUTP ON")
    lab.wait(1)
    expected = [*CYCLE[:5], *[0.0] * 5, *CYCLE, *CYCLE, 0, 0]
    assert volts(lab, start_s + 0.5e-3, 1e-3, 32) == expected


def test_internal_bursts_repeat(lab: Any) -> None:
    burst(lab, "1", ";:BURS:INT:PER 0.05;:TRIG:SOUR IMM")
    start_s = lab.time.now_s()
    lab.wait(1)
    period = [*CYCLE, *[0.0] * 40]
    assert volts(lab, start_s + 0.5e-3, 1e-3, 150) == period * 3


def test_a_burst_period_that_is_too_short_is_lengthened(lab: Any) -> None:
    burst(lab, "3", ";:BURS:INT:PER 1;:TRIG:SOUR IMM")
    lab.gen("BURS:INT:PER 0.001")
    assert lab.errors() == ['-221,"Settings conflict; burst period has been adjusted"']
    assert float(lab.gen("BURS:INT:PER?")) == pytest.approx(0.03, rel=1e-3)


def test_an_open_output_has_twice_the_voltage_that_50_ohm_would_have(lab: Any) -> None:
    lab.gen("FUNC SQU;:VOLT 2;:VOLT:OFFS 0.5;:OUTP ON")
    assert float(lab.gen("VOLT?")) == 2
    lab.wait(1)
    assert set(volts(lab, lab.time.now_s() - 0.5, 1.01e-4, 1000)) == {3.0, -1.0}
    lab.gen("OUTP:LOAD INF")
    assert float(lab.gen("VOLT?")) == 4
    assert float(lab.gen("VOLT:OFFS?")) == 1
    lab.wait(1)
    assert set(volts(lab, lab.time.now_s() - 0.5, 1.01e-4, 1000)) == {3.0, -1.0}
    lab.gen("OUTP:POL INV")
    lab.wait(1)
    assert set(volts(lab, lab.time.now_s() - 0.5, 1.01e-4, 1000)) == {3.0, -1.0}
    assert lab.errors() == []


def test_units_of_amplitude(lab: Any) -> None:
    lab.gen("VOLT 1 VRMS")
    assert float(lab.gen("VOLT?")) == pytest.approx(2 * np.sqrt(2))
    lab.gen("VOLT:UNIT DBM")
    assert float(lab.gen("VOLT?")) == pytest.approx(13.0103, abs=1e-3)
    lab.gen("VOLT 0;:VOLT:UNIT VPP")
    assert float(lab.gen("VOLT?")) == pytest.approx(0.632456, abs=1e-5)
    lab.gen("OUTP:LOAD INF;:VOLT:UNIT DBM")
    assert lab.errors()[0].startswith('-221,"Settings conflict')


@pytest.mark.parametrize(
    ("command", "error", "query", "value"),
    [
        ("VOLT 12", '-222,"Data out of range; value clipped to upper limit"', "VOLT?", 10.0),
        ("VOLT:OFFS 9", '-222,"Data out of range; value clipped to upper limit"', "VOLT:OFFS?", 4.95),
        ("FREQ 40 MHz", '-222,"Data out of range; value clipped to upper limit"', "FREQ?", 30e6),
        ("FREQ 1 MHz;:FUNC RAMP", '-221,"Settings conflict; frequency reduced for new function"', "FREQ?", 200e3),
        ("VOLT:HIGH -1", '-221,"Settings conflict; low level changed due to high level"', "VOLT:LOW?", -1.001),
        ("OUTP:LOAD 20 kohm", '-222,"Data out of range"', "OUTP:LOAD?", 50.0),
        ("FUNC:ARB:FILT OFF;:FUNC:ARB:SRAT 100e6", '-221,"Settings conflict; sample rate reduced due to filter mode"', "FUNC:ARB:SRAT?", 62.5e6),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_said(lab: Any, command: str, error: str, query: str, value: float) -> None:
    lab.gen(command)
    assert lab.errors() == [error]
    assert float(lab.gen(query)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"FUNC TRIANGULAR", "-224"),
        (b"DATA:ARB:DAC short,1,2,3", "-220"),
        (b"DATA:ARB:DAC big," + b",".join([b"40000"] * 8), "-222"),
        (b"DATA:ARB floats," + b",".join([b"1.5"] * 8), "-222"),
        (b"DATA:ARB:DAC odd,#219" + b"\0" * 19, "-161"),
        (b"DATA:ARB:DAC pulse," + b",".join([b"1"] * 8), "+786"),
        (b"FUNC:ARB nothing", "+785"),
        (b"SOUR3:FREQ 1", "-114"),
        (b"*TRG", "-211"),
        (b"SWE:STAT ON", "-113"),
        (b"DATA:ARB:DAC huge," + block(bytes(2 * 16_000_000)), "+880"),
    ],
)
def test_refusals(lab: Any, message: bytes, error: str) -> None:
    load(lab)
    assert lab.errors() == []
    lab.gen(message)
    assert [found.split(",")[0] for found in lab.errors()] == [error]


def test_memory_outlives_a_reset_and_is_cleared_on_demand(lab: Any) -> None:
    load(lab)
    lab.gen("*RST")
    assert '"PULSE"' in lab.gen("DATA:VOL:CAT?")
    lab.gen("DATA:VOL:CLE")
    assert lab.gen("DATA:VOL:CAT?") == '"INT:\\BUILTIN\\EXP_RISE.ARB"'
    load(lab)
    assert lab.errors() == []
    assert '"PULSE"' not in lab.gen("SOUR2:DATA:VOL:CAT?")


@given(points=st.lists(st.integers(-32767, 32767), min_size=8, max_size=300))
def test_every_way_of_loading_gives_the_same_points(points: list[int]) -> None:
    timebase = Timebase()
    timebase.claim()
    setting = Setting(name="g", variant="33521B", serial="1", firmware="1", timebase=timebase, past=Past())
    generator = Simulated33500B(setting)
    codes = np.array(points, np.int16)
    floats = (codes / np.float32(32767)).astype(np.float32)
    messages = {
        "list": b"DATA:ARB:DAC list," + ",".join(map(str, points)).encode(),
        "swapped": b"FORM:BORD SWAP;:DATA:ARB:DAC swapped," + block(codes.astype("<i2").tobytes()),
        "normal": b"FORM:BORD NORM;:DATA:ARB:DAC normal," + block(codes.astype(">i2").tobytes()),
        "floats": b"FORM:BORD SWAP;:DATA:ARB floats," + block(floats.astype("<f4").tobytes()),
        "text": b"DATA:ARB text," + ",".join(f"{value / 32767:.9f}" for value in points).encode(),
    }
    for name, message in messages.items():
        generator.handle(message)
        assert generator.channels[1].memory.find(name).codes.tolist() == points
    assert generator.handle(b"SYST:ERR?") == b'+0,"No error"'


def test_apply_sets_all_and_switches_on(lab: Any) -> None:
    lab.gen("APPL:SQU 2 kHz, 3 VPP, -1 V")
    assert lab.gen("FUNC?;:OUTP?") == "SQU;1"
    assert [float(lab.gen(query)) for query in ("FREQ?", "VOLT?", "VOLT:OFFS?")] == [2e3, 3, -1]
    assert lab.gen("APPL?").startswith('"SQU +2.0')
    lab.gen("APPL:DC DEF, DEF, 2")
    lab.wait(1)
    assert volts(lab, lab.time.now_s() - 0.5, 0.1, 3) == [4.0] * 3
    assert lab.errors() == []


def test_a_phase_shift_and_synchronisation(lab: Any) -> None:
    lab.gen("OUTP:LOAD INF;:VOLT 2;:FREQ 10;:PHAS 90;:OUTP ON;:SOUR2:FREQ 10;:OUTP2:LOAD INF;:SOUR2:VOLT 2")
    lab.wait(0.033)
    lab.gen("OUTP2 ON;:PHAS:SYNC")
    start_s = lab.time.now_s()
    lab.wait(1)
    t_s = np.arange(50) * 1e-3
    assert volts(lab, start_s, 1e-3, 50) == pytest.approx(np.cos(2 * np.pi * 10 * t_s), abs=1e-5)
    assert volts(lab, start_s, 1e-3, 50, channel=2) == pytest.approx(np.sin(2 * np.pi * 10 * t_s), abs=1e-5)


def test_an_unknown_variant_is_refused() -> None:
    from aimdlab.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="33250A"):
        Simulated33500B(Setting(name="g", variant="33250A", serial="1", firmware="1", timebase=Timebase(), past=Past()))
