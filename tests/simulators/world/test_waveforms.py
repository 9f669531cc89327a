"""What a generator plays: samples against a naive evaluation, bounds that hold and are tight."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.keysight import shapes
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, SampleTable

codes_lists = st.lists(st.integers(-32767, 32767), min_size=8, max_size=60)
times = st.floats(0, 1e5, allow_nan=False)


def arbitrary(codes: list[int], rate_hz: float = 1e6, first: int = 0) -> Arbitrary:
    return Arbitrary(SampleTable(np.array(codes, np.int16)), rate_hz, 1.0, 0.5, first)


@given(codes_lists, st.integers(0, 10**9), st.integers(1, 50), st.integers(0, 7))
def test_points_are_held_until_the_next(codes: list[int], start: int, step: int, first: int) -> None:
    # In the middle of every point, so that rounding cannot decide.
    found = arbitrary(codes, first=first).values((start + 0.5) * 1e-6, step * 1e-6, 40)
    expected = [codes[(start + first + i * step) % len(codes)] + 0.5 for i in range(40)]
    assert found.tolist() == expected


@given(codes_lists, times, st.floats(0, 2e-4))
def test_bounds_of_points_hold(codes: list[int], start_s: float, length_s: float) -> None:
    waveform = arbitrary(codes)
    low, high = waveform.bounds(start_s, start_s + length_s)
    volts = waveform.values(start_s, length_s / 200, 201)
    assert low <= volts.min()
    assert volts.max() <= high


@given(st.integers(0, 4000), st.integers(1, 6000))
def test_bounds_of_points_are_tight(start: int, count: int) -> None:
    codes = np.arange(5000, dtype=np.int16)
    low, high = arbitrary(codes.tolist()).bounds((start + 0.5) * 1e-6, (start + count - 0.5) * 1e-6)
    inside = [(start + i) % 5000 for i in range(-1, count + 1)]
    assert low == min(inside) + 0.5
    assert high == max(inside) + 0.5


SHAPES = {
    "sine": shapes.sine(),
    "triangle": shapes.ramp(0.5),
    "square": shapes.square(0.2),
    "rising": shapes.ramp(1.0),
    "falling": shapes.ramp(0.0),
}


@pytest.mark.parametrize("name", SHAPES)
@given(start_turns=st.floats(0, 1e6), turns=st.floats(1e-3, 1.5), phase=st.floats(0, 1))
def test_bounds_of_shapes_hold_and_are_tight(name: str, start_turns: float, turns: float, phase: float) -> None:
    waveform = Periodic(*SHAPES[name], 1e3, 2.0, 1.0, phase)
    start_s, length_s = start_turns * 1e-3, turns * 1e-3
    low, high = waveform.bounds(start_s, start_s + length_s)
    volts = waveform.values(start_s, length_s / 20_000, 20_001)
    assert low <= volts.min() + 1e-6
    assert high >= volts.max() - 1e-6
    if name in ("sine", "triangle"):  # the others jump, and samples may just miss one side of a jump
        assert (low, high) == pytest.approx((volts.min(), volts.max()), abs=0.01)


def test_a_sine_begins_at_its_phase() -> None:
    waveform = Periodic(*shapes.sine(), 50.0, 3.0, -1.0, 0.25)
    t_s = np.arange(100) * 1e-4
    assert waveform.values(0.0, 1e-4, 100) == pytest.approx(3.0 * np.cos(2 * np.pi * 50 * t_s) - 1.0)


@given(st.floats(0, 100), st.floats(1e-4, 0.3))
def test_bursts_rest_between(start_s: float, length_s: float) -> None:
    bursts = Bursts(Constant(2.0), 0.01, 0.1, -0.5)
    low, high = bursts.bounds(start_s, start_s + length_s)
    n = 1000
    volts = bursts.values(start_s, length_s / n, n)
    phase = np.mod(start_s + np.arange(n) * length_s / n, 0.1)
    clear = (phase > 1e-6) & (np.abs(phase - 0.01) > 1e-6) & (phase < 0.1 - 1e-6)
    assert (volts[clear] == np.where(phase[clear] < 0.01, 2.0, -0.5)).all()
    assert low <= volts.min()
    assert high >= volts.max()


def test_the_index_stays_exact_after_a_day() -> None:
    codes = list(range(1000))
    begin_s = 86_400.0 * 1.0
    found = arbitrary(codes).values(begin_s + 0.5e-6, 1e-6, 1000)
    assert (np.diff(found) % 1000 == 1).all()


def test_prbs_repeats_after_127_bits() -> None:
    codes = shapes.prbs().codes
    assert len(codes) == 127
    assert int((codes > 0).sum()) == 64
    assert len({tuple(np.roll(codes, k)[:7]) for k in range(127)}) == 127


def test_noise_has_its_spread() -> None:
    codes = shapes.white_noise().codes.astype(float)
    assert codes.std() == pytest.approx(32767 / 3.3, rel=0.02)
    assert math.isclose(codes.mean(), 0.0, abs_tol=100)
