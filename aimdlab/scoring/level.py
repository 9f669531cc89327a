"""The applied level, from a fast *verify* capture of the injection monitor: amplitude, widths, dwell, edges."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.scoring.codes import Indices, Trace, clipped_at, mean_and_noise, trace_of
from aimdlab.scoring.injection import (
    ExpectedInjection,
    InjectionTolerance,
    MonitorPulses,
    monitor_pulses,
    plateau_sums,
    quality_features,
    quality_problem,
    u_interval,
    u_voltage,
)
from aimdlab.scoring.paced_verify import BackPulse, PacedStretch, paced_stretch, without_touched
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.scoring.results import Feature, find_feature
from aimdlab.signals.injected import InjectedSignal

_EDGE_MARGIN_S = 2e-6
"""Left out at both ends of a pulse when its plateau is averaged: twice the longest edge of Table 3."""
_EDGES_LOOKED_AT = 16
_WHERE = "injection monitor (verify)"

_levels: WeakKeyDictionary[Capture, tuple[tuple[ExpectedInjection, BackPulse | None], tuple[Feature, ...]]] = (
    WeakKeyDictionary()
)
"""What :func:`level_of` measured, by capture."""


@dataclass(frozen=True)
class _Plateau:
    value_v: float
    u_v: float


def level_of(verify: Capture, expected: ExpectedInjection, back_pulse: BackPulse | None = None) -> tuple[Feature, ...]:
    """:func:`measure_level` of a verify capture, its zero taken from its rest (:func:`zeroed_at_rest`).

    A run asks this to prove the level and again for the score: of the same capture, asked for the same, the answer is
    kept as long as the capture is.
    """
    asked = expected, back_pulse
    known = _levels.get(verify)
    if known is None or known[0] != asked:
        known = _levels[verify] = asked, measure_level(zeroed_at_rest(verify), expected, back_pulse)
    return known[1]


def measure_level(
    capture: Capture, expected: ExpectedInjection, back_pulse: BackPulse | None = None
) -> tuple[Feature, ...]:
    """Features of the injected signal, from a capture whose trigger (t = 0) is the start of pulse A.

    Where the device drives the monitor (``back_pulse``), what one of its pulses touches is left out.

    Returns:
        ``injected_pulse_a``, ``injected_pulse_b`` (V, signed plateau means), ``injected_tapw``, ``injected_tbpw``,
        ``injected_tbpw_error``, ``injected_dwell`` (s, at half amplitude), ``injected_edge`` (s, 10 % to 90 %, the
        slowest; an upper bound where the sampling is slower than the edge), ``injected_cycles`` (pulses B of the first
        burst) and ``injected_cycles_expected`` (those that the capture is long enough to hold),
        ``injected_clipped``, ``injected_holes`` (samples). NaN where nothing was found.
    """
    trace = trace_of(capture)
    # Found at half the expected level, measured, and found again at half the measured level.
    found = [monitor_pulses(trace, expected.ivamp_v / 2, sign) for sign in (1, -1)]
    paced = paced_stretch(trace, expected, back_pulse, found) if back_pulse is not None else None
    if paced is not None and paced.is_whole and trace.clipped:
        clipped = clipped_at(capture)
        trace = replace(trace, clipped=int(np.count_nonzero((clipped < paced.first) | (clipped >= paced.stop))))
    pulses = [without_touched(some, paced) for some in found]
    levels = [_plateau(trace, found) for found in pulses]
    pulses = [
        found
        if math.isnan(level.value_v)
        else without_touched(monitor_pulses(trace, abs(level.value_v) / 2, sign), paced)
        for found, level, sign in zip(pulses, levels, (1, -1), strict=True)
    ]
    a, b = pulses
    tbpw = _mean_width_s(trace, b)
    dwell = _dwell_s(trace, a, b, paced)
    seen, held = _cycles(trace, b, expected, paced)
    return (
        Feature("injected_pulse_a", levels[0].value_v, "V", levels[0].u_v),
        Feature("injected_pulse_b", levels[1].value_v, "V", levels[1].u_v),
        _time_feature(trace, "injected_tapw", _first_width_s(trace, a, paced)),
        _time_feature(trace, "injected_tbpw", tbpw),
        _time_feature(trace, "injected_tbpw_error", tbpw - expected.signal.tbpw_s, of=tbpw),
        _time_feature(trace, "injected_dwell", dwell),
        _time_feature(trace, "injected_edge", _slowest_edge_s(trace, pulses, levels, expected)),
        Feature("injected_cycles", seen, "1", 0.0),
        Feature("injected_cycles_expected", held, "1", 0.0),
        *quality_features(trace, "injected"),
    )


def prove_level(
    features: Iterable[Feature], expected: ExpectedInjection, tolerance: InjectionTolerance
) -> tuple[bool, str]:
    """Whether the features of :func:`measure_level` prove the level, and if not why, for the technician."""
    found = {feature.name: feature for feature in features}
    clipped, holes = (find_feature(found.values(), f"injected_{name}").value for name in ("clipped", "holes"))
    problem = quality_problem(clipped, holes, _WHERE) or _level_problem(found, expected, tolerance)
    problem = problem or _timing_problem(found, expected, tolerance)
    return not problem, problem


def _level_problem(found: dict[str, Feature], expected: ExpectedInjection, tolerance: InjectionTolerance) -> str:
    a, b = found["injected_pulse_a"].value, found["injected_pulse_b"].value
    if math.isnan(a) or math.isnan(b):
        missing = "pulse A or B" if not (math.isnan(a) and math.isnan(b)) else "injected signal"
        return f"{_WHERE}: no {missing} of at least half of {expected.ivamp_v:.4g} V; is the generator connected?"
    for name, value, target in (("A", a, expected.ivamp_v), ("B", b, -expected.ivamp_v)):
        if not abs(value - target) <= tolerance.level * expected.ivamp_v:
            return (
                f"{_WHERE}: pulse {name} is {value:.4g} V instead of {target:.4g} V "
                f"(allowed {100 * tolerance.level:g} %)"
            )
    return ""


def _timing_problem(found: dict[str, Feature], expected: ExpectedInjection, tolerance: InjectionTolerance) -> str:
    signal = expected.signal
    edge = found["injected_edge"].value  # first: a slow edge also shifts every width
    if not edge <= tolerance.edge_max_s:
        return (
            f"{_WHERE}: the slowest edge takes {edge * 1e6:.3g} us (10 % to 90 %), allowed are "
            f"{tolerance.edge_max_s * 1e6:g} us; if the capture is too coarse to show it, sample faster"
        )
    for name, target in (("tapw", signal.tapw_s), ("tbpw", signal.tbpw_s), ("dwell", signal.t_dwell_s)):
        feature = found[f"injected_{name}"]
        allowed = tolerance.timing * target + tolerance.edge_max_s + 3 * feature.u
        if not abs(feature.value - target) <= allowed:  # NaN is not proven either
            return f"{_WHERE}: {name} is {_ms(feature.value)} instead of {_ms(target)}{_swapped(found, signal)}"
    seen, held = found["injected_cycles"].value, found["injected_cycles_expected"].value
    if held < 1:
        return f"{_WHERE}: the capture is too short for one cycle"
    if seen != held:
        return f"{_WHERE}: {seen:.0f} cycles in the first burst instead of {held:.0f}"
    return ""


def _swapped(found: dict[str, Feature], signal: InjectedSignal) -> str:
    """A hint if the positive pulse nearest to the trigger is as wide as pulse B, which a reversed signal shows."""
    if abs(found["injected_tapw"].value - signal.tbpw_s) > 0.1 * signal.tbpw_s:
        return ""
    return "; pulses A and B look swapped. Polarity reversed? Check the amplifier and the cable"


def _ms(value_s: float) -> str:
    return "not measurable" if math.isnan(value_s) else f"{value_s * 1e3:.5g} ms"


def _plateau(trace: Trace, pulses: MonitorPulses) -> _Plateau:
    margin = max(1, math.ceil(_EDGE_MARGIN_S / trace.capture.dt_s))
    runs = pulses.runs.select(pulses.runs.complete)
    runs = runs.select(runs.last + 1 - runs.start > 2 * margin)
    if runs.count == 0:
        return _Plateau(math.nan, math.nan)
    sums, counts = plateau_sums(trace, runs, margin)
    n = float(counts.sum())
    value_v = float(sums.sum()) / n * trace.scale + trace.offset
    longest = int(np.argmax(counts))
    stretch = trace.part(int(runs.start[longest]) + margin, int(runs.last[longest]) + 1 - margin)
    noise_v = mean_and_noise(stretch)[1] * trace.scale
    return _Plateau(value_v, u_voltage(trace, value_v, noise_v, n))


def _time_feature(trace: Trace, name: str, value_s: float, of: float | None = None) -> Feature:
    scale = value_s if of is None else of
    return Feature(name, value_s, "s", u_interval(trace, scale) if math.isfinite(value_s) else math.nan)


def _mean_width_s(trace: Trace, pulses: MonitorPulses) -> float:
    widths = (pulses.fall - pulses.rise)[pulses.runs.complete]
    return math.fsum(widths) / widths.size * trace.capture.dt_s if widths.size else math.nan


def _first_width_s(trace: Trace, pulses: MonitorPulses, paced: PacedStretch | None) -> float:
    """Width of the pulse that begins nearest to t = 0; NaN without one, or if a device pulse hides where it ends."""
    if paced is not None:
        pulses = monitor_pulses(paced.bridged(trace), pulses.level * trace.scale, pulses.sign)
    if pulses.runs.count == 0:
        return math.nan
    starts_s = trace.capture.t0_s + pulses.runs.start * trace.capture.dt_s
    nearest = int(np.argmin(np.abs(starts_s)))
    if paced is not None:
        start, last = int(pulses.runs.start[nearest]), int(pulses.runs.last[nearest])
        on_edge = any(first <= at <= stop for first, stop in paced.edges for at in (start, last, last + 1))
        if paced.touches(start, last + 1) and (on_edge or not paced.is_small):
            return math.nan
        if starts_s[nearest] > trace.time_s(paced.stop) > 0:
            return math.nan  # the first one may be hidden
    return float(pulses.fall[nearest] - pulses.rise[nearest]) * trace.capture.dt_s


def _dwell_s(trace: Trace, a: MonitorPulses, b: MonitorPulses, paced: PacedStretch | None) -> float:
    # Only neighbours of opposite sign are within a burst: between two bursts pulse A follows pulse A.
    rise, fall = np.concatenate((a.rise, b.rise)), np.concatenate((a.fall, b.fall))
    sign = np.concatenate((np.ones(a.rise.size), -np.ones(b.rise.size)))
    order = np.argsort(np.concatenate((a.runs.start, b.runs.start)), kind="stable")
    rise, fall, sign = rise[order], fall[order], sign[order]
    whole = sign[1:] != sign[:-1]
    if paced is not None:  # a pulse may be left out between two
        whole &= (rise[1:] < paced.first) | (fall[:-1] >= paced.stop)
    gaps = (rise[1:] - fall[:-1])[whole]
    gaps = gaps[np.isfinite(gaps)]
    return math.fsum(gaps) / gaps.size * trace.capture.dt_s if gaps.size else math.nan


def _cycles(
    trace: Trace, b: MonitorPulses, expected: ExpectedInjection, paced: PacedStretch | None
) -> tuple[float, float]:
    signal, dt = expected.signal, trace.capture.dt_s
    end_s = trace.time_s(trace.n - 1) - signal.tbpw_s - 4 * dt
    held = [start for start in signal.pulse_b_starts_s() if start <= end_s]
    if paced is not None:
        from_s, to_s = trace.time_s(paced.first), trace.time_s(paced.stop)
        held = [start for start in held if start + signal.tbpw_s < from_s or start > to_s]
    starts_s = trace.capture.t0_s + b.rise[b.runs.complete] * dt
    # A capture that ends within the burst must not count a pulse B beyond those it was expected to hold.
    last_s = min(signal.burst_s, held[-1] + signal.tbpw_s / 2) if held else 0.0
    return float(np.count_nonzero(starts_s <= last_s)), float(len(held))


def _slowest_edge_s(
    trace: Trace, pulses: list[MonitorPulses], levels: list[_Plateau], expected: ExpectedInjection
) -> float:
    """The longest 10 % to 90 % time of the first edges between zero and a plateau; NaN if one cannot be measured."""
    # With no dwell the signal goes from plateau to plateau; such an edge has no 10 % level of its own.
    signal = expected.signal
    reach_s = min(signal.tbpw_s / 4, signal.t_dwell_s / 2) if signal.t_dwell_s > 0 else signal.tbpw_s / 4
    reach = max(2, int(reach_s / trace.capture.dt_s))
    times: list[float] = []
    for found, other, level in zip(pulses, pulses[::-1], levels, strict=True):
        if math.isnan(level.value_v):
            return math.nan
        size = abs(level.value_v) / trace.scale
        for index in np.flatnonzero(found.runs.complete)[:_EDGES_LOOKED_AT]:
            start, last = int(found.runs.start[index]), int(found.runs.last[index])
            if not _any_within(other.runs.last, start - reach, start):
                around = found.turned(max(start - reach, 0), min(start + reach, trace.n))
                times.append(_climb(around - found.zero, min(start, reach), size))
            if not _any_within(other.runs.start, last, last + reach):
                around = found.turned(max(last + 1 - reach, 0), min(last + 1 + reach, trace.n))[::-1]
                times.append(_climb(around - found.zero, min(found.runs.n - 1 - last, reach), size))
    if not times:
        return math.nan
    return max(times) * trace.capture.dt_s if all(map(math.isfinite, times)) else math.nan


def _any_within(positions: Indices, first: int, last: int) -> bool:
    return bool(np.searchsorted(positions, first, side="left") < np.searchsorted(positions, last, side="right"))


def _climb(signal: NDArray[np.floating], crossing: int, size: float) -> float:
    """Samples from 10 % to 90 % of ``size`` on the rise whose first sample above half is ``crossing``; NaN if open."""
    below = np.flatnonzero(signal[:crossing] < 0.1 * size)
    above = np.flatnonzero(signal[crossing:] >= 0.9 * size)
    if below.size == 0 or above.size == 0:
        return math.nan
    low, high = int(below[-1]), crossing + int(above[0])
    at_10 = low + (0.1 * size - signal[low]) / (signal[low + 1] - signal[low])
    at_90 = high - 1 + (0.9 * size - signal[high - 1]) / (signal[high] - signal[high - 1])
    return float(at_90 - at_10)
