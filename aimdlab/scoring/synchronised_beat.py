"""One exposed beat: whether the burst coincided with the device's pulse, and what pulse and next beat are like."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.codes import BoolArray, FloatArray, IntArray, Trace, trace_of
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance, monitor_pulses, quality_problem
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.plateaus import rest_of
from aimdlab.scoring.presence import measure_presence, prove_presence
from aimdlab.scoring.pulses import DETECTION_FRACTION, REST_FRACTION, PulseTrain
from aimdlab.scoring.results import Feature, find_feature
from aimdlab.scoring.runs import find_runs
from aimdlab.scoring.synchronised_leak import LeakShown
from aimdlab.signals.injected import InjectedSignal

TRIGGER_SAMPLES = 3.0
"""How far from t = 0 the leading edge may be found, in samples, for the pulse to be what triggered."""
OFFSET_WINDOW_S = 10e-3
"""A rectified offset is looked for from the pulse's end until this long after the burst and the pulse."""

_QUIET_GUARD = 4
_FEWEST_QUIET = 64
_GUARD = 2
_NOISE_SIGMAS = 6.0
_DEVICE, _INJECTION = "device monitor", "injection monitor"
_NEVER_S = 100.0
_AFTER_BURST_SAMPLES = 20
_LEVEL_PART = 0.1
_FEWEST_LEVEL = 3
"""A pulse's level is the mean of a tenth of its width, and of three samples at least: a burst may take away a part."""
_REST_TOLERANCES = 2.0


@dataclass(frozen=True)
class BurstAtBeat:
    """What every exposed beat shall see.

    Attributes:
        expected: the burst at the injection monitor; its off time is not read.
        tolerance: of level and timing.
        offset_s: from the leading edge of the device's pulse to the burst.
    """

    expected: ExpectedInjection
    tolerance: InjectionTolerance
    offset_s: float

    @property
    def alone(self) -> ExpectedInjection:
        """The burst with nothing after it within any capture."""
        signal = self.expected.signal
        return replace(self.expected, signal=replace(signal, t_off_s=_NEVER_S))

    @property
    def signal(self) -> InjectedSignal:
        """Its timing."""
        return self.expected.signal


@dataclass(frozen=True, eq=False)
class Beat:
    """What one acquisition shows.

    Attributes:
        problem: why the burst is not proven to have coincided with the device's pulse, or "".
        doubt: why the device's pulses cannot be told from what else is there, or "".
        presence: features of the burst (see :func:`~aimdlab.scoring.presence.measure_presence`, t = 0 at the burst).
        offset_s: measured, from the leading edge to the burst; NaN if either was not found.
        u_offset_s: its standard uncertainty.
        train: the device's pulses from the exposed one on; None if there is doubt.
        end_s: until when the train is judged: the next pulse, or the capture's end.
        levels_v: lowest and highest level within the exposed pulse and the next, each the mean of a tenth of a width.
        u_levels_v: their standard uncertainty.
        superposed_v: largest and smallest voltage at the device monitor during the exposed pulse, what is injected
            included, positive in the direction of the pulse.
        rectified_v: mean of what is neither injected nor pulse, after the exposed pulse, against the time before it.
        u_rectified_v: its standard uncertainty.
    """

    problem: str
    doubt: str
    presence: tuple[Feature, ...] = ()
    offset_s: float = math.nan
    u_offset_s: float = math.nan
    train: PulseTrain | None = None
    end_s: float = math.nan
    levels_v: tuple[float, float] = (math.nan, math.nan)
    u_levels_v: float = math.nan
    superposed_v: tuple[float, float] = (math.nan, math.nan)
    rectified_v: float = math.nan
    u_rectified_v: float = math.nan


