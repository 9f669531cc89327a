"""One exposed beat: whether the burst coincided with the device's pulse, and what pulse and next beat are like."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.back_coupling import BackCoupling, paced_stretches
from aimdlab.scoring.behind_network import device_pulse
from aimdlab.scoring.codes import Trace, trace_of
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance, monitor_pulses, quality_problem
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.plateaus import rest_of
from aimdlab.scoring.presence import measure_presence, prove_presence
from aimdlab.scoring.pulses import PulseTrain, pairing_problem, separate_pulses
from aimdlab.scoring.results import Feature, find_feature
from aimdlab.scoring.synchronised_leak import (
    KnownRemoval,
    LeakShown,
    alone,
    leak_volts,
    played_burst,
    samples_before,
    sharpened,
    sharpening,
    timed_by_leak,
)
from aimdlab.signals.injected import InjectedSignal

OFFSET_WINDOW_S = 10e-3
"""A rectified offset is looked for from the pulse's end until this long after the burst and the pulse."""

_COINCIDENCE_SAMPLES = 2.0
_COINCIDENCE_LAGS = 0.1
"""How far the offset may be from what it should be: samples, and parts of the lag behind which the edge is seen."""
_QUIET_SAMPLES = 4
_LAGS_AFTER = 5.0
_FEWEST_QUIET = 64
_AFTER_BURST_SAMPLES = 20
_REST_TOLERANCES = 2.0
_NOISE_SIGMAS = 6.0
_LEVEL_PART, _LEVEL_PART_BEHIND_LAG = 0.1, 0.25
_FEWEST_LEVEL = 3
"""A pulse's level is the mean of a tenth of its width, and of three samples at least: a burst may take away a part.
Behind a lag, which must be undone and makes noise larger, of a quarter."""
_DEVICE, _INJECTION = "device monitor", "injection monitor"


@dataclass(frozen=True)
class BurstAtBeat:
    """What every exposed beat shall see.

    Attributes:
        expected: the burst at the injection monitor; its off time is not read.
        tolerance: of level and timing.
        offset_s: from the leading edge of the device's pulse to the burst.
        delay_s: from the trigger to the burst; the edge is seen as late as the monitor's lag makes it.
    """

    expected: ExpectedInjection
    tolerance: InjectionTolerance
    offset_s: float
    delay_s: float

    @property
    def alone(self) -> ExpectedInjection:
        """The burst with nothing after it within any capture."""
        return alone(self.expected)

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
        train: the device's pulses from the exposed one to the next, t = 0 at the burst; None if there is doubt.
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
    # From here on t = 0 is where the burst should begin.
    injection, device = (replace(one, t0_s=one.t0_s - burst.delay_s) for one in (injection, device))
    x, y = trace_of(injection), trace_of(device)
    problem = quality_problem(y.clipped, y.holes, _DEVICE) or pairing_problem(device, injection)
    problem = problem or ("" if known.back_coupling else quality_problem(x.clipped, x.holes, _INJECTION))
    if problem:
        return Beat(problem, "")
    edge_s = -burst.offset_s
    quiet = samples_before(y, edge_s - _QUIET_SAMPLES * device.dt_s)
    if quiet < _FEWEST_QUIET:
        return Beat(f"{_DEVICE}: the capture shows too little of the time before the pulse", "")
    played = played_burst(x, known, burst.alone)
    removal = KnownRemoval(y, leak_volts(leak, y, x, played, known) / y.scale, quiet)
    train = separate_pulses(y, device_pulse(known), removal)
    if known.monitor_lag_s and not train.problem:
        played = timed_by_leak(removal, train, played, (y, x), known, leak)
        removal = KnownRemoval(y, leak_volts(leak, y, x, played, known) / y.scale, quiet)
        train = separate_pulses(y, device_pulse(known), removal)
    if not train.problem and known.back_coupling:
        paced = BackCoupling(x, paced_stretches(train, device_pulse(known)), known.back_coupling)
        x = paced.removed(played, burst.alone)
    presence, problem = _presence(injection, x, burst)
    if train.problem:
        return Beat(problem, train.problem, presence)
    within_s = _COINCIDENCE_SAMPLES * device.dt_s + _COINCIDENCE_LAGS * known.monitor_lag_s
    start = find_feature(presence, "injection_start_error")
    near = np.flatnonzero(np.abs(train.times_s - edge_s) <= within_s)
    if near.size != 1:
        doubt = f"{_DEVICE}: no pulse of the device where the oscilloscope triggered; none came, or the burst hides it"
        return Beat(problem, doubt, presence)
    exposed = int(near[0])
    offset_s = start.value - float(train.times_s[exposed])
    if not problem and not abs(offset_s - burst.offset_s) <= within_s:
        problem = f"{_INJECTION}: the burst begins {offset_s * 1e3:.4g} ms after the pulse's edge"
    doubt = _in_step(train, exposed + 1, x, burst)
    if doubt:
        return Beat(problem, doubt, presence, offset_s)
    judged = _from_to(train, exposed, exposed + 2)
    shown = _Shown(y, removal, known, leak)
    ends_s = judged.times_s + np.where(np.isfinite(judged.widths_s), judged.widths_s, known.expected_pulse_width_s)
    levels = [shown.levels(float(a), float(b)) for a, b in zip(judged.times_s, ends_s, strict=True)]
    whole = [level for level in levels if not math.isnan(level[0])]
    rectified_v, u_rectified_v = shown.rectified(float(ends_s[0]), burst.signal.burst_s)
    return Beat(
        problem=problem,
        doubt="",
        presence=presence,
        offset_s=offset_s,
        u_offset_s=math.hypot(start.u, train.u_time_s),
        train=judged,
        end_s=float(judged.times_s[1]) if judged.count > 1 else judged.end_s,
        levels_v=(
            min((level[0] for level in whole), default=math.nan),
            max((level[1] for level in whole), default=math.nan),
        ),
        u_levels_v=max((level[2] for level in whole), default=math.nan),
        superposed_v=shown.superposed(float(judged.times_s[0]), float(ends_s[0])),
        rectified_v=rectified_v,
        u_rectified_v=u_rectified_v,
    )


