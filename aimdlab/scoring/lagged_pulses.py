"""Height, width and time of device pulses that are seen through a first-order lag, by fitting what it makes of them.

A pulse of height H from t1 to t2 appears as H * (g(t - t1) - g(t - t2)) with g(t) = 1 - exp(-t / lag): its edges are
rounded and late, a plateau comes only after several lags. All pulses are fitted at once, each with its own H, t1, t2;
they share the lag, which components make a few percent longer or shorter.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray
from aimdlab.scoring.lagged_leak import PLAIN, U_LAG
from aimdlab.scoring.runs import Runs, Taken

_BEFORE_SAMPLES, _BEFORE_LAGS = 4, 1.4
"""What belongs to a pulse before it was found, half way up: samples, or parts of the lag if these are more."""
_LAGS_AFTER = 5.0
_ROUNDS = 10
_FARTHEST = 3.0
_STEP = 1e-3
_SETTLED = 1e-5
_MOST_SAMPLES, _MOST_LAGS = 2.0, 0.25
"""How far an edge may move in a round: samples, or parts of the lag if these are more."""
U_EDGE = 0.05
"""Parts of the lag by which the shape of a real edge (finite, or seen as a mean) may shift a crossing."""


@dataclass(frozen=True, eq=False)
class LaggedPulses:
    """Arrays of shape (k,), one entry for each run.

    Attributes:
        heights: in the unit of the signal.
        starts, ends: sample positions of the edges before the lag.
        u_heights: standard uncertainty of the heights, from noise and lag.
        u_time: of one edge, samples.
        lag: as found, samples.
    """

    heights: FloatArray
    starts: FloatArray
    ends: FloatArray
    u_heights: FloatArray
    u_time: float
    lag: float


def fit_lagged_pulses(rest: Taken, runs: Runs, lag: float, height: float, noise: float) -> LaggedPulses:
    """Fit the pulses found.

    Args:
        rest: the samples of the signal at these places; pulses positive, 0 between them.
        runs: where they are.
        lag: nominal, in samples.
        height: expected.
        noise: standard deviation of a sample.
    """
    if not runs.count:
        none = np.empty(0)
        return LaggedPulses(none, none, none, none, math.nan, lag)
    points = _Fit(rest, runs, lag, height, noise)
    points.run(averaged=False)
    means = points.again()
    # As a mean over a sample the same pulses look a little different: a step tells whether that can be any better.
    if not means.stays_worse_than(points):
        means = _Fit(rest, runs, lag, height, noise)
        means.run(averaged=True)
    best = min((points, means), key=lambda fit: fit.badness)
    return best.result()


def samples_fitted(runs: Runs, lag: float) -> int:
    """How many samples :func:`fit_lagged_pulses` works on at once, those that count for no pulse included."""
    return runs.count * _reach(runs, lag).size if runs.count else 0


def _reach(runs: Runs, lag: float) -> NDArray[np.intp]:
    """The samples of the longest pulse and its tail, from its start."""
    longest = int((runs.stop - runs.start).max())
    return np.arange(-_before(lag), longest + math.ceil(_LAGS_AFTER * lag) + 1)


def _before(lag: float) -> int:
    return max(_BEFORE_SAMPLES, math.ceil(_BEFORE_LAGS * lag))


@dataclass(frozen=True, eq=False)
class _Step:
    """What a round of a fit changes: shape (k, 3), the lag's logarithm, and what then is left, a sum of squares."""

    pulses: FloatArray
    log_lag: float
    promised: float
    held: bool


