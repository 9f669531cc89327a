"""The device's own pulses in the exposure capture of its monitor, with the injected signal leaking into it.

The method and its measured limits are in ``docs/scoring-pulses.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError
from aimdlab.scoring.codes import BoolArray, FloatArray, Trace, trace_of
from aimdlab.scoring.coupling import Coupling, CouplingFit, active_samples, residual
from aimdlab.scoring.injection import quality_problem
from aimdlab.scoring.runs import Runs, find_runs

DETECTION_FRACTION = 0.5
"""A pulse begins where the residual reaches this part of the expected amplitude."""
REST_FRACTION = 0.25
"""Outside pulses the residual must stay below this part, noise with six sigma; a pulse ends where it falls below."""
IN_STEP_FRACTION = 0.5
"""If found pulses cover this part of the injected pulses of one sign, they may be leakage and are not believed."""

_GUARD = 2
_PASSES = 5
_NOISE_SIGMAS = 6.0
_LOOK = 8
_WHERE = "device monitor"


@dataclass(frozen=True)
class DevicePulse:
    """What a device's pulses look like while it works as it should.

    Attributes:
        amplitude_v: at the device port, positive.
        polarity: 1 or -1, the sign of the pulses on the monitor.
    """

    amplitude_v: float
    polarity: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.amplitude_v) and self.amplitude_v > 0):
            raise ConfigurationError(f"the expected pulse amplitude must be positive, got {self.amplitude_v!r} V")
        if self.polarity not in (1, -1):
            raise ConfigurationError(f"the pulse polarity is 1 or -1, got {self.polarity!r}")


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

    @property
    def count(self) -> int:
        """Number of pulses whose beginning was seen."""
        return int(self.times_s.size)


def find_pulses(device: Capture, injection: Capture | None, pulse: DevicePulse, ivamp_v: float) -> PulseTrain:
    """The device's pulses, with the injected signal of ``ivamp_v`` at its monitor taken away.

    Both channels must be sampled at the same instants. Give ``injection=None`` or ``ivamp_v=0`` where nothing is
    injected.
    """
    y = trace_of(device)
    x = trace_of(injection) if injection is not None and ivamp_v > 0 else None
    problem = quality_problem(y.clipped, y.holes, _WHERE)
    if not problem and x is not None:
        problem = quality_problem(x.clipped, x.holes, "injection monitor") or _pairing_problem(device, x.capture)
    if problem:
        return _train(y, x, problem, None, math.nan, [])
    active = active_samples(x, ivamp_v / 2) if x is not None else None
    amplitude = pulse.amplitude_v / y.scale

    fit = CouplingFit(y, x, active)
    excluded = np.zeros(y.n, dtype=np.bool_)
    for _ in range(_PASSES):
        line = fit.without(excluded)
        rest = residual(y, x, line)
        if pulse.polarity < 0:
            np.negative(rest, out=rest)
        runs = find_runs(rest, DETECTION_FRACTION * amplitude, REST_FRACTION * amplitude)
        before, excluded = excluded, runs.covered(_GUARD)
        settled = np.array_equal(before, excluded)
        if settled or 2 * np.count_nonzero(excluded) > y.n:
            break
    peak = float(np.max(np.abs(rest), where=~excluded, initial=0.0))
    problem = _resolution_problem(y, line, peak, excluded, amplitude)
    if not problem and not settled:
        problem = f"{_WHERE}: injected signal and pulses cannot be separated; the fit does not settle"
    problem = problem or _in_step_problem(x, active, excluded)
    if problem:
        return _train(y, x, problem, line, peak, [])
    measured = [_measure(y, x, line, rest, runs, index, pulse.polarity) for index in range(runs.count)]
    return _train(y, x, "", line, peak, [found for found in measured if found is not None])


@dataclass(frozen=True)
class _Found:
    rise: float
    fall: float
    amplitude_v: float
    u_amplitude_v: float


def _pairing_problem(device: Capture, injection: Capture) -> str:
    if device.n == injection.n and device.dt_s == injection.dt_s and device.t0_s == injection.t0_s:
        return ""
    return f"{_WHERE}: not sampled at the same instants as the injection monitor, so the leak cannot be taken away"


def _resolution_problem(y: Trace, line: Coupling, peak: float, excluded: BoolArray, amplitude: float) -> str:
    limit = REST_FRACTION * amplitude
    size = f"{amplitude * y.scale:.4g} V"
    if 2 * np.count_nonzero(excluded) > y.n:
        return f"{_WHERE}: more than half of the capture exceeds half of the expected pulse amplitude ({size})"
    if _NOISE_SIGMAS * line.noise > limit:
        return f"{_WHERE}: noise of {line.noise * y.scale:.3g} V hides pulses of {size}"
    if peak > limit:
        return (
            f"{_WHERE}: {peak * y.scale:.3g} V remain that are neither injected signal nor pulses of {size}; "
            "the pulses cannot be told from it"
        )
    return ""


def _in_step_problem(x: Trace | None, active: BoolArray | None, excluded: BoolArray) -> str:
    """Leakage that is not proportional (a clamp that rectifies) looks like a pulse at every injected pulse."""
    if x is None or active is None:
        return ""
    for name, sign in (("A", 1), ("B", -1)):
        injected = active & ((x.codes > x.zero_code) if sign > 0 else (x.codes < x.zero_code))
        total = np.count_nonzero(injected)
        if total and np.count_nonzero(injected & excluded) > IN_STEP_FRACTION * total:
            return f"{_WHERE}: pulses found are in step with injected pulses {name} and may be leakage of them"
    return ""


def _measure(
    y: Trace, x: Trace | None, line: Coupling, rest: FloatArray, runs: Runs, index: int, polarity: int
) -> _Found | None:
    """One pulse, or None if it began before the capture."""
    start, last, stop = int(runs.start[index]), int(runs.last[index]), int(runs.stop[index])
    if start == 0:
        return None
    trim = 1 if last - start >= 2 else 0
    first, end = start + trim, last + 1 - trim
    n = end - first
    # Exact sums of the codes, so that the mean is the same whichever way it is computed.
    sum_y = int(y.codes[first:end].sum(dtype=np.int64))
    sum_x = int(x.codes[first:end].sum(dtype=np.int64)) if x is not None else 0
    amplitude = polarity * (sum_y / n - line.a * (sum_x / n) - line.b)
    begin = max(start - _LOOK, int(runs.stop[index - 1]) if index else 0)
    finish = min(stop + _LOOK, int(runs.start[index + 1]) if index + 1 < runs.count else y.n)
    rise, fall = _crossings(rest[begin:finish], amplitude / 2)
    rise, fall = rise + begin, fall + begin if stop < y.n else math.nan
    noise = line.noise / math.sqrt(n)
    leak = line.u_a * abs(sum_x / n - x.zero_code) if x is not None and math.isfinite(line.u_a) else 0.0
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


def _train(
    y: Trace, x: Trace | None, problem: str, line: Coupling | None, peak: float, found: list[_Found]
) -> PulseTrain:
    dt = y.capture.dt_s
    ratio = y.scale / x.scale if x is not None else math.nan
    coupled = line is not None and x is not None and math.isfinite(line.u_a)
    return PulseTrain(
        problem=problem,
        times_s=np.array([y.time_s(one.rise) for one in found], dtype=np.float64),
        amplitudes_v=np.array([one.amplitude_v for one in found], dtype=np.float64),
        widths_s=np.array([(one.fall - one.rise) * dt for one in found], dtype=np.float64),
        u_amplitudes_v=np.array([one.u_amplitude_v for one in found], dtype=np.float64),
        u_time_s=dt / math.sqrt(12),
        u_time_base=y.capture.u_time,
        start_s=y.capture.t0_s,
        end_s=y.time_s(y.n - 1),
        residual_noise_v=line.noise * y.scale if line is not None else math.nan,
        residual_peak_v=peak * y.scale,
        coupling=line.a * ratio if line is not None and coupled else 0.0,
        u_coupling=line.u_a * ratio if line is not None and coupled else math.inf,
        step_v=y.step * y.scale,
    )
