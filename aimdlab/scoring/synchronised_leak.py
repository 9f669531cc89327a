"""How much of the injected signal the device monitor shows, from a burst that the device's pulse does not hide.

A burst that coincides with the pulse can lie within it for its whole length: nothing there tells leak from pulse. The
share is therefore taken from a burst that comes whenever it comes, and taken off where one coincides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.behind_network import coupling_reference, device_pulse, leak_path, tell_apart
from aimdlab.scoring.codes import FloatArray, Trace, trace_of
from aimdlab.scoring.injection import ExpectedInjection, monitor_pulses
from aimdlab.scoring.lagged_leak import Leak, LeakFit
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.played import Played
from aimdlab.scoring.pulses import REST_FRACTION, PulseTrain, find_pulses
from aimdlab.scoring.removal import Left
from aimdlab.scoring.residual import Residual
from aimdlab.scoring.runs import Array, Samples, Stretches, nothing_of
from aimdlab.scoring.signal_clock import signal_clock

_NEVER_S = 100.0
_SIGMAS = 6.0
_STEPS = 2.0
_EXPLAINED = 0.5
_LAGS_AFTER = 5.0
_EDGE_SAMPLES = 3
_FEWEST = 16
_STEP = 0.05
_SMALL = 0.35
"""Up to this part of a pulse's height the leak is too small for its exact time to matter."""


@dataclass(frozen=True)
class LeakShown:
    """The leak.

    Attributes:
        problem: why it is not known, or "".
        coupling: device monitor over injection monitor; behind lags what it settles at.
        u_coupling: its standard uncertainty.
        is_measured: whether the share was seen; if not, it is what the bench file says, too small to be seen.
        pulses: pulses of the device in the capture.
        fitted: the leak behind lags; None if there are none.
        late_s: by how much the leak's clock was late against that of the injection monitor.
    """

    problem: str
    coupling: float
    u_coupling: float
    is_measured: bool = False
    pulses: int = 0
    fitted: Leak | None = None
    late_s: float = 0.0

    @property
    def u_relative(self) -> float:
        """Standard uncertainty of what is taken off, relative."""
        return self.u_coupling / abs(self.coupling) if self.coupling else 0.0


class KnownRemoval:
    """Takes a leak off the device monitor that is known already; see :class:`~aimdlab.scoring.removal.LineRemoval`.

    Args:
        device: the device monitor.
        leak: in its codes, shape (n,).
        quiet: so many samples at the beginning show neither leak nor pulse: the zero is taken there.
    """

    injection: Trace | None = None

    def __init__(self, device: Trace, leak: FloatArray, quiet: int) -> None:
        self.shown_leak = leak
        self._device = device
        codes = device.part(0, quiet)
        # The codes are summed exactly, so that the zero is the same whichever way it is computed.
        total = int(codes.sum(dtype=np.int64))
        self._zero = (total - _exact_sum(leak[:quiet])) / max(quiet, 1)
        squares = _exact_sum(self.rest(0, quiet) ** 2)
        self.noise = math.sqrt(squares / max(quiet - 1, 1))
        self._residual = Residual(device, Array(leak), self._zero)

    def rest(self, start: int, stop: int) -> FloatArray:
        """What is left of samples ``start`` up to, not including, ``stop``."""
        rest: FloatArray = self._device.part(start, stop) - self.shown_leak[start:stop] - self._zero
        return rest

    def injected(self, sign: int) -> Stretches | None:  # noqa: ARG002
        """None: a burst within a pulse is in step with it and no leak."""
        return None

    def without(self, excluded: Stretches) -> Left:  # noqa: ARG002
        """What is left, whatever is excluded."""
        return Left(self._residual, 0.0, self.noise, coupling=0.0, u_coupling=math.inf, line=None)

    def leak(self, left: Left) -> Samples | None:
        """The leak."""
        return left.residual.leak


def alone(expected: ExpectedInjection) -> ExpectedInjection:
    """A burst with nothing after it within any capture."""
    return replace(expected, signal=replace(expected.signal, t_off_s=_NEVER_S))


