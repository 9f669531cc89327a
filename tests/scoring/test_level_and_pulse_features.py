"""The verify capture's features for any signal, and features of pulse trains at the window's ends."""

from __future__ import annotations

import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
from bench_captures import Bench, exposure_captures, verify_capture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.scoring.features import pulse_features
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import level_of, measure_level, prove_level
from aimdlab.scoring.presence import measure_presence, prove_presence
from aimdlab.scoring.pulses import DevicePulse, PulseTrain, find_pulses
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_signal import T_SLEW_MS, milli

TOLERANCE = InjectionTolerance(level=0.05, timing=0.02, edge_max_s=1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tbpw_s=st.sampled_from([milli(ms) for ms in T_SLEW_MS]),
    t_dwell_s=st.sampled_from([0.0, 5e-4, 5e-3]),
    cycles=st.integers(1, 3),
    ivamp_v=st.floats(0.05, 40),
    played=st.floats(0.96, 1.04),
    noise=st.sampled_from([0.0, 1.0, 4.0]),
    seed=st.integers(0, 1000),
)
def test_level_is_measured_within_its_uncertainty(
    tbpw_s: float, t_dwell_s: float, cycles: int, ivamp_v: float, played: float, noise: float, seed: int
) -> None:
    signal = InjectedSignal(tbpw_s, t_dwell_s, cycles, 0.1)
    bench = Bench(signal=signal, ivamp_v=ivamp_v, played_v=played * ivamp_v, noise_codes=noise, seed=seed)
    expected = ExpectedInjection(ivamp_v, signal)
    features = measure_level(verify_capture(bench), expected)
    found = {feature.name: feature for feature in features}
    for name, truth in (
        ("injected_pulse_a", played * ivamp_v),
        ("injected_pulse_b", -played * ivamp_v),
        ("injected_tapw", signal.tapw_s),
        ("injected_tbpw", tbpw_s),
        ("injected_dwell", t_dwell_s),
    ):
        # Without a dwell the pulses share an edge of 0.3 us, and half amplitude is passed a quarter of it away.
        slack = 0.15e-6 if name.startswith(("injected_t", "injected_d")) else 0.0
        assert abs(found[name].value - truth) <= 4 * found[name].u + slack, name
    assert found["injected_edge"].value <= 0.5e-6
    assert found["injected_cycles"].value == cycles
    assert prove_level(features, expected, TOLERANCE) == (True, "")


def test_the_level_of_a_capture_is_measured_once_for_each_question_and_forgotten_with_it() -> None:
    bench = Bench()
    capture = verify_capture(bench)
    expected, other = (ExpectedInjection(ivamp_v, bench.signal) for ivamp_v in (bench.ivamp_v, 0.5 * bench.ivamp_v))
    zeroed = zeroed_at_rest(capture)
    for asked in (expected, other, expected):
        found = level_of(capture, asked)
        assert repr(found) == repr(measure_level(zeroed, asked))  # NaN is not equal to itself
    assert level_of(capture, replace(expected)) is found
    assert level_of(replace(capture), expected) is not found
    gone = weakref.ref(capture)
    del capture, zeroed
    assert gone() is None


