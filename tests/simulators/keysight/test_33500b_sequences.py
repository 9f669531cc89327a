"""Sequences of the simulated 33500B: what plays is what the expanded points would play, and nothing is expanded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.keysight.arb_sequence import SequenceTable, SequenceText
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.waveforms import Arbitrary, SampleTable

PULSE = np.array([0, 0, 32767, 32767, -32767, -32767, 0, 0, 0, 16384], dtype=np.int16)
REST = np.zeros(8, np.int16)
CYCLE = [0, 0, 2, 2, -2, -2, 0, 0, 0, pytest.approx(1.0, abs=1e-4)]
STEPS = '"pulse",0,once,maintain,4,"rest",5,repeat,maintain,4'

codes_lists = st.lists(st.integers(-32767, 32767), min_size=1, max_size=20) | st.just([7]) | st.just([0] * 30)
steps_lists = st.lists(st.tuples(codes_lists, st.integers(1, 9)), min_size=1, max_size=5)


def block(text: str) -> str:
    return f"#{len(str(len(text)))}{len(text)}{text}"


def load_arbs(lab: Any) -> None:
    for name, points in (("pulse", PULSE), ("rest", REST)):
        lab.gen(f"DATA:ARB:DAC {name},{','.join(map(str, points.tolist()))}")


def load(lab: Any, steps: str = STEPS, cycles: str = "3") -> None:
    load_arbs(lab)
    lab.gen("DATA:SEQ " + block(f'"mine",{steps}'))
    lab.gen("FUNC:ARB mine;:FUNC:ARB:FILT OFF;:FUNC:ARB:SRAT 1000;:FUNC ARB;:OUTP:LOAD INF;:VOLT 4")
    lab.gen(f"BURS:MODE TRIG;:BURS:NCYC {cycles};:TRIG:SOUR BUS;:BURS:STAT ON;:OUTP ON")
    assert lab.errors() == []


def volts(lab: Any, start_s: float, n: int) -> list[float]:
    found: list[float] = lab.generator.outputs[1].samples(start_s, 1e-3, n).round(6).tolist()
    return found


def both(steps: list[tuple[list[int], int]]) -> tuple[SequenceTable, SampleTable]:
    """A sequence, and the same points expanded."""
    parts = [(np.array(codes, np.int16), repeats) for codes, repeats in steps]
    expanded = np.concatenate([np.tile(codes, repeats) for codes, repeats in parts])
    return SequenceTable([(SampleTable(codes), repeats) for codes, repeats in parts]), SampleTable(expanded)


@given(steps_lists, st.floats(0, 1e4), st.floats(1e-8, 1e-4), st.integers(0, 50))
def test_it_plays_what_the_expanded_points_would(
    steps: list[tuple[list[int], int]], tau0_s: float, dt_s: float, first: int
) -> None:
    sequence, expanded = (Arbitrary(table, 1e6, 0.5, 0.25, first) for table in both(steps))
    assert sequence.values(tau0_s, dt_s, 200).tobytes() == expanded.values(tau0_s, dt_s, 200).tobytes()


@given(steps_lists, st.floats(0, 1e4), st.floats(0, 2e-4))
def test_bounds_hold(steps: list[tuple[list[int], int]], start_s: float, length_s: float) -> None:
    waveform = Arbitrary(both(steps)[0], 1e6, 0.5, 0.25)
    low, high = waveform.bounds(start_s, start_s + length_s)
    played = waveform.values(start_s, length_s / 200, 201)
    assert low <= played.min()
    assert played.max() <= high


@given(steps_lists, st.data())
def test_it_answers_as_the_expanded_table_does(steps: list[tuple[list[int], int]], data: st.DataObject) -> None:
    sequence, expanded = both(steps)
    assert len(sequence) == len(expanded)
    assert sequence.extremes == expanded.extremes
    first = data.draw(st.integers(0, len(expanded) - 1))
    last = data.draw(st.integers(first, len(expanded) - 1))
    assert sequence.bounds(first, last) == (
        expanded.codes[first : last + 1].min(),
        expanded.codes[first : last + 1].max(),
    )
    assert sequence.changes.tolist() == np.flatnonzero(expanded.codes != np.roll(expanded.codes, 1)).tolist()
    every = np.arange(len(expanded))
    assert sequence.codes[every].tolist() == expanded.codes.tolist()


def test_two_seconds_of_zeros_take_no_memory(lab: Any) -> None:
    lab.gen(f"DATA:ARB:DAC rest,{','.join(['0'] * 1000)}")
    free = int(lab.gen("DATA:VOL:FREE?"))
    lab.gen("DATA:SEQ " + block('"off","rest",200,repeat,maintain,4'))
    assert int(lab.gen("DATA:VOL:FREE?")) == free
    lab.gen("FUNC:ARB off;:FUNC:ARB:SRAT 100e3")
    assert float(lab.gen("FUNC:ARB:PER?")) == 2.0
    assert lab.errors() == []


def test_a_finite_burst_plays_whole_sequences_and_rests(lab: Any) -> None:
    load(lab)
    start_s = lab.wait(0.1)
    lab.gen("*TRG")
    seen = lab.generator.observe()["channels"]["1"]
    assert seen["playing_until_s"] == pytest.approx(start_s + 3 * 0.05)
    assert seen["arb"] == "MINE"
    assert seen["sequence"] == [
        {"arb": "PULSE", "points": 10, "repeats": 1},
        {"arb": "REST", "points": 8, "repeats": 5},
    ]
    lab.wait(1.0)
    period = [*CYCLE, *[0.0] * 40]
    assert volts(lab, start_s - 2.5e-3, 170) == [0, 0, 0, *period, *period, *period, *[0.0] * 17]
    assert lab.generator.observe()["channels"]["1"]["playing"] is False
    assert lab.errors() == []


def test_a_burst_of_a_sequence_can_be_ended(lab: Any) -> None:
    load(lab, cycles="INF")
    start_s = lab.time.now_s()
    lab.gen("*TRG")
    end_s = lab.wait(0.0535)
    lab.gen("ABOR")
    lab.wait(1)
    assert volts(lab, start_s + 0.5e-3, 53) == [*CYCLE, *[0.0] * 40, *CYCLE[:3]]
    assert volts(lab, end_s + 1e-6, 100) == [0.0] * 100


def test_a_plain_waveform_has_no_sequence_to_observe(lab: Any) -> None:
    load(lab)
    lab.gen("FUNC:ARB pulse")
    assert lab.generator.observe()["channels"]["1"]["sequence"] is None
    lab.gen("FUNC SIN")
    assert lab.generator.observe()["channels"]["1"]["arb"] is None


@pytest.mark.parametrize(
    ("play", "after"),
    [
        ("onceWaitTrig", [CYCLE[-1]] * 25),  # it holds its last point
        ("repeatInf", [*CYCLE, *CYCLE, *CYCLE[:5]]),
        ("repeatTilTrig", [*CYCLE, *CYCLE, *CYCLE[:5]]),
    ],
)
def test_a_step_that_waits_is_never_left(lab: Any, play: str, after: list[Any]) -> None:
    load(lab, f'"rest",2,repeat,lowAtStart,4,"pulse",1,{play},highAtStart,4,"rest",1,once,maintain,4')
    start_s = lab.wait(0.1)
    lab.gen("*TRG")
    assert lab.generator.observe()["channels"]["1"]["playing_until_s"] is None
    assert lab.generator.observe()["channels"]["1"]["playing"] is True
    lab.wait(1.0)
    assert volts(lab, start_s + 0.5e-3, 51) == [*[0.0] * 16, *CYCLE, *after]
    signal = lab.generator.outputs[1]
    assert signal.bounds(start_s + 0.002, start_s + 0.010) == (0.0, 0.0)
    assert signal.bounds(start_s, start_s + 0.9)[1] == 2.0
    lab.gen("TRIG:SOUR IMM")
    assert float(lab.gen("BURS:INT:PER?")) == pytest.approx(10e-3)
    assert lab.errors() == []


def test_memory_holds_names_until_it_is_cleared(lab: Any) -> None:
    load(lab)
    lab.gen("*RST")
    assert lab.gen("DATA:VOL:CAT?").split(",")[1:] == ['"PULSE"', '"REST"', '"MINE"']
    assert lab.gen("DATA:ATTR:POIN? mine") == "50"
    lab.gen("DATA:VOL:CLE")
    assert lab.gen("DATA:VOL:CAT?").split(",")[1:] == []
    lab.gen("FUNC:ARB mine")
    assert [error.split(",")[0] for error in lab.errors()] == ["+785"]
    load(lab)


def test_the_spellings_that_public_programs_use(lab: Any) -> None:
    load_arbs(lab)
    for name, steps in (
        ("bare", "pulse,1,onceWaitTrig,lowAtStart,4"),
        ("spaced", '"PULSE",     1, ONCE,         maintain,4'),
        ("golow", '"rest",0,once,highAtStartGoLow,5'),
    ):
        lab.gen(f"SOURce1:data:sequence {block(f'{name},{steps}')}")
        lab.gen(f"FUNC:ARB {name}")
    assert lab.errors() == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('"mine","nothing",1,once,maintain,4', "+785"),
        ('"pulse","rest",1,once,maintain,4', "+786"),
        ('"seq","rest",1,once,maintain,4', "+786"),
        ('"mine"', "-109"),
        ('"mine","rest",1,once,maintain', "-109"),
        ('"mine","rest",1,once,maintain,4,"pulse"', "-109"),
        ("", "-109"),
        ('"mine","pulse",1000000,repeat,maintain,4', "+880"),
        ('"mine","rest",1,twice,maintain,4', "-224"),
        ('"mine","rest",1,once,high,4', "-224"),
        ('"mine","rest",1000001,repeat,maintain,4', "-222"),
        ('"mine","rest",-1,repeat,maintain,4', "-222"),
        ('"mine","rest",many,repeat,maintain,4', "-104"),
        ('"mine","rest",1,once,maintain,3', "-222"),
        ('"mine","rest",1,once,maintain,6', "-222"),
        ('"mine,"rest",1,once,maintain,4', "-161"),
        ('"mine"' + ',"rest",1,once,maintain,4' * 513, "-223"),
    ],
)
def test_refusals(lab: Any, text: str, error: str) -> None:
    load_arbs(lab)
    lab.gen("DATA:SEQ " + block('"seq","rest",1,once,maintain,4'))
    assert lab.errors() == []
    lab.gen(f"DATA:SEQ {block(text)}")
    assert [found.split(",")[0] for found in lab.errors()] == [error]
    lab.gen("FUNC:ARB mine")
    assert [found.split(",")[0] for found in lab.errors()] == ["+785"]


def test_a_block_whose_length_leaves_out_a_quote_is_refused(lab: Any) -> None:
    load_arbs(lab)
    text = '"mine","rest",1,once,maintain,4'
    lab.gen(f"DATA:SEQ #2{len(text) - 1}{text}")
    assert [found.split(",")[0] for found in lab.errors()] == ["-161"]
    lab.gen("DATA:SEQ mine")
    assert [found.split(",")[0] for found in lab.errors()] == ["-104"]


def test_the_33600_series_wants_longer_segments() -> None:
    timebase = Timebase()
    timebase.claim()
    setting = Setting(name="g", variant="33622A", serial="1", firmware="1", timebase=timebase, past=Past())
    generator = Simulated33500B(setting)
    for name, points in (("short", 31), ("long", 32)):
        generator.handle(f"DATA:ARB:DAC {name},{','.join(['0'] * points)}".encode())
        text = f'"s{name}","{name}",1,once,maintain,4'
        generator.handle(f"DATA:SEQ {block(text)}".encode())
    assert generator.handle(b"SYST:ERR?").startswith(b"-220")  # type: ignore[union-attr]
    assert generator.handle(b"SYST:ERR?") == b'+0,"No error"'
    assert b"SLONG" in (generator.handle(b"DATA:VOL:CAT?") or b"")


@given(
    st.text(st.characters(max_codepoint=255), max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin1"))
)
def test_whatever_is_sent_is_a_sequence_or_an_error_of_scpi(text: str) -> None:
    from aimdlab_simulators.scpi import ScpiError

    try:
        parsed = SequenceText.parse(text.encode("latin-1"))
    except ScpiError:
        return
    assert parsed.steps
    assert math.isfinite(sum(step.repeats for step in parsed.steps))