def measure_leak(
    device: Capture, injection: Capture, known: GradientInjectedScoring, expected: ExpectedInjection
) -> LeakShown:
    """The leak of one burst that begins at t = 0; a share that is not what the bench file says is a problem.

    Args:
        device, injection: the monitors.
        known: the step.
        expected: the burst, with nothing after it.
    """
    burst_s = expected.signal.burst_s
    once = replace(known, exposure_s=burst_s)
    undisturbed = None
    if known.coupling_lags:
        train, undisturbed = tell_apart(device, injection, once, expected)
    else:
        train = find_pulses(device, injection, device_pulse(known), known.expected_ivamp_v)
    if train.problem:
        return LeakShown(train.problem, math.nan, math.nan)
    wanted = coupling_reference(known)
    fitted, late_s = _fitted(device, undisturbed, known, expected) if undisturbed is not None else (None, 0.0)
    if abs(wanted) * known.expected_ivamp_v < _STEPS * train.step_v or abs(wanted) <= _SIGMAS * train.u_coupling:
        # Too small to be measured: what the bench file says is taken away, its error is below the resolution.
        u = known.coupling_tolerance * abs(wanted)
        return LeakShown("", wanted, u, False, train.count, fitted, late_s)
    if abs(train.coupling - wanted) > known.coupling_tolerance * abs(wanted) + 3 * train.u_coupling:
        problem = (
            f"device monitor: shows {train.coupling:.3g} of the injected signal where {wanted:.3g} is expected; "
            "check its cable, its factor in the bench file and how the injection network is connected"
        )
        return LeakShown(problem, train.coupling, train.u_coupling)
    return LeakShown("", train.coupling, train.u_coupling, True, train.count, fitted, late_s)


def played_burst(injection: Trace, known: GradientInjectedScoring, expected: ExpectedInjection) -> Played:
    """When the burst was played, by its own edges; as it should have been if it is too small for that to matter."""
    signal = expected.signal
    leak_v = known.expected_ivamp_v * (sum(abs(share) for share, _ in known.lags) + abs(known.expected_coupling))
    if leak_v <= _SMALL * device_pulse(known).peak_v:
        return Played(signal, 0.0, 0.0, signal.burst_s)
    pulses = monitor_pulses(injection, expected.ivamp_v / 2, -1)
    found = signal_clock(pulses, nothing_of(injection.n), expected, signal.burst_s)
    return replace(found, stop_s=signal.burst_s)


def leak_volts(
    shown: LeakShown,
    device: Trace,
    injection: Trace,
    played: Played,
    known: GradientInjectedScoring,
    part: tuple[int, int] | None = None,
) -> FloatArray:
    """What leaks into ``device`` of a burst as it was played, but for an offset, V; all of it, or ``part``."""
    start, stop = part or (0, device.n)
    if shown.fitted is None:
        codes = injection.part(start, stop)
        line: FloatArray = np.multiply(codes, shown.coupling * injection.scale, dtype=np.float64)
        return line + shown.coupling * injection.offset
    fit = LeakFit(device, injection, played, leak_path(known), ivamp_v=known.expected_ivamp_v, apart_v=math.inf)
    moved = replace(played, start_s=played.start_s + shown.late_s)
    return fit.answer(replace(shown.fitted, played=moved)).part(start, stop)


def sharpening(lag_s: float, dt_s: float) -> float:
    """By how much a sample's step from the one before is added to undo a first-order lag."""
    if not lag_s:
        return 0.0
    kept = math.exp(-dt_s / lag_s)
    return kept / (1.0 - kept)


def sharpened(rest: FloatArray, by: float) -> FloatArray:
    """What was there before a lag, shape (n,); its first sample stays."""
    answer = rest.copy()
    answer[1:] += by * np.diff(rest)
    return answer


def samples_before(trace: Trace, limit_s: float) -> int:
    """How many samples come before ``limit_s``: all whose ``index * dt + t0`` is less."""
    dt, t0_s = trace.capture.dt_s, trace.capture.t0_s
    count = min(max(math.ceil((limit_s - t0_s) / dt), 0), trace.n)
    while count > 0 and not (count - 1) * dt + t0_s < limit_s:
        count -= 1
    while count < trace.n and count * dt + t0_s < limit_s:
        count += 1
    return count


