"""What is left of the device monitor once the leak is taken off, and its sums: part by part, in bounded memory.

Sums in floating point depend on the order in which they are formed. They are formed over grains, whose place in the
capture is fixed, and added up without rounding; so no result depends on how large the parts are that are worked on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from aimdlab.scoring.codes import GRAIN, BoolArray, FloatArray, Indices, blocks
from aimdlab.scoring.runs import Array, RunFinder, Runs, Samples, Stretches

_TAKEN = 1 << 12
"""Samples that are computed at once where single ones are wanted."""
_KEPT = 1 << 20
"""Up to so many samples a residual is computed once and kept."""
_TOGETHER = 1 << 6
"""Grains that are worked on at a time."""
_NONE = -1


@dataclass(frozen=True)
class Totals:
    """Of some samples.

    Attributes:
        n: how many.
        total: their sum.
        square: the sum of their squares.
    """

    n: int
    total: float
    square: float

    @property
    def mean(self) -> float:
        """NaN of none."""
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """Around the mean; NaN of none."""
        return max(self.square / self.n - self.mean**2, 0.0) if self.n else math.nan

    def about(self, level: float) -> Totals:
        """The same relative to another level."""
        square = self.square - 2.0 * level * self.total + self.n * level * level
        return Totals(self.n, self.total - self.n * level, max(square, 0.0))

    def without(self, others: Totals) -> Totals:
        """Of those that are not among ``others``."""
        square = max(self.square - others.square, 0.0)
        return Totals(self.n - others.n, self.total - others.total, square)


@dataclass
class _Sums:
    """Totals in the making, grain by grain."""

    n: int = 0
    totals: list[float] = field(default_factory=list)
    squares: list[float] = field(default_factory=list)

    def add(self, rows: FloatArray, counted: FloatArray) -> None:
        """A row for each grain, and 1 for each of its samples that counts, 0 for the others."""
        self.totals += np.vecdot(rows, counted).tolist()
        self.n += int(counted.sum())
        self.squares += np.vecdot(rows, rows * counted).tolist()

    def done(self) -> Totals:
        """All of it, added up without rounding."""
        return Totals(self.n, math.fsum(self.totals), math.fsum(self.squares))


class Residual:
    """``device - leak``, in device codes.

    Args:
        device: the device monitor.
        leak: what is taken off; None for nothing.
        about: the level that sums are relative to, near which most samples are.
    """

    def __init__(self, device: Samples, leak: Samples | None, about: float) -> None:
        self._device = device
        self._leak = leak
        self.about = about
        self.n = device.n
        self._last: tuple[Stretches, Totals] | None = None
        count = -(-self.n // GRAIN)
        self._bounds = np.minimum(np.arange(count + 1) * GRAIN, self.n)
        self._sizes = np.diff(self._bounds)
        self._low, self._high, self._total, self._square, self._leak_peak = (np.zeros(count) for _ in range(5))
        # In whole grains, 0 behind the last sample.
        kept = count * GRAIN if self.n <= _KEPT else 0
        self._rest, self._leaks = np.empty(kept), np.empty(kept if leak is not None else 0)
        for start, stop in blocks(self.n):
            self._look_at(start, stop)

    @property
    def leak(self) -> Samples | None:
        """What is taken off."""
        return self._leak if self._leak is None or not self._leaks.size else Array(self._leaks[: self.n])

    @property
    def leak_peak(self) -> float:
        """The largest magnitude of the leak."""
        return float(self._leak_peak.max(initial=0.0))

    def part(self, start: int, stop: int) -> FloatArray:
        """Samples ``start`` up to, not including, ``stop``, relative to the level; to be read only."""
        if self._rest.size:
            return self._rest[start:stop]
        rest = self._device.part(start, stop).astype(np.float64)
        if self._leak is not None:
            rest -= self._leak.part(start, stop)
        rest -= self.about
        return rest

    def runs(self, level: float, high: float, low: float, sign: int) -> Runs:
        """Runs of this times ``sign``, relative to ``level``."""
        some = np.flatnonzero((self._high - level if sign > 0 else level - self._low) >= low)
        # After grains that the next does not follow comes one that is below.
        order = np.repeat(some, 1 + (np.diff(some, append=-1) != 1) * (some != self._low.size - 1))
        order[1:][order[1:] == order[:-1]] = _NONE
        finder = RunFinder(high, low, sign)
        for which in _batches(order):
            rows = self._rows(np.maximum(which, 0)) - level
            rows[which == _NONE] = -sign * math.inf
            finder.add(rows.ravel()[: self._recorded(which)])
        return _moved(finder.runs(), order, self.n)

    def totals(self, outside: Stretches) -> Totals:
        """Of all samples that are not within the stretches."""
        if self._last is not None and self._last[0] is outside:
            return self._last[1]
        whole, broken = self._grains(outside)
        sums = _Sums(int(self._sizes[whole].sum()), self._total[whole].tolist(), self._square[whole].tolist())
        for which in _batches(broken):
            sums.add(self._rows(which), self._keep(which, outside).astype(np.float64))
        self._last = outside, sums.done()
        return self._last[1]

    def peak(self, level: float, outside: Stretches) -> float:
        """The largest distance from ``level`` of the samples that are not within the stretches; 0 of none."""
        whole, broken = self._grains(outside)
        lowest, highest = (self._low[whole].min(initial=math.inf), self._high[whole].max(initial=-math.inf))
        for which in _batches(broken):
            kept = self._rows(which)[self._keep(which, outside)]
            lowest, highest = min(lowest, kept.min()), max(highest, kept.max())
        return max(abs(float(lowest) - level), abs(float(highest) - level)) if lowest <= highest else 0.0

    def by_leak(self, threshold: float, outside: Stretches) -> tuple[Totals, Totals, float]:
        """Totals of samples with a leak beyond ``threshold`` and of the others, and the mean square of that leak.

        What is within the stretches counts for the mean square only.
        """
        inside, beyond, squares = _Sums(), 0, list[float]()
        for which in _batches(np.flatnonzero(self._leak_peak > threshold)):
            leak = self._rows(which, of_leak=True)
            within = np.abs(leak) > threshold
            counted = within.astype(np.float64)
            beyond += int(np.count_nonzero(within))
            squares += np.vecdot(leak, leak * counted).tolist()
            if outside.touches(int(which[0]) * GRAIN, (int(which[-1]) + 1) * GRAIN):
                within &= self._keep(which, outside)
                np.copyto(counted, within)
            inside.add(self._rows(which), counted)
        found, everything = inside.done(), self.totals(outside)
        return found, everything.without(found), math.fsum(squares) / max(beyond, 1)

    def take(self, at: Indices) -> FloatArray:
        """These samples, of any shape and in any order, relative to the level."""
        if self._rest.size:
            taken: FloatArray = self._rest[at]
            return taken
        flat = at.ravel()
        order = np.argsort(flat, kind="stable")
        ascending = flat[order]
        taken = np.empty(flat.size)
        first = 0
        while first < flat.size:
            start = int(ascending[first])
            end = int(np.searchsorted(ascending, start + _TAKEN))
            part = self.part(start, int(ascending[end - 1]) + 1)
            taken[order[first:end]] = part[ascending[first:end] - start]
            first = end
        return taken.reshape(at.shape)

    def _look_at(self, start: int, stop: int) -> None:
        first, size = start // GRAIN, stop - start
        last = first - (-size // GRAIN)
        rest, leak = (
            kept[first * GRAIN : last * GRAIN] if kept.size else np.empty((last - first) * GRAIN)
            for kept in (self._rest, self._leaks)
        )
        rest[:size] = self._device.part(start, stop)
        rest[size:] = leak[size:] = 0.0
        if self._leak is not None:
            leak[:size] = self._leak.part(start, stop)
            rest[:size] -= leak[:size]
            rows = leak.reshape(-1, GRAIN)
            self._leak_peak[first:last] = np.maximum(rows.max(axis=1), -rows.min(axis=1))
        rest[:size] -= self.about
        rows = rest.reshape(-1, GRAIN)
        self._total[first:last], self._square[first:last] = rows.sum(axis=1), np.vecdot(rows, rows)
        self._low[first:last], self._high[first:last] = rows.min(axis=1), rows.max(axis=1)
        if size % GRAIN:
            recorded = rows[-1, : size % GRAIN]
            self._low[last - 1], self._high[last - 1] = recorded.min(), recorded.max()

    def _grains(self, outside: Stretches) -> tuple[BoolArray, Indices]:
        """Which grains are not touched by the stretches, and those that are in part."""
        taken = np.diff(outside.before(self._bounds))
        whole = taken == 0
        return whole, np.flatnonzero(~whole & (taken < self._sizes))

    def _rows(self, which: Indices, *, of_leak: bool = False) -> FloatArray:
        """The samples of some grains, or their leak, a row each, 0 behind the last; to be read only."""
        kept = self._leaks if of_leak else self._rest
        if kept.size:
            rows = kept.reshape(-1, GRAIN)
            first, last = int(which[0]), int(which[-1])
            neighbours = last - first == which.size - 1 and bool((np.diff(which) == 1).all())
            return rows[first : last + 1] if neighbours else rows[which]
        computed = np.zeros((which.size, GRAIN))
        for row, grain in zip(computed, which.tolist(), strict=True):
            start, stop = self._bounds[grain : grain + 2].tolist()
            if not of_leak:
                row[: stop - start] = self.part(start, stop)
            elif self._leak is not None:
                row[: stop - start] = self._leak.part(start, stop)
        return computed

    def _keep(self, which: Indices, outside: Stretches) -> BoolArray:
        """Shape of :meth:`_rows`: the samples of some grains that are not within the stretches."""
        begin, end = (_among(which, at) for at in (outside.begin, outside.end))
        some = end > begin
        keep = ~Stretches(begin[some], end[some], which.size * GRAIN).mask(0, which.size * GRAIN)
        keep[self._recorded(which) :] = False
        return keep.reshape(-1, GRAIN)

    def _recorded(self, which: Indices) -> int:
        """How many samples there are of some grains, the one at the capture's end, if any, being the last of them."""
        return which.size * GRAIN - (int(self._bounds.size - 1) * GRAIN - self.n) * int(
            which[-1] == self._bounds.size - 2
        )


def _batches(grains: Indices) -> Iterator[Indices]:
    """Grains that are worked on at once."""
    for first in range(0, grains.size, _TOGETHER):
        yield grains[first : first + _TOGETHER]


def _among(which: Indices, at: Indices) -> Indices:
    """Where samples are if only some grains, which ascend, are left; those of others, where the next grain begins."""
    grain = at // GRAIN
    row = which.searchsorted(grain)
    there = which[np.minimum(row, which.size - 1)] == grain
    return row * GRAIN + np.where(there, at - grain * GRAIN, 0)


def _moved(runs: Runs, order: Indices, n: int) -> Runs:
    """Runs found in grains one behind the other, where they are; see :meth:`Residual.runs`."""
    before = np.concatenate(([_NONE], order[:-1]))
    begin = np.append(np.where(order == _NONE, before + 1, order) * GRAIN, n)

    def moved(at: Indices) -> Indices:
        return begin[at // GRAIN] + at % GRAIN

    return Runs(moved(runs.start), moved(runs.last), moved(runs.stop), n)
