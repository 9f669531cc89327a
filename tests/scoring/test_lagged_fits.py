"""The pieces of scoring behind a network: the signal's answer behind lags, fits of leak and pulses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_captures import NetworkBench, exposure_captures

from aimdlab.scoring.codes import trace_of
from aimdlab.scoring.lagged_answer import Grid, LaggedAnswer
from aimdlab.scoring.lagged_leak import LeakFit
from aimdlab.scoring.lagged_pulses import fit_lagged_pulses
from aimdlab.scoring.leak_model import LeakPath
from aimdlab.scoring.played import Played
from aimdlab.scoring.runs import Array, find_runs
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.transfer import HeldSource, Transfer

signals = st.builds(
    InjectedSignal,
    tbpw_s=st.sampled_from([2e-4, 4e-4, 2e-3]),
    t_dwell_s=st.sampled_from([0.0, 5e-4, 5e-3]),
    cycles=st.integers(1, 4),
    t_off_s=st.sampled_from([2e-4, 3e-3, 0.05]),
)


def held(played: Played, a: float, b: float) -> HeldSource:
    """The signal as steps, by the generator's clock."""
    segments = played.signal.period_segments()
    heights = {1: a, -1: -b, 0: 0.0}
    times, levels, t = [-1.0], [0.0], 0.0
    while t < played.stop_s:
        for segment in segments:
            if t < played.stop_s:
                times.append(t)
                levels.append(heights[segment.value])
            t += segment.duration_s
    return HeldSource(np.array([*times, played.stop_s]), np.array([*levels, 0.0]))


@settings(max_examples=40, deadline=None)
@given(
    signals,
    st.floats(-1e-4, 1e-4),
    st.floats(-5e-5, 5e-5),
    st.just(0.0) | st.floats(1e-6, 0.2),  # the edges are left out, a nanosecond either way
    st.floats(5e-6, 5e-3),
    st.sampled_from([-0.01, 0.004]),
)
def test_the_answer_behind_a_lag_is_that_of_the_steps(
    signal: InjectedSignal, start_s: float, rate: float, stop_s: float, lag_s: float, t0_s: float
) -> None:
    played = Played(signal, start_s, rate, stop_s)
    times_s = t0_s + np.arange(3000) * 5e-5
    source, elapsed_s = held(played, 1.0, 0.9), (times_s - start_s) / (1 + rate)
    expected = Transfer(np.array([-1 / lag_s]), np.array([1 / lag_s]), 0.0).respond(source, elapsed_s)
    places = played.at(times_s)
    (of_a, of_b), (a, b) = played.lagged(places, [lag_s])
    assert of_a + 0.9 * of_b == pytest.approx(expected, abs=1e-9)
    levels = [source.levels[source.piece_at(elapsed_s + by)] for by in (-1e-9, 1e-9)]
    assert (a + 0.9 * b)[levels[0] == levels[1]] == pytest.approx(levels[0][levels[0] == levels[1]], abs=1e-12)
    areas = np.concatenate(([0.0], np.cumsum(source.levels[:-1] * np.diff(source.starts_s))))
    piece = source.piece_at(elapsed_s)
    area = areas[piece] + source.levels[piece] * (elapsed_s - source.starts_s[piece])
    wanted = np.where(elapsed_s < 0, 0.0, area)
    assert (1.0, 0.9) @ played.areas_s(places) == pytest.approx(wanted, abs=1e-9)
    # The same sample by sample, in parts: points, and means over the interval, by the equation of the lag.
    points = LaggedAnswer(played, ((1.0, lag_s),), 1.0, 0.9, Grid(t0_s, 5e-5, 3000, averaged=False))
    means = LaggedAnswer(played, ((1.0, lag_s),), 1.0, 0.9, Grid(t0_s + 2.5e-5, 5e-5, 2999, averaged=True))
    assert np.concatenate([points.part(0, 7), points.part(7, 3000)]) == pytest.approx(expected, abs=1e-9)
    mean = ((1 + rate) * np.diff(wanted) - lag_s * np.diff(expected)) / 5e-5
    assert np.concatenate([means.part(0, 1234), means.part(1234, 2999)]) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("stretch", [0.93, 1.0, 1.08])