def _exact_sum(values: FloatArray) -> float:
    """Their sum, rounded once; fast where few different values occur."""
    some, counts = np.unique(values, return_counts=True)
    if 16 * some.size > values.size:
        return math.fsum(values.tolist())
    return float(sum(Fraction(value) * count for value, count in zip(some.tolist(), counts.tolist(), strict=True)))


def timed_by_leak(
    removal: KnownRemoval,
    train: PulseTrain,
    played: Played,
    traces: tuple[Trace, Trace],
    known: GradientInjectedScoring,
    shown: LeakShown,
) -> Played:
    """The burst's clock by what it leaves on the device monitor, within a sample interval of what its own edges say.

    An edge on the injection monitor is between two samples; its rounded answer on the device monitor tells where. The
    pulse's plateau and the time without pulse may each have a level, and the plateau a slope, of their own.
    """
    y, x = traces
    dt, by = y.capture.dt_s, sharpening(known.monitor_lag_s, y.capture.dt_s)
    end_s = played.start_s + played.signal.burst_s + _LAGS_AFTER * known.monitor_lag_s
    # Only these samples matter, and one before them to undo the lag.
    part = max(samples_before(y, played.start_s - _EDGE_SAMPLES * dt) - 1, 0), samples_before(y, end_s)
    later, sooner = (
        leak_volts(shown, y, x, replace(played, start_s=played.start_s + sign * _STEP * dt), known, part)
        for sign in (1, -1)
    )
    moved = sharpened((later - sooner) / (2 * _STEP * y.scale), by)
    rest = sharpened(removal.rest(*part), by)
    times_s = y.capture.t0_s + np.arange(*part) * dt
    near = (times_s > played.start_s - _EDGE_SAMPLES * dt) & (times_s < end_s)
    columns = [moved]
    paced, plateaus = np.zeros(near.size, dtype=np.bool_), np.zeros(near.size, dtype=np.bool_)
    for start_s, width_s in zip(train.times_s, train.widths_s, strict=True):
        stop_s = start_s + (width_s if math.isfinite(width_s) else known.expected_pulse_width_s)
        inside = (times_s > start_s + _EDGE_SAMPLES * dt) & (times_s < stop_s - _EDGE_SAMPLES * dt)
        paced |= (times_s > start_s - _EDGE_SAMPLES * dt) & (times_s < stop_s + _EDGE_SAMPLES * dt)
        plateaus |= inside
        if np.any(inside & near):
            since_s = np.where(inside, times_s - start_s, 0.0)
            settling = np.where(inside, np.exp(-since_s / known.monitor_lag_s), 0.0)
            columns += [inside.astype(np.float64), since_s, settling]
    columns.append((~paced).astype(np.float64))
    at = np.flatnonzero(near & (~paced | plateaus))
    if at.size < _FEWEST:
        return played
    found, *_ = np.linalg.lstsq(np.column_stack(columns)[at], rest[at], rcond=None)
    shift = min(max(float(found[0]), -1.0), 1.0)
    return replace(played, start_s=played.start_s + shift * dt)


def _fitted(
    device: Capture, undisturbed: Trace, known: GradientInjectedScoring, expected: ExpectedInjection
) -> tuple[Leak, float]:
    """The leak behind lags, and how late its clock is; as the bench file says where it cannot be seen."""
    y = trace_of(device)
    played = played_burst(undisturbed, known, expected)
    apart_v = _EXPLAINED * REST_FRACTION * device_pulse(known).peak_v
    path = leak_path(known)
    fit = LeakFit(y, undisturbed, played, path, ivamp_v=expected.ivamp_v, apart_v=apart_v)
    leak = fit.without(None)
    if not math.isfinite(leak.u_gain):
        as_said = leak.parameters._replace(a=expected.ivamp_v, b=expected.ivamp_v, direct=1.0)
        leak = replace(leak, parameters=as_said)
    return leak, leak.played.start_s - played.start_s
