"""A factor over the last minutes, constant between steps: what a signal is multiplied by on its way."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.pieces import Floats


class FactorHistory:
    """Begins with ``factor``, which holds until the first step."""

    def __init__(self, past: Past, factor: float) -> None:
        self._past = past
        self._steps: list[tuple[float, float]] = [(-math.inf, factor)]
        past.on_forgetting(self._forget)

    @property
    def is_one(self) -> bool:
        """Whether it was 1 as long as anybody remembers, and no step is to come."""
        return len(self._steps) == 1 and self._steps[0][1] == 1.0

    def follow(self, at_s: float, *steps: tuple[float, float]) -> None:
        """From ``at_s`` on there are only ``steps``, (start_s, factor) in order of time; those to come are replaced."""
        with self._past.lock:
            while len(self._steps) > 1 and self._steps[-1][0] >= at_s:
                self._steps.pop()
            for start_s, factor in steps:
                if factor != self._steps[-1][1]:
                    self._steps.append((start_s, factor))

    def at(self, t_s: float) -> float:
        """The factor at one time."""
        with self._past.lock:
            return self._steps[self._index_at(t_s)][1]

    def steps(self, start_s: float, end_s: float) -> tuple[Floats, Floats]:
        """Starts after ``start_s``, the first 0, and factors of the closed interval."""
        with self._past.lock:
            found = self._steps[self._index_at(start_s) : self._index_at(end_s) + 1]
        starts = np.array([max(at_s - start_s, 0.0) for at_s, _ in found])
        return starts, np.array([factor for _, factor in found])

    def samples(self, t0_s: float, dt_s: float, n: int) -> Floats:
        """Factors at the times ``t0_s + i * dt_s``, shape (n,)."""
        starts, factors = self.steps(t0_s, t0_s + (n - 1) * dt_s)
        found: Floats = factors[np.searchsorted(starts, np.arange(n) * dt_s, "right") - 1]
        return found

    def extremes(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest factor of the closed interval."""
        factors = self.steps(start_s, end_s)[1]
        return float(factors.min()), float(factors.max())

    def _index_at(self, t_s: float) -> int:
        return bisect_right(self._steps, t_s, key=lambda step: step[0]) - 1

    def _forget(self, horizon_s: float) -> None:
        # The first step reaches back for ever: what came before the one at the horizon is gone.
        del self._steps[: self._index_at(horizon_s)]
        self._steps[0] = (-math.inf, self._steps[0][1])
