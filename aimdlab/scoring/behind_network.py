"""The device's pulses and the injected signal, told apart where the network between the monitors has a memory.

Each hides the other: the signal leaks into the device monitor, late and rounded, and the device's pulses come back to
the injection monitor. Where the leak is small the pulses are seen at once, and are taken off the injection monitor
first; where it is large they hardly disturb the injected signal, and the clock of that comes first.
"""

from __future__ import annotations

import math

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.back_coupling import BackCoupling, PacedStretches, paced_stretches
from aimdlab.scoring.codes import FloatArray, Indices, Trace, trace_of
from aimdlab.scoring.injection import ExpectedInjection, MonitorPulses, monitor_pulses, plateau_sums, quality_problem
from aimdlab.scoring.lagged_leak import LeakFit
from aimdlab.scoring.lagged_pulses import U_EDGE, fit_lagged_pulses, samples_fitted
from aimdlab.scoring.leak_model import LeakPath
from aimdlab.scoring.paced_verify import BackPulse
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.pulses import (
    DETECTION_FRACTION,
    REST_FRACTION,
    DevicePulse,
    PulseTrain,
    pairing_problem,
    separate_pulses,
    unresolved,
)
from aimdlab.scoring.removal import LaggedRemoval
from aimdlab.scoring.runs import find_runs, nothing_of
from aimdlab.scoring.signal_clock import signal_clock
from aimdlab.signals.injected import InjectedSignal

_SEEN_AT_ONCE = 0.35
"""Up to this part of a pulse's height the leak cannot be taken for one."""
_U_EDGE_AT_ONCE = 0.25
"""Parts of the lag by which the times may be off that follow from the height that is expected."""
_EXPLAINED = 0.5
"""Part of what may remain outside pulses up to which a sample counts as leak alone in the fit."""
_NO_REFERENCE = 1e-6
_STRAY = 0.125
"""Part of a pulse's height from which on something on the device monitor is taken for the device's, whatever it is."""
_SIGMAS = 6.0
_MOST_STRAY = 1_000_000
"""Samples in runs beyond which nothing is fitted."""
_MOST_FITTED = 1 << 23
"""The same with the tails of the lag, each as long as the longest."""


def leak_path(known: GradientInjectedScoring) -> LeakPath:
    """From injection to device monitor."""
    lags = known.lags
    return LeakPath(lags, known.expected_coupling - math.fsum(share for share, _ in lags))


def coupling_reference(known: GradientInjectedScoring) -> float:
    """What ``device_coupling`` should be: the coupling once settled, or the largest share if that is 0."""
    largest = max((share for share, _ in known.lags), key=abs, default=0.0)
    settled = known.expected_coupling
    return settled if abs(settled) > _NO_REFERENCE * abs(largest) else largest


def tell_apart(
    device: Capture, injection: Capture, known: GradientInjectedScoring, expected: ExpectedInjection
) -> tuple[PulseTrain, Trace]:
    """The device's pulses, and the injection monitor without them."""
    y, x = trace_of(device), trace_of(injection)
    problem = quality_problem(y.clipped, y.holes, "device monitor") or pairing_problem(device, injection)
    if problem:
        return unresolved(y, problem), x
    pulse = device_pulse(known)
    path = leak_path(known)
    rough = BackCoupling(x, _seen_at_once(y, known, pulse, path), known.back_coupling)
    bridged = rough.roughly_removed()
    pulses_b = monitor_pulses(bridged, expected.ivamp_v / 2, -1)
    played = signal_clock(pulses_b, rough.touched, expected, known.exposure_s)
    apart_v = _EXPLAINED * REST_FRACTION * pulse.peak_v
    fit = LeakFit(y, bridged, played, path, ivamp_v=expected.ivamp_v, apart_v=apart_v)
    removal = LaggedRemoval(y, fit, coupling_reference(known) / _level_v(pulses_b, expected))
    train = separate_pulses(y, pulse, removal, (0.0, injection_end_s(expected.signal, known.exposure_s)))
    # A device that cannot be judged must not make its exposure look unproven: it would be tried until it looks well.
    stretches = _whatever_is_there(y, removal, pulse) if train.problem else paced_stretches(train, pulse)
    return train, BackCoupling(x, stretches, known.back_coupling).removed(played, expected)