def measure_beat(
    injection: Capture, device: Capture, burst: BurstAtBeat, known: GradientInjectedScoring, leak: LeakShown
) -> Beat:
    """Score one acquisition that the device's pulse triggered (t = 0); ``leak`` is known from another capture."""
    x, y = trace_of(injection), trace_of(device)
    problem = quality_problem(x.clipped, x.holes, _INJECTION) or quality_problem(y.clipped, y.holes, _DEVICE)
    if not problem and (device.n, device.dt_s, device.t0_s) != (injection.n, injection.dt_s, injection.t0_s):
        problem = f"{_DEVICE}: not sampled at the same instants as the injection monitor"
    if problem:
        return Beat(problem, "")
    quiet = np.arange(y.n) * device.dt_s + device.t0_s < -_QUIET_GUARD * device.dt_s - known.monitor_lag_s
    if np.count_nonzero(quiet) < _FEWEST_QUIET:
        return Beat(f"{_DEVICE}: the capture shows too little of the time before the pulse", "")
    found = _Pulses(y, leak.volts_on(device, injection, burst), quiet, known)
    exposed = found.exposed()
    rise_s = y.time_s(exposed.rise) if exposed is not None else 0.0
    end_s = y.time_s(y.n - 1)
    presence, problem = _presence(injection, burst, rise_s, end_s)
    if exposed is None:
        doubt = f"{_DEVICE}: no pulse of the device where the oscilloscope triggered; none came, or the burst hides it"
        return Beat(problem, doubt, presence)
    offset_s = burst.offset_s + find_feature(presence, "injection_start_error").value
    u_offset_s = find_feature(presence, "injection_start_error").u
    later = [pulse for pulse in found.pulses if pulse.rise > exposed.rise]
    doubt = found.doubt or _in_step(later, x, burst)
    if doubt:
        return Beat(problem, doubt, presence, offset_s, u_offset_s)
    until_s = y.time_s(later[0].rise) if later else end_s
    rectified_v, u_rectified_v = found.rectified(exposed, rise_s + burst.offset_s + burst.signal.burst_s)
    judged = [exposed, *later[:1]]
    whole = [pulse for pulse in judged if not math.isnan(pulse.amplitude_v)]
    return Beat(
        problem,
        "",
        presence,
        offset_s,
        u_offset_s,
        found.train(judged),
        until_s,
        (
            min((pulse.lowest_v for pulse in whole), default=math.nan),
            max((pulse.highest_v for pulse in whole), default=math.nan),
        ),
        max((pulse.u_amplitude_v for pulse in whole), default=math.nan),
        found.superposed(exposed),
        rectified_v,
        u_rectified_v,
    )


def _presence(injection: Capture, burst: BurstAtBeat, rise_s: float, end_s: float) -> tuple[tuple[Feature, ...], str]:
    """The burst at its offset from the pulse's leading edge, and nothing else in the capture."""
    start_s = rise_s + burst.offset_s
    shifted = replace(injection, t0_s=injection.t0_s - start_s)
    looked_at_s = burst.signal.burst_s + _AFTER_BURST_SAMPLES * injection.dt_s
    if end_s - start_s < looked_at_s:
        never = Feature("injection_start_error", math.nan, "s", math.nan)
        return (never,), f"{_INJECTION}: the capture ends within the burst"
    presence = measure_presence(shifted, burst.alone, looked_at_s)
    problem = prove_presence(presence, burst.alone, looked_at_s, burst.tolerance)[1]
    return presence, problem or _elsewhere(trace_of(shifted), burst)


def _elsewhere(trace: Trace, burst: BurstAtBeat) -> str:
    """Why something was injected before or after the burst, or ""; t = 0 is the burst."""
    level, tolerance = burst.expected.ivamp_v, burst.tolerance.level
    a, b = (monitor_pulses(trace, level / 2, sign) for sign in (1, -1))
    dt, t0_s = trace.capture.dt_s, trace.capture.t0_s
    for found in (a, b):
        starts_s = t0_s + found.runs.start * dt
        if np.any((starts_s < -2 * dt) | (starts_s > burst.signal.burst_s + 2 * dt)):
            return f"{_INJECTION}: something was injected besides the burst that the device's pulse starts"
    rest = rest_of(trace, a, b, float(trace.n))
    allowed_v = _REST_TOLERANCES * tolerance * level + trace.step * trace.scale / 2 + _NOISE_SIGMAS * rest.noise_v
    if not rest.peak_v <= allowed_v:
        return f"{_INJECTION}: {rest.peak_v:.3g} V are there besides the burst, where nothing should be"
    return ""


