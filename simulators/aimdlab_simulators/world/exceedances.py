"""When a voltage was beyond a threshold: intervals in order of time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray


class Exceedances:
    """Intervals [begin, end) that neither touch nor overlap; the newest window can be written again."""

    def __init__(self) -> None:
        self._begins_s: list[float] = []
        self._ends_s: list[float] = []

    def replace(self, from_s: float, begins_s: NDArray[np.float64], ends_s: NDArray[np.float64]) -> None:
        """Put these intervals, in order and none before ``from_s``, in place of all that is from there on."""
        keep = bisect_left(self._begins_s, from_s)
        del self._begins_s[keep:], self._ends_s[keep:]
        if keep and self._ends_s[-1] > from_s:
            self._ends_s[-1] = from_s
        for begin_s, end_s in zip(begins_s.tolist(), ends_s.tolist(), strict=True):
            if end_s <= begin_s:
                continue
            if self._ends_s and begin_s <= self._ends_s[-1]:
                self._ends_s[-1] = max(end_s, self._ends_s[-1])
            else:
                self._begins_s.append(begin_s)
                self._ends_s.append(end_s)

    def first(self, start_s: float, end_s: float) -> float | None:
        """The first time beyond the threshold in [start_s, end_s), None if there is none."""
        k = bisect_right(self._ends_s, start_s)
        if k == len(self._begins_s):
            return None
        at_s = max(self._begins_s[k], start_s)
        return at_s if at_s < end_s else None

    def onsets(self, start_s: float, end_s: float) -> list[float]:
        """The beginnings in [start_s, end_s); an interval that began before counts at ``start_s``."""
        first, last = bisect_right(self._ends_s, start_s), bisect_left(self._begins_s, end_s)
        return [max(begin_s, start_s) for begin_s in self._begins_s[first:last]]

    def forget(self, before_s: float) -> None:
        """Drop the intervals that ended before."""
        k = bisect_left(self._ends_s, before_s)
        del self._begins_s[:k], self._ends_s[:k]
