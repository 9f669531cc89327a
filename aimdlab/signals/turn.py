"""A source that repeats the same steps for ever, and what decaying modes make of one turn of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimdlab.errors import ConfigurationError

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class TurnedModes:
    """What a turn is to the modes ``z' = rate * z + u``, of which there are m, in each of its k steps.

    Attributes:
        tails: how far each mode is from where it settles in a step, when that begins, shape (k, m).
        single: integral of ``exp(rate * t)`` over the step, shape (k, m).
        double: the same for the sum of every two rates, shape (k, m, m).
    """

    tails: Reals
    single: Reals
    double: Reals


class Turn:
    """One turn of a source that repeats these steps for ever.

    Attributes:
        levels, durations_s: shape (k,).
        period_s: all durations together.

    Raises:
        ConfigurationError: a duration is not above 0, a level is not finite, or there are not as many of each.
    """

    def __init__(self, levels: ArrayLike, durations_s: ArrayLike) -> None:
        u, t = np.asarray(levels, dtype=np.float64), np.asarray(durations_s, dtype=np.float64)
        if u.shape != t.shape or u.ndim != 1 or not u.size or not (t > 0).all() or not np.isfinite(u).all():
            raise ConfigurationError("a periodic source needs as many finite levels as durations above 0")
        self.levels: Reals = u
        self.durations_s: Reals = t
        self.period_s = float(t.sum())
        self._modes: dict[bytes, TurnedModes] = {}

    def modes(self, rates_per_s: Reals) -> TurnedModes:
        """What it is to modes of these rates, shape (m,); worked out once for all outputs of one network."""
        key = rates_per_s.tobytes()
        if key not in self._modes:
            self._modes[key] = self._turned(rates_per_s)
        return self._modes[key]

    def _turned(self, rates_per_s: Reals) -> TurnedModes:
        t = self.durations_s
        decay = np.exp(t[:, None] * rates_per_s)
        single = integral(rates_per_s, t[:, None])
        driven = self.levels[:, None] * single
        # A turn of a few dozen steps: plain numbers are quicker here than arrays of a few modes.
        steps = list(zip(decay.T.tolist(), driven.T.tolist(), strict=True))
        # From rest through one turn; what a turn leaves of its beginning then says where it begins.
        gathered = np.array([_after(0.0, a, b) for a, b in steps])
        begins = (gathered / -np.expm1(self.period_s * rates_per_s)).tolist()
        starts = np.empty_like(decay)
        for mode, (state, (a, b)) in enumerate(zip(begins, steps, strict=True)):
            starts[:, mode] = _through(state, a, b)
        pairs = rates_per_s[:, None] + rates_per_s[None, :]
        tails = starts + self.levels[:, None] / rates_per_s
        return TurnedModes(tails, single, integral(pairs, t[:, None, None]))


def integral(rate: Reals, t: Reals) -> Reals:
    """Integral of exp(rate * t) from 0 to t."""
    answer: Reals = np.expm1(rate * t) / rate
    return answer


def _after(state: float, decay: list[float], driven: list[float]) -> float:
    for a, b in zip(decay, driven, strict=True):
        state = a * state + b
    return state


def _through(state: float, decay: list[float], driven: list[float]) -> list[float]:
    states = []
    for a, b in zip(decay, driven, strict=True):
        states.append(state)
        state = a * state + b
    return states
