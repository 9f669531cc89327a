"""The test signals of 8.1: shape, sums, samples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.signals.gradient import GradientSignal
from aimdlab.signals.injected import InjectedSignal, Segment
from aimdlab.signals.waveform import SampledWaveform, SequencedWaveform, WaveformSegment
from aimdlab.standard.gradient_signal import CYCLES, T_DWELL_MS, T_OFF_MS, T_SLEW_MS, milli

PARAMETERS = {
    "tbpw_s": st.sampled_from([milli(ms) for ms in T_SLEW_MS]) | st.integers(1, 999).map(lambda n: n / 50000),
    "t_dwell_s": st.sampled_from([milli(ms) for ms in T_DWELL_MS]) | st.integers(0, 9999).map(lambda n: n / 100000),
    "cycles": st.sampled_from(CYCLES),
    "t_off_s": st.sampled_from([milli(ms) for ms in T_OFF_MS]),
}
signals = st.builds(InjectedSignal, **PARAMETERS)


def test_one_cycle_with_dwell() -> None:
    signal = InjectedSignal(tbpw_s=4e-4, t_dwell_s=5e-4, cycles=1, t_off_s=0.05)
    assert signal.period_segments() == (
        Segment(1, 2e-4),
        Segment(0, 5e-4),
        Segment(-1, 4e-4),
        Segment(0, 5e-4),
        Segment(1, 2e-4),
        Segment(0, 0.05),
    )
    assert signal.burst_s == 0.0018
    assert signal.period_s == 0.0518


def test_neighbouring_cycles_join_their_pulses_a() -> None:
    segments = InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=3, t_off_s=2.0).burst_segments()
    assert [(s.value, s.duration_s) for s in segments] == [
        (1, 1e-4), (-1, 2e-4), (1, 2e-4), (-1, 2e-4), (1, 2e-4), (-1, 2e-4), (1, 1e-4),
    ]  # fmt: skip


@given(signal=signals)
def test_fig_4_is_the_derivative_of_fig_3(signal: InjectedSignal) -> None:
    trapezoid = GradientSignal(signal.tbpw_s, signal.t_dwell_s, signal.cycles, signal.t_off_s)
    slopes, segments = trapezoid.slopes(), signal.period_segments()
    assert [slope for slope, _ in slopes] == pytest.approx([float(s.value) for s in segments], abs=1e-9)
    assert [duration for _, duration in slopes] == pytest.approx([s.duration_s for s in segments], abs=1e-12)


@given(signal=signals)
def test_fig_3_swings_half_up_half_down_and_ends_at_zero(signal: InjectedSignal) -> None:
    points = GradientSignal(signal.tbpw_s, signal.t_dwell_s, signal.cycles, signal.t_off_s).vertices()
    levels = [level for _, level in points]
    assert (max(levels), min(levels), levels[0], levels[-1]) == (0.5, -0.5, 0.0, 0.0)
    times = [time for time, _ in points]
    assert all(a < b for a, b in itertools.pairwise(times))
    assert times[-1] == pytest.approx(signal.period_s, rel=1e-12)


@given(signal=signals)
def test_area_and_durations(signal: InjectedSignal) -> None:
    burst = signal.burst_segments()
    assert math.fsum(s.value * s.duration_s for s in burst) == pytest.approx(0.0, abs=1e-15)
    assert math.fsum(s.duration_s for s in burst) == pytest.approx(signal.burst_s, rel=1e-12)
    assert signal.burst_s == pytest.approx(signal.cycles * 2 * (signal.tbpw_s + signal.t_dwell_s), rel=1e-12)
    assert signal.period_s == pytest.approx(signal.burst_s + signal.t_off_s, rel=1e-12)
    assert all(a.value != b.value for a, b in itertools.pairwise(burst))
    assert [s.duration_s for s in burst if s.value < 0] == [signal.tbpw_s] * signal.cycles
    starts = np.concatenate(([0.0], np.cumsum([s.duration_s for s in burst])))[:-1]
    assert signal.pulse_b_starts_s() == pytest.approx(
        [start for start, s in zip(starts, burst, strict=True) if s.value < 0], rel=1e-9
    )


@pytest.mark.parametrize("factor", [1, 3])
def test_every_combination_of_table_2_is_sample_exact_at_10_khz(factor: int) -> None:
    rate_hz = 10_000.0 * factor
    for tbpw_ms, dwell_ms, cycles, off_ms in itertools.product(T_SLEW_MS, T_DWELL_MS, CYCLES[:3], T_OFF_MS):
        signal = InjectedSignal(milli(tbpw_ms), milli(dwell_ms), cycles, milli(off_ms))
        assert 10_000 % signal.base_rate_hz() == 0
        wave = signal.sampled(rate_hz, 15.0)
        assert wave.n == round(signal.period_s * rate_hz)
        assert wave.period_s == pytest.approx(signal.period_s, rel=1e-12)
        assert wave.samples.sum() == 0.0
        assert (wave.samples[0], wave.samples[-1]) == (0.0, 0.0)  # it rests at zero
        assert wave.samples[1] == 1.0  # and starts one sample after the trigger


@given(signal=signals, multiple=st.integers(1, 4))
def test_samples_are_the_segments(signal: InjectedSignal, multiple: int) -> None:
    rate_hz = float(signal.base_rate_hz() * multiple)
    wave = signal.sampled(rate_hz, 1.0)
    middles = (np.arange(wave.n) - 1 + 0.5) / rate_hz
    ends = np.cumsum([s.duration_s for s in signal.period_segments()])
    values = np.array([s.value for s in signal.period_segments()])
    assert np.array_equal(wave.samples[1:], values[np.searchsorted(ends, middles[1:])])


def assert_sequence_plays_the_samples(signal: InjectedSignal, rate_hz: float) -> SequencedWaveform:
    sampled, sequenced = signal.sampled(rate_hz, 15.0), signal.sequenced(rate_hz, 15.0)
    assert (sequenced.n, sequenced.sample_rate_hz, sequenced.repeats) == (sampled.n, rate_hz, sampled.repeats)
    assert sequenced.expanded().samples.tobytes() == sampled.samples.tobytes()
    assert (sequenced.period_s, sequenced.duration_s) == (sampled.period_s, sampled.duration_s)
    assert sequenced.stored <= round(signal.burst_s * rate_hz) + 1500
    assert len(sequenced.segments) == 1 or min(segment.n for segment in sequenced.segments) >= 500
    return sequenced


@settings(deadline=None)  # a period of the longest is a million samples
@given(signal=signals, multiple=st.integers(1, 4))
def test_a_sequence_plays_the_very_same_samples(signal: InjectedSignal, multiple: int) -> None:
    assert_sequence_plays_the_samples(signal, float(signal.base_rate_hz() * multiple))


def test_every_combination_of_table_2_is_sequenced_bit_for_bit_at_100_khz() -> None:
    for tbpw_ms, dwell_ms, cycles, off_ms in itertools.product(T_SLEW_MS, T_DWELL_MS, CYCLES, T_OFF_MS):
        signal = InjectedSignal(milli(tbpw_ms), milli(dwell_ms), cycles, milli(off_ms))
        sequenced = assert_sequence_plays_the_samples(signal, 100e3)
        assert len(sequenced.segments) == (2 if off_ms >= 20 else 1)
        assert not any(segment.samples.any() for segment in sequenced.segments[1:])
        assert (sequenced.segments[0].samples[0], sequenced.segments[0].samples[1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("off_points", "stored", "rests"),
    [(1, 1, 0), (1000, 1000, 0), (1001, 1001, 1), (1500, 1500, 1), (1501, 1001, 2), (200_000, 1500, 398)],
)
def test_what_is_stored_of_the_off_time(off_points: int, stored: int, rests: int) -> None:
    signal = InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=1, t_off_s=off_points / 1e5)
    sequenced = signal.sequenced(100e3, 15.0)
    assert sequenced.stored == 40 + stored
    assert [segment.repeats for segment in sequenced.segments] == [1, *[rests] * (rests > 0)]


@given(signal=signals, exposure_ms=st.integers(1, 60_000))
def test_repeats_cover_the_exposure_and_no_more(signal: InjectedSignal, exposure_ms: int) -> None:
    exposure_s = exposure_ms / 1000
    repeats = signal.repeats_for(exposure_s)
    assert repeats * signal.period_s >= exposure_s * (1 - 1e-12)
    assert repeats == 1 or (repeats - 1) * signal.period_s < exposure_s


def test_repeats_do_not_suffer_from_rounding() -> None:
    # 0.2 ms burst + 0.5 ms off = 0.7 ms; 70 ms are exactly 100 of them, although 0.07 / 0.0007 is above 100.
    signal = InjectedSignal(tbpw_s=1e-4, t_dwell_s=0.0, cycles=1, t_off_s=5e-4)
    assert signal.repeats_for(0.07) == 100


def test_a_rate_that_does_not_fit_is_refused_with_those_that_do() -> None:
    signal = InjectedSignal(tbpw_s=2e-4, t_dwell_s=5e-4, cycles=1, t_off_s=2e-4)
    with pytest.raises(ConfigurationError, match=r"Use 10000 per second or a whole multiple"):
        signal.sampled(25_000.0, 15.0)
    with pytest.raises(ConfigurationError, match=r"Use 10000 per second or a whole multiple"):
        signal.sequenced(25_000.0, 15.0)


def test_a_signal_without_off_time_has_no_zero_to_rest_at() -> None:
    with pytest.raises(ConfigurationError, match="rest at"):
        InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=1, t_off_s=0.0).sampled(10_000.0, 15.0)
    with pytest.raises(ConfigurationError, match="rest at"):
        InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=1, t_off_s=0.0).sequenced(10_000.0, 15.0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tbpw_s": 0.0}, "tbpw_s"),
        ({"tbpw_s": math.nan}, "tbpw_s"),
        ({"t_dwell_s": -1e-3}, "t_dwell_s"),
        ({"t_off_s": math.inf}, "t_off_s"),
        ({"cycles": 0}, "cycle"),
    ],
)
def test_meaningless_parameters_are_refused(changes: dict[str, float], named: str) -> None:
    good: dict[str, float] = {"tbpw_s": 2e-4, "t_dwell_s": 0.0, "cycles": 1, "t_off_s": 1.0}
    with pytest.raises(ConfigurationError, match=named):
        InjectedSignal(**{**good, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("exposure_s", [0.0, -1.0, math.nan, math.inf])
def test_an_exposure_without_duration_is_refused(exposure_s: float) -> None:
    with pytest.raises(ConfigurationError, match="exposure"):
        InjectedSignal(2e-4, 0.0, 1, 1.0).repeats_for(exposure_s)


def test_a_waveform_is_what_it_was_made_of() -> None:
    samples = np.array([0.0, 1.0, -1.0, 0.0])
    wave = SampledWaveform(samples=samples, sample_rate_hz=2.0, repeats=3)
    samples[1] = 7.0  # the caller's array is not the waveform's
    assert wave.samples[1] == 1.0
    assert (wave.n, wave.period_s, wave.duration_s) == (4, 2.0, 6.0)
    with pytest.raises(ValueError, match="read-only"):
        wave.samples[0] = 1.0


@pytest.mark.parametrize(
    ("samples", "rate_hz", "repeats"),
    [([], 1.0, 1), ([1.1], 1.0, 1), ([math.nan], 1.0, 1), ([0.0], 0.0, 1), ([0.0], 1.0, 0), ([[0.0]], 1.0, 1)],
)
def test_a_waveform_that_cannot_be_played_is_refused(samples: list[float], rate_hz: float, repeats: int) -> None:
    with pytest.raises(ValueError):
        SampledWaveform(samples=np.array(samples), sample_rate_hz=rate_hz, repeats=repeats)


def test_a_sequence_is_the_sum_of_its_segments() -> None:
    samples = np.array([0.0, 1.0, -1.0])
    segments = [WaveformSegment(samples), WaveformSegment(np.zeros(2), repeats=3)]
    wave = SequencedWaveform(tuple(segments), sample_rate_hz=3.0, repeats=4)
    samples[1] = 7.0  # the caller's array is not the segment's
    segments.clear()
    assert (wave.n, wave.stored, wave.period_s, wave.duration_s) == (9, 5, 3.0, 12.0)
    expanded = wave.expanded()
    assert expanded.samples.tolist() == [0, 1, -1, 0, 0, 0, 0, 0, 0]
    assert (expanded.sample_rate_hz, expanded.repeats) == (3.0, 4)
    with pytest.raises(ValueError, match="read-only"):
        wave.segments[0].samples[0] = 1.0


@pytest.mark.parametrize(
    ("samples", "repeats"),
    [([], 1), ([1.1], 1), ([math.nan], 1), ([0.0], 0), ([0.0], -1), ([[0.0]], 1)],
)
def test_a_segment_that_cannot_be_played_is_refused(samples: list[float], repeats: int) -> None:
    with pytest.raises(ValueError):
        WaveformSegment(np.array(samples), repeats)


@pytest.mark.parametrize(("count", "rate_hz", "repeats"), [(0, 1.0, 1), (1, 0.0, 1), (1, math.inf, 1), (1, 1.0, 0)])
def test_a_sequence_that_cannot_be_played_is_refused(count: int, rate_hz: float, repeats: int) -> None:
    with pytest.raises(ValueError):
        SequencedWaveform((WaveformSegment(np.zeros(1)),) * count, rate_hz, repeats)
