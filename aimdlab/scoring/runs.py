"""Stretches of a signal above a level, with hysteresis, and where it crossed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, Indices, Trace, blocks

_MANY = 9
"""Each stretch is marked by itself up to one in 2^9 samples."""

_FEW = 4
"""Sums are formed from place to place up to one place in 2^4 samples."""

_BELOW, _OVER = 0, 2

Signal = NDArray[np.integer] | FloatArray


class Samples(Protocol):
    """A signal that is had part by part."""

    @property
    def n(self) -> int:
        """Number of samples."""

    def part(self, start: int, stop: int) -> Signal:
        """Samples ``start`` up to, not including, ``stop``; to be read only."""


@dataclass(frozen=True, eq=False)
class Array:
    """Samples that are all there."""

    values: Signal

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self.values.size)

    def part(self, start: int, stop: int) -> Signal:
        """Samples ``start`` up to, not including, ``stop``."""
        return self.values[start:stop]


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of samples, ascending, apart from each other and not empty; index arrays of one length.

    Attributes:
        begin: first sample of each.
        end: the sample after its last.
        n: number of samples of the signal.
    """

    begin: Indices
    end: Indices
    n: int

    @cached_property
    def size(self) -> int:
        """Number of samples within."""
        return int((self.end - self.begin).sum())

    def mask(self, start: int, stop: int) -> BoolArray:
        """Shape (stop - start,): true within."""
        first, last = self.touching(start, stop)
        if last - first > (stop - start) >> _MANY:
            edges = np.column_stack((self.begin[first:last], self.end[first:last])).ravel()
            lengths = np.diff(np.clip(edges - start, 0, stop - start), prepend=0, append=stop - start)
            # Repeating a value is a hundred times faster than summing a change over every sample.
            return np.repeat(np.arange(lengths.size) % 2 == 1, lengths.astype(np.intp))
        mask = np.zeros(stop - start, dtype=np.bool_)
        for begin, end in zip(self.begin[first:last].tolist(), self.end[first:last].tolist(), strict=True):
            mask[max(begin - start, 0) : end - start] = True
        return mask

    def touches(self, start: int, stop: int) -> bool:
        """Whether any sample from ``start`` up to ``stop`` is within."""
        first, last = self.touching(start, stop)
        return stop > start and last > first

    def hold(self, at: Indices) -> BoolArray:
        """Whether each of these samples is within."""
        if not self.begin.size:
            return np.zeros(at.shape, dtype=np.bool_)
        which = self.begin.searchsorted(at, side="right") - 1
        held: BoolArray = (which >= 0) & (at < self.end[which])
        return held

    def before(self, at: Indices) -> NDArray[np.int64]:
        """How many samples before each of these are within."""
        counted = np.concatenate(([0], np.cumsum(self.end - self.begin)))
        which = self.begin.searchsorted(at, side="right")
        beyond = np.maximum(self.end[which - 1] - at, 0) if self.end.size else np.zeros(at.shape, dtype=np.int64)
        return counted[which] - np.where(which > 0, beyond, 0)

    def shared(self, other: Stretches) -> int:
        """Number of samples that are within both."""
        return int((self.before(other.end) - self.before(other.begin)).sum())

    def indices(self) -> Indices:
        """The samples within, ascending."""
        lengths = self.end - self.begin
        return np.repeat(self.begin - np.cumsum(lengths) + lengths, lengths) + np.arange(self.size)

    def without(self, start: int, stop: int) -> Stretches:
        """What of them is not from ``start`` up to ``stop``."""
        begin = np.concatenate((self.begin, np.maximum(self.begin, stop)))
        end = np.concatenate((np.minimum(self.end, start), self.end))
        some = end > begin
        return Stretches(begin[some], end[some], self.n)

    def complement(self) -> Stretches:
        """What is not within."""
        begin, end = np.concatenate(([0], self.end)), np.append(self.begin, self.n)
        some = end > begin
        return Stretches(begin[some], end[some], self.n)

    def __or__(self, other: Stretches) -> Stretches:
        """What is within either."""
        return stretches(np.concatenate((self.begin, other.begin)), np.concatenate((self.end, other.end)), self.n)

    def same(self, other: Stretches) -> bool:
        """Whether both hold the same samples."""
        return np.array_equal(self.begin, other.begin) and np.array_equal(self.end, other.end)

    def touching(self, start: int, stop: int) -> tuple[int, int]:
        """Number of the first stretch that ends after ``start``, and of the first that begins from ``stop`` on."""
        return int(self.end.searchsorted(start, side="right")), int(self.begin.searchsorted(stop))