def _in_step(later: Iterable[_Pulse], x: Trace, burst: BurstAtBeat) -> str:
    """A pulse after the exposed one that begins and ends with an injected pulse may be what leaks of it."""
    level = burst.expected.ivamp_v / 2 / x.scale
    active = np.abs(x.codes - x.zero_code) > level
    for pulse in later:
        inside = active[pulse.first : pulse.last + 1]
        if np.count_nonzero(inside) > inside.size / 2:
            at_s = x.time_s(pulse.first)
            return f"{_DEVICE}: a pulse found {at_s * 1e3:.4g} ms after the exposed one may be a leak of the burst"
    return ""


@dataclass(frozen=True)
class _Pulse:
    """One pulse of the device: samples at or above half of its expected amplitude, crossings, plateau."""

    first: int
    last: int
    rise: float
    fall: float
    amplitude_v: float
    u_amplitude_v: float
    lowest_v: float
    highest_v: float


class _Pulses:
    """The device's pulses of one capture behind a leak that is known."""

    def __init__(self, y: Trace, leak_v: FloatArray, quiet: BoolArray, known: GradientInjectedScoring) -> None:
        self._y, self._known, self._quiet = y, known, quiet
        self._leak = leak_v / y.scale
        amplitude = known.expected_pulse_amplitude_v / y.scale
        high, low = DETECTION_FRACTION * amplitude, REST_FRACTION * amplitude
        rest = (y.codes - self._leak) * known.pulse_polarity
        first = find_runs(rest - float(np.median(rest[quiet])), high, low)
        self._outside = ~first.covered(_GUARD)
        # Exact sums of the codes where nothing paces, before the pulse.
        still = quiet & self._outside
        self._zero, self._noise = _mean_and_noise(rest, y.codes, still, known.pulse_polarity, self._leak)
        self.rest: FloatArray = rest - self._zero
        self._runs = find_runs(self.rest, high, low)
        self._outside = ~self._runs.covered(_GUARD)
        self.peak_v = float(np.max(np.abs(self.rest), where=self._outside, initial=0.0)) * y.scale
        self.pulses = [self._measured(i) for i in range(self._runs.count) if int(self._runs.start[i]) > 0]
        self.doubt = self._doubt(low * y.scale)

    def exposed(self) -> _Pulse | None:
        """The pulse whose leading edge is at the trigger."""
        near = TRIGGER_SAMPLES + 3 * self._known.monitor_lag_s / self._y.capture.dt_s
        at = -self._y.capture.t0_s / self._y.capture.dt_s
        return next((pulse for pulse in self.pulses if abs(pulse.rise - at) <= near), None)

    def train(self, pulses: list[_Pulse]) -> PulseTrain:
        """These pulses as the features want them."""
        y, dt = self._y, self._y.capture.dt_s
        return PulseTrain(
            problem="",
            times_s=np.array([y.time_s(pulse.rise) for pulse in pulses]),
            amplitudes_v=np.array([pulse.amplitude_v for pulse in pulses]),
            widths_s=np.array([(pulse.fall - pulse.rise) * dt for pulse in pulses]),
            u_amplitudes_v=np.array([pulse.u_amplitude_v for pulse in pulses]),
            u_time_s=dt / math.sqrt(12),
            u_time_base=y.capture.u_time,
            start_s=y.capture.t0_s,
            end_s=y.time_s(y.n - 1),
            residual_noise_v=self._noise * y.scale,
            residual_peak_v=self.peak_v,
            coupling=0.0,
            u_coupling=math.inf,
            step_v=y.step * y.scale,
        )

    def superposed(self, pulse: _Pulse) -> tuple[float, float]:
        """Largest and smallest voltage on the pulse's plateau, with what is injected."""
        shown = (self.rest + self._known.pulse_polarity * self._leak)[pulse.first : pulse.last + 1] * self._y.scale
        inner = shown[1:-1] if shown.size > 2 else shown
        return float(inner.max()), float(inner.min())

    def rectified(self, pulse: _Pulse, burst_end_s: float) -> tuple[float, float]:
        """Mean of the rest after the pulse, its sign that of the voltage; NaN if nothing of it was recorded."""
        y, dt = self._y, self._y.capture.dt_s
        end_s = max(burst_end_s, y.time_s(pulse.last)) + OFFSET_WINDOW_S
        end = min(math.ceil((end_s - y.capture.t0_s) / dt), y.n)
        kept = self.rest[pulse.last + 1 : end][self._outside[pulse.last + 1 : end]]
        if not kept.size:
            return math.nan, math.nan
        noise = self._noise * math.sqrt(1 / kept.size + 1 / max(int(np.count_nonzero(self._quiet)), 1))
        value_v = self._known.pulse_polarity * math.fsum(kept.tolist()) / kept.size * y.scale
        return value_v, math.hypot(noise * y.scale, y.u_step)

    def _measured(self, index: int) -> _Pulse:
        y, runs = self._y, self._runs
        start, last, stop = int(runs.start[index]), int(runs.last[index]), int(runs.stop[index])
        trim = 1 if last - start >= 2 else 0
        inner = slice(start + trim, last + 1 - trim)
        n = last + 1 - start - 2 * trim
        sign = self._known.pulse_polarity
        codes = int(y.codes[inner].sum(dtype=np.int64))
        amplitude = sign * (codes - math.fsum(self._leak[inner].tolist())) / n - self._zero
        begin = int(runs.stop[index - 1]) if index else 0
        finish = int(runs.start[index + 1]) if index + 1 < runs.count else y.n
        rise, fall = _crossings(self.rest[begin:finish], start - begin, last - begin, amplitude / 2)
        complete = stop < y.n
        length = min(n, max(_FEWEST_LEVEL, round(_LEVEL_PART * self._known.expected_pulse_width_s / y.capture.dt_s)))
        levels = np.convolve(self.rest[inner], np.full(length, 1 / length), mode="valid") * y.scale
        u_v = math.hypot(self._noise / math.sqrt(length) * y.scale, y.u_step, y.capture.u_gain * amplitude * y.scale)
        return _Pulse(
            first=start,
            last=last,
            rise=begin + rise,
            fall=begin + fall if complete else math.nan,
            amplitude_v=amplitude * y.scale if complete else math.nan,
            u_amplitude_v=u_v if complete else math.nan,
            lowest_v=float(levels.min()) if complete else math.nan,
            highest_v=float(levels.max()) if complete else math.nan,
        )

    def _doubt(self, allowed_v: float) -> str:
        if _NOISE_SIGMAS * self._noise * self._y.scale > allowed_v:
            return f"{_DEVICE}: noise of {self._noise * self._y.scale:.3g} V hides the device's pulses"
        if self.peak_v > allowed_v:
            return f"{_DEVICE}: {self.peak_v:.3g} V remain that are neither injected signal nor pulses of the device"
        return ""


