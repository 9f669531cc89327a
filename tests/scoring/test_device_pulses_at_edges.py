"""A device pulse that meets the beginning of a capture or an edge of the signal: it hides nothing, and is no obstacle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from network_captures import MARGIN_S, NetworkBench, Reals, exposure_captures, network_scoring, verify_capture
from test_behind_network import baseline, scored

from aimdlab.scoring.behind_network import back_pulse, tell_apart
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import measure_level, prove_level
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.results import EXPOSURE_PROVEN, Verdict
from aimdlab.signals.injected import InjectedSignal

LONG = InjectedSignal(2e-3, 5e-3, 2, 0.1)
TOLERANCE = InjectionTolerance(level=0.05, timing=0.02, edge_max_s=1e-6)
SHIFT = 0.0806
"""Of a device pulse, on the injection monitor."""


def begun(before_s: float, **changes: Any) -> NetworkBench:
    """A device one of whose pulses began so long before the first sample."""
    bench = NetworkBench(ivamp_v=1.0, signal=LONG, exposure_s=2.0)
    return replace(bench, first_s=2 * bench.interval_s - MARGIN_S - before_s, **changes)


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("before_s", [-3e-5, 2e-5, 9e-5, 2.1e-4, 3.9e-4, 4.7e-4, 5.3e-4])
def test_a_pulse_across_the_first_sample_is_explained(before_s: float, averaging: bool) -> None:
    polarity = -1 if averaging else 1
    bench = begun(before_s, averaging=averaging, polarity=polarity)
    score = scored(bench)
    assert score.verdict is Verdict.PASS, score.reason
    assert baseline(replace(bench, injection_range_v=0.9)).verdict is Verdict.PASS


@pytest.mark.parametrize("before_s", [9e-5, 2.1e-4, 3.7e-4])
@pytest.mark.parametrize("ivamp_v", [0.06, 1.0, 20.0])
@pytest.mark.parametrize("rate_hz", [20e3, 100e3])
def test_the_end_of_a_pulse_that_is_cut_is_known(before_s: float, ivamp_v: float, rate_hz: float) -> None:
    bench = begun(before_s, ivamp_v=ivamp_v, sample_rate_hz=rate_hz)
    known = GradientInjectedScoring.from_flat(network_scoring(bench))
    injection, device = exposure_captures(bench)
    train, _ = tell_apart(device, injection, known, ExpectedInjection(ivamp_v, LONG))
    assert train.cut_until_s == pytest.approx(bench.pulse_width_s - before_s - MARGIN_S, abs=1.2e-5)


def test_without_the_pulse_on_the_device_monitor_nothing_is_explained() -> None:
    bench = begun(3e-4)

    def elsewhere(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        return x, np.where(t < t[0] + 1e-3, y[-1], y)

    def longer(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        return np.where((t > t[0]) & (t < t[0] + 4e-4), SHIFT * bench.pulse_v, x), y

    def higher(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        return np.where(t < t[0] + 1.5e-4, x + SHIFT * bench.pulse_v, x), y

    for attack in (elsewhere, longer, higher):
        score = scored(replace(bench, disturb=attack))
        assert score.verdict is Verdict.INVALID, attack
        assert score.feature(EXPOSURE_PROVEN).value == 0.0


@pytest.mark.parametrize("until_s", [-1.19, -1.15, -0.5])
def test_what_lasts_longer_than_a_pulse_explains_nothing(until_s: float) -> None:
    bench = NetworkBench(ivamp_v=1.0, signal=LONG, exposure_s=2.0, first_s=0.8)
    beats = np.arange(-3, 3)
    dropped = tuple(beats[bench.first_s + beats * bench.interval_s < until_s + 0.01].tolist())
    lag_s = GradientInjectedScoring.from_flat(network_scoring(bench)).monitor_lag_s

    def held(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        fading = np.exp(-np.maximum(t - until_s, 0.0) / lag_s)
        return x + np.where(t < until_s, SHIFT * bench.pulse_v, 0.0), y + bench.pulse_v * fading

    score = scored(replace(bench, disturb=held, dropped=dropped))
    assert score.verdict is Verdict.INVALID
    assert score.feature(EXPOSURE_PROVEN).value == 0.0


def level_proven(bench: NetworkBench, pulse_at_s: float, told: NetworkBench | None = None) -> bool:
    told = told or bench
    known = GradientInjectedScoring.from_flat(network_scoring(told))
    expected = ExpectedInjection(told.ivamp_v, told.signal)
    features = measure_level(verify_capture(bench, pulse_at_s), expected, back_pulse(known))
    return prove_level(features, expected, TOLERANCE)[0]


SPREAD = NetworkBench(ivamp_v=2.2, signal=InjectedSignal(4e-4, 5e-3, 20, 0.2))
PLACES_S = {
    "across the capture's beginning": -2.4e-3,
    "into the last pulse B": 15.85e-3,
    "within the last pulse B, to its end and beyond": 15.95e-3,
    "shortly after the last pulse B": 16.25e-3,
    "shortly before the last pulse A": 10.0e-3,
    "before the signal": -6e-4,
}


@pytest.mark.parametrize("place", PLACES_S)
def test_the_level_is_proven_beside_a_pulse(place: str) -> None:
    at_s = PLACES_S[place]
    assert level_proven(SPREAD, at_s)
    for wrong in (
        {"level_error": 0.08},
        {"b_error": 0.12},
        {"signal": replace(SPREAD.signal, tbpw_s=4.2e-4)},
        {"signal": replace(SPREAD.signal, t_dwell_s=5.3e-3)},
        {"played": False},
    ):
        assert not level_proven(replace(SPREAD, **wrong), at_s, told=SPREAD), wrong


def test_the_first_pulse_a_is_measured_under_a_pulse_that_is_too_small_to_matter() -> None:
    strong = replace(SPREAD, ivamp_v=13.3, signal=InjectedSignal(2e-4, 5e-3, 20, 5e-4))
    assert level_proven(strong, -4.4e-4)  # ends in the middle of it
    wide = replace(strong, signal=replace(strong.signal, tbpw_s=2.2e-4))
    assert not level_proven(wide, -4.4e-4, told=strong)
    assert not level_proven(strong, -5e-4)  # its spike is on the edge
    assert not level_proven(SPREAD, -4.4e-4)  # its shift matters


@pytest.mark.parametrize("at_end", [False, True])
def test_what_saturates_the_converter_is_no_device_pulse_though_an_end_cuts_it(at_end: bool) -> None:
    known = GradientInjectedScoring.from_flat(network_scoring(SPREAD))
    expected = ExpectedInjection(SPREAD.ivamp_v, SPREAD.signal)
    capture = verify_capture(SPREAD)
    codes, size = capture.codes.copy(), round(2e-4 / capture.dt_s)
    codes[-size if at_end else 0 :][:size] = capture.code_max + 1
    features = measure_level(replace(capture, codes=codes), expected, back_pulse(known))
    assert not prove_level(features, expected, TOLERANCE)[0]


@pytest.mark.parametrize(
    ("pulse_at_s", "clipped_at_s", "proven"), [(-2.4e-3, -2.1e-3, False), (-1.3e-3, -1e-3, True), (2e-3, 2.2e-3, True)]
)
def test_a_spike_beyond_the_converter_is_explained_only_by_a_whole_pulse(
    pulse_at_s: float, clipped_at_s: float, proven: bool
) -> None:
    known = GradientInjectedScoring.from_flat(network_scoring(SPREAD))
    expected = ExpectedInjection(SPREAD.ivamp_v, SPREAD.signal)
    capture = verify_capture(SPREAD, pulse_at_s)
    codes, at = capture.codes.copy(), round((clipped_at_s - capture.t0_s) / capture.dt_s)
    assert 0 <= at < capture.n
    codes[at : at + 3] = capture.code_max + 1
    features = measure_level(replace(capture, codes=codes), expected, back_pulse(known))
    assert (prove_level(features, expected, TOLERANCE)[0], features[-2].value) == (proven, 0.0 if proven else 3.0)
