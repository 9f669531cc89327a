"""How much of the injected signal appears on the device monitor where the network between them has a memory.

``device = gain A * answer to pulses A + gain B * answer to pulses B + direct * injection + offset``. The answers follow
from the exact edges, not from samples: between two samples an edge is anywhere. Fitted are the gains, the offset,
a shift of the edges at both ends of the exposure and the main lag, the last three held by what is known of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, Trace
from aimdlab.scoring.lagged_answer import Grid, LaggedAnswer
from aimdlab.scoring.leak_model import LeakModel, LeakPath, Parameters
from aimdlab.scoring.played import Played
from aimdlab.scoring.runs import Stretches

U_LAG = 0.05
"""Standard uncertainty of a lag, relative: capacitors of 5 %, resistors of 2 %, the oscilloscope's input."""
PLAIN = 3.0
"""Standard deviations of one sample by which a fit is plainly worse than another."""

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
_RIDGE = 1e-12
_PINNED = 1e-4
"""Of what the last step may change: less, where the lag is as far as it may be and the steps become small slowly."""
_HELD = 1e-6
"""From this part of a step on that is not taken, its parameter is held at a bound."""
_REPEATED = 0.01
"""Of what the last step may change: by less than this the steps of a fit that jumps to and fro undo each other."""


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
    parameters: Parameters


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
        offset = device.median_code * device.scale + device.offset
        self._first = Parameters(ivamp_v, ivamp_v, offset, 1.0, 0.0, 0.0, 0.0)
        # Before the fit: the part without delay and the lag within their components; an edge within a sample, at the
        # beginning and at the end; pulses A and B of one height.
        self._known = np.zeros((len(self._first), len(self._first)))
        for which, u in {3: U_LAG, 4: self._dt, 5: self._dt, 6: U_LAG}.items():
            self._known[which, which] = u**-2
        self._known[:2, :2] = np.array(((1.0, -1.0), (-1.0, 1.0))) / (_U_APART * ivamp_v) ** 2

    @cached_property
    def _at(self) -> NDArray[np.intp]:
        """The samples fitted."""
        return _samples_to_fit(self._device, self._played, self._path)

    @cached_property
    def _model(self) -> LeakModel:
        at, capture = self._at, self._device.capture
        times_s = capture.t0_s + at.astype(np.float64) * self._dt
        injected_v = None if self._injection is None else self._injection.volts(at)
        shown_v = self._device.volts(at)
        return LeakModel(at, times_s, shown_v, self._played, self._path, self._dt, injected_v)

    def without(self, excluded: Stretches | None, start: Leak | None = None) -> Leak:
        """Fit the samples that are not ``excluded``, from what was found before; outliers are left out by itself."""
        keep = np.ones(self._at.size, dtype=np.bool_) if excluded is None else ~excluded.hold(self._at)
        if int(np.count_nonzero(keep)) < _FEWEST:
            silent = self._first._replace(a=0.0, b=0.0, direct=0.0)
            return Leak(self._path, self._played, False, math.inf, math.inf, silent)
        if start is not None:
            return self._fitted(start.parameters, start.averaged, keep)[0]
        points, badness = self._fitted(self._first, False, keep)
        means, badness_of_means = self._fitted(points.parameters, True, keep, badness)
        return means if badness_of_means < badness else points

    def answer(self, leak: Leak, unit_v: float = 1.0) -> LeakAnswer:
        """The leak without the offset at every sample of the capture, in units of ``unit_v``."""
        found = leak.parameters
        capture = self._device.capture
        grid = Grid(capture.t0_s, self._dt, capture.n, leak.averaged)
        lagged = LaggedAnswer(leak.played, leak.path.lags, found.a, found.b, grid, unit_v)
        return LeakAnswer(lagged, self._injection, found.direct * leak.path.direct / unit_v)

    def _fitted(
        self, begin: Parameters, averaged: bool, keep: BoolArray, rival: float = math.inf
    ) -> tuple[Leak, float]:
        """From ``begin`` to the best fit, and how bad it is, edges as well as plateaus and pulses but little.

        It is given up, and infinitely bad, as soon as it is plain that it will be worse than ``rival``.
        """
        found, spread, u_gain = np.array(begin), math.inf, math.inf
        wanted, first, before = np.array(self._first), begin is self._first, np.empty(0)
        every, hopeless, last = bool(keep.all()), False, np.empty(0)
        for number in range(_ROUNDS):
            linear = self._model.linear(Parameters(*found.tolist()), averaged)
            columns, rest = linear[:-1], linear[-1]
            before = rest if number == 0 else before
            off = np.abs(rest)
            spread = max(_SIGMA_PER_MEDIAN * _median(off if every else off[keep]), self._device.u_step)
            # Not too narrow at first: in sparse bursts most samples show nothing and know nothing of the gain.
            wide = math.inf if number == 0 else self._ivamp_v * _NARROWING**number
            limit = max(_OUTLIER * spread, self._apart_v, wide if first else 0.0)
            kept = off <= limit
            kept &= keep
            # What is left out is made 0, which is faster than choosing the rest.
            part = linear if kept.all() else linear * kept
            square = part @ part.T
            known = spread**2 * self._known
            toward = square[:-1, -1] + known @ (wanted - found)
            wished, u_gain = _solved(square[:-1, :-1] + known, toward, spread)
            pinned = abs(found[-1]) >= _FARTHEST * U_LAG and wished[-1] * found[-1] > 0
            if pinned:
                wished[-1] = 0.0
            after = self._bounded(found, wished)
            step = after - found
            held = not _close(step, wished)
            found, changed = after, step @ columns
            settled = _SETTLED * self._ivamp_v * (_PINNED if pinned or held else 1.0)
            narrow = limit <= max(_OUTLIER * spread, self._apart_v)
            if narrow and float(np.max(np.abs(changed))) < settled:
                break
            # With an edge on a sample it may jump to and fro for ever, and ends where the last round would find it.
            as_last = (_ROUNDS - 1 - number) % 2 == 0
            if narrow and number and as_last and float(np.max(np.abs((step + last) @ columns))) < _REPEATED * settled:
                break
            last, hopeless = step, not held and self._is_hopeless(rest[keep], changed[keep], rival, spread)
            if hopeless:
                break
        moved_v = float(np.max(np.abs(rest - before), initial=0.0))
        best = Parameters(*found.tolist())
        leak = Leak(self._model.path_of(best), self._model.played_of(best), averaged, u_gain, moved_v, best)
        return leak, math.inf if hopeless else self._badness(rest[keep])

    def _bounded(self, found: FloatArray, step: FloatArray) -> FloatArray:
        """What a step leads to: no farther at once than a sample or a lag's uncertainty, the lag near what is known."""
        most, farthest = (self._dt, self._dt, U_LAG), _FARTHEST * U_LAG
        after = found + step
        for which, limit in zip((4, 5, 6), most, strict=True):
            after[which] = found[which] + min(max(float(step[which]), -limit), limit)
        after[6] = min(max(float(after[6]), -farthest), farthest)
        return after

    def _is_hopeless(self, rest: FloatArray, changed: FloatArray, rival: float, spread: float) -> bool:
        """Whether a fit stays worse than ``rival``, plainly, even if its step brings twice what it promises."""
        if math.isinf(rival):
            return False
        promised = self._badness(rest - changed)
        return promised - rival > max(self._badness(rest) - promised, PLAIN**2 * spread**2 / rest.size)

    def _badness(self, rest: FloatArray) -> float:
        return float(np.mean(np.minimum(np.abs(rest), 2.0 * self._apart_v) ** 2))


