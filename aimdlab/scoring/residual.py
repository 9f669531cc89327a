"""What is left of the device monitor once the leak is taken off, and its sums: part by part, in bounded memory.

Sums in floating point depend on the order in which they are formed. They are formed over grains, whose place in the
capture is fixed, and added up without rounding; so no result depends on how large the parts are that are worked on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import GRAIN, BoolArray, FloatArray, Indices, blocks
from aimdlab.scoring.runs import RunFinder, Runs, Samples, Signal, Stretches, stretches

_TAKEN = 1 << 12
"""Samples that are computed at once where single ones are wanted."""
_KEPT = 1 << 20
"""Up to so many samples a leak is computed once and kept."""


class Kept:
    """Samples that are computed once if they are few, and again whenever they are asked for if they are many."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._values: FloatArray | None = None
        if samples.n <= _KEPT:
            self._values = np.empty(samples.n)
            for start, stop in blocks(samples.n):
                self._values[start:stop] = samples.part(start, stop)

    @property
    def n(self) -> int:
        """Number of samples."""
        return self._samples.n

    def part(self, start: int, stop: int) -> Signal:
        """Samples ``start`` up to, not including, ``stop``."""
        return self._samples.part(start, stop) if self._values is None else self._values[start:stop]


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

    def add(self, part: FloatArray, n: int) -> None:
        """A part that begins with a grain, 0 where ``n`` does not count a sample."""
        self.n += n
        for rows in _rows(part):
            self.totals += rows.sum(axis=1).tolist()
            self.squares += np.einsum("ij,ij->i", rows, rows).tolist()

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
        self._low, self._high, self._total, self._square, self._leak_peak = (np.zeros(count) for _ in range(5))
        for start, stop in blocks(self.n):
            self._look_at(start, stop)

    @property
    def leak(self) -> Samples | None:
        """What is taken off."""
        return self._leak

    @property
    def leak_peak(self) -> float:
        """The largest magnitude of the leak."""
        return float(self._leak_peak.max(initial=0.0))

    def part(self, start: int, stop: int) -> FloatArray:
        """Samples ``start`` up to, not including, ``stop``, relative to the level."""
        device = self._device.part(start, stop)
        if self._leak is None:
            return np.asarray(device - self.about, dtype=np.float64)
        rest = np.subtract(device, self._leak.part(start, stop), dtype=np.float64)
        rest -= self.about
        return rest

    def runs(self, level: float, high: float, low: float, sign: int) -> Runs:
        """Runs of this times ``sign``, relative to ``level``."""
        finder = RunFinder(high, low, sign)
        highest = self._high - level if sign > 0 else level - self._low
        for start, stop in self._grouped(highest >= low):
            finder.skip(start)
            finder.add(self.part(start, stop) - level)
        finder.skip(self.n)
        return finder.runs()

    def totals(self, outside: Stretches) -> Totals:
        """Of all samples that are not within the stretches."""
        if self._last is not None and self._last[0] is outside:
            return self._last[1]
        whole, broken, n = self._grains(outside)
        sums = _Sums(n, self._total[whole].tolist(), self._square[whole].tolist())
        for start, stop in self._grouped(broken):
            part, keep = self.part(start, stop), ~outside.mask(start, stop)
            sums.add(part * keep, int(np.count_nonzero(keep)))
        self._last = outside, sums.done()
        return self._last[1]

    def peak(self, level: float, outside: Stretches) -> float:
        """The largest distance from ``level`` of the samples that are not within the stretches; 0 of none."""
        whole, broken, _ = self._grains(outside)
        extremes = [*self._low[whole].tolist(), *self._high[whole].tolist()]
        for start, stop in self._grouped(broken):
            kept = self.part(start, stop)[~outside.mask(start, stop)]
            extremes += [float(kept.min()), float(kept.max())] if kept.size else []
        return max((abs(extreme - level) for extreme in extremes), default=0.0)

    def by_leak(self, threshold: float, outside: Stretches) -> tuple[Totals, Totals, float]:
        """Totals of samples with a leak beyond ``threshold`` and of the others, and the mean square of that leak.

        What is within the stretches counts for the mean square only.
        """
        inside, squares = _Sums(), _Sums()
        for start, stop in self._grouped(self._leak_peak > threshold):
            leak = self._leak_part(start, stop)
            within = np.abs(leak) > threshold
            squares.add(leak * within, int(np.count_nonzero(within)))
            if outside.touches(start, stop):
                within &= ~outside.mask(start, stop)
            inside.add(self.part(start, stop) * within, int(np.count_nonzero(within)))
        found, everything = squares.done(), self.totals(outside)
        return inside.done(), everything.without(inside.done()), found.square / max(found.n, 1)

    def take(self, at: Indices) -> FloatArray:
        """These samples, of any shape and in any order, relative to the level."""
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
        part = self.part(start, stop)
        leak = self._leak_part(start, stop) if self._leak is not None else None
        grain = start // GRAIN
        for rows in _rows(part):
            of = slice(grain, grain + len(rows))
            self._low[of], self._high[of] = rows.min(axis=1), rows.max(axis=1)
            self._total[of], self._square[of] = rows.sum(axis=1), np.einsum("ij,ij->i", rows, rows)
            grain += len(rows)
        if leak is not None:
            grain = start // GRAIN
            for rows in _rows(leak):
                of = slice(grain, grain + len(rows))
                self._leak_peak[of] = np.maximum(rows.max(axis=1), -rows.min(axis=1))
                grain += len(rows)

    def _leak_part(self, start: int, stop: int) -> FloatArray:
        if self._leak is None:
            return np.zeros(stop - start)
        return np.asarray(self._leak.part(start, stop), dtype=np.float64)

    def _grains(self, outside: Stretches) -> tuple[BoolArray, BoolArray, int]:
        """Which grains are not touched by the stretches, which are in part, and the samples of the former."""
        bounds = np.minimum(np.arange(self._low.size + 1) * GRAIN, self.n)
        sizes, taken = np.diff(bounds), np.diff(outside.before(bounds))
        whole = taken == 0
        return whole, ~whole & (taken < sizes), int(sizes[whole].sum())

    def _grouped(self, grains: BoolArray) -> Iterator[tuple[int, int]]:
        """Parts that these grains make up, none longer than a block."""
        found = self._samples_of(grains)
        for begin, end in zip(found.begin.tolist(), found.end.tolist(), strict=True):
            yield from blocks(end, begin)

    def _samples_of(self, grains: BoolArray) -> Stretches:
        which = np.flatnonzero(grains)
        return stretches(which * GRAIN, np.minimum((which + 1) * GRAIN, self.n), self.n)


def _rows(part: FloatArray) -> Iterator[NDArray[np.float64]]:
    """A part as rows of one grain each, and what is left of it."""
    whole = part.size // GRAIN * GRAIN
    if whole:
        yield part[:whole].reshape(-1, GRAIN)
    if whole < part.size:
        yield part[whole:].reshape(1, -1)