def _presence(injection: Capture, undisturbed: Trace, burst: BurstAtBeat) -> tuple[tuple[Feature, ...], str]:
    """The burst where it should be, and nothing else in the capture; t = 0 is the burst."""
    looked_at_s = burst.signal.burst_s + _AFTER_BURST_SAMPLES * injection.dt_s
    if injection.t0_s + injection.span_s < looked_at_s:
        never = Feature("injection_start_error", math.nan, "s", math.nan)
        return (never,), f"{_INJECTION}: the capture ends within the burst"
    presence = measure_presence(injection, burst.alone, looked_at_s, undisturbed)
    problem = prove_presence(presence, burst.alone, looked_at_s, burst.tolerance)[1]
    return presence, problem or _elsewhere(undisturbed, burst)


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


def _in_step(train: PulseTrain, first: int, x: Trace, burst: BurstAtBeat) -> str:
    """A pulse after the exposed one that begins and ends with an injected pulse may be what leaks of it."""
    for start_s, width_s in zip(train.times_s[first:], train.widths_s[first:], strict=True):
        if math.isnan(width_s):
            continue
        at, end = (round((t_s - train.start_s) / x.capture.dt_s) for t_s in (start_s, start_s + width_s))
        inside = x.part(max(at, 0), max(end, at + 1))
        active = np.abs(inside - x.zero_code) > burst.expected.ivamp_v / 2 / x.scale
        if 2 * np.count_nonzero(active) > inside.size:
            late_ms = (start_s - train.times_s[first - 1]) * 1e3
            return f"{_DEVICE}: a pulse found {late_ms:.4g} ms after the exposed one may be a leak of the burst"
    return ""


def _from_to(train: PulseTrain, first: int, last: int) -> PulseTrain:
    return replace(
        train,
        times_s=train.times_s[first:last],
        amplitudes_v=train.amplitudes_v[first:last],
        widths_s=train.widths_s[first:last],
        u_amplitudes_v=train.u_amplitudes_v[first:last],
    )


class _Shown:
    """What the device monitor shows of pulses and after them, the leak taken off."""

    def __init__(self, y: Trace, removal: KnownRemoval, known: GradientInjectedScoring, leak: LeakShown) -> None:
        self._y, self._removal, self._known, self._leak = y, removal, known, leak
        self._dt = y.capture.dt_s
        self._sharpen = sharpening(known.monitor_lag_s, self._dt)

    def levels(self, start_s: float, end_s: float) -> tuple[float, float, float]:
        """Lowest and highest level of a pulse and their uncertainty, V, before the monitor's lag; NaN if it is cut."""
        first, stop = self._at(start_s), self._at(end_s)
        width = self._known.expected_pulse_width_s / self._dt
        length = max(_FEWEST_LEVEL, round((_LEVEL_PART_BEHIND_LAG if self._sharpen else _LEVEL_PART) * width))
        margin = 1 if not self._sharpen else max(1, length // 2)
        begin, end = first + margin, stop - margin
        if stop >= self._y.n or begin < 1:
            return math.nan, math.nan, math.nan
        if end - begin < length:  # a short pulse: what there is
            begin, end = first, max(stop, first + 1)
            length = min(length, end - begin)
        before = max(begin - 1, 0)
        seen = sharpened(self._removal.rest(before, end), self._sharpen)[begin - before :]
        levels = np.convolve(seen, np.full(length, 1.0 / length), mode="valid") * self._y.scale
        levels *= self._known.pulse_polarity
        leak = float(np.abs(self._removal.shown_leak[begin:end]).max()) * self._y.scale
        noise = self._removal.noise * math.sqrt(1 / length + 2 * (self._sharpen / length) ** 2) * self._y.scale
        u_step = self._y.u_step * math.hypot(1.0, math.sqrt(2) * self._sharpen / length)
        gain = self._y.capture.u_gain * float(np.abs(levels).max())
        u_v = math.hypot(noise, u_step, gain, self._leak.u_relative * leak)
        return float(levels.min()), float(levels.max()), u_v

    def superposed(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Largest and smallest voltage during a pulse, with what is injected, as the monitor shows it."""
        first, stop = self._at(start_s), max(self._at(end_s), self._at(start_s) + 1)
        both = self._removal.rest(first, stop) + self._removal.shown_leak[first:stop]
        shown = self._known.pulse_polarity * both * self._y.scale
        inner = shown[1:-1] if shown.size > 2 else shown
        return float(inner.max()), float(inner.min())

    def rectified(self, end_s: float, burst_end_s: float) -> tuple[float, float]:
        """Mean of the rest after a pulse; NaN if nothing of it was recorded."""
        first = self._at(end_s + _LAGS_AFTER * self._known.monitor_lag_s) + 1
        stop = min(self._at(max(burst_end_s, end_s) + OFFSET_WINDOW_S), self._y.n)
        kept = self._removal.rest(first, stop)
        if not kept.size:
            return math.nan, math.nan
        noise = self._removal.noise / math.sqrt(kept.size)
        value_v = math.fsum(kept.tolist()) / kept.size * self._y.scale
        return value_v, math.hypot(noise * self._y.scale, self._y.u_step)

    def _at(self, t_s: float) -> int:
        """The first sample at or after ``t_s``."""
        return math.ceil((t_s - self._y.capture.t0_s) / self._dt)
