"""When a voltage first crosses a level: what an edge trigger looks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from aimdlab_simulators.world.crossings import beyond
from aimdlab_simulators.world.pieces import Floats, Pieces
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import exact_pieces

_LEAF_SAMPLES = 65_536
# A stretch of pieces that is looked into at once: short at first, as an edge is often near.
_FIRST_S = 0.02
_LONGEST_S = 2.0


def first_edge(
    signal: Signal, level_v: float, slope: int, *, start_s: float, end_s: float, dt_s: float
) -> float | None:
    """World time of the first crossing of ``level_v`` in (start_s, end_s], None if there is none.

    ``slope`` is +1 (rising), -1 (falling) or 0 (either). Exact for what gives its pieces; of a curve the crossing is
    interpolated between samples ``dt_s`` apart.
    """
    left_s, length_s, above = start_s, _FIRST_S, None
    while left_s < end_s:
        right_s = min(left_s + length_s, end_s)
        pieces = exact_pieces(signal, left_s, right_s)
        if pieces is None:
            return _first_sampled(signal, level_v, slope, start_s=left_s, end_s=end_s, dt_s=dt_s)
        rises, falls, above = _edges(pieces, level_v, above)
        found = {1: rises, -1: falls}.get(slope, np.union1d(rises, falls))
        if found.size:
            return left_s + float(found[0])
        left_s, length_s = right_s, min(2.0 * length_s, _LONGEST_S)
    return None


def _edges(pieces: Pieces, level_v: float, above: bool | None) -> tuple[Floats, Floats, bool]:
    """Rising and falling edges of a window, and whether it ends above; ``above``: how the last one ended, if any."""
    if not pieces.rates.size:
        return _held_edges(pieces, level_v, above)
    low, high = pieces.extremes()
    reach = np.flatnonzero(high > level_v)
    end = float(pieces.levels[-1] + pieces.tails[:, -1].sum()) if pieces.begins_s[-1] >= pieces.length_s else None
    if (low > level_v).all() and above is not False:
        return np.empty(0), np.empty(0), True
    from_s, until_s = np.empty(0), np.empty(0)
    if reach.size:
        found = beyond(replace(pieces, levels=pieces.levels - level_v), 0.0, reach)
        from_s, until_s = found.from_s[found.sign > 0], found.until_s[found.sign > 0]
    if end is not None and end > level_v:  # a step at the very end: a piece without duration
        from_s, until_s = np.append(from_s, pieces.length_s), np.append(until_s, pieces.length_s)
    if not from_s.size:
        return np.empty(0), np.zeros(1 if above else 0), False
    # Neighbouring pieces touch; an interval at the very beginning goes on from the last window.
    ends_above = bool(until_s[-1] >= pieces.length_s) if end is None else end > level_v
    rises = from_s[np.append(from_s[0] > 0.0 or above is False, from_s[1:] > until_s[:-1])]
    falls = until_s[np.append(until_s[:-1] < from_s[1:], not ends_above)]
    if above and from_s[0] > 0.0:
        falls = np.append(0.0, falls)
    return rises, falls, ends_above


def _held_edges(pieces: Pieces, level_v: float, above: bool | None) -> tuple[Floats, Floats, bool]:
    """The same of held levels: an edge is where a piece begins; one without duration counts at the very end alone."""
    last = np.append(pieces.begins_s[1:] > pieces.begins_s[:-1], True)
    begins_s, beyond_it = pieces.begins_s[last], pieces.levels[last] > level_v
    before = np.append(beyond_it[0] if above is None else above, beyond_it[:-1])
    return begins_s[beyond_it & ~before], begins_s[before & ~beyond_it], bool(beyond_it[-1])


def _first_sampled(
    signal: Signal, level_v: float, slope: int, *, start_s: float, end_s: float, dt_s: float
) -> float | None:
    """The same by samples; stretches whose bounds do not reach the level are skipped whole."""
    for left_s, right_s in _candidates(signal, level_v, start_s, end_s, dt_s):
        n = max(2, int(np.ceil((right_s - left_s) / dt_s)) + 1)
        above = (volts := signal.samples(left_s, dt_s, n)) > level_v
        rises = ~above[:-1] & above[1:]
        falls = above[:-1] & ~above[1:]
        found = np.flatnonzero(rises if slope > 0 else falls if slope < 0 else rises | falls)
        if found.size:
            i = int(found[0])
            before, after = float(volts[i]), float(volts[i + 1])
            return min(left_s + (i + (level_v - before) / (after - before)) * dt_s, end_s)
    return None


def _candidates(
    signal: Signal, level_v: float, start_s: float, end_s: float, dt_s: float
) -> Iterator[tuple[float, float]]:
    """Short stretches, in order of time, in which ``level_v`` may be crossed."""
    stack = [(start_s, end_s)]
    while stack:
        left_s, right_s = stack.pop()
        if right_s <= left_s:
            continue
        low, high = signal.bounds(left_s, right_s)
        if high <= level_v or low > level_v:
            continue
        if right_s - left_s <= _LEAF_SAMPLES * dt_s:
            yield left_s, right_s
        else:
            middle_s = left_s + (right_s - left_s) / 2
            stack += [(middle_s, right_s), (left_s, middle_s)]
