"""What the injection monitor is expected to show, and the pulses found on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import ConfigurationError
from aimdlab.scoring.codes import FloatArray, Indices, Trace
from aimdlab.scoring.results import Feature
from aimdlab.scoring.runs import Runs, fall_positions, find_runs, prefix_sums, rise_positions
from aimdlab.signals.injected import InjectedSignal

_RELEASE = 0.6
"""A pulse ends where the signal falls below this part of the detection level; keeps noise from splitting it."""


@dataclass(frozen=True)
class ExpectedInjection:
    """The injected signal as it shall appear at the injection monitor.

    Attributes:
        ivamp_v: amplitude of pulses A and B, zero to pulse, positive.
        signal: its timing.
    """

    ivamp_v: float
    signal: InjectedSignal

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ivamp_v) and self.ivamp_v > 0):
            raise ConfigurationError(f"the expected injected amplitude must be positive, got {self.ivamp_v!r} V")


@dataclass(frozen=True)
class InjectionTolerance:
    """How far the applied signal may be from the expected one and still count as proven.

    Attributes:
        level: of the amplitudes, relative.
        timing: of widths, dwell and period, relative; what the sampling cannot resolve is allowed on top.
        edge_max_s: longest 10 % to 90 % time of an edge (Table 3: 1 us).
    """

    level: float
    timing: float
    edge_max_s: float


@dataclass(frozen=True, eq=False)
class MonitorPulses:
    """Pulses of one sign on the injection monitor.

    Attributes:
        trace: on which they are.
        sign: 1 for pulses A, -1 for pulses B; the codes times it are *turned*, and these pulses positive.
        zero: the turned code, with fraction, that stands for 0 V.
        level: what they were found above, in codes from there.
        runs: where they are.
        rise, fall: sample positions of the crossings of the level they were found at.
    """

    trace: Trace
    sign: int
    zero: float
    level: float
    runs: Runs
    rise: FloatArray
    fall: FloatArray

    def turned(self, start: int, stop: int) -> NDArray[np.int64]:
        """The turned codes of samples ``start`` up to, not including, ``stop``."""
        return self.sign * self.trace.part(start, stop).astype(np.int64)

    def turned_at(self, at: Indices) -> NDArray[np.int64]:
        """The turned codes of these samples."""
        return self.sign * self.trace.take(at)


def monitor_pulses(trace: Trace, level_v: float, sign: int) -> MonitorPulses:
    """Stretches where the signal times ``sign`` (1: pulses A, -1: pulses B) exceeds ``level_v``."""
    zero = sign * trace.zero_code
    level = level_v / trace.scale
    high = zero + level
    runs = find_runs(trace, high, zero + _RELEASE * level, sign)

    def turned_at(at: Indices) -> FloatArray:
        return (sign * trace.take(at)).astype(np.float64)

    rise, fall = rise_positions(turned_at, runs, high), fall_positions(turned_at, runs, high)
    return MonitorPulses(trace, sign, zero, level, runs, rise, fall)


def plateau_sums(trace: Trace, runs: Runs, margin: int) -> tuple[FloatArray, FloatArray]:
    """Sum and number of the codes of each run without ``margin`` samples at its ends; 0 where nothing is left.

    The sums are exact: integers far below 2^53.
    """
    begin, end = runs.start + margin, runs.last + 1 - margin
    count = np.maximum(end - begin, 0)
    sums = np.zeros(runs.count, dtype=np.int64)
    inside = np.flatnonzero(count)
    if inside.size:
        before = prefix_sums(trace, np.column_stack((begin[inside], end[inside])).ravel())
        sums[inside] = before[1::2] - before[::2]
    return sums.astype(np.float64), count.astype(np.float64)


def quality_features(trace: Trace, prefix: str) -> list[Feature]:
    """Counts of clipped and missing samples."""
    return [
        Feature(f"{prefix}_clipped", float(trace.clipped), "1", 0.0),
        Feature(f"{prefix}_holes", float(trace.holes), "1", 0.0),
    ]


def quality_problem(clipped: float, holes: float, where: str) -> str:
    """Why samples at the converter's ends or missing ones make a capture useless, or ""."""
    if clipped > 0:
        return f"{where}: {clipped:.0f} samples are clipped; choose a larger range"
    if holes > 0:
        return f"{where}: {holes:.0f} samples are missing"
    return ""


def u_voltage(trace: Trace, value_v: float, noise_v: float, n: float) -> float:
    """Standard uncertainty of a mean of ``n`` samples: noise, quantisation, gain and offset."""
    capture = trace.capture
    return math.hypot(noise_v / math.sqrt(max(n, 1.0)), trace.u_step, capture.u_gain * value_v, capture.u_offset)


def u_interval(trace: Trace, value_s: float) -> float:
    """Standard uncertainty of the time between two crossings: each is known within one sample interval."""
    return math.hypot(math.sqrt(2 / 12) * trace.capture.dt_s, trace.capture.u_time * value_s)
