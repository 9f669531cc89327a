"""What a generator can play, as volts over the time since the waveform began."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.signal import Volts

_BLOCK = 1024


class Waveform(Protocol):
    """Volts over ``tau``, the time since the waveform began."""

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at ``tau0_s + i * dt_s``, shape (n,)."""
        ...

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same voltage always."""

    volts: float = 0.0

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:  # noqa: ARG002
        """The same volts n times."""
        return np.full(n, self.volts)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:  # noqa: ARG002
        """The same twice."""
        return self.volts, self.volts


class SampleTable:
    """The points of an arbitrary waveform (int16 codes) with what is needed to bound any stretch of them quickly.

    Attributes:
        codes: the points.
        extremes: lowest and highest code.
        changes: numbers of the points that differ from the one before them, the last being before the first.
    """

    def __init__(self, codes: NDArray[np.int16]) -> None:
        self.codes = codes
        whole = codes[: codes.size - codes.size % _BLOCK].reshape(-1, _BLOCK)
        self._low = whole.min(axis=1) if whole.size else np.empty(0, np.int16)
        self._high = whole.max(axis=1) if whole.size else np.empty(0, np.int16)
        self.extremes = int(codes.min()), int(codes.max())
        self.changes = np.flatnonzero(codes != np.roll(codes, 1))

    def __len__(self) -> int:
        return int(self.codes.size)

    @cached_property
    def steps(self) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """Where the code changes, point 0 in any case, and the codes from there on."""
        points = np.union1d(self.changes, [0])
        return points, self.codes.take(points)

    def bounds(self, first: int, last: int) -> tuple[int, int]:
        """Lowest and highest code of the points ``first`` to ``last``, both counted, without wrapping round."""
        block, end = -(-first // _BLOCK), (last + 1) // _BLOCK
        if block >= end:
            part = self.codes[first : last + 1]
            return int(part.min()), int(part.max())
        low, high = int(self._low[block:end].min()), int(self._high[block:end].max())
        for part in (self.codes[first : block * _BLOCK], self.codes[end * _BLOCK : last + 1]):
            if part.size:
                low, high = min(low, int(part.min())), max(high, int(part.max()))
        return low, high


@dataclass(frozen=True)
class Arbitrary:
    """Points played one after another, again and again, each held until the next (zero-order hold).

    Attributes:
        table: the points.
        rate_hz: points per second.
        scale: volts per code.
        offset: volts of code 0.
        first: the point at which it begins.
    """

    table: SampleTable
    rate_hz: float
    scale: float
    offset: float
    first: int = 0

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at ``tau0_s + i * dt_s``, shape (n,)."""
        # Whole turns are taken off before the multiplication, so that the index stays exact after days of playing.
        begin = (tau0_s * self.rate_hz + self.first) % len(self.table)
        step = dt_s * self.rate_hz
        index = (begin + step * np.arange(n)).astype(np.int64)
        if begin + step * n >= len(self.table):
            index %= len(self.table)
        volts = np.multiply(self.table.codes.take(index), self.scale, dtype=np.float64)
        volts += self.offset
        return volts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts; a point more on either side for the rounding of times."""
        size = len(self.table)
        first = math.floor(start_s * self.rate_hz + self.first) - 1
        count = math.floor(end_s * self.rate_hz + self.first) + 1 - first + 1
        if count >= size:
            low, high = self.table.extremes
        else:
            first %= size
            low, high = self.table.bounds(first, min(first + count, size) - 1)
            if first + count > size:
                more_low, more_high = self.table.bounds(0, first + count - size - 1)
                low, high = min(low, more_low), max(high, more_high)
        ends = low * self.scale + self.offset, high * self.scale + self.offset
        return min(ends), max(ends)


@dataclass(frozen=True)
class Periodic:
    """A shape over one turn (phase 0 to 1), repeated.

    Attributes:
        shape: phase in [0, 1) to values in [-1, 1], vectorised, monotonic between two knots.
        knots: phases at which the shape turns or jumps.
        frequency_hz: turns per second.
        scale: volts of shape value 1 above the offset.
        offset: volts of shape value 0.
        phase: turns at tau = 0.
    """

    shape: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    knots: tuple[float, ...]
    frequency_hz: float
    scale: float
    offset: float
    phase: float = 0.0

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at ``tau0_s + i * dt_s``, shape (n,)."""
        begin = (tau0_s * self.frequency_hz + self.phase) % 1.0
        turns = begin + dt_s * self.frequency_hz * np.arange(n)
        return self.shape(turns - np.floor(turns)) * self.scale + self.offset

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts: those at the two ends and on both sides of the knots between them."""
        first = start_s * self.frequency_hz + self.phase
        last = end_s * self.frequency_hz + self.phase
        whole = math.floor(first)
        knots = np.array([turn + knot for turn in (0.0, 1.0, 2.0) for knot in self.knots])
        if last - first < 1.0:
            knots = knots[(knots >= first - whole - 1e-9) & (knots <= last - whole + 1e-9)]
        near = np.concatenate([[first - whole, last - whole], knots - 1e-9, knots, knots + 1e-9])
        volts = self.shape(near - np.floor(near)) * self.scale + self.offset
        return float(volts.min()), float(volts.max())


@dataclass(frozen=True)
class Bursts:
    """A waveform played for ``length_s`` at the start of every ``period_s``, ``rest`` volts in between."""

    inner: Waveform
    length_s: float
    period_s: float
    rest: float

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at ``tau0_s + i * dt_s``, shape (n,)."""
        volts = np.full(n, self.rest)
        turn = math.floor(tau0_s / self.period_s)
        while (begin_s := turn * self.period_s - tau0_s) <= n * dt_s:
            first = max(0, math.ceil(begin_s / dt_s))
            last = min(n, math.ceil((begin_s + self.length_s) / dt_s))
            if last > first:
                volts[first:last] = self.inner.values(first * dt_s - begin_s, dt_s, last - first)
            turn += 1
        return volts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts; exact within one period, those of a whole period beyond that."""
        low = high = self.rest
        turn = math.floor(start_s / self.period_s)
        for begin_s in [k * self.period_s for k in range(turn, turn + 3)]:
            left_s, right_s = max(0.0, start_s - begin_s), min(self.length_s, end_s - begin_s)
            if end_s - start_s > self.period_s:
                left_s, right_s = 0.0, self.length_s
            if right_s >= left_s:
                inner = self.inner.bounds(left_s, right_s)
                low, high = min(low, inner[0]), max(high, inner[1])
        return low, high
