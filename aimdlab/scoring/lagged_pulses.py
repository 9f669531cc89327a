"""Height, width and time of device pulses that are seen through a first-order lag, by fitting what it makes of them.

A pulse of height H from t1 to t2 appears as H * (g(t - t1) - g(t - t2)) with g(t) = 1 - exp(-t / lag): its edges are
rounded and late, a plateau comes only after several lags. All pulses are fitted at once, each with its own H, t1, t2;
they share the lag, which components make a few percent longer or shorter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray
from aimdlab.scoring.lagged_leak import U_LAG
from aimdlab.scoring.runs import Runs, Taken

_BEFORE = 4
_LAGS_AFTER = 5.0
_ROUNDS = 10
_FARTHEST = 3.0
_STEP = 1e-3
_SETTLED = 1e-5
_U_MODEL = 0.05
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
    tried = [_Fit(rest, runs, lag, height, noise, averaged) for averaged in (False, True)]
    best = min(tried, key=lambda fit: fit.badness)
    return best.result()


def samples_fitted(runs: Runs, lag: float) -> int:
    """How many samples :func:`fit_lagged_pulses` works on at once, those that count for no pulse included."""
    return runs.count * _reach(runs, lag).size if runs.count else 0


def _reach(runs: Runs, lag: float) -> NDArray[np.intp]:
    """The samples of the longest pulse and its tail, from its start."""
    longest = int((runs.stop - runs.start).max())
    return np.arange(-_BEFORE, longest + math.ceil(_LAGS_AFTER * lag) + 1)


class _Fit:
    def __init__(self, rest: Taken, runs: Runs, lag: float, height: float, noise: float, averaged: bool) -> None:
        self._nominal = lag
        self._lag = lag
        self._averaged = averaged
        self._noise = max(noise, 1e-9 * height)
        at = runs.start[:, None] + _reach(runs, lag)
        # Each pulse is fitted on its own samples: from a little before it to where its tail has gone.
        until = np.minimum(runs.stop + math.ceil(_LAGS_AFTER * lag), np.append(runs.start[1:] - _BEFORE, runs.n))
        since = np.concatenate(([0], np.minimum(runs.stop[:-1] + 1, runs.start[1:])))
        self._used: BoolArray = (at >= since[:, None]) & (at < until[:, None])
        self._at = at.astype(np.float64)
        self._y = np.where(self._used, rest(np.clip(at, 0, runs.n - 1)), 0.0)
        late = lag * math.log(2.0)
        self.heights = np.full(runs.count, height)
        self.starts = runs.start - 0.5 - late
        self.ends = runs.last + 0.5 - late
        self.badness = math.inf
        self._run()

    def _run(self) -> None:
        for _ in range(_ROUNDS):
            error, jacobian, stretch = self._linear()
            self.badness = float((error**2).sum())
            normal = np.einsum("kni,knj->kij", jacobian, jacobian)
            scale = np.sqrt(np.maximum(np.einsum("kii->ki", normal), 1e-30))
            normal = normal / scale[:, :, None] / scale[:, None, :] + 1e-9 * np.eye(3)
            inverse = np.linalg.inv(normal)
            self._inverse, self._scale = inverse, scale
            # The lag is common: what is left of its derivative once each pulse has had its say decides.
            toward = np.einsum("kij,kj->ki", inverse, np.einsum("kni,kn->ki", jacobian, stretch) / scale) / scale
            free = stretch - np.einsum("kni,ki->kn", jacobian, toward)
            prior = (self._noise / U_LAG) ** 2
            was = math.log(self._lag / self._nominal)
            log_step = (float((free * error).sum()) - prior * was) / (float((free * free).sum()) + prior)
            log_step = min(max(log_step, -U_LAG), U_LAG)
            farthest = _FARTHEST * U_LAG
            log_step = min(max(was + log_step, -farthest), farthest) - was
            left = error - log_step * stretch
            step = np.einsum("kij,kj->ki", inverse, np.einsum("kni,kn->ki", jacobian, left) / scale) / scale
            self.heights = self.heights + step[:, 0]
            self.starts = self.starts + np.clip(step[:, 1], -2.0, 2.0)
            self.ends = self.ends + np.clip(step[:, 2], -2.0, 2.0)
            self._lag *= math.exp(log_step)
            if max(float(np.abs(step[:, 1:]).max()), abs(log_step)) < _SETTLED:
                break

    def _linear(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What remains, and its derivatives by height, start and end (k, n, 3) and by the lag's logarithm (k, n)."""
        since = self._at - np.stack((self.starts, self.ends))[:, :, None]
        shown, slopes = self._answer(since, self._lag, sloped=True)
        heights = self.heights[:, None]
        seen = shown[0] - shown[1]
        more = self._answer(since, self._lag * (1.0 + _STEP), sloped=False)[0]
        more = more[0] - more[1]
        error = self._y - heights * seen
        jacobian = np.stack((seen, -heights * slopes[0], heights * slopes[1]), axis=2)
        stretch = heights * (more - seen) / _STEP
        return error * self._used, jacobian * self._used[:, :, None], stretch * self._used

    def _answer(self, since: FloatArray, lag: float, *, sloped: bool) -> tuple[FloatArray, FloatArray]:
        """The lag's answer to a step, ``since`` samples after it, and its slope; a mean over a sample if averaged."""
        if not self._averaged:
            kept = np.exp(np.minimum(since * (-1.0 / lag), 0.0))
            after = since > 0
            return (1.0 - kept) * after, kept * (after / lag) if sloped else kept
        early, late = np.maximum(since - 0.5, 0.0), np.maximum(since + 0.5, 0.0)
        slope = np.expm1(early * (-1.0 / lag)) - np.expm1(late * (-1.0 / lag))
        return (late - early) - lag * slope, slope

    def result(self) -> LaggedPulses:
        """The fit, with what noise and a wrong lag make of it."""
        sigma = np.sqrt(np.einsum("kii->ki", self._inverse)) / self._scale * self._noise
        widths = np.maximum(self.ends - self.starts, 1e-3)
        by_lag = self.heights * U_LAG / _FARTHEST * np.minimum(self._lag / widths, 1.0)
        u_edge = float(np.median(sigma[:, 1:]))
        return LaggedPulses(
            heights=self.heights,
            starts=self.starts.astype(np.float64),
            ends=self.ends.astype(np.float64),
            u_heights=np.hypot(sigma[:, 0], by_lag),
            u_time=math.hypot(u_edge, _U_MODEL * self._lag),
            lag=self._lag,
        )
