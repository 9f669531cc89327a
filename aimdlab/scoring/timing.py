"""Whether the pulses found on the injection monitor are those of the signal: their number, starts and ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimdlab.scoring.codes import FloatArray, Trace
from aimdlab.scoring.injection import MonitorPulses
from aimdlab.signals.injected import LEAST_GENERATOR_RATE_HZ, InjectedSignal

GENERATOR_CLOCK_TOLERANCE = 2e-5
"""How far the generator's clock may be off, relative. Laboratory arbitrary waveform generators are specified within a
few parts per million a year (Keysight 33500B data sheet: 1 ppm at 23 C); this leaves room for age and temperature."""


def clock_tolerance(u_time: float) -> float:
    """How far the clocks of generator and oscilloscope may differ, relative.

    ``u_time`` is the oscilloscope's standard uncertainty; the limit of error it stands for is sqrt(3) times as wide.
    """
    return math.sqrt(3) * u_time + GENERATOR_CLOCK_TOLERANCE


def slack_s(dt_s: float, clock: float, elapsed_s: float) -> float:
    """How far a crossing may be found from where it belongs: two samples, and what clocks drift in ``elapsed_s``.

    Honest captures stay below 1.5 samples (docs/scoring-pulses.md).
    """
    return 2.0 * dt_s + clock * elapsed_s


def start_slack_s(dt_s: float) -> float:
    """How far from t = 0 the signal may begin: as far as any crossing, or a sample after the generator's first one.

    The first sample that the generator plays is zero; an oscilloscope that its Sync output triggers sees it.
    """
    return max(slack_s(dt_s, 0.0, 0.0), dt_s + 1.0 / LEAST_GENERATOR_RATE_HZ)


@dataclass(frozen=True, eq=False)
class Wanted:
    """Pulses of one sign as the signal has them.

    Attributes:
        starts_s, ends_s: shape (k,), every pulse that begins within the exposure; joined pulses A are one.
        certain: how many of them also end within it, whatever the clocks do.
    """

    starts_s: FloatArray
    ends_s: FloatArray
    certain: int


def wanted_pulses(signal: InjectedSignal, sign: int, exposure_s: float, slack: float) -> Wanted:
    """Pulses A (``sign`` 1) or B (-1) of an exposure that begins with pulse A at t = 0."""
    segments = signal.burst_segments()
    ends = np.cumsum([segment.duration_s for segment in segments])
    chosen = [index for index, segment in enumerate(segments) if segment.value == sign]
    stops = ends[chosen]
    begins = stops - np.array([segments[index].duration_s for index in chosen])
    periods = np.arange(math.ceil((exposure_s + slack) / signal.period_s) + 1)[:, None] * signal.period_s
    starts_s, ends_s = (periods + begins).ravel(), (periods + stops).ravel()
    within = starts_s <= exposure_s + slack
    starts_s, ends_s = starts_s[within], ends_s[within]
    return Wanted(starts_s, ends_s, int(np.count_nonzero(ends_s <= exposure_s - 2 * slack)))


@dataclass(frozen=True, eq=False)
class Found:
    """When pulses of one sign that begin within the exposure rose and fell; NaN for an end that the capture cuts."""

    starts_s: FloatArray
    ends_s: FloatArray


def found_pulses(trace: Trace, pulses: MonitorPulses, exposure_s: float, slack: float) -> Found:
    """The pulses found that begin from ``slack`` before the exposure on, and within it.

    A pulse that the capture's beginning cuts counts from there.
    """
    capture = trace.capture
    starts_s = capture.t0_s + np.where(np.isnan(pulses.rise), pulses.runs.start, pulses.rise) * capture.dt_s
    ends_s = capture.t0_s + pulses.fall * capture.dt_s
    within = (starts_s >= -slack) & (starts_s <= exposure_s)
    return Found(starts_s[within], ends_s[within])


@dataclass(frozen=True)
class Clock:
    """The generator's clock as seen: ``t_found = t_wanted + start_s + rate * (t_wanted - first_s)``; NaN if unseen."""

    first_s: float
    start_s: float
    rate: float
    span_s: float


def clock_of(found: Found, wanted: Wanted) -> Clock:
    """From the first and the last pulse B, of which every cycle has one and no two touch."""
    n = min(found.starts_s.size, wanted.starts_s.size)
    if n == 0:
        return Clock(math.nan, math.nan, math.nan, 0.0)
    late = found.starts_s[:n] - wanted.starts_s[:n]
    span_s = float(wanted.starts_s[n - 1] - wanted.starts_s[0])
    rate = float(late[-1] - late[0]) / span_s if span_s > 0 else 0.0
    return Clock(float(wanted.starts_s[0]), float(late[0]), rate, span_s)


def displacement_s(found: Found, wanted: Wanted, clock: Clock) -> float:
    """Largest distance of a start or an end from where it belongs by that clock; NaN without pulses.

    A pulse that is missing or added displaces all that follow.
    """
    n = min(found.starts_s.size, wanted.starts_s.size)
    if n == 0 or math.isnan(clock.rate):
        return math.nan
    largest = 0.0
    for seen_s, asked_s in ((found.starts_s, wanted.starts_s), (found.ends_s, wanted.ends_s)):
        off = seen_s[:n] - asked_s[:n] - clock.start_s - clock.rate * (asked_s[:n] - clock.first_s)
        off = np.abs(off[np.isfinite(off)])
        largest = max(largest, float(off.max(initial=0.0)))
    return largest