def _samples_to_fit(device: Trace, played: Played, path: LeakPath) -> NDArray[np.intp]:
    """Samples on pulses and their tails, in groups of neighbouring pulses spread over the exposure."""
    capture = device.capture
    dt, tail_s = capture.dt_s, _TAIL * path.longest_s
    count, lasting_s = played.pulses_within(capture.t0_s + capture.span_s)
    samples = (lasting_s + count * (2.0 * dt + tail_s)) / dt
    groups = math.ceil(count / _TOGETHER)
    numbers = np.arange(count)
    if samples > _SAMPLES and groups > _FEWEST_GROUPS:
        wanted = max(math.ceil(groups * _SAMPLES / samples), _FEWEST_GROUPS)
        # Evenly, but not in step with the bursts: each group shows another part of them.
        chosen = (np.arange(wanted) + np.arange(wanted) * _GOLDEN % 1.0) * (count - _TOGETHER) / wanted
        numbers = np.unique(chosen.astype(np.intp)[:, None] + np.arange(_TOGETHER))
    begins_s, ends_s = played.pulses_s(numbers)
    return _samples_within(device, begins_s - 2.0 * dt, ends_s + tail_s)


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


def _median(values: FloatArray) -> float:
    """The median of some values, of which there is one at least."""
    half = values.size // 2
    middle = np.partition(values, (half - 1, half) if values.size % 2 == 0 else half)
    return float(middle[half] if values.size % 2 else (middle[half - 1] + middle[half]) / 2)


def _close(step: FloatArray, wished: FloatArray) -> bool:
    """Whether a step is all that was wished."""
    both = zip(step.tolist(), wished.tolist(), strict=True)
    return all(abs(did - would) <= _HELD * abs(would) for did, would in both)


def _solved(normal: FloatArray, toward: FloatArray, spread: float) -> tuple[FloatArray, float]:
    """The least-squares step by the normal equations, and the standard uncertainty of the mean of its first two."""
    sizes = [math.sqrt(square) for square in normal.diagonal().tolist()]
    # Columns of length 1; one of zeros stays where it is.
    scale = np.array([1.0 / size if size else 0.0 for size in sizes])
    scales = np.multiply.outer(scale, scale)
    # What is added changes nothing but keeps two that say the same from standing in the way.
    inverse = np.linalg.inv(normal * scales + np.diag([_RIDGE if size else 1.0 for size in sizes]))
    inverse *= scales
    u_mean = 0.5 * math.sqrt(float(inverse[:2, :2].sum()))
    return inverse @ toward, spread * u_mean if any(sizes[:2]) else math.inf
