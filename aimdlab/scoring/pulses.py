"""The device's own pulses in the exposure capture of its monitor, with the injected signal leaking into it.

The method and its measured limits are in ``docs/scoring-pulses.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError
from aimdlab.scoring.codes import FloatArray, Indices, Trace, trace_of
from aimdlab.scoring.cut_pulse import cut_until
from aimdlab.scoring.injection import quality_problem
from aimdlab.scoring.lagged_pulses import fit_lagged_pulses
from aimdlab.scoring.removal import Left, LineRemoval, Removal, distortion, rest_shift
from aimdlab.scoring.runs import Runs, Samples, Stretches, nothing_of, stretches

DETECTION_FRACTION = 0.5
"""A pulse begins where the residual reaches this part of the expected amplitude."""
REST_FRACTION = 0.25
"""Outside pulses the residual must stay below this part, noise with six sigma; a pulse ends where it falls below."""
IN_STEP_FRACTION = 0.5
"""If found pulses cover this part of the injected pulses of one sign, they may be leakage and are not believed."""

_GUARD = 2
_SLOWEST_RISE = math.log((0.6 - REST_FRACTION) / (0.6 - DETECTION_FRACTION))
"""Lags from the level of rest to that of a pulse's beginning, for an altered pulse of 0.6 of the expected amplitude."""
_PASSES = 5
_NOISE_SIGMAS = 6.0
_LOOK = 8
_LAGS = 5.0
"""So many time constants after a pulse nothing of it is left."""
_SETTLING_S = 0.3
"""After the exposure: what input diodes have rectified is gone by then."""
_U_LEAK = 2e-4
"""Part of the leak by which the mean of what is left may be wrong: lags, pulses A and B against each other."""
_WHERE = "device monitor"


@dataclass(frozen=True)
class DevicePulse:
    """What a device's pulses look like while it works as it should.

    Attributes:
        amplitude_v: at the device port, positive.
        polarity: 1 or -1, the sign of the pulses on the monitor.
        width_s: read only where there is a lag.
        lag_s: first-order lag with which the monitor shows them.
    """

    amplitude_v: float
    polarity: int
    width_s: float = math.inf
    lag_s: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.amplitude_v) and self.amplitude_v > 0):
            raise ConfigurationError(f"the expected pulse amplitude must be positive, got {self.amplitude_v!r} V")
        if self.polarity not in (1, -1):
            raise ConfigurationError(f"the pulse polarity is 1 or -1, got {self.polarity!r}")

    @property
    def peak_v(self) -> float:
        """What the monitor shows of the amplitude before the pulse ends."""
        return self.amplitude_v * -math.expm1(-self.width_s / self.lag_s) if self.lag_s else self.amplitude_v


@dataclass(frozen=True, eq=False)
class PulseTrain:
    """The pulses of a device over one capture.

    Attributes:
        problem: why the pulses cannot be told from what else is there, or "" if they can. The arrays are empty then.
        times_s: shape (k,), when each pulse rises through half its amplitude; a pulse cut by the capture's beginning
            is left out, since its time is not known.
        amplitudes_v: shape (k,), plateau means, positive in the direction of the polarity; NaN for a pulse cut by the
            capture's end.
        widths_s: shape (k,), at half amplitude; NaN likewise.
        u_amplitudes_v: shape (k,).
        u_time_s: of one crossing.
        u_time_base: relative, of the sample clock.
        start_s, end_s: first and last sample of the capture.
        residual_noise_v: standard deviation outside pulses after the injected signal was taken away.
        residual_peak_v: largest magnitude there.
        coupling: device monitor over injection monitor; 0 if nothing was injected.
        u_coupling: its uncertainty; infinite if nothing was injected.
        step_v: resolution of the device monitor.
        rest_shift_v: mean of what is left outside pulses while injected, against before and after it; NaN if unknown.
        u_rest_shift_v: its uncertainty.
        leak_distortion: what is left where the signal leaks beyond what is left elsewhere, root mean square, over that
            of the leak; NaN without one.
        u_leak_distortion: its uncertainty.
        leak: what the injected signal leaks, in codes that rise with the value; None without one.
        cut_until_s: when the pulse ended that the capture's beginning cuts; NaN if there is none.
    """

    problem: str
    times_s: FloatArray
    amplitudes_v: FloatArray
    widths_s: FloatArray
    u_amplitudes_v: FloatArray
    u_time_s: float
    u_time_base: float
    start_s: float
    end_s: float
    residual_noise_v: float
    residual_peak_v: float
    coupling: float
    u_coupling: float
    step_v: float
    rest_shift_v: float = math.nan
    u_rest_shift_v: float = math.nan
    leak_distortion: float = math.nan
    u_leak_distortion: float = math.nan
    leak: Samples | None = None
    cut_until_s: float = math.nan

    @property
    def count(self) -> int:
        """Number of pulses whose beginning was seen."""
        return int(self.times_s.size)