@pytest.mark.parametrize("t_dwell_s", [0.0, 5e-4])
def test_a_slow_edge_is_measured_and_refused(t_dwell_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench_captures.EDGE_S", 4e-6)
    bench = Bench(signal=InjectedSignal(4e-4, t_dwell_s, 2, 0.1))
    expected = ExpectedInjection(bench.ivamp_v, bench.signal)
    features = measure_level(verify_capture(bench), expected)
    edge = next(feature for feature in features if feature.name == "injected_edge")
    assert edge.value == pytest.approx(3.2e-6, rel=0.1)
    proven, reason = prove_level(features, expected, TOLERANCE)
    assert not proven
    assert "edge" in reason


@pytest.mark.parametrize(
    ("played", "proven"), [(0.949, False), (0.952, True), (1.048, True), (1.051, False), (0.3, False)]
)
def test_level_tolerance(played: float, proven: bool) -> None:
    bench = Bench(played_v=played * 7.0, noise_codes=0.5)
    expected = ExpectedInjection(7.0, bench.signal)
    assert prove_level(measure_level(verify_capture(bench), expected), expected, TOLERANCE)[0] is proven


def test_an_inverted_signal_is_not_the_signal() -> None:
    bench = Bench(played_v=-7.0)
    expected = ExpectedInjection(7.0, bench.signal)
    assert not prove_level(measure_level(verify_capture(bench), expected), expected, TOLERANCE)[0]


def test_a_capture_that_begins_within_pulse_a_proves_nothing() -> None:
    whole = verify_capture(Bench())
    late = replace(whole, codes=whole.codes[300:], t0_s=whole.t0_s + 300 * whole.dt_s)
    expected = ExpectedInjection(7.0, Bench().signal)
    proven, reason = prove_level(measure_level(late, expected), expected, TOLERANCE)
    assert not proven
    assert "not measurable" in reason


def test_part_of_a_long_burst_is_enough() -> None:
    bench = Bench(signal=InjectedSignal(2e-3, 5e-3, 20, 0.5))
    expected = ExpectedInjection(7.0, bench.signal)
    features = measure_level(verify_capture(bench, span_s=0.04), expected)
    found = {feature.name: feature.value for feature in features}
    assert prove_level(features, expected, TOLERANCE)[0]
    assert (found["injected_cycles"], found["injected_cycles_expected"]) == (3, 3)


def test_a_burst_with_a_cycle_too_few_is_refused() -> None:
    played, asked = InjectedSignal(4e-4, 5e-4, 1, 0.1), InjectedSignal(4e-4, 5e-4, 2, 0.1)
    expected = ExpectedInjection(7.0, asked)
    features = measure_level(verify_capture(Bench(signal=played), span_s=asked.burst_s + 1e-4), expected)
    proven, reason = prove_level(features, expected, TOLERANCE)
    assert not proven
    assert "1 cycles in the first burst instead of 2" in reason


def test_a_capture_shorter_than_a_cycle_proves_nothing() -> None:
    bench = Bench(signal=InjectedSignal(2e-3, 5e-3, 2, 0.5))
    expected = ExpectedInjection(7.0, bench.signal)
    assert not prove_level(measure_level(verify_capture(bench, span_s=0.007), expected), expected, TOLERANCE)[0]


def test_presence_with_a_generator_clock_slightly_off() -> None:
    asked = InjectedSignal(2e-4, 0.0, 1, 2e-3)
    for change, proven in ((2e-5, True), (-2e-5, True), (5e-4, False), (-5e-4, False)):
        played = InjectedSignal(2e-4 * (1 + change), 0.0, 1, 2e-3 * (1 + change))
        injection, _ = exposure_captures(Bench(signal=played))
        expected = ExpectedInjection(7.0, asked)
        features = measure_presence(injection, expected, 15.0)
        assert prove_presence(features, expected, 15.0, TOLERANCE)[0] is proven, change


def test_a_late_start_is_not_the_whole_exposure() -> None:
    bench = Bench(t0_s=-0.2, exposure_s=15.0)
    injection, _ = exposure_captures(bench)
    late = replace(injection, t0_s=0.0)
    expected = ExpectedInjection(7.0, bench.signal)
    proven, reason = prove_presence(measure_presence(late, expected, 15.0), expected, 15.0, TOLERANCE)
    assert not proven
    assert "start" in reason


def test_expectations_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="amplitude"):
        ExpectedInjection(0.0, Bench().signal)
    with pytest.raises(ConfigurationError, match="amplitude"):
        DevicePulse(-1.0, 1)
    with pytest.raises(ConfigurationError, match="polarity"):
        DevicePulse(1.0, 0)


def test_a_short_off_time_that_is_slightly_wrong_is_seen() -> None:
    asked = InjectedSignal(2e-4, 0.0, 1, 2e-4)
    injection, _ = exposure_captures(Bench(signal=replace(asked, t_off_s=2.1e-4)))
    expected = ExpectedInjection(7.0, asked)
    proven, reason = prove_presence(measure_presence(injection, expected, 15.0), expected, 15.0, TOLERANCE)
    assert not proven
    assert "off time" in reason


# --- features of a train ---------------------------------------------------------------------------------------------


def train(times: list[float], *, start_s: float = 0.0, end_s: float = 15.0, problem: str = "") -> PulseTrain:
    n = len(times)
    return PulseTrain(
        problem=problem,
        times_s=np.array(times),
        amplitudes_v=np.linspace(3.4, 3.6, n),
        widths_s=np.linspace(4e-4, 6e-4, n),
        u_amplitudes_v=np.linspace(0.01, 0.02, n),
        u_time_s=1e-5,
        u_time_base=1e-6,
        start_s=start_s,
        end_s=end_s,
        residual_noise_v=0.01,
        residual_peak_v=0.05,
        coupling=0.5,
        u_coupling=1e-3,
        step_v=0.002,
    )


def values(of: PulseTrain, start_s: float = 0.0, end_s: float = 15.0) -> dict[str, float]:
    return {feature.name: feature.value for feature in pulse_features(of, start_s, end_s)}


