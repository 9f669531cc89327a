"""The injected signal as it was played: exact edges by the clock found, and its answer behind first-order lags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import FloatArray
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
    durations_s: FloatArray = field(init=False)
    begins_s: FloatArray = field(init=False)
    _period_s: float = field(init=False)

    def __post_init__(self) -> None:
        values, durations_s, begins_s = _period(self.signal)
        object.__setattr__(self, "_period_s", self.signal.period_s)
        object.__setattr__(self, "_values", values)
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

    def pulses_s(self, until_s: float) -> tuple[FloatArray, FloatArray]:
        """When pulses A and B begin and end in the capture, shape (k,); those that begin within ``until_s``."""
        periods_s = np.arange(math.ceil(max(until_s, 0.0) / self._period_s) + 1)[:, None] * self._period_s
        some = self._values != 0.0
        begins_s = (periods_s + self.begins_s[some]).ravel()
        ends_s = np.minimum((periods_s + (self.begins_s + self.durations_s)[some]).ravel(), self.stop_s)
        inside = begins_s < min(until_s, self.stop_s)
        return tuple(self.start_s + (1.0 + self.rate) * times_s[inside] for times_s in (begins_s, ends_s))

    def level(self, places: Places, a: float, b: float) -> FloatArray:
        """The signal itself with pulses A of height ``a`` and pulses B of ``-b``, shape (n,)."""
        levels = self.levels(a, b).take(places.segment)
        levels[(places.elapsed_s < 0) | (places.elapsed_s >= self.stop_s)] = 0.0
        return levels

    def decay(self, places: Places, lag_s: float) -> FloatArray:
        """What a lag leaves at each instant of where its segment began, shape (n,); serves several :meth:`lagged`."""
        decay: FloatArray = np.exp(places.age_s * (-1.0 / lag_s))
        return decay

    def lagged(self, places: Places, lag_s: float, *heights: tuple[float, float]) -> list[FloatArray]:
        """The answers of one first-order lag, from rest, to pulses A and B of these heights; each of shape (n,).

        Pulses B of a positive height are negative.
        """
        decay = np.exp(places.age_s * (-1.0 / lag_s))
        begin, soon, stop = places.elapsed_s.searchsorted([0.0, _FORGOTTEN * lag_s, self.stop_s])
        since_s = np.minimum(places.elapsed_s[begin:soon], self.stop_s)
        from_rest = np.exp(since_s * (-1.0 / lag_s))
        fading = np.exp((self.stop_s - places.elapsed_s[stop:]) / lag_s)
        answers = []
        for a, b in heights:
            levels, settled = self.levels(a, b), self.periodic(lag_s, a, b)
            answer = (settled - levels).take(places.segment)
            answer *= decay
            answer += levels.take(places.segment)
            answer[:begin] = 0.0
            answer[begin:soon] -= settled[0] * from_rest
            answer[stop:] *= fading
            answers.append(answer)
        return answers

    def integral(self, places: Places, a: float, b: float) -> FloatArray:
        """The integral of the signal from its beginning, shape (n,), in levels times seconds."""
        levels = self.levels(a, b)
        sums = np.concatenate(([0.0], np.cumsum(levels * self.durations_s)))
        answer = sums[:-1][places.segment] + levels[places.segment] * places.age_s
        answer += places.periods * sums[-1]
        return answer

    def levels(self, a: float, b: float) -> FloatArray:
        """The level of every segment of the period, shape (m,)."""
        return np.where(self._values > 0, a, np.where(self._values < 0, -b, 0.0))

    def periodic(self, lag_s: float, a: float, b: float) -> FloatArray:
        """The lag at the beginning of every segment once the signal has gone on for ever, shape (m,)."""
        of_a, of_b = _settled(self.signal, lag_s)
        return a * of_a + b * of_b


@lru_cache(maxsize=64)
def _period(signal: InjectedSignal) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value, duration and beginning of every segment of a period."""
    segments = signal.period_segments()
    durations_s = np.array([segment.duration_s for segment in segments])
    values = np.array([float(segment.value) for segment in segments])
    begins_s = np.concatenate(([0.0], np.cumsum(durations_s)[:-1]))
    return _kept(values), _kept(durations_s), _kept(begins_s)


@lru_cache(maxsize=64)
def _settled(signal: InjectedSignal, lag_s: float) -> tuple[FloatArray, FloatArray]:
    """The lag at the beginning of every segment of a signal that goes on for ever: to pulses A of 1, and B of -1."""
    segments = signal.period_segments()
    kept = [math.exp(-segment.duration_s / lag_s) for segment in segments]
    # Pulses A are the real part, pulses B the imaginary: both at once.
    levels = [complex(max(segment.value, 0), min(segment.value, 0)) for segment in segments]
    state = 0j
    for level, keep in zip(levels, kept, strict=True):
        state = level + (state - level) * keep
    state /= -math.expm1(-signal.period_s / lag_s)
    states = []
    for level, keep in zip(levels, kept, strict=True):
        states.append(state)
        state = level + (state - level) * keep
    settled = np.array(states)
    return _kept(settled.real.copy()), _kept(settled.imag.copy())


def _kept(array: FloatArray) -> FloatArray:
    """``array``, which nobody can change any more."""
    array.setflags(write=False)
    return array
