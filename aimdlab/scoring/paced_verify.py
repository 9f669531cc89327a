"""A device pulse that falls into the verify capture, where only the injection monitor is recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from aimdlab.scoring.codes import FloatArray, Trace
from aimdlab.scoring.injection import ExpectedInjection, MonitorPulses
from aimdlab.scoring.runs import Array, find_runs
from aimdlab.signals.injected import InjectedSignal

_BLOCK_S = 10e-6
_EDGE_S = 5e-6
_TIMING = 0.02
"""How far an edge may be from where it belongs, relative to its time; such samples say nothing."""
_FROM, _TO = 0.5, 1.5
"""Parts of the height and of the width that a device pulse may have."""
_SIGMAS = 5.0
_HARMLESS = 0.02
"""Part of the injected amplitude up to which a device pulse changes nothing that is measured."""


@dataclass(frozen=True)
class BackPulse:
    """What the injection monitor shows of a device pulse between its edges.

    Attributes:
        height_v: signed.
        width_s: of the pulse.
    """

    height_v: float
    width_s: float


def paced_stretch(trace: Trace, expected: ExpectedInjection, pulse: BackPulse) -> tuple[int, int] | None:
    """First and last sample that a device pulse touches, or None if there is none.

    Looked for is one stretch, about as wide as the pulse, that is shifted by about its height against the rest of the
    plateaus (or zeros) around it. A pulse too small to be told from noise does no harm either.
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
    kinds = _kinds(expected.signal, begins_s, size * dt)
    off = np.full(blocks, np.nan)
    for kind in (1.0, -1.0, 0.0):
        some = kinds == kind
        if some.any():
            level_v = kind * expected.ivamp_v if kind else 0.0
            near = some & (np.abs(values - level_v) <= np.abs(pulse.height_v) / 2 + expected.ivamp_v / 4)
            off[some] = values[some] - float(np.median(values[near if near.any() else some]))
    known = np.flatnonzero(np.isfinite(off))
    if known.size < 2:
        return None
    noise = float(np.median(np.abs(np.diff(off[known])))) * 1.05  # differences: sqrt(2) less; medians: 1.48 more
    if abs(pulse.height_v) * _FROM <= _SIGMAS * noise:
        return None
    # Blocks that say nothing are bridged by the one before.
    like = np.interp(np.arange(blocks), known, off[known]) / pulse.height_v
    runs = find_runs(Array(like), _FROM, _FROM)
    lengths_s = (runs.stop - runs.start) * size * dt
    fits = (lengths_s >= _FROM * pulse.width_s) & (lengths_s <= _TO * pulse.width_s + 2 * _BLOCK_S)
    if not fits.any():
        return None
    which = int(np.argmax(fits))
    guard = math.ceil(_EDGE_S / dt) + size
    return int(runs.start[which]) * size - guard, int(runs.stop[which]) * size + guard


def _kinds(signal: InjectedSignal, begins_s: FloatArray, length_s: float) -> FloatArray:
    """The signal's level in each block, NaN where an edge may be; 0 before and after the burst."""
    segments = signal.burst_segments()
    edges_s = np.concatenate(([0.0], np.cumsum([segment.duration_s for segment in segments])))
    levels = np.array([0.0, *(float(segment.value) for segment in segments), 0.0])
    kinds = levels[np.searchsorted(edges_s, begins_s, side="right")]
    margins_s = _EDGE_S + _TIMING * edges_s
    touched = np.searchsorted(edges_s - margins_s, begins_s + length_s) > np.searchsorted(edges_s + margins_s, begins_s)
    return np.where(touched, np.nan, kinds)


def without_touched(pulses: MonitorPulses, stretch: tuple[int, int] | None) -> MonitorPulses:
    """The pulses that the stretch does not touch."""
    if stretch is None:
        return pulses
    keep = (pulses.runs.stop <= stretch[0]) | (pulses.runs.start > stretch[1])
    return replace(pulses, runs=pulses.runs.select(keep), rise=pulses.rise[keep], fall=pulses.fall[keep])