def test_features_of_a_plain_train() -> None:
    found = values(train([0.5, 1.5, 2.6, 3.5], end_s=4.0), end_s=4.0)
    assert found["pulse_count"] == 4
    assert found["pulse_interval_min"] == pytest.approx(0.9)
    assert found["pulse_interval_max"] == pytest.approx(1.1)
    assert found["pulse_interval_mean"] == pytest.approx(1.0)
    assert (found["pulse_amplitude_min"], found["pulse_amplitude_max"]) == (3.4, 3.6)
    assert (found["pulse_width_min"], found["pulse_width_max"]) == (4e-4, 6e-4)


def test_gaps_at_both_ends_count_for_the_maximum_alone() -> None:
    assert values(train([3.0, 4.0, 5.0], end_s=5.5), end_s=5.5)["pulse_interval_max"] == 3.0
    assert values(train([0.5, 1.5], end_s=5.5), end_s=5.5)["pulse_interval_max"] == 4.0
    assert values(train([0.1, 1.1], end_s=1.2), end_s=1.2)["pulse_interval_min"] == 1.0


def test_pulses_outside_the_window_close_its_intervals() -> None:
    found = values(train([-0.2, 0.9, 1.9, 2.3], start_s=-1.0, end_s=3.0), 0.0, 2.0)
    assert found["pulse_count"] == 2
    assert found["pulse_interval_max"] == pytest.approx(1.1)
    assert found["pulse_interval_min"] == pytest.approx(0.4)
    assert found["pulse_interval_mean"] == pytest.approx(1.0)


def test_one_pulse_and_none() -> None:
    one = values(train([4.0]))
    assert one["pulse_interval_max"] == 11.0
    assert math.isnan(one["pulse_interval_min"])
    assert math.isnan(one["pulse_interval_mean"])
    none = values(train([]))
    assert (none["pulse_count"], none["pulse_interval_max"]) == (0.0, 15.0)
    assert math.isnan(none["pulse_amplitude_min"])
    assert math.isnan(none["pulse_width_max"])


def test_an_unresolved_train_has_no_features() -> None:
    assert all(math.isnan(value) for value in values(train([1.0], problem="noise")).values())


def test_pulses_cut_by_the_ends_of_the_capture() -> None:
    bench = Bench(first_pulse_s=-2e-4, exposure_s=14.0, noise_codes=0.5, t0_s=0.0, after_s=0.0)
    # one pulse straddles the beginning, one the end
    injection, device = exposure_captures(bench)
    found = find_pulses(device, injection, DevicePulse(3.5, 1), 7.0)
    assert found.count == 14
    assert found.times_s[0] == pytest.approx(1 - 2e-4, abs=4e-5)
    assert found.times_s[-1] == pytest.approx(14 - 2e-4, abs=4e-5)
    assert math.isnan(found.widths_s[-1])
    features = {feature.name: feature.value for feature in pulse_features(found, 0.0, 14.0)}
    assert features["pulse_width_min"] == pytest.approx(5e-4, abs=4e-5)


@pytest.mark.parametrize(("noise_v", "resolved"), [(0.05, True), (0.13, True), (0.16, False), (0.5, False)])
def test_noise_beyond_a_24th_of_the_amplitude_cannot_be_resolved(noise_v: float, resolved: bool) -> None:
    bench = Bench(noise_codes=0.0, silent=True, ivamp_v=1.0)
    injection, device = exposure_captures(bench)
    rng = np.random.default_rng(4)
    noisy = device.codes + np.round(rng.normal(0, noise_v, device.n) / device.scale).astype(np.int64)
    found = find_pulses(replace(device, codes=noisy.astype(np.uint16)), injection, DevicePulse(3.5, 1), 1.0)
    assert (found.problem == "") is resolved
    if resolved:
        assert found.residual_noise_v == pytest.approx(noise_v, rel=0.02)


def test_a_rare_signal_in_noise_does_not_lose_its_coupling() -> None:
    # 75 of 375 000 samples carry signal; noise elsewhere must not pull the slope to zero.
    bench = Bench(signal=InjectedSignal(2e-4, 0.0, 1, 2.0), noise_codes=20.0)
    injection, device = exposure_captures(bench)
    found = find_pulses(device, injection, DevicePulse(3.5, 1), 7.0)
    assert found.problem == ""
    assert found.coupling == pytest.approx(0.5, abs=5 * found.u_coupling)
    assert found.u_coupling < 0.01


@pytest.mark.parametrize("bump_v", [1.2, -1.2, -5.0])
def test_anything_else_of_a_quarter_of_the_amplitude_cannot_be_resolved(bump_v: float) -> None:
    bench = Bench(device_range_v=20.0)
    injection, device = exposure_captures(bench)
    codes = device.codes.astype(np.int64)
    codes[200_000:200_010] += round(bump_v / device.scale)
    found = find_pulses(replace(device, codes=codes.astype(np.uint16)), injection, DevicePulse(3.5, 1), 7.0)
    assert "remain" in found.problem