def nothing_of(n: int) -> Stretches:
    """No sample of a signal of ``n``."""
    return Stretches(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), n)


def stretches(begin: Indices, end: Indices, n: int) -> Stretches:
    """Those from each ``begin`` up to, not including, its ``end``; in any order, and they may overlap."""
    some = end > begin
    begin, end = begin[some], end[some]
    if np.any(begin[1:] < begin[:-1]):
        order = np.argsort(begin, kind="stable")
        begin, end = begin[order], end[order]
    end = np.maximum.accumulate(end)
    if not begin.size:
        return nothing_of(n)
    apart = begin[1:] > end[:-1]
    return Stretches(begin[np.append(True, apart)], end[np.append(apart, True)], n)


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

    def covered(self, guard: int, after: int | None = None) -> Stretches:
        """Any run and ``guard`` samples around it, or ``after`` samples after it."""
        first = np.maximum(self.start - guard, 0)
        stop = np.minimum(self.stop + (guard if after is None else after), self.n)
        return stretches(first, stop, self.n)

    def inner(self, margin: int) -> Stretches:
        """From the first to the last sample at or above the level, without ``margin`` samples at either end."""
        return stretches(self.start + margin, self.last + 1 - margin, self.n)


class RunFinder:
    """Finds runs that begin when a signal reaches ``high`` and end when it falls below ``low`` (not above ``high``).

    The signal is given part by part, in order; of what is left out it is known that it is below ``low``.
    """

    def __init__(self, high: float, low: float, sign: int = 1) -> None:
        """With ``sign`` -1 the runs are those of the signal with its sign changed."""
        self._levels = high, low
        self._sign = sign
        # Whole numbers are compared as they are, which is several times faster.
        finite = math.isfinite(high) and math.isfinite(low)
        self._whole = (math.ceil(high), math.ceil(low)) if finite else self._levels
        self._at = 0
        self._state = _BELOW
        self._changes: list[Indices] = []
        self._states: list[NDArray[np.int8]] = []

    def skip(self, stop: int) -> None:
        """Everything up to ``stop`` is below ``low``."""
        if stop > self._at:
            if self._state != _BELOW:
                self._changes.append(np.array([self._at]))
                self._states.append(np.array([_BELOW], dtype=np.int8))
            self._at, self._state = stop, _BELOW

    def add(self, part: Signal) -> None:
        """What follows."""
        if not part.size:
            return
        high, low = self._whole if np.issubdtype(part.dtype, np.integer) else self._levels
        # 2 from ``high`` on, 1 from ``low`` on, 0 below; the first is that of the sample before.
        states = np.empty(part.size + 1, dtype=np.int8)
        states[0] = self._state
        if self._sign > 0:
            over, inside = part >= high, part >= low
        else:
            over, inside = part <= -high, part <= -low
        np.add(over.view(np.int8), inside.view(np.int8), out=states[1:])
        changes = np.flatnonzero(states[1:] != states[:-1])
        self._changes.append(changes + self._at)
        self._states.append(states[1:][changes])
        self._at += part.size
        self._state = int(states[-1])

    def runs(self) -> Runs:
        """Those of the whole signal, which has ended."""
        n = self._at
        at = np.concatenate((np.empty(0, dtype=np.intp), *self._changes))
        after = np.concatenate((np.empty(0, dtype=np.int8), *self._states))
        before = np.concatenate((np.array([_BELOW], dtype=np.int8), after))[:-1]
        ups, ends = at[after == _OVER], at[after == _BELOW]
        falls = at[before == _OVER] - 1
        if self._state == _OVER:
            falls = np.append(falls, n - 1)
        stop = np.append(ends, n)[ends.searchsorted(ups, side="right")]
        first = np.ones(ups.size, dtype=np.bool_)
        first[1:] = stop[1:] != stop[:-1]
        start, stop = ups[first], stop[first]
        last = falls[falls.searchsorted(stop, side="left") - 1] if start.size else start
        return Runs(start=start, last=last, stop=stop, n=n)


