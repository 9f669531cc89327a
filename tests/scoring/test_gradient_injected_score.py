"""A whole attempt from captures to verdict: the robust device passes, every control does not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from bench_captures import (
    CRITERIA,
    MARGIN_S,
    Bench,
    exposure_captures,
    limit,
    parameters,
    scoring,
    sequence_captures,
    verify_capture,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError
from aimdlab.scoring.catalogue import FEATURES, unit_of
from aimdlab.scoring.exposure import score_gradient_injected
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.results import EXPOSURE_PROVEN, Score, Verdict
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_signal import CYCLES, T_DWELL_MS, T_OFF_MS, T_SLEW_MS, milli


def scored(bench: Bench, **changes: object) -> Score:
    return score_gradient_injected(sequence_captures(bench), parameters(bench), scoring(bench, **changes), CRITERIA)


def test_a_robust_device_passes_with_the_features_it_has() -> None:
    bench = Bench()
    score = scored(bench)
    assert score.verdict is Verdict.PASS, score.reason
    value = {feature.name: feature.value for feature in score.features}
    assert value["pulse_count"] == 15
    assert value["pulse_interval_min"] == pytest.approx(1.0, abs=5e-5)
    assert value["pulse_interval_max"] == pytest.approx(1.0, abs=5e-5)
    assert value["pulse_amplitude_min"] == pytest.approx(3.5, abs=0.02)
    assert value["pulse_width_max"] == pytest.approx(5e-4, abs=4e-5)
    assert value["device_coupling"] == pytest.approx(0.5, abs=1e-3)
    assert value["injected_pulse_a"] == pytest.approx(7.0, abs=0.02)
    assert value["injected_pulse_b"] == pytest.approx(-7.0, abs=0.02)
    assert value["injected_tbpw"] == pytest.approx(4e-4, abs=1e-7)
    assert value["injected_dwell"] == pytest.approx(5e-4, abs=1e-7)
    assert value["injected_edge"] <= 1e-6
    assert value["injection_pulses_a"] >= value["injection_pulses_a_expected"] > 800
    assert value["injection_pulses_b"] >= value["injection_pulses_b_expected"] > 500
    assert value["injection_level_b_min"] == pytest.approx(7.0, abs=0.05)
    assert value["injection_level_a_max"] == pytest.approx(7.0, abs=0.05)
    assert value["injection_rest_peak"] < 0.1
    for feature in score.features:
        assert feature.u >= 0, feature


def test_every_feature_lies_within_four_uncertainties_of_the_truth() -> None:
    truth = {"pulse_interval_mean": 1.0, "pulse_amplitude_max": 3.5, "pulse_width_min": 5e-4, "device_coupling": 0.5}
    truth |= {"injected_pulse_a": 7.0, "injected_tbpw": 4e-4, "injected_dwell": 5e-4}
    score = scored(Bench())
    for name, true in truth.items():
        feature = score.feature(name)
        assert abs(feature.value - true) <= 4 * feature.u, feature


# --- the controls: none may pass -------------------------------------------------------------------------------------

NOISES = (0.0, 1.5, 4.0)


@pytest.mark.parametrize("noise", NOISES)
def test_control_device_silent_fails(noise: float) -> None:
    score = scored(Bench(silent=True, noise_codes=noise))
    assert score.verdict is Verdict.FAIL
    assert score.feature("pulse_count").value == 0
    assert score.feature("pulse_interval_max").value == pytest.approx(15.0 + 2 * MARGIN_S, abs=1e-3)


@pytest.mark.parametrize("first_s", [0.15, 0.5, 0.85])
def test_control_one_beat_dropped_in_the_last_second_fails(first_s: float) -> None:
    assert scored(Bench(first_pulse_s=first_s)).verdict is Verdict.PASS
    score = scored(Bench(first_pulse_s=first_s, dropped=(14,)))
    assert score.verdict is Verdict.FAIL
    assert "pulse_interval_max" in score.reason


LIMITS = tuple(limit("pulse_interval_max", None, upper_s, "s") for upper_s in (1.1, 1.3, 1.5, 1.7, 1.9))


def _verdicts(bench: Bench, **changes: object) -> set[Verdict]:
    """What each of the limits says."""
    score = score_gradient_injected(sequence_captures(bench), parameters(bench), scoring(bench, **changes), LIMITS)
    return {outcome.verdict for outcome in score.outcomes}


@pytest.mark.parametrize("first_s", [0.02, 0.47, 0.97])
def test_a_beat_dropped_anywhere_fails_if_the_capture_goes_on(first_s: float) -> None:
    bench = Bench(first_pulse_s=first_s, sample_rate_hz=20e3)
    assert _verdicts(bench) == {Verdict.PASS}
    for n in range(15):
        assert _verdicts(replace(bench, dropped=(n,))) == {Verdict.FAIL}, n


@pytest.mark.parametrize("first_s", [0.02, 0.47, 0.97])
@pytest.mark.parametrize(("t0_s", "after_s"), [(0.0, 0.0), (-0.1, 0.15), (-0.6, 0.6)])
def test_a_beat_dropped_anywhere_never_passes_if_it_does_not(first_s: float, t0_s: float, after_s: float) -> None:
    for n in (0, 1, 7, 13, 14):
        bench = Bench(first_pulse_s=first_s, dropped=(n,), t0_s=t0_s, after_s=after_s, sample_rate_hz=20e3)
        assert _verdicts(bench) <= {Verdict.FAIL, Verdict.INCONCLUSIVE}, n


def test_an_interval_recorded_in_part_is_inconclusive_without_an_expected_interval() -> None:
    bench = Bench(t0_s=-0.1, after_s=0.15)  # gaps of 0.4 s and 0.85 s at its ends
    assert _verdicts(bench) == {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert _verdicts(bench, expected_interval_s=0.2) == {Verdict.PASS}
    assert _verdicts(bench, expected_interval_s=float("nan")) == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize("dropped", [(0,), (7,)])
def test_control_any_dropped_beat_fails(dropped: tuple[int, ...]) -> None:
    assert scored(Bench(dropped=dropped, first_pulse_s=0.6)).verdict is Verdict.FAIL


@pytest.mark.parametrize("noise", NOISES)
def test_control_monitor_cable_unplugged_is_invalid(noise: float) -> None:
    score = scored(Bench(unplugged=True, noise_codes=noise))
    assert score.verdict is Verdict.INVALID
    assert "cable" in score.reason


@pytest.mark.parametrize("unplugged", [True, False])
def test_control_silence_is_invalid_if_the_leak_is_too_small_to_tell(unplugged: bool) -> None:
    weak = Bench(ivamp_v=0.002, device_range_v=8.0, noise_codes=0.5)
    assert scored(weak).verdict is Verdict.PASS  # the pulses themselves prove the monitor
    score = scored(replace(weak, silent=True, unplugged=unplugged))
    assert score.verdict is Verdict.INVALID
    assert "nothing proves that it is connected" in score.reason


@pytest.mark.parametrize("noise", NOISES)
def test_control_generator_silent_is_invalid(noise: float) -> None:
    score = scored(Bench(played_v=0.0, noise_codes=noise))
    assert score.verdict is Verdict.INVALID
    assert "injected signal" in score.reason


@pytest.mark.parametrize("until_s", [0.5, 7.5, 14.8])
def test_control_generator_that_stops_half_way_is_invalid(until_s: float) -> None:
    bench = Bench(injected_until_s=until_s)
    captures = (verify_capture(Bench()), *exposure_captures(bench))
    score = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "ended after" in score.reason


@pytest.mark.parametrize("played_v", [6.0, 8.0, 3.0, -7.0])
def test_control_level_off_target_is_invalid(played_v: float) -> None:
    score = scored(Bench(played_v=played_v, injection_range_v=12.0, device_range_v=10.0))
    assert score.verdict is Verdict.INVALID
    assert "injection monitor (verify)" in score.reason


def test_control_level_that_sags_during_the_exposure_is_invalid() -> None:
    bench = Bench()
    injection, device = exposure_captures(bench)
    weak, weak_device = exposure_captures(replace(bench, played_v=6.3))
    half = injection.n // 2
    for whole, part in ((injection, weak), (device, weak_device)):
        whole.codes[half:] = part.codes[half:]
    score = score_gradient_injected(
        (verify_capture(bench), injection, device), parameters(bench), scoring(bench), CRITERIA
    )
    assert score.verdict is Verdict.INVALID
    assert "pulse A" in score.reason or "pulse B" in score.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"device_range_v": 3.0},
        {"injection_range_v": 6.5},
    ],
)
def test_control_clipped_capture_is_invalid(changes: dict[str, float]) -> None:
    score = scored(replace(Bench(), **changes))
    assert score.verdict is Verdict.INVALID
    assert "clipped" in score.reason


@pytest.mark.parametrize(
    "wrong",
    [
        InjectedSignal(tbpw_s=2e-4, t_dwell_s=5e-4, cycles=2, t_off_s=0.05),
        InjectedSignal(tbpw_s=4e-4, t_dwell_s=1e-3, cycles=2, t_off_s=0.05),
        InjectedSignal(tbpw_s=4e-4, t_dwell_s=5e-4, cycles=1, t_off_s=0.05),
        InjectedSignal(tbpw_s=4e-4, t_dwell_s=5e-4, cycles=5, t_off_s=0.05),
        InjectedSignal(tbpw_s=4e-4, t_dwell_s=5e-4, cycles=2, t_off_s=0.049),
    ],
)
def test_control_another_signal_than_asked_for_is_invalid(wrong: InjectedSignal) -> None:
    asked = Bench()
    played = replace(asked, signal=wrong)
    score = score_gradient_injected(sequence_captures(played), parameters(asked), scoring(asked), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "injection monitor" in score.reason


def test_control_a_missing_cycle_in_the_middle_is_invalid() -> None:
    bench = Bench(signal=InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=20, t_off_s=2e-4))
    injection, device = exposure_captures(bench)
    centre = injection.n // 2
    zero = round(-injection.offset / injection.scale)
    injection.codes[centre : centre + 10] = zero  # 0.4 ms: one cycle
    score = score_gradient_injected(
        (verify_capture(bench), injection, device), parameters(bench), scoring(bench), CRITERIA
    )
    assert score.verdict is Verdict.INVALID
    assert "missing, added or displaced" in score.reason


@pytest.mark.parametrize("dropped", range(3))
def test_control_missing_captures_are_invalid(dropped: int) -> None:
    bench = Bench()
    captures = [capture for n, capture in enumerate(sequence_captures(bench)) if n != dropped]
    score = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "nothing recorded for" in score.reason


def test_control_a_capture_shorter_than_the_exposure_is_invalid() -> None:
    short = Bench(exposure_s=14.9, after_s=0.0)
    score = score_gradient_injected(sequence_captures(short), parameters(short), scoring(Bench()), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "lacks 0.1" in score.reason


def test_control_a_capture_too_slow_for_the_pulses_is_invalid() -> None:
    score = scored(Bench(sample_rate_hz=5_000.0, signal=InjectedSignal(2e-3, 5e-3, 2, 0.05)))
    assert score.verdict is Verdict.INVALID
    assert "too slow" in score.reason


def test_control_a_verify_capture_too_slow_for_the_edges_is_invalid() -> None:
    bench = Bench()
    captures = (verify_capture(bench, sample_rate_hz=5e5), *exposure_captures(bench))
    score = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "edge" in score.reason


def test_control_holes_are_invalid() -> None:
    bench = Bench()
    verify, injection, device = sequence_captures(bench)
    device.codes[1000] = 0
    score = score_gradient_injected((verify, injection, device), parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "missing" in score.reason


def test_control_channels_sampled_at_other_instants_are_invalid() -> None:
    bench = Bench()
    verify, injection, device = sequence_captures(bench)
    shifted = replace(device, t0_s=device.t0_s + device.dt_s / 2)
    score = score_gradient_injected((verify, injection, shifted), parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID
    assert "same instants" in score.reason


def test_control_leakage_that_looks_like_pacing_is_not_believed() -> None:
    # An inhibited device whose clamp diodes turn every burst, one per second, into something like a pacing pulse.
    bench = Bench(signal=InjectedSignal(4e-4, 0.0, 1, 1.0), silent=True)
    verify, injection, device = sequence_captures(bench)
    code = np.where(injection.codes < 32768 - 8000, 3.5 / device.scale, 0.0)
    device = replace(device, codes=(device.codes + code).astype(np.uint16))
    score = score_gradient_injected((verify, injection, device), parameters(bench), scoring(bench), CRITERIA)
    assert score.verdict is Verdict.INVALID


def test_altered_therapy_fails() -> None:
    assert scored(Bench(pulse_v=2.4)).verdict is Verdict.FAIL
    assert scored(Bench(pulse_width_s=7e-4)).verdict is Verdict.FAIL
    assert scored(Bench(interval_s=0.8)).verdict is Verdict.FAIL
    assert scored(Bench(interval_s=1.3)).verdict is Verdict.FAIL


# --- any signal ------------------------------------------------------------------------------------------------------

signals = st.builds(
    InjectedSignal,
    tbpw_s=st.sampled_from([milli(ms) for ms in T_SLEW_MS]),
    t_dwell_s=st.sampled_from([milli(ms) for ms in T_DWELL_MS]),
    cycles=st.sampled_from(CYCLES),
    t_off_s=st.sampled_from([milli(ms) for ms in T_OFF_MS]),
)
benches = st.builds(
    Bench,
    signal=signals,
    ivamp_v=st.sampled_from([0.075, 0.75, 3.5, 14.0, 20.0]),
    coupling=st.sampled_from([0.5, 0.25, -0.5]),
    first_pulse_s=st.floats(0.01, 0.95),
    interval_s=st.floats(0.98, 1.03),
    polarity=st.sampled_from([1, -1]),
    noise_codes=st.sampled_from([0.0, 0.7, 3.0]),
    averaging=st.booleans(),
    sample_rate_hz=st.sampled_from([20_000.0, 25_000.0, 26_041.6]),
    exposure_s=st.just(4.0),
    seed=st.integers(0, 2**32 - 1),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bench=benches)
def test_no_pulse_is_lost_or_invented_whatever_is_injected(bench: Bench) -> None:
    quick = replace(bench.signal, cycles=1)  # the verify capture of a long burst is long; its own tests cover it
    verify = verify_capture(replace(bench, signal=quick)) if bench.signal.burst_s > 0.02 else verify_capture(bench)
    known = scoring(bench, expected_coupling=bench.coupling)
    injection, device = exposure_captures(bench)
    score = score_gradient_injected((verify, injection, device), parameters(bench), known, CRITERIA)
    value = {feature.name: feature.value for feature in score.features}
    if bench.signal.burst_s <= 0.02 and "in step" not in score.reason:
        assert score.verdict is Verdict.PASS, score.reason
    if "in step" in score.reason:
        assert bench.signal.t_off_s >= 0.1  # only few, short bursts can be covered by chance
        return
    truth = bench.pulse_times(4.0 - bench.pulse_width_s - 2 / bench.sample_rate_hz)
    assert truth.size <= value["pulse_count"] <= truth.size + 1, score.reason
    assert value["pulse_amplitude_min"] == pytest.approx(3.5, abs=0.15)
    assert value["pulse_interval_min"] == pytest.approx(bench.interval_s, abs=1.5 / bench.sample_rate_hz)
    assert abs(value["pulse_width_max"] - 5e-4) <= 1.2 / bench.sample_rate_hz


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bench=benches)
def test_a_silent_device_never_passes_whatever_is_injected(bench: Bench) -> None:
    silent = replace(bench, silent=True)
    injection, device = exposure_captures(silent)
    verify = verify_capture(replace(bench, signal=replace(bench.signal, cycles=1)))
    known = scoring(bench, expected_coupling=bench.coupling)
    score = score_gradient_injected((verify, injection, device), parameters(bench), known, CRITERIA)
    assert score.verdict in (Verdict.FAIL, Verdict.INVALID)


def test_a_pulse_during_a_burst_is_found() -> None:
    # Continuous injection: every pulse coincides with it.
    bench = Bench(signal=InjectedSignal(4e-4, 0.0, 20, 2e-4), ivamp_v=20.0, coupling=0.5)
    score = scored(bench)
    assert score.verdict is Verdict.PASS, score.reason
    assert score.feature("pulse_count").value == 15


# --- baseline --------------------------------------------------------------------------------------------------------


def baseline(bench: Bench, *, with_monitor: bool = True) -> Score:
    injection, device = exposure_captures(bench, kind="baseline")
    captures: tuple[Capture, ...] = (injection, device) if with_monitor else (device,)
    return score_gradient_injected(captures, {}, scoring(bench, kind="baseline", expected_ivamp_v=0.0), CRITERIA)


@pytest.mark.parametrize("with_monitor", [True, False])
def test_baseline_of_a_healthy_device_passes(with_monitor: bool) -> None:
    score = baseline(Bench(), with_monitor=with_monitor)
    assert score.verdict is Verdict.PASS, score.reason
    assert score.feature("pulse_count").value == 15


def test_baseline_of_a_wrong_device_fails() -> None:
    assert baseline(Bench(interval_s=1.4)).verdict is Verdict.FAIL


def test_baseline_without_pulses_proves_nothing() -> None:
    score = baseline(Bench(silent=True))
    assert score.verdict is Verdict.INVALID
    assert score.feature("pulse_count").value == 0


def test_baseline_with_a_signal_on_is_invalid() -> None:
    bench = Bench()
    injection, device = exposure_captures(bench)
    captures = (replace(injection, kind="baseline"), replace(device, kind="baseline"))
    score = score_gradient_injected(captures, {}, scoring(bench, kind="baseline"), CRITERIA)
    assert score.verdict is Verdict.INVALID


def test_baseline_with_a_clipped_or_missing_sample_on_the_injection_monitor_is_invalid() -> None:
    for code, word in ((65535, "clipped"), (0, "missing")):
        injection, device = exposure_captures(Bench(), kind="baseline")
        injection.codes[123_456] = code
        score = score_gradient_injected((injection, device), {}, scoring(Bench(), kind="baseline"), CRITERIA)
        assert score.verdict is Verdict.INVALID
        assert "injection monitor (baseline)" in score.reason
        assert word in score.reason


@pytest.mark.parametrize("level_v", [0.04, 0.1, 0.3, 0.47])
def test_baseline_with_a_stuck_generator_is_invalid(level_v: float) -> None:
    for change in ("bursts", "constant"):
        bench = Bench(ivamp_v=level_v, injection_range_v=0.48, device_range_v=5.0)
        injection, device = exposure_captures(bench)
        if change == "constant":
            injection, device = exposure_captures(bench, kind="baseline")
            raised = injection.codes + round(max(level_v, 0.1) / injection.scale)
            injection = replace(injection, codes=raised.astype(np.uint16))
        captures = (replace(injection, kind="baseline"), replace(device, kind="baseline"))
        score = score_gradient_injected(captures, {}, scoring(bench, kind="baseline"), CRITERIA)
        assert score.verdict is Verdict.INVALID
        assert "where nothing should be injected" in score.reason


def test_baseline_with_the_device_driving_the_network_passes() -> None:
    injection, device = exposure_captures(Bench(injection_range_v=0.48), kind="baseline")
    injection = replace(injection, codes=(injection.codes + np.where(device.codes > 50_000, 3000, 0)).astype(np.uint16))
    score = score_gradient_injected((injection, device), {}, scoring(Bench(), kind="baseline"), CRITERIA)
    assert score.verdict is Verdict.PASS, score.reason


# --- what stands -----------------------------------------------------------------------------------------------------


def test_an_exposure_that_is_proven_stands_whatever_the_device_side_says() -> None:
    for bench, stands in (
        (Bench(), True),
        (Bench(silent=True), True),
        (Bench(unplugged=True), True),  # INVALID, but exposed all the same
        (Bench(device_range_v=3.0), True),
        (Bench(played_v=6.0), False),
        (Bench(played_v=0.0), False),
    ):
        score = scored(bench)
        assert score.feature(EXPOSURE_PROVEN).value == (1.0 if stands else 0.0)
        assert score.stands is stands
    assert scored(Bench(unplugged=True)).verdict is Verdict.INVALID
    assert baseline(Bench(silent=True)).feature(EXPOSURE_PROVEN).value == 0.0
    assert not baseline(Bench(silent=True)).stands


def test_the_catalogue_is_what_a_score_yields() -> None:
    assert {feature.name: feature.unit for feature in scored(Bench()).features} == dict(FEATURES)
    names = [feature.name for feature in scored(Bench()).features]
    assert len(names) == len(set(names))
    assert {feature.name: feature.unit for feature in baseline(Bench()).features}.items() <= FEATURES.items()
    assert (unit_of("pulse_interval_max"), unit_of("case_temperature")) == ("s", None)


def test_a_reversed_amplifier_is_named() -> None:
    assert "Polarity reversed?" in scored(Bench(played_v=-7.0)).reason


# --- records ---------------------------------------------------------------------------------------------------------


def test_the_same_record_gives_the_same_bits() -> None:
    bench = Bench(noise_codes=3.0)
    captures = sequence_captures(bench)
    once = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    again = score_gradient_injected(
        [replace(c, codes=c.codes.copy()) for c in reversed(captures)], parameters(bench), scoring(bench), CRITERIA
    )
    assert [(f.name, f.value, f.u) for f in once.features] == [(f.name, f.value, f.u) for f in again.features]
    assert once.reason == again.reason


def test_the_scoring_record_round_trips() -> None:
    record = scoring(Bench())
    assert GradientInjectedScoring.from_flat(record).to_flat() == record
    assert GradientInjectedScoring.from_flat({**record, "somebody": "else"}).to_flat() == record


@pytest.mark.parametrize("key", [key for key in scoring(Bench()) if key != "expected_interval_s"])
@pytest.mark.parametrize("value", [None, "seven", float("nan")])
def test_a_missing_or_wrong_key_is_named(key: str, value: str | float | None) -> None:
    with pytest.raises(ConfigurationError, match=key):
        GradientInjectedScoring.from_flat({**scoring(Bench()), key: value})


@pytest.mark.parametrize("key", ["tbpw_s", "t_dwell_s", "cycles", "t_off_s"])
def test_a_missing_parameter_is_named(key: str) -> None:
    bench = Bench()
    incomplete = {name: value for name, value in parameters(bench).items() if name != key}
    with pytest.raises(ConfigurationError, match=key):
        score_gradient_injected(sequence_captures(bench), incomplete, scoring(bench), CRITERIA)


def test_without_criteria_there_is_nothing_to_judge() -> None:
    bench = Bench()
    score = score_gradient_injected(sequence_captures(bench), parameters(bench), scoring(bench), ())
    assert score.verdict is Verdict.INVALID
    assert "nothing to judge" in score.reason


def test_a_criterion_on_an_unknown_feature_is_invalid_but_a_fail_wins() -> None:
    bench = Bench(silent=True)
    unknown = limit("case_temperature", None, 40.0, "degC")
    assert (
        score_gradient_injected(
            sequence_captures(bench), parameters(bench), scoring(bench), (*CRITERIA, unknown)
        ).verdict
        is Verdict.FAIL
    )
    healthy = Bench()
    score = score_gradient_injected(
        sequence_captures(healthy), parameters(healthy), scoring(healthy), (*CRITERIA, unknown)
    )
    assert score.verdict is Verdict.INVALID


def test_sequences_of_the_extremes_all_pass() -> None:
    for tbpw_ms, dwell_ms, cycles, off_ms in itertools.product((0.2, 2.0), (0.0, 5.0), (1, 2), (0.2, 2000.0)):
        bench = Bench(
            signal=InjectedSignal(milli(tbpw_ms), milli(dwell_ms), cycles, milli(off_ms)), ivamp_v=20.0, noise_codes=2.0
        )
        score = scored(bench)
        assert score.verdict is Verdict.PASS, (bench.signal, score.reason)