def device_pulse(known: GradientInjectedScoring) -> DevicePulse:
    """The device's pulses as its monitor shows them."""
    return DevicePulse(
        known.expected_pulse_amplitude_v, known.pulse_polarity, known.expected_pulse_width_s, known.monitor_lag_s
    )


def back_pulse(known: GradientInjectedScoring) -> BackPulse | None:
    """A device pulse on the injection monitor, or None if none comes back to it."""
    height_v = known.pulse_polarity * known.back_coupling * known.expected_pulse_amplitude_v
    return BackPulse(height_v, known.expected_pulse_width_s) if height_v else None


def injection_end_s(signal: InjectedSignal, exposure_s: float) -> float:
    """When the last burst that the exposure needs has ended, or the exposure, if that is later."""
    last_s = (signal.repeats_for(exposure_s) - 1) * signal.period_s
    return max(exposure_s, last_s + signal.burst_s)


def _whatever_is_there(y: Trace, removal: LaggedRemoval, pulse: DevicePulse) -> PacedStretches:
    """Everything on the device monitor that is no leak, of any height and sign; none if there is too much of it."""
    left = removal.without(nothing_of(y.n))
    least = max(_STRAY * pulse.peak_v / y.scale, _SIGMAS * left.noise)
    starts, ends, heights = [np.empty(0)], [np.empty(0)], [np.empty(0)]
    for sign in (1, -1):

        def rest(at: Indices, sign: int = sign) -> FloatArray:
            return sign * left.take(at)

        runs = left.residual.runs(left.level, least, least / 2, sign)
        lag = pulse.lag_s / y.capture.dt_s
        few = runs.count and runs.count * int((runs.stop - runs.start).max()) <= _MOST_STRAY
        if few and samples_fitted(runs, lag) <= _MOST_FITTED:
            found = fit_lagged_pulses(rest, runs, lag, pulse.amplitude_v / y.scale, left.noise)
            starts.append(found.starts)
            ends.append(found.ends)
            heights.append(sign * found.heights)
    at, until, height = (np.concatenate(parts) for parts in (starts, ends, heights))
    real = np.isfinite(height) & (until > at)
    order = np.flatnonzero(real)[np.argsort(at[real], kind="stable")]
    dt, t0_s = y.capture.dt_s, y.capture.t0_s
    starts_s, ends_s = (t0_s + edges[order] * dt for edges in (at, until))
    return PacedStretches(starts_s, ends_s, height[order] * y.scale, U_EDGE * pulse.lag_s)


def _seen_at_once(y: Trace, known: GradientInjectedScoring, pulse: DevicePulse, path: LeakPath) -> PacedStretches:
    """The device's pulses where the leak is too small to be taken for one; none otherwise."""
    leak_v = known.expected_ivamp_v * (sum(abs(share) for share, _ in path.lags) + abs(path.direct))
    none = np.empty(0)
    if leak_v > _SEEN_AT_ONCE * pulse.peak_v:
        return PacedStretches(none, none, none, 0.0)
    middle, peak = pulse.polarity * y.median_code, pulse.peak_v / y.scale
    runs = find_runs(y, middle + DETECTION_FRACTION * peak, middle + REST_FRACTION * peak, pulse.polarity)
    late_s = pulse.lag_s * math.log(2.0)
    starts_s = y.capture.t0_s + (runs.start.astype(np.float64) - 0.5) * y.capture.dt_s - late_s
    ends_s = y.capture.t0_s + (runs.last.astype(np.float64) + 0.5) * y.capture.dt_s - late_s
    heights_v = np.full(runs.count, pulse.polarity * pulse.amplitude_v)
    return PacedStretches(starts_s, ends_s, heights_v, _U_EDGE_AT_ONCE * pulse.lag_s)


def _level_v(pulses: MonitorPulses, expected: ExpectedInjection) -> float:
    """What the injection monitor shows of pulses B; as expected if there are none."""
    sums, counts = plateau_sums(pulses.trace, pulses.runs, 1)
    number = float(counts.sum())
    if not number:
        return expected.ivamp_v
    return (pulses.sign * float(sums.sum()) / number - pulses.zero) * pulses.trace.scale
