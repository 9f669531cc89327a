"""The injected signal as it was played: exact edges by the clock found, and its answer behind first-order lags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, Indices
from aimdlab.signals.injected import InjectedSignal

_FORGOTTEN = 40.0
"""So many time constants after a beginning nothing of it is left."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where instants lie in the signal; arrays of shape (n,), in ascending time.

    Attributes:
        segment: number of the segment of the period.
        age_s: time since it began.
        elapsed_s: time since the signal began, by the generator's clock; negative before it.
        periods: whole periods before.
    """

    segment: NDArray[np.intp]
    age_s: FloatArray
    elapsed_s: FloatArray
    periods: FloatArray


@dataclass(frozen=True, eq=False)
class Played:
    """A signal that began at ``start_s`` of a capture, by a clock that is ``rate`` slower than the capture's.

    Attributes:
        signal: its timing.
        start_s: when its first pulse A began.
        rate: what the generator's durations are longer by, relative.
        stop_s: when it ended, by the generator's clock from its beginning; nothing follows.
        begins_s, durations_s: of the segments of a period, shape (m,), by the generator's clock.
    """

    signal: InjectedSignal
    start_s: float
    rate: float
    stop_s: float
    _values: FloatArray = field(init=False)
    _units: FloatArray = field(init=False)
    durations_s: FloatArray = field(init=False)
    begins_s: FloatArray = field(init=False)
    _period_s: float = field(init=False)

    def __post_init__(self) -> None:
        values, units, durations_s, begins_s = _period(self.signal)
        object.__setattr__(self, "_period_s", self.signal.period_s)
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_units", units)
        object.__setattr__(self, "durations_s", durations_s)
        object.__setattr__(self, "begins_s", begins_s)

    def at(self, times_s: FloatArray) -> Places:
        """Where instants of the capture lie, shape (n,), ascending."""
        elapsed_s = (times_s - self.start_s) / (1.0 + self.rate)
        period_s = self._period_s
        inside_s = np.minimum(np.maximum(elapsed_s, 0.0), self.stop_s)
        periods = np.floor(inside_s / period_s)
        phase_s = inside_s - periods * period_s
        segment = self.begins_s.searchsorted(phase_s, side="right") - 1
        phase_s -= self.begins_s.take(segment)
        return Places(segment, phase_s, elapsed_s, periods)

    @property
    def _of_pulses(self) -> BoolArray:
        """Which segments of a period are pulses."""
        pulses: BoolArray = self._values != 0.0
        return pulses

    def pulses_within(self, until_s: float) -> tuple[int, float]:
        """How many pulses A and B begin within ``until_s`` from the beginning, and how long they last in all."""
        until_s, some = min(until_s, self.stop_s), self._of_pulses
        if until_s <= 0:
            return 0, 0.0
        begins_s, durations_s = self.begins_s[some], self.durations_s[some]
        periods = math.floor(until_s / self._period_s)
        begun = int((begins_s + periods * self._period_s).searchsorted(until_s))
        count = periods * begins_s.size + begun
        lasting_s = periods * float(durations_s.sum()) + float(durations_s[:begun].sum())
        end_s = float(self._pulses_from_start(np.array([count - 1]))[1][0]) if count else 0.0
        return count, (1.0 + self.rate) * (lasting_s - max(end_s - self.stop_s, 0.0))

    def pulses_s(self, numbers: Indices) -> tuple[FloatArray, FloatArray]:
        """When these pulses A and B, counted from 0, begin and end in the capture."""
        begins_s, ends_s = self._pulses_from_start(numbers)
        ends_s = np.minimum(ends_s, self.stop_s)
        return self.start_s + (1.0 + self.rate) * begins_s, self.start_s + (1.0 + self.rate) * ends_s

    def _pulses_from_start(self, numbers: Indices) -> tuple[FloatArray, FloatArray]:
        some = self._of_pulses
        periods, which = np.divmod(numbers, int(np.count_nonzero(some)))
        periods_s = periods * self._period_s
        begins_s = self.begins_s[some]
        ends_s = begins_s + self.durations_s[some]
        return periods_s + begins_s[which], periods_s + ends_s[which]

    def level(self, places: Places, a: float, b: float) -> FloatArray:
        """The signal itself with pulses A of height ``a`` and pulses B of ``-b``, shape (n,)."""
        levels = self.levels(a, b).take(places.segment)
        levels[(places.elapsed_s < 0) | (places.elapsed_s >= self.stop_s)] = 0.0
        return levels

    def lagged(self, places: Places, lags_s: Sequence[float]) -> FloatArray:
        """What pulses A of 1, and what pulses B of -1, make of first-order lags at rest before; and the pulses.

        Returns:
            Shape (lags + 1, 2, n): the answer of each lag, and last, without any, the signal itself.
        """
        begin, stop = places.elapsed_s.searchsorted((0.0, self.stop_s)).tolist()
        settled = np.array([_settled(self.signal, lag_s) for lag_s in lags_s])
        rates = -1.0 / np.array(lags_s)
        lines: FloatArray = np.concatenate((settled - self._units, self._units[None])).take(places.segment, axis=2)
        answers, units = lines[:-1], lines[-1]
        answers *= np.exp(np.multiply.outer(rates, places.age_s))[:, None]
        answers += units
        lines[:, :, :begin] = 0.0
        for answer, first, lag_s in zip(answers, settled[:, :, :1], lags_s, strict=True):
            soon = int(places.elapsed_s.searchsorted(_FORGOTTEN * lag_s))
            if soon > begin:
                since_s = np.minimum(places.elapsed_s[begin:soon], self.stop_s)
                answer[:, begin:soon] -= first * np.exp(since_s * (-1.0 / lag_s))
        if stop < units.shape[1]:
            answers[:, :, stop:] *= np.exp(np.multiply.outer(rates, places.elapsed_s[stop:] - self.stop_s))[:, None]
            units[:, stop:] = 0.0
        return lines

    def areas_s(self, places: Places) -> FloatArray:
        """The integrals of pulses A of 1, and of pulses B of -1, from the beginning; shape (2, n)."""
        sums = np.cumsum(self._units * self.durations_s, axis=1)
        areas: FloatArray = self._units.take(places.segment, axis=1)
        areas *= places.age_s
        areas += np.column_stack((np.zeros(2), sums[:, :-1])).take(places.segment, axis=1)
        areas += places.periods * sums[:, -1:]
        return areas

    def levels(self, a: float, b: float) -> FloatArray:
        """The level of every segment of the period, shape (m,)."""
        return np.where(self._values > 0, a, np.where(self._values < 0, -b, 0.0))

    def periodic(self, lag_s: float, a: float, b: float) -> FloatArray:
        """The lag at the beginning of every segment once the signal has gone on for ever, shape (m,)."""
        of_a, of_b = _settled(self.signal, lag_s)
        periodic: FloatArray = a * of_a + b * of_b
        return periodic


@lru_cache(maxsize=64)
def _period(signal: InjectedSignal) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Value, duration and beginning of every segment of a period; of the values those of pulses A and B apart."""
    segments = signal.period_segments()
    durations_s = np.array([segment.duration_s for segment in segments])
    values = np.array([float(segment.value) for segment in segments])
    begins_s = np.concatenate(([0.0], np.cumsum(durations_s)[:-1]))
    units = np.stack((np.maximum(values, 0.0), np.minimum(values, 0.0)))
    return _kept(values), _kept(units), _kept(durations_s), _kept(begins_s)


@lru_cache(maxsize=64)
def _settled(signal: InjectedSignal, lag_s: float) -> FloatArray:
    """The lag at the beginning of every segment of a signal that goes on for ever, shape (2, m): to A of 1, B of -1."""
    _, units, durations_s, begins_s = _period(signal)
    # Pulses A are the real part, pulses B the imaginary: both at once.
    levels = (units[0] + 1j * units[1]).tolist()
    state, states = 0j, [0j]
    for level, keep in zip(levels, np.exp(durations_s * (-1.0 / lag_s)).tolist(), strict=True):
        state = level + (state - level) * keep
        states.append(state)
    # From rest so far; a period later as much of the beginning is left as has gone on for ever.
    begun = states.pop() / -math.expm1(-signal.period_s / lag_s)
    settled = np.array(states) + begun * np.exp(begins_s * (-1.0 / lag_s))
    return _kept(settled.view(np.float64).reshape(-1, 2).T.copy())


def _kept(array: FloatArray) -> FloatArray:
    """``array``, which nobody can change any more."""
    array.setflags(write=False)
    return array
