"""Stretches of a signal above a level, with hysteresis, and where it crossed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, IntArray

Indices = NDArray[np.intp]
Signal = IntArray | FloatArray


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches above a level, in order; index arrays of one length.

    Attributes:
        start: first sample at or above ``high``.
        last: last sample at or above ``high``.
        stop: first sample below ``low`` after it, or the number of samples if there is none.
        n: number of samples of the signal.
    """

    start: Indices
    last: Indices
    stop: Indices
    n: int

    @property
    def count(self) -> int:
        """Number of runs."""
        return int(self.start.size)

    @property
    def complete(self) -> BoolArray:
        """True for a run whose beginning and end are both in the signal."""
        complete: BoolArray = (self.start > 0) & (self.stop < self.n)
        return complete

    def select(self, keep: BoolArray) -> Runs:
        """The runs where ``keep`` is true."""
        return Runs(self.start[keep], self.last[keep], self.stop[keep], self.n)

    def covered(self, guard: int, after: int | None = None) -> BoolArray:
        """Shape (n,): true inside any run and ``guard`` samples around it, or ``after`` samples after it."""
        first = np.maximum(self.start - guard, 0)
        stop = np.minimum(self.stop + (guard if after is None else after), self.n)
        return inside(first, stop, self.n)


def inside(begin: Indices, end: Indices, n: int) -> BoolArray:
    """Shape (n,): true from each ``begin`` up to, but not at, its ``end``; both rise, stretches may overlap."""
    if not begin.size:
        return np.zeros(n, dtype=np.bool_)
    joined = begin[1:] <= end[:-1]
    edges = np.empty(2 * (begin.size - np.count_nonzero(joined)), dtype=np.intp)
    edges[0::2], edges[1::2] = begin[np.append(True, ~joined)], end[np.append(~joined, True)]
    lengths = np.diff(edges, prepend=0, append=n)
    # Repeating a value is a hundred times faster than summing a change over every sample.
    covered: BoolArray = np.repeat(np.arange(lengths.size) % 2 == 1, lengths)
    return covered


def find_runs(signal: Signal, high: float, low: float) -> Runs:
    """Runs that begin when ``signal`` reaches ``high`` and end when it falls below ``low`` (not above ``high``)."""
    n = signal.size
    over, under = signal >= high, signal < low
    changes = np.flatnonzero(over[1:] != over[:-1]) + 1
    ups, falls = changes[over[changes]], changes[~over[changes]] - 1
    if n and over[0]:
        ups = np.concatenate(([0], ups))
    if n and over[-1]:
        falls = np.concatenate((falls, [n - 1]))
    ends = np.flatnonzero(under[1:] & ~under[:-1]) + 1
    stop = np.concatenate((ends, [n]))[np.searchsorted(ends, ups, side="right")]
    first = np.ones(ups.size, dtype=np.bool_)
    first[1:] = stop[1:] != stop[:-1]
    start, stop = ups[first], stop[first]
    last = falls[np.searchsorted(falls, stop, side="left") - 1] if start.size else start
    return Runs(start=start, last=last, stop=stop, n=n)


def rise_positions(signal: Signal, runs: Runs, level: float) -> FloatArray:
    """Where each run rose through ``level`` (its ``high``), between samples; NaN if it began before the signal."""
    at = runs.start
    return np.where(at > 0, _between(signal, at - 1, at, level), np.nan)


def fall_positions(signal: Signal, runs: Runs, level: float) -> FloatArray:
    """Where each run fell through ``level`` (its ``high``) for good; NaN if it goes on to the signal's end."""
    at = runs.last
    return np.where(at < runs.n - 1, _between(signal, at, at + 1, level), np.nan)


def _between(signal: Signal, left: Indices, right: Indices, level: float) -> FloatArray:
    left, right = np.clip(left, 0, signal.size - 1), np.clip(right, 0, signal.size - 1)
    a, b = signal[left].astype(np.float64), signal[right].astype(np.float64)
    rise = np.where(b == a, 1.0, b - a)  # equal only at the clipped ends, which the callers replace
    position: FloatArray = left + (level - a) / rise
    return position
