"""When a voltage was beyond a threshold, found no further than somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aimdlab_simulators.world.crossings import beyond, candidates
from aimdlab_simulators.world.pieces import Pieces

_AT_ONCE = 8  # candidates that are looked into together; twice as many each time nothing was found


class Exceedances:
    """When ``abs`` of a voltage was above a threshold; the voltage comes window after window.

    Which pieces may be above is known at once; when exactly they are is found for those that somebody asks about. A
    window in which it was never above may be left out.

    Attributes:
        threshold_v: above which.
    """

    def __init__(self, threshold_v: float) -> None:
        self.threshold_v = threshold_v
        self._windows: list[_Window] = []

    def follow(self, pieces: Pieces) -> None:
        """Take in a window; the last one may come again, longer."""
        if self._windows and self._windows[-1].start_s == pieces.start_s:
            self._windows.pop()
        self._windows.append(_Window(pieces, self.threshold_v))

    def first(self, start_s: float, end_s: float) -> float | None:
        """The first time beyond the threshold in [start_s, end_s), None if there is none."""
        for from_s, _ in self._intervals(start_s, end_s):
            return max(from_s, start_s)
        return None

    def onsets(self, start_s: float, end_s: float) -> Iterator[float]:
        """The beginnings in [start_s, end_s), in order; an interval that began before counts at ``start_s``."""
        last_s = -np.inf
        for from_s, until_s in self._intervals(start_s, end_s):
            if from_s > last_s:
                yield max(from_s, start_s)
            last_s = until_s

    def forget(self, before_s: float) -> None:
        """Drop the windows that ended before."""
        while self._windows and self._windows[0].end_s < before_s:
            del self._windows[0]

    def _intervals(self, start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        """The intervals that reach into [start_s, end_s); those of neighbouring pieces touch."""
        for window in self._windows:
            if window.end_s > start_s and window.start_s < end_s:
                for from_s, until_s in window.intervals(start_s):
                    if from_s >= end_s:
                        return
                    if until_s > start_s:
                        yield from_s, until_s


class _Window:
    """One window: its candidates, and what was found of them."""

    def __init__(self, pieces: Pieces, threshold_v: float) -> None:
        self._threshold_v = threshold_v
        self._which = candidates(pieces, threshold_v)
        self._pieces: Pieces | None = pieces if self._which.size else None
        self._ends_s = pieces.ends_s[self._which]
        self._found: list[list[tuple[float, float]] | None] = [None] * self._which.size
        self.start_s = pieces.start_s
        self.end_s = pieces.start_s + pieces.length_s

    def intervals(self, start_s: float) -> Iterator[tuple[float, float]]:
        """World times from and until, of the candidates that end after ``start_s``."""
        k = int(np.searchsorted(self._ends_s, start_s - self.start_s, "right"))
        at_once = _AT_ONCE
        while k < len(self._found):
            if (found := self._found[k]) is None:
                self._look(k, min(k + at_once, len(self._found)))
                at_once *= 2
                continue
            yield from found
            k += 1

    def _look(self, first: int, last: int) -> None:
        if self._pieces is None:
            return
        which = self._which[first:last]
        intervals: list[list[tuple[float, float]]] = [[] for _ in which]
        found = beyond(self._pieces, self._threshold_v, which)
        at = np.searchsorted(which, found.piece)
        for k, from_s, until_s in zip(at.tolist(), found.from_s.tolist(), found.until_s.tolist(), strict=True):
            intervals[k].append((self.start_s + from_s, self.start_s + until_s))
        self._found[first:last] = intervals