def find_pulses(
    device: Capture,
    injection: Capture | None,
    pulse: DevicePulse,
    ivamp_v: float,
    exposed_s: tuple[float, float] | None = None,
) -> PulseTrain:
    """The device's pulses, with the injected signal of ``ivamp_v`` at its monitor taken away.

    Both channels must be sampled at the same instants. Give ``injection=None`` or ``ivamp_v=0`` where nothing is
    injected. ``exposed_s`` says from when to when the signal was there, for what it leaves outside pulses.
    """
    y = trace_of(device)
    x = trace_of(injection) if injection is not None and ivamp_v > 0 else None
    problem = quality_problem(y.clipped, y.holes, _WHERE)
    if not problem and x is not None:
        problem = quality_problem(x.clipped, x.holes, "injection monitor") or pairing_problem(device, x.capture)
    if problem:
        return unresolved(y, problem)
    return separate_pulses(y, pulse, LineRemoval(y, x, ivamp_v), exposed_s)


def separate_pulses(
    y: Trace, pulse: DevicePulse, removal: Removal, exposed_s: tuple[float, float] | None = None
) -> PulseTrain:
    """The device's pulses on ``y``, with what ``removal`` explains taken away; see :func:`find_pulses`."""
    amplitude = pulse.peak_v / y.scale
    tail = math.ceil(_LAGS * pulse.lag_s / y.capture.dt_s)
    rise = max(_GUARD, math.ceil(_SLOWEST_RISE * pulse.lag_s / y.capture.dt_s))
    excluded = nothing_of(y.n)
    for _ in range(_PASSES):
        left = removal.without(excluded)
        high, low = DETECTION_FRACTION * amplitude, REST_FRACTION * amplitude
        runs = left.residual.runs(left.level, high, low, pulse.polarity)
        before, excluded = excluded, runs.covered(rise, _GUARD + tail)
        settled = before.same(excluded)
        if settled or 2 * excluded.size > y.n:
            break
    ignored = excluded
    if tail:  # at the capture's ends: what is left of a pulse before it, and a pulse that only begins
        ends = np.array([tail, y.n])
        ignored = excluded | stretches(np.maximum([0, y.n - rise], 0), np.minimum(ends, y.n), y.n)
    peak = left.residual.peak(left.level, ignored)
    problem = _resolution_problem(y, left.noise, peak, excluded, amplitude)
    if not problem and not settled:
        problem = f"{_WHERE}: injected signal and pulses cannot be separated; the fit does not settle"
    problem = problem or _in_step_problem(removal, runs.covered(_GUARD))
    train = _train(y, left.noise, peak, (left.coupling, left.u_coupling))
    if problem:
        return replace(train, problem=problem)
    measured = _measured(y, removal, left, runs, pulse)
    return replace(train, **measured, **_left_behind(y, removal, left, excluded, exposed_s))


def unresolved(y: Trace, problem: str) -> PulseTrain:
    """The train of a capture that cannot even be looked at."""
    return replace(_train(y, math.nan, math.nan, (0.0, math.inf)), problem=problem)


