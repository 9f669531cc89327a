"""Samples of a voltage in pieces, block after block: what is in hand stays in the processor's cache."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aimdlab_simulators.world.pieces import Pieces

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Block = NDArray[np.float32] | NDArray[np.float64]

# Far below what any oscilloscope resolves.
UNSEEN_V = 1e-12
# Where tails are seen in more than this share of the samples, all samples are gone through.
_MANY = 1 / 6
_LONG = 256  # a piece as long as that is added by itself
_FEW = 64  # so few levels are put into a block one by one
_MARGIN = 1e-6  # far above the rounding of a logarithm


class PieceSamples:
    """The samples at ``first_s + i * dt_s`` after the beginning of ``pieces``, i from 0 to n - 1.

    Any thread may read them; a block's bits depend on its place alone.
    """

    def __init__(self, pieces: Pieces, first_s: float, dt_s: float, n: int, *, unseen: float = UNSEEN_V) -> None:
        """``unseen``: a tail below it is left out."""
        at = _first_samples(pieces.begins_s, first_s, dt_s, n)
        counts = np.diff(at, append=n)
        used: Indices | slice = slice(None)
        if not counts.all():
            used = np.flatnonzero(counts)
            at, counts = at[used], counts[used]
        self._at = at
        self._n = n
        self._levels = pieces.levels[used]
        self._flat = not self._levels.any()
        self._tails: list[_Tails] = []
        since_s = np.maximum(first_s + at * dt_s - pieces.begins_s[used], 0.0)
        for tail, rate in zip(pieces.tails, pieces.rates.tolist(), strict=True):
            if (tails := _tails(at, counts, tail[used], since_s, rate, dt_s, unseen)) is not None:
                self._tails.append(tails)

    def add(self, begin: int, out: Block, *, fresh: bool) -> None:
        """Add samples ``begin`` and on to ``out``; ``fresh``: put them there, whatever is in it."""
        end = begin + out.size
        if self._flat and fresh:
            out.fill(0.0)
        elif not self._flat:
            first = int(self._at.searchsorted(begin, "right")) - 1
            last = int(self._at.searchsorted(end))
            edges = np.append(self._at[first:last], end) - begin
            edges[0] = 0
            levels = self._levels[first:last].astype(out.dtype, copy=False)
            if fresh and edges.size <= _FEW:
                for left, right, level in zip(edges[:-1].tolist(), edges[1:].tolist(), levels, strict=True):
                    out[left:right] = level
            elif fresh:
                out[:] = np.repeat(levels, np.diff(edges))
            else:
                out += np.repeat(levels, np.diff(edges))
        for tails in self._tails:
            tails.add(begin, out)


class _Tails(Protocol):
    """What relaxes at one rate."""

    def add(self, begin: int, out: Block) -> None:
        """Add it to the samples from ``begin`` on."""
        ...


def _tails(
    at: Indices, counts: Indices, tail: Floats, since_s: Floats, rate: float, dt_s: float, unseen: float
) -> _Tails | None:
    """By whatever is quicker; None if nothing is seen.

    Args:
        at: number of the first sample of each piece.
        counts: samples of each.
        tail: at the beginning of each.
        since_s: from there to its first sample.
        rate: of all of them, per second.
        dt_s: sample interval.
        unseen: what is below it is left out.
    """
    largest = max(float(tail.max()), -float(tail.min()))
    if largest <= unseen:
        return None
    per_sample = rate * dt_s
    # What cannot be seen any more at its first sample needs no exponential.
    seen = np.flatnonzero(since_s < (math.log(largest / unseen) + _MARGIN) / rate)
    heights = _at_first_samples(tail[seen], since_s[seen], rate)
    size = np.abs(heights)
    reach = math.ceil(math.log(max(float(size.max(initial=0.0)) / unseen, 1.0)) / per_sample)
    if not reach:
        return None
    clear = size > unseen
    there = seen[clear]
    lengths = np.ones(there.size, np.int64)
    if reach > 1:
        lengths = np.minimum(np.ceil(np.log(size[clear] / unseen) / per_sample), counts[there]).astype(np.int64)
        if int(lengths.sum()) > int(at[-1] + counts[-1]) * _MANY:
            if seen.size < at.size:
                heights = _at_first_samples(tail, since_s, rate)
            return _Everywhere(at, heights, per_sample, reach)
    return _HereAndThere(at[there], lengths, heights[clear], per_sample)


def _at_first_samples(tail: Floats, since_s: Floats, rate: float) -> Floats:
    """What is left of tails ``since_s`` after their beginnings."""
    left = since_s * -rate
    np.exp(np.maximum(left, -700.0, out=left), out=left)
    left *= tail
    return left


class _HereAndThere:
    """Each tail on its own."""

    def __init__(self, at: Indices, lengths: Indices, heights: Floats, per_sample: float) -> None:
        self._at = at
        self._ends = at + lengths
        self._heights = heights
        self._per_sample = per_sample
        self._single = bool((lengths == 1).all())

    def add(self, begin: int, out: Block) -> None:
        end = begin + out.size
        first = int(self._ends.searchsorted(begin, "right"))
        last = int(self._at.searchsorted(end))
        if first >= last:
            return
        at, heights = self._at[first:last] - begin, self._heights[first:last]
        if self._single:
            out[at] += heights.astype(out.dtype, copy=False)
            return
        ends = np.minimum(self._ends[first:last] - begin, out.size)
        if at[0] < 0:
            heights = heights.copy()
            heights[0] *= math.exp(self._per_sample * int(at[0]))
            at[0] = 0
        lengths = ends - at
        shape = np.exp(np.arange(int(lengths.max())) * -self._per_sample).astype(out.dtype, copy=False)
        if shape.size > _LONG * at.size:
            for left, right, height in zip(at.tolist(), ends.tolist(), heights.tolist(), strict=True):
                out[left:right] += height * shape[: right - left]
            return
        stops = np.cumsum(lengths)
        place = np.arange(int(stops[-1]))
        place += np.repeat(at - (stops - lengths), lengths)
        tail = shape.take(place - np.repeat(at, lengths))
        tail *= np.repeat(heights.astype(out.dtype, copy=False), lengths)
        out[place] += tail


class _Everywhere:
    """Sample after sample: what is left of the one before, and what a new piece changes."""

    def __init__(self, at: Indices, heights: Floats, per_sample: float, reach: int) -> None:
        self._at = at
        self._changes = heights.copy()
        self._changes[1:] -= heights[:-1] * np.exp(np.maximum(np.diff(at) * -per_sample, -700.0))
        self._decay = math.exp(-per_sample)
        self._reach = reach

    def add(self, begin: int, out: Block) -> None:
        left, end = max(begin - self._reach + 1, 0), begin + out.size
        first, last = self._at.searchsorted((left, end)).tolist()
        tail = np.zeros(end - left, out.dtype)
        tail[self._at[first:last] - left] = self._changes[first:last]
        # y[i] = sum over k of decay^k x[i - k]: each pass doubles the reach of the sum.
        earlier = np.empty_like(tail)
        reach, weight = 1, self._decay
        while reach < self._reach:
            np.multiply(tail[:-reach], weight, out=earlier[:-reach])
            tail[reach:] += earlier[:-reach]
            reach, weight = 2 * reach, weight * weight
        out += tail[begin - left :]


def _first_samples(begins_s: Floats, first_s: float, dt_s: float, n: int) -> Indices:
    """The number of the first sample in every piece, n if there is none; the first piece has sample 0."""
    at = np.clip(np.ceil((begins_s - first_s) / dt_s), 0, n).astype(np.int64)
    # The division may be off by one where a sample lies on a step.
    at += first_s + at * dt_s < begins_s
    at -= (first_s + (at - 1) * dt_s >= begins_s) & (at > 0)
    np.minimum(at, n, out=at)
    at[0] = 0
    return at