class _Fit:
    def __init__(self, rest: Taken, runs: Runs, lag: float, height: float, noise: float) -> None:
        self._nominal = lag
        self._lag = lag
        self._noise = max(noise, 1e-9 * height)
        at = runs.start[:, None] + _reach(runs, lag)
        # Each pulse is fitted on its own samples: from a little before it to where its tail has gone.
        until = np.minimum(runs.stop + math.ceil(_LAGS_AFTER * lag), np.append(runs.start[1:] - _before(lag), runs.n))
        since = np.concatenate(([0], np.minimum(runs.stop[:-1] + 1, runs.start[1:])))
        self._used: BoolArray = (at >= since[:, None]) & (at < until[:, None])
        self._at = at.astype(np.float64)
        self._y = np.where(self._used, rest(np.clip(at, 0, runs.n - 1)), 0.0)
        late = lag * math.log(2.0)
        self.heights = np.full(runs.count, height)
        self.starts = runs.start - 0.5 - late
        self.ends = runs.last + 0.5 - late
        self.badness = math.inf

    def again(self) -> _Fit:
        """Another that begins where this one is."""
        return copy(self)

    def stays_worse_than(self, other: _Fit) -> bool:
        """Whether it plainly would as means, from where it is, even if its next step brought twice what it promises."""
        step = self._step(averaged=True)
        least = max(self.badness - step.promised, (PLAIN * self._noise) ** 2)
        return not step.held and step.promised - other.badness > least

    def run(self, *, averaged: bool) -> None:
        """Fit, as points or as means."""
        for _ in range(_ROUNDS):
            step = self._step(averaged=averaged)
            self.heights = self.heights + step.pulses[:, 0]
            self.starts = self.starts + step.pulses[:, 1]
            self.ends = self.ends + step.pulses[:, 2]
            self._lag *= math.exp(step.log_lag)
            if not step.held and max(float(np.abs(step.pulses[:, 1:]).max()), abs(step.log_lag)) < _SETTLED:
                break

    def _step(self, *, averaged: bool) -> _Step:
        """The next step; how bad it is so far is kept, and what the uncertainties follow from."""
        products = self._products(averaged)
        normal, by_lag, toward = products[:, :3, :3], products[:, 3, :3], products[:, 4, :3]
        self.badness = float(products[:, 4, 4].sum())
        scale = np.sqrt(np.maximum(normal.diagonal(axis1=1, axis2=2), 1e-30))
        inverse = np.linalg.inv(normal / (scale[:, :, None] * scale[:, None, :]) + 1e-9 * np.eye(3))
        self._inverse, self._scale = inverse, scale
        inverse = inverse / (scale[:, :, None] * scale[:, None, :])
        # The lag is common: what is left of its derivative once each pulse has had its say decides.
        moved = np.matmul(inverse, by_lag[:, :, None])[:, :, 0]
        prior = (self._noise / U_LAG) ** 2
        was = math.log(self._lag / self._nominal)
        free = float(products[:, 3, 3].sum() - (moved * by_lag).sum())
        wished = (float(products[:, 3, 4].sum() - (moved * toward).sum()) - prior * was) / (free + prior)
        farthest = _FARTHEST * U_LAG
        log_lag = min(max(was + min(max(wished, -U_LAG), U_LAG), -farthest), farthest) - was
        pulses = np.matmul(inverse, (toward - log_lag * by_lag)[:, :, None])[:, :, 0]
        most = max(_MOST_SAMPLES, _MOST_LAGS * self._nominal)
        limited = np.clip(pulses, (-math.inf, -most, -most), (math.inf, most, most))
        change = np.column_stack((-limited, np.full(len(limited), -log_lag), np.ones(len(limited))))
        promised = float((np.matmul(products, change[:, :, None])[:, :, 0] * change).sum())
        held = abs(log_lag - wished) > _SETTLED or bool((limited != pulses).any())
        return _Step(limited, log_lag, promised, held)

    def _products(self, averaged: bool) -> FloatArray:
        """Sums over each pulse's samples, shape (k, 5, 5), of the products of five: what it does by height, start and
        end and by the lag's logarithm, and what remains."""
        since = self._at - np.stack((self.starts, self.ends))[:, :, None]
        lags = self._lag * np.array((1.0, 1.0 + _STEP))
        shown, slopes = _means(since, lags) if averaged else _points(since, lags)
        heights = self.heights[:, None]
        seen, longer = shown[:, 0] - shown[:, 1]
        lines = np.empty((len(seen), 5, seen.shape[1]))
        lines[:, 0] = seen
        np.multiply(slopes[0], -heights, out=lines[:, 1])
        np.multiply(slopes[1], heights, out=lines[:, 2])
        np.multiply(longer - seen, heights / _STEP, out=lines[:, 3])
        np.subtract(self._y, heights * seen, out=lines[:, 4])
        lines *= self._used[:, None]
        return lines @ lines.transpose(0, 2, 1)

    def result(self) -> LaggedPulses:
        """The fit, with what noise and a wrong lag make of it."""
        sigma = np.sqrt(self._inverse.diagonal(axis1=1, axis2=2)) / self._scale * self._noise
        widths = np.maximum(self.ends - self.starts, 1e-3)
        by_lag = self.heights * U_LAG / _FARTHEST * np.minimum(self._lag / widths, 1.0)
        u_edge = float(np.median(sigma[:, 1:]))
        return LaggedPulses(
            heights=self.heights,
            starts=self.starts.astype(np.float64),
            ends=self.ends.astype(np.float64),
            u_heights=np.hypot(sigma[:, 0], by_lag),
            u_time=math.hypot(u_edge, U_EDGE * self._lag),
            lag=self._lag,
        )


def _points(since: FloatArray, lags: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each of two lags makes of steps, ``since`` samples after them, shape (2, *), and the slope of the first."""
    kept = np.exp(np.minimum(np.multiply.outer(-1.0 / lags, since), 0.0))
    after = since > 0
    slopes = kept[0] * (after / lags[0])
    return np.subtract(1.0, kept, out=kept) * after, slopes


def _means(since: FloatArray, lags: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same as means over a sample."""
    early, late = np.maximum(since - 0.5, 0.0), np.maximum(since + 0.5, 0.0)
    rates = -1.0 / lags
    slopes = np.expm1(np.multiply.outer(rates, early)) - np.expm1(np.multiply.outer(rates, late))
    return (late - early) - lags.reshape(-1, 1, 1, 1) * slopes, slopes[0]
