"""The answer of a network with a memory to a signal as it was played, at every sample of a capture, part by part.

Within a segment of the signal the answer is ``p + q * age + sum of r * exp(-age / lag)``, ``age`` being the time since
it began. The numbers of a segment follow from its place in the period, but for what is left of the signal's beginning;
so a sample costs one exponential for each lag, and nothing where the signal has been off for long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimdlab.scoring.codes import BoolArray, FloatArray, Indices
from aimdlab.scoring.played import Played
from aimdlab.scoring.runs import Stretches, stretches

_FORGOTTEN = 25.0
"""Time constants after a pulse from which on its answer is nothing."""
_UNDERFLOW = 800.0
"""Time constants after which an exponential is 0 in floating point."""


@dataclass(frozen=True)
class Grid:
    """Samples at ``t0_s + i * dt_s``, ``n`` of them; means over the interval around each if ``averaged``."""

    t0_s: float
    dt_s: float
    n: int
    averaged: bool


@dataclass(frozen=True, eq=False)
class _Segments:
    """The segments of a signal in order, and what follows its end; arrays of one length, ``r`` one row for each lag."""

    begins_s: FloatArray
    first: Indices
    silent: BoolArray
    p: FloatArray
    q: FloatArray
    r: FloatArray


class LaggedAnswer:
    """The sum of first-order lags' answers, from rest, to pulses A of ``a`` and B of ``-b``.

    Args:
        played: the signal.
        lags: pairs of share and seconds.
        a, b: heights.
        grid: where the answer is wanted.
        unit: what 1 of the answer is given as.
    """

    def __init__(
        self, played: Played, lags: tuple[tuple[float, float], ...], a: float, b: float, grid: Grid, unit: float = 1.0
    ) -> None:
        self._played, self._grid = played, grid
        self._shares = np.array([share for share, _ in lags]) / unit
        self._lags_s = np.array([lag_s for _, lag_s in lags])
        self._levels = played.levels(a, b)
        # At the beginning of every segment, once the signal has gone on for ever: what is left of its beginning apart.
        self._settled = np.array([played.periodic(lag_s, a, b) for lag_s in self._lags_s])
        self._areas = np.concatenate(([0.0], np.cumsum(self._levels * played.durations_s)))
        scale = 1.0 + played.rate
        # An averaged sample lies between two instants, half an interval before and after it.
        before_s = grid.dt_s / 2 if grid.averaged else 0.0
        self._first_s, self._step_s = (grid.t0_s - before_s - played.start_s) / scale, grid.dt_s / scale
        self._instants = grid.n + int(grid.averaged)
        self._segments = self._segments_of()
        self._begin, self._until, self._which = self._ranges(self._segments)

    @property
    def n(self) -> int:
        """Number of samples."""
        return self._grid.n

    def part(self, start: int, stop: int) -> FloatArray:
        """The answer at samples ``start`` up to, not including, ``stop``."""
        answer = np.zeros(stop - start)
        averaged = self._grid.averaged
        end = stop + int(averaged)
        segments = self._segments
        some = slice(self._until.searchsorted(start, side="right"), self._begin.searchsorted(end))
        begin = np.maximum(self._begin[some], start)
        lengths = np.minimum(self._until[some], end) - begin
        total = int(lengths.sum())
        if not total:
            return answer
        everywhere = total == end - start
        if everywhere:
            at, age_s = np.empty(0, dtype=np.intp), np.arange(start, end, dtype=np.float64)
        else:
            at = np.repeat(begin - np.cumsum(lengths) + lengths, lengths) + np.arange(total)
            age_s = at.astype(np.float64)
        # Repeated for every sample of its segment, which costs half of looking it up for each.
        of = self._which[some]
        age_s *= self._step_s
        age_s += np.repeat(self._first_s - segments.begins_s[of], lengths)
        values = np.repeat(segments.p[of], lengths)
        if averaged:
            values += np.repeat(segments.q[of], lengths) * age_s
        for row, lag_s in zip(segments.r, self._lags_s.tolist(), strict=True):
            left = np.multiply(age_s, -1.0 / lag_s)
            np.exp(left, out=left)
            left *= np.repeat(row[of], lengths)
            values += left
        if averaged:
            values = np.diff(values)
            if not everywhere:
                follows = np.diff(at) == 1
                at, values = at[:-1][follows], values[follows]
        if everywhere:
            return values
        answer[at - start] = values
        return answer

    def injected(self, sign: int) -> Stretches:
        """Samples on pulses A (``sign`` 1) or B (-1)."""
        some = np.flatnonzero(self._levels_in_order * sign > 0)
        first = np.minimum(self._first_in_order, self.n)
        return stretches(first[some], first[some + 1], self.n)

    def _first_of(self, begins_s: FloatArray) -> Indices:
        """The first instant not before each of these times."""
        return np.clip(np.ceil((begins_s - self._first_s) / self._step_s), 0, self._instants).astype(np.intp)

    def _in_order(self, values: FloatArray, count: int, gain: float = 0.0) -> FloatArray:
        """Values of the segments of a period, for ``count`` segments in order; more by ``gain`` with every period."""
        periods = np.arange(-(-count // values.size), dtype=np.float64)[:, None]
        return (periods * gain + values).ravel()[:count]

    def _segments_of(self) -> _Segments:
        played, averaged = self._played, self._grid.averaged
        until_s = min(played.stop_s, self._first_s + (self._instants + 1) * self._step_s)
        period_s, of_period = played.signal.period_s, self._levels.size
        most = (max(math.floor(until_s / period_s), 0) + 2) * of_period
        begins_s = self._in_order(played.begins_s, most, period_s)
        count = max(int(begins_s.searchsorted(until_s)), 1)
        begins_s, levels = begins_s[:count], self._in_order(self._levels, count)
        areas = self._in_order(self._areas[:-1], count, float(self._areas[-1]))
        states = np.array([self._in_order(settled - self._levels, count) for settled in self._settled])
        for state, settled, lag_s in zip(states, self._settled, self._lags_s.tolist(), strict=True):
            # What is left of the beginning, as long as it is not nothing.
            some = slice(int(begins_s.searchsorted(_UNDERFLOW * lag_s)))
            state[some] -= settled[0] * np.exp(begins_s[some] * (-1.0 / lag_s))
        # After the end there is nothing but what was there then, and fades.
        age_s = played.stop_s - begins_s[-1]
        at_end = levels[-1] + states[:, -1] * np.exp(age_s * (-1.0 / self._lags_s))
        states = np.column_stack((states, at_end))
        areas = np.append(areas, areas[-1] + levels[-1] * age_s)
        begins_s, levels = np.append(begins_s, played.stop_s), np.append(levels, 0.0)
        first = self._first_of(begins_s)
        self._first_in_order, self._levels_in_order = first, levels
        if not averaged:
            p, q, r = levels * float(self._shares.sum()), levels, states * self._shares[:, None]
            return _Segments(begins_s, first, levels == 0.0, p, q, r)
        # The mean of a lag's answer: its equation, integrated over the interval.
        of_area = float(self._shares.sum()) / self._grid.dt_s * (1.0 + played.rate)
        of_answer = -self._shares * self._lags_s / self._grid.dt_s
        p, q, r = areas * of_area + levels * float(of_answer.sum()), levels * of_area, states * of_answer[:, None]
        # The instant before the signal, from which its first pulse is reached: nothing is there yet.
        begins_s, levels, p, q = (np.concatenate((array[:1], array)) for array in (begins_s, levels, p, q))
        r, first = np.column_stack((r[:, :1], r)), np.concatenate((np.maximum(first[:1] - 1, 0), first))
        p[0] = q[0] = r[:, 0] = 0.0
        return _Segments(begins_s, first, levels == 0.0, p, q, r)

    def _ranges(self, segments: _Segments) -> tuple[Indices, Indices, Indices]:
        """Instants that matter, from and up to, and of which segment; ascending, none empty."""
        begin, stops = segments.first, np.append(segments.first[1:], self._instants)
        # Where the signal is zero only so many instants matter.
        kept = math.ceil(_FORGOTTEN * float(self._lags_s.max()) / self._step_s) + 1
        until = np.where(segments.silent, np.minimum(stops, begin + kept), stops)
        which = np.arange(begin.size)
        if self._grid.averaged and np.any(until < stops):  # and the last, from which the next pulse is reached
            begin, until = (
                np.column_stack(two).ravel() for two in ((begin, np.maximum(stops - 1, until)), (until, stops))
            )
            which = np.repeat(which, 2)
        some = until > begin
        return begin[some], until[some], which[some]