@dataclass(frozen=True)
class _Found:
    rise: float
    fall: float
    amplitude_v: float
    u_amplitude_v: float


def pairing_problem(device: Capture, injection: Capture) -> str:
    """Why two captures are not of the same instants, or ""."""
    if device.n == injection.n and device.dt_s == injection.dt_s and device.t0_s == injection.t0_s:
        return ""
    return f"{_WHERE}: not sampled at the same instants as the injection monitor, so the leak cannot be taken away"


def _resolution_problem(y: Trace, noise: float, peak: float, excluded: Stretches, amplitude: float) -> str:
    limit = REST_FRACTION * amplitude
    size = f"{amplitude * y.scale:.4g} V"
    if 2 * excluded.size > y.n:
        return f"{_WHERE}: more than half of the capture exceeds half of the expected pulse amplitude ({size})"
    if _NOISE_SIGMAS * noise > limit:
        return f"{_WHERE}: noise of {noise * y.scale:.3g} V hides pulses of {size}"
    if peak > limit:
        return (
            f"{_WHERE}: {peak * y.scale:.3g} V remain that are neither injected signal nor pulses of {size}; "
            "the pulses cannot be told from it"
        )
    return ""


def _in_step_problem(removal: Removal, excluded: Stretches) -> str:
    """Leakage that is not proportional (a clamp that rectifies) looks like a pulse at every injected pulse."""
    for name, sign in (("A", 1), ("B", -1)):
        injected = removal.injected(sign)
        if injected is None:
            return ""
        if injected.size and injected.shared(excluded) > IN_STEP_FRACTION * injected.size:
            return f"{_WHERE}: pulses found are in step with injected pulses {name} and may be leakage of them"
    return ""


def _measure(y: Trace, x: Trace | None, left: Left, runs: Runs, index: int, polarity: int) -> _Found | None:
    """One pulse, or None if it began before the capture."""
    start, last, stop = int(runs.start[index]), int(runs.last[index]), int(runs.stop[index])
    if start == 0:
        return None
    trim = 1 if last - start >= 2 else 0
    first, end = start + trim, last + 1 - trim
    n = end - first
    # Exact sums of the codes, so that the mean is the same whichever way it is computed.
    sum_y = int(y.part(first, end).sum(dtype=np.int64))
    sum_x = int(x.part(first, end).sum(dtype=np.int64)) if x is not None else 0
    line = left.line
    if line is None:
        amplitude = polarity * float(left.part(first, end).mean())
    else:
        amplitude = polarity * (sum_y / n - line.a * (sum_x / n) - line.b)
    begin = max(start - _LOOK, int(runs.stop[index - 1]) if index else 0)
    finish = min(stop + _LOOK, int(runs.start[index + 1]) if index + 1 < runs.count else y.n)
    rise, fall = _crossings(polarity * left.part(begin, finish), amplitude / 2)
    rise, fall = rise + begin, fall + begin if stop < y.n else math.nan
    noise = left.noise / math.sqrt(n)
    u_a = line.u_a if line is not None and math.isfinite(line.u_a) else 0.0
    leak = u_a * abs(sum_x / n - x.zero_code) if x is not None else 0.0
    amplitude_v = amplitude * y.scale
    u_v = math.hypot(noise * y.scale, leak * y.scale, y.u_step, y.capture.u_gain * amplitude_v)
    if math.isnan(fall):
        amplitude_v = u_v = math.nan
    return _Found(rise=rise, fall=fall, amplitude_v=amplitude_v, u_amplitude_v=u_v)


def _crossings(stretch: FloatArray, level: float) -> tuple[float, float]:
    """Positions at which a stretch around one pulse first rises through ``level`` and last falls through it."""
    above = np.flatnonzero(stretch >= level)
    first, last = int(above[0]), int(above[-1])
    rise, fall = float(first), float(last)
    if first > 0:
        rise -= float((stretch[first] - level) / (stretch[first] - stretch[first - 1]))
    if last + 1 < stretch.size:
        fall += float((stretch[last] - level) / (stretch[last] - stretch[last + 1]))
    return rise, fall


