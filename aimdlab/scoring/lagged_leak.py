"""How much of the injected signal appears on the device monitor where the network between them has a memory.

``device = gain A * answer to pulses A + gain B * answer to pulses B + direct * injection + offset``. The answers follow
from the exact edges, not from samples: between two samples an edge is anywhere. Fitted are the gains, the offset,
a shift of the edges at both ends of the exposure and the main lag, the last three held by what is known of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, Trace
from aimdlab.scoring.lagged_answer import Grid, LaggedAnswer
from aimdlab.scoring.played import Places, Played
from aimdlab.scoring.runs import Stretches

U_LAG = 0.05
"""Standard uncertainty of a lag, relative: capacitors of 5 %, resistors of 2 %, the oscilloscope's input."""

_SAMPLES = 3000
"""Samples under injection that are fitted; more would not be more exact."""
_TOGETHER = 6
_FEWEST_GROUPS = 24
_GOLDEN = 0.6180339887498949
_ROUNDS = 12
_NARROWING = 0.1
"""From round to round: how far from the fit a sample may be, in parts of the amplitude, and still count."""
_SETTLED = 1e-5
"""Of the amplitude: what the last step of the fit may change."""
_TAIL = 8.0
"""Time constants after a burst that belong to it."""
_OUTLIER = 5.0
_SIGMA_PER_MEDIAN = 1.4826
_FEWEST = 16
_FARTHEST = 3.0
"""A lag is looked for within so many of its uncertainties."""
_U_APART = 0.05
"""How far the heights of pulses A and B may be apart, relative."""
_STEP = 1e-3
_UNITS = ((1.0, 0.0), (0.0, 1.0))
_RIDGE = 1e-12
_NO_DIRECT = 1e-6


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
        lags = list(self.lags)
        lags[self.main] = (lags[self.main][0], lags[self.main][1] * ratio)
        return replace(self, lags=tuple(lags))


class _Parameters(NamedTuple):
    """What is fitted: V at the injection monitor, V, seconds, and the logarithm of the lag's ratio."""

    a: float
    b: float
    offset: float
    direct: float
    start_s: float
    end_s: float
    stretch: float


@dataclass(frozen=True)
class Leak:
    """The fit.

    Attributes:
        path: with its main lag as found.
        played: with its clock as found.
        averaged: whether samples are means over a sample interval rather than points.
        u_gain: standard uncertainty of the mean of both gains, V; infinite if too few samples show the signal.
        moved_v: how far it is from what the fit began with, at the samples fitted.
        parameters: all that was fitted: heights of pulses A and B, V at the injection monitor, that would explain the
            device monitor; its offset; the part without delay (1 if as expected); shifts; the lag.
    """

    path: LeakPath
    played: Played
    averaged: bool
    u_gain: float
    moved_v: float
    parameters: _Parameters


@dataclass(frozen=True, eq=False)
class LeakAnswer:
    """A leak at every sample of a capture, part by part.

    Attributes:
        lagged: what comes behind lags.
        injection: the injection monitor, if a part is without delay.
        direct: that part of its volts.
    """

    lagged: LaggedAnswer
    injection: Trace | None
    direct: float

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.lagged.n

    def part(self, start: int, stop: int) -> FloatArray:
        """The leak at samples ``start`` up to, not including, ``stop``."""
        answer = self.lagged.part(start, stop)
        if self.injection is not None:
            volts = self.injection.part(start, stop) * self.injection.scale + self.injection.offset
            answer += self.direct * volts
        return answer

    def injected(self, sign: int) -> Stretches:
        """Samples on pulses A (``sign`` 1) or B (-1)."""
        return self.lagged.injected(sign)


