"""A device pulse that falls into the verify capture, where only the injection monitor is recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aimdlab.scoring.codes import FloatArray, Trace
from aimdlab.scoring.injection import ExpectedInjection, MonitorPulses
from aimdlab.scoring.runs import Array, find_runs
from aimdlab.signals.injected import LEAST_GENERATOR_RATE_HZ, InjectedSignal

_BLOCK_S = 10e-6
_EDGE_S = 5e-6
_TIMING = 0.02
"""How far an edge may be from where it belongs, relative to the time since one that was found; what is nearer says
nothing."""
_LATE_S = 1.0 / LEAST_GENERATOR_RATE_HZ
"""How much later than the trigger the first edge may be: a sample of the generator."""
_FROM, _TO = 0.5, 1.5
"""Parts of the height and of the width that a device pulse may have."""
_SIGMAS = 5.0
_HARMLESS = 0.02
"""Part of the injected amplitude up to which a device pulse changes nothing that is measured."""
_SMALL = 0.05
"""The same for a width, which is measured at half of the amplitude: the pulse's edges apart, which are spikes."""


@dataclass(frozen=True)
class BackPulse:
    """What the injection monitor shows of a device pulse between its edges.

    Attributes:
        height_v: signed.
        width_s: of the pulse.
    """

    height_v: float
    width_s: float


@dataclass(frozen=True)
class PacedStretch:
    """The samples that a device pulse touches.

    Attributes:
        first, stop: all of them, from and up to.
        edges: those on which its edges are, as pairs like that; an end of the capture that cuts the pulse is none.
        is_small: whether it changes no width between its edges.
    """

    first: int
    stop: int
    edges: tuple[tuple[int, int], ...]
    is_small: bool

    @property
    def is_whole(self) -> bool:
        """Whether both ends of the pulse were recorded, so that its width is known to be that of a device pulse."""
        return len(self.edges) == 2

    def touches(self, first: int, stop: int) -> bool:
        """Whether any sample from ``first`` up to ``stop`` is touched."""
        return first < self.stop and stop > self.first

    def bridged(self, trace: Trace) -> Trace:
        """``trace`` with what was there before each edge on all of its samples."""
        for first, stop in self.edges:
            at = np.arange(max(first, 1), min(stop, trace.n))
            held = np.full(at.size, int(trace.part(at[0] - 1, at[0])[0]) if at.size else 0, dtype=np.int32)
            trace = trace.changed(at, held, trace.clipped)
        return trace