def _measured(y: Trace, removal: Removal, left: Left, runs: Runs, pulse: DevicePulse) -> dict[str, Any]:
    """The arrays of a train, and how well its times are known."""
    dt = y.capture.dt_s
    if pulse.lag_s:
        return _measured_behind_lag(y, left, runs, pulse)
    found = [_measure(y, removal.injection, left, runs, index, pulse.polarity) for index in range(runs.count)]
    seen = [one for one in found if one is not None]
    return {
        "times_s": np.array([y.time_s(one.rise) for one in seen], dtype=np.float64),
        "amplitudes_v": np.array([one.amplitude_v for one in seen], dtype=np.float64),
        "widths_s": np.array([(one.fall - one.rise) * dt for one in seen], dtype=np.float64),
        "u_amplitudes_v": np.array([one.u_amplitude_v for one in seen], dtype=np.float64),
        "cut_until_s": y.time_s(cut_until(left.take, runs, 0.0, ())),
    }


def _measured_behind_lag(y: Trace, left: Left, runs: Runs, pulse: DevicePulse) -> dict[str, Any]:
    capture = y.capture
    seen = runs.select(runs.start > 0)

    def rest(at: Indices) -> FloatArray:
        return pulse.polarity * left.take(at)

    found = fit_lagged_pulses(rest, seen, pulse.lag_s / capture.dt_s, pulse.amplitude_v / y.scale, left.noise)
    heights_v = np.where(seen.stop < seen.n, found.heights * y.scale, np.nan)
    u_v = np.hypot(np.hypot(found.u_heights * y.scale, y.u_step), capture.u_gain * heights_v)
    widths_s = np.where(seen.stop < seen.n, (found.ends - found.starts) * capture.dt_s, np.nan)
    times_s = capture.t0_s + found.starts * capture.dt_s
    u_time_s = found.u_time * capture.dt_s if seen.count else capture.dt_s / math.sqrt(12)
    arrays = {"times_s": times_s, "amplitudes_v": heights_v, "widths_s": widths_s, "u_amplitudes_v": u_v}
    heights = tuple(found.heights.tolist()) or (pulse.amplitude_v / y.scale,)
    cut_s = y.time_s(cut_until(rest, runs, pulse.lag_s / capture.dt_s, heights))
    return {**arrays, "u_time_s": u_time_s, "cut_until_s": cut_s}


def _left_behind(
    y: Trace, removal: Removal, left: Left, excluded: Stretches, exposed_s: tuple[float, float] | None
) -> dict[str, Any]:
    """What the injected signal leaves outside pulses."""
    leak = removal.leak(left)
    distorted, u_distorted = distortion(left, excluded)
    shift, u_shift = math.nan, math.nan
    if exposed_s is not None:
        first, last = (min(max(round((t - y.capture.t0_s) / y.capture.dt_s), 0), y.n) for t in exposed_s)
        shift, u_shift = rest_shift(left, excluded, first, last, math.ceil(_SETTLING_S / y.capture.dt_s))
    return {
        "rest_shift_v": shift * y.scale,
        "u_rest_shift_v": math.hypot(u_shift, _U_LEAK * left.residual.leak_peak) * y.scale,
        "leak_distortion": distorted,
        "u_leak_distortion": u_distorted,
        "leak": leak,
    }


def _train(y: Trace, noise: float, peak: float, coupling: tuple[float, float]) -> PulseTrain:
    """A train without pulses."""
    none = np.empty(0)
    return PulseTrain(
        problem="",
        times_s=none,
        amplitudes_v=none,
        widths_s=none,
        u_amplitudes_v=none,
        u_time_s=y.capture.dt_s / math.sqrt(12),
        u_time_base=y.capture.u_time,
        start_s=y.capture.t0_s,
        end_s=y.time_s(y.n - 1),
        residual_noise_v=noise * y.scale,
        residual_peak_v=peak * y.scale,
        coupling=coupling[0],
        u_coupling=coupling[1],
        step_v=y.step * y.scale,
    )
