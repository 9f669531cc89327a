"""What leaks behind lags at single samples, and how it changes with what is fitted to it.

At every place the lags' answers to pulses A and to pulses B of height 1 are all that costs anything: the leak and its
derivatives are sums of them. A mean over a sample interval needs no more: the equation of a lag, integrated, takes it
from the answers and the signal's area at both ends of the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aimdlab.scoring.codes import FloatArray, Indices
from aimdlab.scoring.played import Played

_NO_DIRECT = 1e-6
_STEP = 1e-3
"""By which part a lag is made longer to see what that does."""


@dataclass(frozen=True)
class LeakPath:
    """From injection monitor to device monitor: ``direct`` without delay, each share behind its lag.

    Attributes:
        lags: pairs of share and seconds, at least one.
        direct: the rest.
    """

    lags: tuple[tuple[float, float], ...]
    direct: float

    @property
    def longest_s(self) -> float:
        """The slowest lag."""
        return max(lag_s for _, lag_s in self.lags)

    @property
    def main(self) -> int:
        """Which lag has the largest share."""
        return max(range(len(self.lags)), key=lambda k: abs(self.lags[k][0]))

    @property
    def has_direct(self) -> bool:
        """Whether anything is without delay, rounding apart."""
        return abs(self.direct) > _NO_DIRECT * sum(abs(share) for share, _ in self.lags)

    @property
    def total(self) -> float:
        """The sum of the shares."""
        return math.fsum(share for share, _ in self.lags)

    def stretched(self, ratio: float) -> LeakPath:
        """With the main lag longer by ``ratio``."""
        main, lags = self.main, list(self.lags)
        lags[main] = (lags[main][0], lags[main][1] * ratio)
        return LeakPath(tuple(lags), self.direct)


class Parameters(NamedTuple):
    """What is fitted.

    Attributes:
        a, b: heights of pulses A and B, V at the injection monitor.
        offset: V.
        direct: the part without delay; 1 if as expected.
        start_s, end_s: shifts of the edges at the beginning and at the end of what is fitted.
        stretch: logarithm of the main lag's ratio.
    """

    a: float
    b: float
    offset: float
    direct: float
    start_s: float
    end_s: float
    stretch: float


class LeakModel:
    """The leak at the samples ``at``, which ascend.

    Args:
        times_s: when the samples are.
        shown_v: what they show.
        played: the signal, before any shift.
        path: before any stretch.
        dt_s: sample interval.
        injected_v: the injection monitor at the samples, if a part is without delay.
    """

    def __init__(
        self,
        at: Indices,
        times_s: FloatArray,
        shown_v: FloatArray,
        played: Played,
        path: LeakPath,
        dt_s: float,
        injected_v: FloatArray | None,
    ) -> None:
        self._times_s, self._shown_v, self._injected_v = times_s, shown_v, injected_v
        self._played, self._path, self._dt = played, path, dt_s
        self._main = path.main
        self._span_s = max(float(times_s[-1]), dt_s)
        self._along = times_s / self._span_s
        # Where a sample follows another, the interval around it begins where the other's ends.
        last = np.append(np.diff(at) != 1, True)
        self._begin = np.arange(at.size) + np.concatenate(([0], np.cumsum(last[:-1])))
        self._ends_s = np.empty(int(self._begin[-1]) + 2)
        self._ends_s[self._begin] = times_s - dt_s / 2
        self._ends_s[self._begin[last] + 1] = times_s[last] + dt_s / 2

    def path_of(self, found: Parameters) -> LeakPath:
        """The path with its lag as found."""
        return self._path.stretched(math.exp(found.stretch))

    def played_of(self, found: Parameters) -> Played:
        """The signal with its clock as found."""
        rate = self._played.rate + found.end_s / self._span_s
        return Played(self._played.signal, self._played.start_s + found.start_s, rate, self._played.stop_s)

    def linear(self, found: Parameters, averaged: bool) -> FloatArray:
        """The model's derivatives by each parameter, and what remains of what is shown; shape (8, n)."""
        path, played = self.path_of(found), self.played_of(found)
        main_lag_s = path.lags[self._main][1]
        places = played.at(self._ends_s if averaged else self._times_s)
        answers = played.lagged(places, [*(lag_s for _, lag_s in path.lags), main_lag_s * (1.0 + _STEP)])
        if averaged:
            answers[-1] = played.areas_s(places)
        weights = self._of_means(path, found, played.rate) if averaged else self._of_points(path, found)
        lines: FloatArray = weights @ answers.reshape(weights.shape[1], -1)
        if averaged:
            lines = np.subtract(lines[:, 1:], lines[:, :-1]).take(self._begin, axis=1)
        lines[2] = 1.0
        np.multiply(lines[4], self._along, out=lines[5])
        lines[7] += self._shown_v
        lines[7] -= found.offset
        if self._injected_v is not None:
            np.multiply(self._injected_v, path.direct, out=lines[3])
            lines[7] -= found.direct * lines[3]
        return lines

    def _of_means(self, path: LeakPath, found: Parameters, rate: float) -> FloatArray:
        """What the lines of :meth:`linear` gain over a sample interval: of the answers, and of the areas."""
        per_s = 1.0 / self._dt
        weights = np.zeros((8, len(path.lags) + 2, 2))
        for k, (share, lag_s) in enumerate(path.lags):
            weights[0, k, 0] = weights[1, k, 1] = -share * lag_s * per_s
            weights[4, k] = -share * per_s * found.a, -share * per_s * found.b
        weights[0, -1, 0] = weights[1, -1, 1] = path.total * per_s * (1.0 + rate)
        share, lag_s = path.lags[self._main]
        by_lag = share * lag_s * per_s / _STEP
        weights[6, self._main] = by_lag * found.a, by_lag * found.b
        weights[6, -2] = -(1.0 + _STEP) * weights[6, self._main]
        return _with_the_rest(weights, found)

    def _of_points(self, path: LeakPath, found: Parameters) -> FloatArray:
        """What the lines of :meth:`linear` are: of the answers, and of the signal."""
        weights = np.zeros((8, len(path.lags) + 2, 2))
        in_all = 0.0
        for k, (share, lag_s) in enumerate(path.lags):
            weights[0, k, 0] = weights[1, k, 1] = share
            weights[4, k] = share / lag_s * found.a, share / lag_s * found.b
            in_all += share / lag_s
        weights[4, -1] = -in_all * found.a, -in_all * found.b
        by_lag = path.lags[self._main][0] / _STEP
        weights[6, -2] = by_lag * found.a, by_lag * found.b
        weights[6, self._main] = -weights[6, -2]
        return _with_the_rest(weights, found)


def _with_the_rest(weights: FloatArray, found: Parameters) -> FloatArray:
    weights[7] = -found.a * weights[0] - found.b * weights[1]
    return weights.reshape(8, -1)
