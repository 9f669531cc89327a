"""The simulated InfiniiVision: acquisition states, trigger, codes and what is transferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aimdlab_simulators.keysight.scope_record import Codes

RUN, WAIT = 8, 32


def setup(lab: Any, scope: str = "") -> None:
    """A square wave of 1 Hz, +/-2 V, on input 1; 0.1 s of noise-free time before the next edge."""
    lab.gen("FUNC SQU;:FREQ 1;:OUTP:LOAD INF;:VOLT 4;:OUTP ON")
    lab.osc("*RST;:STOP;:CHAN1:RANG 8;:CHAN2:DISP 1;:CHAN2:RANG 8;:TIM:RANG 0.1;:TRIG:SWE NORM;:TRIG:LEV 0.5")
    lab.osc(":WAV:FORM WORD;BYT LSBF;UNS 1;POIN MAX;:WAV:POIN:MODE RAW" + scope)
    assert lab.errors() == []


def state(lab: Any) -> int:
    return int(lab.osc(":OPER:COND?"))


def fetch(lab: Any, channel: int = 1) -> tuple[np.ndarray, list[float]]:
    lab.osc(f":WAV:SOUR CHAN{channel}")
    preamble = [float(field) for field in lab.osc(":WAV:PRE?").split(",")]
    data = lab.scope.handle(b":WAV:DATA?")
    assert data[:2] == b"#8"
    assert len(data) == 10 + int(data[2:10])
    return np.frombuffer(data[10:], "<u2"), preamble


def in_volts(codes: np.ndarray, preamble: list[float]) -> np.ndarray:
    return (codes.astype(float) - preamble[9]) * preamble[7] + preamble[8]


def in_seconds(codes: np.ndarray, preamble: list[float]) -> np.ndarray:
    return (np.arange(len(codes)) - preamble[6]) * preamble[4] + preamble[5]


def test_a_single_acquisition_goes_through_its_states(lab: Any) -> None:
    setup(lab)
    assert state(lab) == 0
    lab.wait(0.6)
    lab.osc("*CLS;:AER?;:TER?")
    lab.osc(":SING")
    assert (state(lab), lab.osc(":AER?"), lab.osc(":RST?")) == (RUN, "0", "SING")
    lab.wait(0.049)  # the pre-trigger half of 0.1 s is not full yet
    assert (state(lab), lab.osc(":AER?")) == (RUN, "0")
    lab.wait(0.002)
    assert (state(lab), lab.osc(":AER?"), lab.osc(":AER?"), lab.osc(":TER?")) == (RUN | WAIT, "1", "0", "0")
    lab.wait(0.36)  # the edge is at 1.0
    assert (state(lab), lab.osc(":TER?"), lab.osc(":TER?")) == (RUN, "1", "0")
    lab.wait(0.04)
    assert (state(lab), lab.osc(":RST?")) == (0, "STOP")


def test_an_edge_before_the_pre_trigger_part_is_full_does_not_count(lab: Any) -> None:
    setup(lab)
    lab.wait(0.98)
    lab.osc(":SING")
    lab.wait(0.5)
    assert state(lab) == RUN | WAIT
    lab.wait(0.6)
    assert state(lab) == 0
    codes, preamble = fetch(lab)
    rising = in_seconds(codes, preamble)[np.flatnonzero(np.diff(in_volts(codes, preamble)) > 2)]
    assert rising == pytest.approx([0.0], abs=2 * preamble[4])


@pytest.mark.parametrize(("slope", "first"), [("NEG", 0.5), ("POS", 1.0), ("EITH", 0.5)])
def test_the_slope_decides(lab: Any, slope: str, first: float) -> None:
    start_s = lab.time.now_s()
    setup(lab, f";:TRIG:SLOP {slope}")
    lab.osc(":SING")
    lab.wait(2)
    assert state(lab) == 0
    assert lab.scope.acquisition.record.start_s == pytest.approx(start_s + first - 0.05, abs=1e-6)


def test_normal_sweep_waits_for_ever_and_auto_does_not(lab: Any) -> None:
    setup(lab, ";:TRIG:LEV 3")
    lab.osc(":SING")
    lab.wait(1000)
    assert state(lab) == RUN | WAIT
    lab.osc(":TRIG:SWE AUTO;:SING")
    lab.wait(0.3)
    assert state(lab) == 0


def test_a_forced_trigger(lab: Any) -> None:
    setup(lab, ";:TRIG:LEV 3")
    lab.osc(":SING;:TRIG:FORC")
    lab.wait(0.099)
    assert state(lab) == RUN
    lab.wait(0.002)
    assert state(lab) == 0
    _, preamble = fetch(lab)
    assert preamble[5] == pytest.approx(-0.05)


def test_the_source_and_the_reference_of_the_screen(lab: Any) -> None:
    start_s = lab.time.now_s()
    setup(lab, ";:TIM:REF LEFT;:TIM:POS 0.02")
    lab.osc(":SING")
    lab.wait(2)
    _, preamble = fetch(lab)
    # One division (0.01 s) from the left, 0.02 s after the trigger: the screen begins 0.01 s after it.
    assert preamble[5] == pytest.approx(0.01)
    assert lab.scope.acquisition.record.start_s == pytest.approx(start_s + 1.01, abs=1e-6)
    lab.osc(":TRIG:SOUR LINE;:SING")
    lab.wait(5)
    assert state(lab) & RUN
    assert lab.errors() == []


def test_codes_scale_and_clip(lab: Any) -> None:
    setup(lab, ";:CHAN1:RANG 3;OFFS 1")
    lab.osc(":SING")
    lab.wait(2)
    codes, preamble = fetch(lab)
    assert preamble[0:4] == [1, 0, len(codes), 1]
    assert preamble[7:] == pytest.approx([3 / 65536, 1.0, 32768])
    assert set(codes.tolist()) == {1 << 8, 128 + round(1 / 3 * 256) << 8}
    volts = in_volts(codes, preamble)
    assert volts.max() == pytest.approx(2.0, abs=3 / 512)
    assert volts.min() == pytest.approx(1 - 127 * 3 / 256)  # -2 V is below the screen
    assert 0 not in codes


def test_formats_agree(lab: Any) -> None:
    setup(lab)
    lab.osc(":SING")
    lab.wait(2)
    lab.osc(":WAV:POIN 1000")
    words, preamble = fetch(lab)
    volts = in_volts(words, preamble)
    for form, order, unsigned in [("WORD", "MSBF", 1), ("WORD", "LSBF", 0), ("BYTE", "LSBF", 1), ("BYTE", "LSBF", 0)]:
        lab.osc(f":WAV:FORM {form};BYT {order};UNS {unsigned}")
        fields = [float(field) for field in lab.osc(":WAV:PRE?").split(",")]
        size = ("" if form == "BYTE" else ">" if order == "MSBF" else "<") + ("u" if unsigned else "i")
        raw = np.frombuffer(lab.scope.handle(b":WAV:DATA?")[10:], size + ("1" if form == "BYTE" else "2"))
        assert in_volts(raw, fields) == pytest.approx(volts)
        queries = ("XINC", "XOR", "XREF", "YINC", "YOR", "YREF")
        assert [float(lab.osc(f":WAV:{query}?")) for query in queries] == pytest.approx(fields[4:])
    lab.osc(":WAV:FORM ASC")
    assert [float(text) for text in lab.osc(":WAV:DATA?")[10:].split(",")] == pytest.approx(volts, abs=1e-6)


def test_raw_points_are_every_nth_of_the_memory(lab: Any) -> None:
    setup(lab)
    lab.osc(":SING")
    lab.wait(2)
    whole, preamble = fetch(lab, 2)
    assert len(whole) == 2_000_000  # channels 1 and 2 share their memory
    assert preamble[4] == pytest.approx(0.1 / 2e6)
    for points in (100, 1000, 375_000, 500_000, 8_000_000):
        lab.osc(f":WAV:POIN {points}")
        part, thinned = fetch(lab, 2)
        step = -(-len(whole) // min(points, len(whole)))
        assert len(part) == int(thinned[2]) == len(whole) // step <= points
        assert thinned[4] == pytest.approx(step * preamble[4])
        assert thinned[5] == preamble[5]
        assert (part == whole[: len(part) * step : step]).all()
    lab.osc(":WAV:POIN 50")
    assert lab.errors() == ['-222,"Data out of range"']


def test_what_is_read_of_several_channels_is_made_once(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    def block(codes: Codes, begin: int) -> np.ndarray:
        made.append((id(codes), begin))
        return ordinary(codes, begin)

    ordinary = Codes.block
    monkeypatch.setattr(Codes, "block", block)
    setup(lab)
    lab.osc(":SING")
    lab.wait(2)
    lab.osc(":WAV:POIN 500000")
    one, _ = fetch(lab, 1)
    two, _ = fetch(lab, 2)
    assert len(one) == len(two) == 500_000
    assert len(made) == 4  # two blocks of each
    assert (fetch(lab, 2)[0] == two).all()  # who asks again is answered again
    assert len(made) == 6


@pytest.mark.parametrize(("second", "memory"), [(1, 2_000_000), (0, 4_000_000)])
def test_memory_is_shared_by_a_pair(lab: Any, second: int, memory: int) -> None:
    setup(lab, f";:CHAN2:DISP {second}")
    assert int(lab.osc(":ACQ:POIN?")) == memory
    assert float(lab.osc(":ACQ:SRAT?")) == pytest.approx(memory / 0.1)
    lab.osc(":TIM:RANG 1e-6")
    assert float(lab.osc(":ACQ:SRAT?")) == pytest.approx(4e9 if not second else 2e9)


def test_a_deep_memory_of_14_bits_is_not_shared(deep_lab: Any) -> None:
    deep = deep_lab
    setup(deep, ";:CHAN3:DISP 1;:CHAN4:DISP 1")
    assert int(deep.osc(":ACQ:POIN?")) == 20_000_000
    assert float(deep.osc(":ACQ:SRAT?")) == pytest.approx(2e8)
    deep.osc(":TIM:RANG 1e-6")
    assert float(deep.osc(":ACQ:SRAT?")) == pytest.approx(3.2e9)
    deep.osc(":TIM:RANG 0.1;:SING")
    deep.wait(2)
    deep.osc(":WAV:POIN 10000000")
    codes, preamble = fetch(deep, 2)
    assert len(codes) == int(preamble[2]) == 10_000_000
    assert not (codes & 0b11).any()
    assert (codes & 0b100).any()
    deep.osc(":WAV:POIN 20000001")
    assert deep.errors() == ['-222,"Data out of range"']


def test_high_resolution_has_12_bits_in_the_measurement_record_alone(lab: Any) -> None:
    setup(lab, ";:ACQ:TYPE HRES")
    lab.osc(":SING")
    lab.wait(2)
    raw, _ = fetch(lab, 2)
    assert not (raw & 0xFF).any()
    lab.osc(":WAV:POIN MAX;:WAV:POIN:MODE NORM")
    fine, preamble = fetch(lab, 2)
    assert preamble[1] == 3
    assert len(fine) == 62_500
    assert not (fine & 0xF).any()
    assert (fine & 0xF0).any()
    # 20 mV of noise, averaged over 16 samples of each bucket.
    assert in_volts(fine, preamble).std() == pytest.approx(5e-3, rel=0.1)


def test_the_same_mark_gives_the_same_samples(lab: Any) -> None:
    def acquire(step: int, attempt: int, *, again: int = 1) -> list[np.ndarray]:
        lab.world.mark(step, attempt)
        found = []
        for _ in range(again):
            lab.osc(":SING")
            lab.wait(2)
            found.append(fetch(lab, 2)[0].copy())
        return found

    setup(lab, ";:WAV:POIN 5000")
    first, second = acquire(1, 1, again=2)
    assert (acquire(1, 1)[0] == first).all()
    assert (second != first).any()
    assert (acquire(1, 2)[0] != first).any()
    assert (acquire(2, 1)[0] != first).any()


def test_an_acquisition_can_be_read_long_after_the_world_has_forgotten(lab: Any) -> None:
    setup(lab)
    lab.osc(":SING")
    lab.wait(2)
    early = [fetch(lab, channel)[0].copy() for channel in (1, 2)]
    for _ in range(5):
        lab.wait(400)
        lab.gen("VOLT 1")
    late = [fetch(lab, channel)[0] for channel in (1, 2)]
    assert (early[0] == late[0]).all()
    assert (early[1] == late[1]).all()
    assert np.ptp(late[0]) > 0


def test_without_an_acquisition_there_is_nothing_to_read(lab: Any) -> None:
    lab.osc("*RST;:STOP;*CLS;:WAV:SOUR CHAN3")
    assert lab.osc(":WAV:POIN?") == "0"
    assert lab.osc(":WAV:DATA?") == ""
    assert lab.errors() == ['-230,"Data corrupt or stale"']
    assert lab.osc(":CHAN3:DISP?") == "1"  # a waveform source is switched on


def test_running_keeps_the_latest_acquisition(lab: Any) -> None:
    setup(lab, ";:TIM:RANG 0.01;:TRIG:SWE AUTO")
    lab.osc(":RUN")
    lab.wait(1000.0)
    assert state(lab) & RUN
    assert lab.scope.acquisition.record.start_s == pytest.approx(lab.time.now_s(), abs=0.5)
    lab.osc(":STOP")
    assert state(lab) == 0


def test_a_probe_that_divides(lab: Any) -> None:
    setup(lab)
    lab.osc(":CHAN1:PROB 10")
    assert float(lab.osc(":CHAN1:RANG?")) == pytest.approx(80.0)
    assert float(lab.osc(":TRIG:LEV?")) == pytest.approx(5.0)
    lab.osc(":SING")
    lab.wait(2)
    codes, preamble = fetch(lab)
    # The world's probe is 1:1, so the instrument shows ten times too much.
    assert in_volts(codes, preamble).max() == pytest.approx(20.0, abs=0.2)


def test_an_inverted_channel_triggers_on_what_it_shows(lab: Any) -> None:
    start_s = lab.time.now_s()
    setup(lab, ";:CHAN1:INV 1")
    lab.osc(":SING")
    lab.wait(2)
    codes, preamble = fetch(lab)
    assert lab.scope.acquisition.record.start_s == pytest.approx(start_s + 0.45, abs=1e-6)
    volts = in_volts(codes, preamble)
    assert volts[0] < 0 < volts[-1]


def test_status_registers(lab: Any) -> None:
    setup(lab)
    lab.osc(":OPEE 40;*SRE 129;:OPER?;:TER?;:AER?")
    lab.osc(":SING")
    assert int(lab.osc(":OPER?")) == RUN
    assert lab.scope.status_byte() == 0
    lab.wait(2)
    assert lab.scope.status_byte() == 64 | 128 | 1
    assert int(lab.osc(":OPER?")) == WAIT
    assert lab.osc(":TER?;:AER?") == "1;1"
    assert lab.scope.status_byte() == 0


def test_a_setup_comes_back(lab: Any) -> None:
    setup(lab, ";:CHAN2:LAB 'pace'")
    saved = lab.scope.handle(b":SYST:SET?")
    lab.osc("*RST")
    lab.scope.handle(b":SYST:SET " + saved)
    assert lab.osc(":CHAN1:RANG?;:TRIG:SWE?;:CHAN2:LAB?") == '+8.00000000E+00;NORM;"PACE"'
    assert lab.errors() == []
    lab.osc(":SYST:SET #15hello")
    assert lab.errors() == ['-161,"Invalid block data"']


@pytest.mark.parametrize(
    "message", ["CHAN5:DISP 1", "TRIG:MODE GLIT", "CHAN1:RANG 100", "TIM:RANG 0", "WAV:SOUR CHAN9"]
)
def test_refusals(lab: Any, message: str) -> None:
    lab.osc(message)
    assert len(lab.errors()) == 1