def _mean_and_noise(
    rest: FloatArray, codes: IntArray, still: BoolArray, sign: int, leak: FloatArray
) -> tuple[float, float]:
    """Mean and standard deviation of the rest where it is still, in codes; the codes are summed exactly."""
    n = int(np.count_nonzero(still))
    if n < 2:
        return float(np.median(rest)), math.inf
    mean = sign * (int(codes[still].sum(dtype=np.int64)) - math.fsum(leak[still].tolist())) / n
    off = rest[still] - mean
    return mean, math.sqrt(math.fsum((off * off).tolist()) / (n - 1))


def _crossings(stretch: FloatArray, start: int, last: int, level: float) -> tuple[float, float]:
    """Where a pulse first rises through ``level`` and last falls through it, around samples ``start`` to ``last``."""
    first = start
    while first > 0 and stretch[first - 1] >= level:
        first -= 1
    while first < last and stretch[first] < level:
        first += 1
    end = last
    while end + 1 < stretch.size and stretch[end + 1] >= level:
        end += 1
    while end > first and stretch[end] < level:
        end -= 1
    rise, fall = float(first), float(end)
    if first > 0:
        rise -= float((stretch[first] - level) / (stretch[first] - stretch[first - 1]))
    if end + 1 < stretch.size:
        fall += float((stretch[end] - level) / (stretch[end] - stretch[end + 1]))
    return rise, fall