def test_a_leak_fit_finds_lag_clock_and_heights(averaging: bool, stretch: float) -> None:
    bench = NetworkBench(
        signal=InjectedSignal(4e-4, 5e-4, 2, 3e-3), silent=True, averaging=averaging, exposure_s=4.0, b_error=0.01
    )
    injection, device = (trace_of(capture) for capture in exposure_captures(bench))
    lag_s = 97.529e-6
    told = LeakPath(((0.975902728, lag_s * stretch), (-0.00340496441, 8.71e-6)), 0.0)
    played = Played(bench.signal, 1.7e-5, 3e-6, bench.injection_end_s)
    fit = LeakFit(device, injection, played, told, ivamp_v=7.0, apart_v=0.4)
    leak = fit.without(None)
    assert leak.averaged == averaging
    assert leak.path.lags[0][1] == pytest.approx(lag_s, rel=2e-3)
    assert leak.parameters.a == pytest.approx(7.0, abs=0.01)
    assert leak.parameters.b == pytest.approx(7.07, abs=0.01)
    assert leak.played.start_s == pytest.approx(0.0, abs=0.3e-6)
    assert leak.played.rate == pytest.approx(0.0, abs=2e-7)
    answer = fit.answer(leak)
    rest = device.codes * device.scale + device.offset - answer.part(0, device.n) - 0.01
    assert float(np.abs(rest).max()) < 6 * device.step * device.scale
    # Every burst has two pulses B of 0.4 ms, and as much of pulses A.
    injected_s = bench.signal.repeats_for(4.0) * 8e-4
    for sign in (1, -1):
        assert answer.injected(sign).size * device.capture.dt_s == pytest.approx(injected_s, rel=1e-3)


def test_a_part_without_delay_follows_the_injection_monitor() -> None:
    bench = NetworkBench(silent=True, exposure_s=2.0, clock_error=3e-5)  # edges fall anywhere between samples

    def half_direct(t: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, y + 0.5 * x

    injection, device = (trace_of(capture) for capture in exposure_captures(replace(bench, disturb=half_direct)))
    told = LeakPath(((0.9759, 97.53e-6), (-0.0034, 8.71e-6)), 0.5)
    fit = LeakFit(
        device, injection, Played(bench.signal, 0.0, 3e-5, bench.injection_end_s), told, ivamp_v=7.0, apart_v=1
    )
    leak = fit.without(None)
    assert leak.parameters.direct == pytest.approx(1.0, abs=0.05)
    rest = device.codes * device.scale + device.offset - fit.answer(leak).part(0, device.n)
    assert float(np.abs(rest - np.median(rest)).max()) < 0.1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(2.5, 4.5), st.floats(4.0, 20.0), st.floats(0, 1)), min_size=1, max_size=8),
    st.floats(0.5, 2.5),
    st.booleans(),
)
def test_pulses_seen_through_a_lag_are_found_as_they_were(
    pulses: list[tuple[float, float, float]], lag: float, averaged: bool
) -> None:
    """Heights, widths and phases in samples; no noise, so the fit must return what went in."""
    n = 200 * (len(pulses) + 1)
    fine = 400
    t = (np.arange(n * fine) - fine * 0.5 + 0.5) / fine
    u = np.zeros(n)
    ends = np.zeros(len(pulses))
    starts = np.zeros(len(pulses))
    at = np.arange(n, dtype=np.float64)

    def answer(since: np.ndarray) -> np.ndarray:
        return np.where(since > 0, -np.expm1(-np.maximum(since, 0.0) / lag), 0.0)

    for k, (height, width, phase) in enumerate(pulses):
        starts[k] = 100 + 200 * k + phase
        ends[k] = starts[k] + width
        if averaged:
            near = (t > starts[k] - 5) & (t < ends[k] + 60 * lag)
            shape = height * (answer(t[near] - starts[k]) - answer(t[near] - ends[k]))
            np.add.at(u, np.round(t[near]).astype(int), shape / fine)
        else:
            u += height * (answer(at - starts[k]) - answer(at - ends[k]))
    runs = find_runs(Array(u), 1.0, 0.5)
    if runs.count != len(pulses):  # too short a pulse behind too long a lag is not seen at all
        assert min(height * -np.expm1(-width / lag) for height, width, _ in pulses) < 1.3
        return
    found = fit_lagged_pulses(u.__getitem__, runs, lag * 1.02, 3.5, 0.01)
    heights, widths, _ = (np.array(column) for column in zip(*pulses, strict=True))
    assert found.starts == pytest.approx(starts, abs=0.15)
    assert found.ends - found.starts == pytest.approx(widths, abs=0.25)
    assert found.heights == pytest.approx(heights, rel=0.1)