def paced_stretch(
    trace: Trace, expected: ExpectedInjection, pulse: BackPulse, found: Sequence[MonitorPulses]
) -> PacedStretch | None:
    """What a device pulse touches, or None if there is none.

    Looked for is one stretch, about as wide as the pulse, or shorter if an end of the capture cuts it, that is shifted
    by about its height against the rest of the plateaus (or zeros) around it. A pulse too small to be told from noise
    does no harm either.

    Args:
        trace: the capture.
        expected: the signal, which begins at t = 0.
        pulse: a device pulse.
        found: pulses A and B of the signal, some of which may be the device's.
    """
    dt = trace.capture.dt_s
    size = max(round(_BLOCK_S / dt), 1)
    blocks = trace.n // size
    if abs(pulse.height_v) <= _HARMLESS * expected.ivamp_v or blocks < 2:
        return None
    # Medians, so that the spikes at the pulse's edges do not matter.
    middle = np.sort(trace.part(0, blocks * size).reshape(blocks, size), axis=1)[:, [(size - 1) // 2, size // 2]]
    values = middle.astype(np.float64).mean(axis=1) * trace.scale + trace.offset
    begins_s = trace.capture.t0_s + np.arange(blocks, dtype=np.float64) * (size * dt)
    kinds = _kinds(expected.signal, begins_s, size * dt, found)
    off = np.full(blocks, np.nan)
    # Up to three quarters of what is there at one level may be shifted.
    untouched = 0.25 if pulse.height_v > 0 else 0.75
    for kind in (1.0, -1.0, 0.0):
        some = kinds == kind
        if some.any():
            level_v = kind * expected.ivamp_v if kind else 0.0
            near = some & (np.abs(values - level_v) <= np.abs(pulse.height_v) / 2 + expected.ivamp_v / 4)
            off[some] = values[some] - float(np.quantile(values[near if near.any() else some], untouched))
    known = np.flatnonzero(np.isfinite(off))
    if known.size < 2:
        return None
    noise = float(np.median(np.abs(np.diff(off[known])))) * 1.05  # differences: sqrt(2) less; medians: 1.48 more
    if abs(pulse.height_v) * _FROM <= _SIGMAS * noise:
        return None
    # Blocks that say nothing are bridged from those around them.
    like = np.interp(np.arange(blocks), known, off[known]) / pulse.height_v
    runs = find_runs(Array(like), _FROM, _FROM)
    lengths_s = (runs.stop - runs.start) * size * dt
    fits = (lengths_s >= _FROM * pulse.width_s) | ~runs.complete
    fits &= lengths_s <= _TO * pulse.width_s + 2 * _BLOCK_S
    for run in np.flatnonzero(fits).tolist():
        fits[run] = float(np.median(like[runs.start[run] : runs.stop[run]])) <= _TO
    if not fits.any():
        return None
    start, stop = (int(ends[int(np.argmax(fits))]) for ends in (runs.start, runs.stop))
    guard = math.ceil(_EDGE_S / dt) + size
    # An edge is between the last block known to be without and the first known to be within, or the other way round.
    within = known[(known >= start) & (known < stop)]
    first, last = (int(within[0]), int(within[-1])) if within.size else (start, stop - 1)
    before, after = known[known < first], known[known > last]
    edges = []
    if start:
        edges.append(((int(before[-1]) + 1 if before.size else 0) * size - guard, first * size + guard))
    if stop < blocks:
        edges.append(((last + 1) * size - guard, (int(after[0]) if after.size else blocks) * size + guard))
    return PacedStretch(
        first=edges[0][0] if start else 0,
        stop=edges[-1][1] if stop < blocks else trace.n,
        edges=tuple(edges),
        is_small=abs(pulse.height_v) <= _SMALL * expected.ivamp_v,
    )


def _kinds(signal: InjectedSignal, begins_s: FloatArray, length_s: float, found: Sequence[MonitorPulses]) -> FloatArray:
    """The signal's level in each block, NaN where an edge may be; 0 before and after the burst."""
    segments = signal.burst_segments()
    levels = np.array([0.0, *(float(segment.value) for segment in segments), 0.0])
    edges_s, margins_s = _edges(levels, [segment.duration_s for segment in segments], found, float(begins_s[-1]))
    levels = levels[: edges_s.size + 1]
    kinds = levels[np.searchsorted(edges_s, begins_s, side="right")]
    begin_s = np.minimum.accumulate((edges_s - margins_s)[::-1])[::-1]
    end_s = np.maximum.accumulate(edges_s + margins_s)
    touched = np.searchsorted(begin_s, begins_s + length_s) > np.searchsorted(end_s, begins_s)
    return np.where(touched, np.nan, kinds)


def _edges(
    levels: FloatArray, durations_s: list[float], found: Sequence[MonitorPulses], until_s: float
) -> tuple[FloatArray, FloatArray]:
    """When each edge of a burst is, and by how much it may be off: as found, or as far from the last one as it should.

    An edge that is not where it should be, seen from the last that was found, counts as not found.
    """
    seen_s = {
        (pulses.sign, is_rise): pulses.trace.capture.t0_s + ends[np.isfinite(ends)] * pulses.trace.capture.dt_s
        for pulses in found
        for is_rise, ends in ((True, pulses.rise), (False, pulses.fall))
    }
    edges_s, margins_s = [], []
    at_s, since_s, margin_s = 0.0, 0.0, _EDGE_S + _LATE_S
    for place, duration_s in enumerate([0.0, *durations_s]):
        at_s, since_s = at_s + duration_s, since_s + duration_s
        if at_s > until_s:
            break
        margin_s = max(margin_s, _EDGE_S + _TIMING * since_s)
        before, after = levels[place], levels[place + 1]
        near = seen_s[(1 if after > 0 else -1, True) if after else (1 if before > 0 else -1, False)]
        late_s = near - at_s
        if late_s.size and abs(nearest_s := float(late_s[np.argmin(np.abs(late_s))])) <= margin_s:
            at_s, since_s, margin_s = at_s + nearest_s, 0.0, _EDGE_S
        edges_s.append(at_s)
        margins_s.append(margin_s)
    return np.array(edges_s), np.array(margins_s)


def without_touched(pulses: MonitorPulses, paced: PacedStretch | None) -> MonitorPulses:
    """The pulses that the stretch does not touch."""
    if paced is None:
        return pulses
    keep = (pulses.runs.stop <= paced.first) | (pulses.runs.start >= paced.stop)
    return replace(pulses, runs=pulses.runs.select(keep), rise=pulses.rise[keep], fall=pulses.fall[keep])