class LeakFit:
    """The leak of one exposure.

    Args:
        device: what the leak is on.
        injection: the injection monitor at the same instants; read only where a part is without delay.
        played: as the injection monitor shows it.
        path: as the network gives it.
        ivamp_v: amplitude at the injection monitor.
        apart_v: what may remain; beyond it a sample shows something else than leak.
    """

    def __init__(
        self, device: Trace, injection: Trace, played: Played, path: LeakPath, *, ivamp_v: float, apart_v: float
    ) -> None:
        self._device = device
        self._path = path
        self._played = played
        self._ivamp_v = ivamp_v
        self._apart_v = apart_v
        self._dt = device.capture.dt_s
        self._injection = injection if path.has_direct else None
        self._at = _samples_to_fit(device, played, path)
        self._times_s: FloatArray = device.capture.t0_s + self._at.astype(np.float64) * self._dt
        self._y = device.volts(self._at)
        self._x = None if self._injection is None else injection.volts(self._at)
        self._span_s = max(float(self._times_s[-1]), self._dt) if self._at.size else self._dt
        offset = device.median_code * device.scale + device.offset
        self._first = _Parameters(ivamp_v, ivamp_v, offset, 1.0, 0.0, 0.0, 0.0)
        # Before the fit: the part without delay and the lag within their components; an edge within a sample, at the
        # beginning and at the end; pulses A and B of one height.
        self._known = {3: U_LAG, 4: self._dt, 5: self._dt, 6: U_LAG}
        self._u_apart_v = _U_APART * ivamp_v

    def without(self, excluded: Stretches | None, start: Leak | None = None) -> Leak:
        """Fit the samples that are not ``excluded``, from what was found before; outliers are left out by itself."""
        keep = np.ones(self._at.size, dtype=np.bool_) if excluded is None else ~excluded.hold(self._at)
        if int(np.count_nonzero(keep)) < _FEWEST:
            silent = self._first._replace(a=0.0, b=0.0, direct=0.0)
            return Leak(self._path, self._played, False, math.inf, math.inf, silent)
        if start is not None:
            return self._fitted(start.parameters, start.averaged, keep)[0]
        points, badness = self._fitted(self._first, False, keep)
        means, badness_of_means = self._fitted(points.parameters, True, keep)
        return means if badness_of_means < badness else points

    def answer(self, leak: Leak, unit_v: float = 1.0) -> LeakAnswer:
        """The leak without the offset at every sample of the capture, in units of ``unit_v``."""
        found = leak.parameters
        capture = self._device.capture
        grid = Grid(capture.t0_s, self._dt, capture.n, leak.averaged)
        lagged = LaggedAnswer(leak.played, leak.path.lags, found.a, found.b, grid, unit_v)
        return LeakAnswer(lagged, self._injection, found.direct * leak.path.direct / unit_v)

    def _fitted(self, begin: _Parameters, averaged: bool, keep: BoolArray) -> tuple[Leak, float]:
        """From ``begin`` to the best fit, and how bad it is, edges as well as plateaus and pulses but little."""
        found, spread, u_gain = begin, math.inf, math.inf
        first, before = begin is self._first, np.empty(0)
        for number in range(_ROUNDS):
            rest, columns = self._linear(found, averaged)
            before = rest if number == 0 else before
            off = np.abs(rest)
            spread = max(_SIGMA_PER_MEDIAN * float(np.median(off[keep])), self._device.u_step)
            # Not too narrow at first: in sparse bursts most samples show nothing and know nothing of the gain.
            wide = math.inf if number == 0 else self._ivamp_v * _NARROWING**number
            limit = max(_OUTLIER * spread, self._apart_v, wide if first else 0.0)
            kept = keep & (off <= limit)
            rows = np.zeros((len(self._known) + 1, len(columns)))
            wanted = np.zeros(len(rows))
            for row, (which, u) in enumerate(self._known.items()):
                rows[row, which] = spread / u
                wanted[row] = (self._first[which] - found[which]) * spread / u
            rows[-1, :2] = spread / self._u_apart_v, -spread / self._u_apart_v
            wanted[-1] = (found.b - found.a) * spread / self._u_apart_v
            # What is left out is made 0, which is faster than choosing the rest.
            part, remains = (columns, rest) if kept.all() else (columns * kept, rest * kept)
            step, u_gain = _solved(part @ part.T + rows.T @ rows, part @ remains + rows.T @ wanted, spread)
            most = np.array([math.inf] * 4 + [self._dt, self._dt, U_LAG])
            step = np.clip(step, -most, most)
            found = _Parameters(*(np.array(found) + step).tolist())
            farthest = _FARTHEST * U_LAG
            found = found._replace(stretch=min(max(found.stretch, -farthest), farthest))
            narrow = limit <= max(_OUTLIER * spread, self._apart_v)
            if narrow and float(np.max(np.abs(step @ columns))) < _SETTLED * self._ivamp_v:
                break
        moved_v = float(np.max(np.abs(rest - before), initial=0.0))
        leak = Leak(self._path_of(found), self._played_of(found), averaged, u_gain, moved_v, found)
        return leak, float(np.mean(np.minimum(np.abs(rest[keep]), 2.0 * self._apart_v) ** 2))

    def _path_of(self, found: _Parameters) -> LeakPath:
        return self._path.stretched(math.exp(found.stretch))

    def _played_of(self, found: _Parameters) -> Played:
        rate = self._played.rate + found.end_s / self._span_s
        return replace(self._played, start_s=self._played.start_s + found.start_s, rate=rate)

    def _linear(self, found: _Parameters, averaged: bool) -> tuple[FloatArray, FloatArray]:
        """What remains at the samples fitted, shape (n,), and the model's derivatives, shape (7, n)."""
        path, played, dt = self._path_of(found), self._played_of(found), self._dt
        columns = np.zeros((len(found), self._at.size))
        columns[2] = 1.0
        if averaged:
            # Both ends of every sample interval; what the lag gains between them, by its equation, gives the mean.
            ends_s = np.repeat(self._times_s, 2)
            ends_s[::2] -= dt / 2
            ends_s[1::2] += dt / 2
            places = played.at(ends_s)
            self._add_means(columns, path, played, places, found)
        else:
            self._add_points(columns, path, played, played.at(self._times_s), found)
        columns[5] = columns[4] * self._times_s
        columns[5] /= self._span_s
        if self._x is not None:
            columns[3] = path.direct * self._x
        rest = self._y - found.offset
        for which in (0, 1, 3) if self._x is not None else (0, 1):
            rest -= found[which] * columns[which]
        return rest, columns

    @staticmethod
    def _add_points(columns: FloatArray, path: LeakPath, played: Played, places: Places, found: _Parameters) -> None:
        """Add the answers at these places to ``columns``."""
        level = played.level(places, found.a, found.b)
        for k, (share, lag_s) in enumerate(path.lags):
            a, b = played.lagged(places, lag_s, *_UNITS)
            now = found.a * a
            now += found.b * b
            if k == path.main:
                columns[6] += share / _STEP * (_longer(played, places, lag_s, found) - now)
            a *= share
            b *= share
            columns[0] += a
            columns[1] += b
            now -= level
            now *= share / lag_s
            columns[4] += now

    def _add_means(
        self, columns: FloatArray, path: LeakPath, played: Played, places: Places, found: _Parameters
    ) -> None:
        """Add the means of the answers over the intervals between every other of these places to ``columns``."""

        def gained(values: FloatArray) -> FloatArray:
            return np.subtract(values[1::2], values[::2])

        per_s = 1.0 / self._dt
        for k, (share, lag_s) in enumerate(path.lags):
            a, b = (gained(answer) for answer in played.lagged(places, lag_s, *_UNITS))
            now = found.a * a
            now += found.b * b
            if k == path.main:
                longer = gained(_longer(played, places, lag_s, found))
                columns[6] -= share * lag_s * per_s / _STEP * ((1.0 + _STEP) * longer - now)
            a *= share * lag_s * per_s
            b *= share * lag_s * per_s
            columns[0] -= a
            columns[1] -= b
            now *= share * per_s
            columns[4] -= now
        of_area = path.total * per_s * (1.0 + played.rate)
        columns[0] += of_area * gained(played.integral(places, 1.0, 0.0))
        columns[1] += of_area * gained(played.integral(places, 0.0, 1.0))


