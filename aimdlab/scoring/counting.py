"""Whole numbers, counted: medians and sums that are exact, take one pass and need no sorting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Counts:
    """How often each whole number occurs; numbers are added in any order, in any parts."""

    def __init__(self) -> None:
        self._low = 0
        self._counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @property
    def values(self) -> NDArray[np.int64]:
        """The numbers that occur, ascending."""
        return np.flatnonzero(self._counts) + self._low

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each of :attr:`values` occurs."""
        return self._counts[self._counts > 0]

    @property
    def size(self) -> int:
        """How many numbers were added."""
        return int(self._counts.sum())

    def add(self, numbers: NDArray[np.integer]) -> None:
        """Count these as well; memory grows with the largest difference between two."""
        if not numbers.size:
            return
        low, high = int(numbers.min()), int(numbers.max())
        places = numbers.astype(np.intp)
        if low:
            places -= low
        counted = np.bincount(places, minlength=high - low + 1)
        if not self._counts.size:
            self._low, self._counts = low, counted
            return
        if low < self._low or high >= self._low + self._counts.size:
            before, self._low, old = self._counts, min(low, self._low), self._low
            end = max(high + 1, old + before.size)
            self._counts = np.zeros(end - self._low, dtype=np.int64)
            self._counts[old - self._low : old - self._low + before.size] = before
        self._counts[low - self._low : high + 1 - self._low] += counted

    def remove(self, number: int, times: int) -> None:
        """Take back ``times`` occurrences of a number that was added."""
        if times:
            self._counts[number - self._low] -= times

    def median(self) -> float:
        """The median: the mean of both in the middle of an even number."""
        return weighted_median(self.values.astype(np.float64), self.counts)


def weighted_median(values: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """The median of ascending values that occur so often each."""
    counted = np.cumsum(counts)
    size = int(counted[-1])
    middle = np.searchsorted(counted, [(size - 1) // 2, size // 2], side="right")
    return float(values[middle].sum()) / 2