def find_runs(signal: Samples, high: float, low: float, sign: int = 1) -> Runs:
    """All runs of a signal, or of the signal with its sign changed; see :class:`RunFinder`."""
    finder = RunFinder(high, low, sign)
    for start, stop in blocks(signal.n):
        finder.add(signal.part(start, stop))
    return finder.runs()


Taken = Callable[[Indices], FloatArray]
"""The samples at these places."""


def rise_positions(taken: Taken, runs: Runs, level: float) -> FloatArray:
    """Where each run rose through ``level`` (its ``high``), between samples; NaN if it began before the signal."""
    at = runs.start
    return np.where(at > 0, _between(taken, runs.n, at - 1, at, level), np.nan)


def fall_positions(taken: Taken, runs: Runs, level: float) -> FloatArray:
    """Where each run fell through ``level`` (its ``high``) for good; NaN if it goes on to the signal's end."""
    at = runs.last
    return np.where(at < runs.n - 1, _between(taken, runs.n, at, at + 1, level), np.nan)


def _between(taken: Taken, n: int, left: Indices, right: Indices, level: float) -> FloatArray:
    left, right = np.clip(left, 0, n - 1), np.clip(right, 0, n - 1)
    a, b = taken(left), taken(right)
    rise = np.where(b == a, 1.0, b - a)  # equal only at the clipped ends, which the callers replace
    position: FloatArray = left + (level - a) / rise
    return position


def extremes_within(trace: Trace, within: Stretches) -> tuple[int, int] | None:
    """The lowest and the highest code within the stretches; None if nothing is."""
    lows, highs = list[int](), list[int]()
    for start, stop in blocks(trace.n):
        first, last = within.touching(start, stop)
        if first == last:
            continue
        part = trace.part(start, stop)
        # From the beginning of each to its end, and from there to the next, which does not count.
        edges = np.column_stack((within.begin[first:last], within.end[first:last])).ravel() - start
        edges[0] = max(edges[0], 0)
        edges = edges[: edges.size - int(edges[-1] >= part.size)]
        lows.append(int(np.minimum.reduceat(part, edges)[::2].min()))
        highs.append(int(np.maximum.reduceat(part, edges)[::2].max()))
    return (min(lows), max(highs)) if lows else None


def prefix_sums(samples: Samples, at: Indices) -> NDArray[np.int64]:
    """The sum of all whole-number samples before each of these places, which ascend; exact."""
    sums = np.zeros(at.size, dtype=np.int64)
    total = 0
    end = int(at[-1]) if at.size else 0
    for start, stop in blocks(end):
        part = samples.part(start, stop)
        first, last = at.searchsorted((start, stop))
        if first == last:
            total += int(part.sum(dtype=np.int64))
            continue
        running = _sums_between(part, at[first:last] - start)
        sums[first:last] = running[:-1] + total
        total += int(running[-1])
    sums[np.searchsorted(at, end) :] = total
    return sums


def _sums_between(part: Signal, at: Indices) -> NDArray[np.int64]:
    """The sums before each of these places, which ascend, and the sum of everything."""
    if at.size << _FEW > part.size:
        running = np.concatenate(([0], np.cumsum(part.astype(np.int64))))
        everywhere: NDArray[np.int64] = running[np.append(at, part.size)]
        return everywhere
    # From place to place: a running sum of every sample takes as much memory again as four times the codes.
    places = np.concatenate(([0], at))
    between = np.add.reduceat(part, places, dtype=np.int64)
    between[:-1][places[1:] == places[:-1]] = 0
    return np.cumsum(between)