def _longer(played: Played, places: Places, lag_s: float, found: _Parameters) -> FloatArray:
    """The answer of a lag that is a little longer."""
    return played.lagged(places, lag_s * (1.0 + _STEP), (found.a, found.b))[0]


def _samples_to_fit(device: Trace, played: Played, path: LeakPath) -> NDArray[np.intp]:
    """Samples on pulses and their tails, in groups of neighbouring pulses spread over the exposure."""
    capture = device.capture
    dt, tail_s = capture.dt_s, _TAIL * path.longest_s
    begins_s, ends_s = played.pulses_s(min(played.stop_s, capture.t0_s + capture.span_s))
    begins_s, ends_s = begins_s - 2.0 * dt, ends_s + tail_s
    samples = float((ends_s - begins_s).sum()) / dt
    groups = math.ceil(begins_s.size / _TOGETHER)
    if samples > _SAMPLES and groups > _FEWEST_GROUPS:
        wanted = max(math.ceil(groups * _SAMPLES / samples), _FEWEST_GROUPS)
        # Evenly, but not in step with the bursts: each group shows another part of them.
        chosen = (np.arange(wanted) + np.arange(wanted) * _GOLDEN % 1.0) * (begins_s.size - _TOGETHER) / wanted
        index = np.unique(chosen.astype(np.intp)[:, None] + np.arange(_TOGETHER))
        begins_s, ends_s = begins_s[index], ends_s[index]
    return _samples_within(device, begins_s, ends_s)


def _samples_within(device: Trace, begins_s: FloatArray, ends_s: FloatArray) -> NDArray[np.intp]:
    """Samples in stretches in the order of time that may overlap; each counts once."""
    capture, n = device.capture, device.n
    if not begins_s.size:
        return np.empty(0, dtype=np.intp)
    first = np.clip(np.ceil((begins_s - capture.t0_s) / capture.dt_s), 0, n).astype(np.intp)
    last = np.clip(np.floor((ends_s - capture.t0_s) / capture.dt_s) + 1, 0, n).astype(np.intp)
    first = np.maximum(first, np.concatenate(([0], np.maximum.accumulate(last)[:-1])))
    lengths = np.maximum(last - first, 0)
    return np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))


def _solved(normal: FloatArray, toward: FloatArray, spread: float) -> tuple[FloatArray, float]:
    """The least-squares step by the normal equations, and the standard uncertainty of the mean of its first two."""
    size = np.sqrt(np.diag(normal))
    seen = bool(size[:2].any())
    size[size == 0.0] = math.inf  # a column of zeros stays where it is
    # Columns of length 1: what is added changes nothing but keeps two that say the same from standing in the way.
    ridge = np.diag(np.where(np.isinf(size), 1.0, _RIDGE))
    inverse = np.linalg.inv(normal / size / size[:, None] + ridge)
    step = inverse @ (toward / size) / size
    mean = np.zeros(size.size)
    mean[:2] = 0.5 / size[:2]
    return step, spread * math.sqrt(float(mean @ inverse @ mean)) if seen else math.inf
