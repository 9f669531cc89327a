"""What a node of the world is: a voltage over world time that anybody can pull."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Volts = NDArray[np.float64]

LEAF_SAMPLES = 65_536


class Signal(Protocol):
    """A voltage over world time."""

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,); the past alone, no later than the present world time."""
        ...

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts that can occur in the closed interval; never too narrow, cheap over hours."""
        ...


class Silence:
    """A node at 0 V: a cable that leads nowhere, a dummy load."""

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:  # noqa: ARG002
        """Zeros."""
        return np.zeros(n)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:  # noqa: ARG002
        """Nothing but 0 V."""
        return 0.0, 0.0


def first_edge(
    signal: Signal, level_v: float, slope: int, *, start_s: float, end_s: float, dt_s: float
) -> float | None:
    """World time of the first crossing of ``level_v`` in (start_s, end_s], None if there is none.

    ``slope`` is +1 (rising), -1 (falling) or 0 (either). The crossing is interpolated between samples ``dt_s``
    apart. Stretches whose bounds do not reach the level are skipped whole.
    """
    for left_s, right_s in _candidates(signal, level_v, start_s, end_s, dt_s):
        n = max(2, int(np.ceil((right_s - left_s) / dt_s)) + 1)
        above = (volts := signal.samples(left_s, dt_s, n)) > level_v
        rises = ~above[:-1] & above[1:]
        falls = above[:-1] & ~above[1:]
        found = np.flatnonzero(rises if slope > 0 else falls if slope < 0 else rises | falls)
        if found.size:
            i = int(found[0])
            before, after = float(volts[i]), float(volts[i + 1])
            return min(left_s + (i + (level_v - before) / (after - before)) * dt_s, end_s)
    return None


def _candidates(
    signal: Signal, level_v: float, start_s: float, end_s: float, dt_s: float
) -> Iterator[tuple[float, float]]:
    """Short stretches, in order of time, in which ``level_v`` may be crossed."""
    stack = [(start_s, end_s)]
    while stack:
        left_s, right_s = stack.pop()
        if right_s <= left_s:
            continue
        low, high = signal.bounds(left_s, right_s)
        if high <= level_v or low > level_v:
            continue
        if right_s - left_s <= LEAF_SAMPLES * dt_s:
            yield left_s, right_s
        else:
            middle_s = left_s + (right_s - left_s) / 2
            stack += [(middle_s, right_s), (left_s, middle_s)]


def first_beyond(signal: Signal, threshold_v: float, start_s: float, end_s: float, resolution_s: float) -> float | None:
    """World time at which ``abs(signal)`` first exceeds ``threshold_v`` in [start_s, end_s], to ``resolution_s``."""
    stack = [(start_s, end_s)]
    while stack:
        left_s, right_s = stack.pop()
        low, high = signal.bounds(left_s, right_s)
        if max(-low, high) <= threshold_v:
            continue
        if right_s - left_s <= resolution_s:
            return left_s
        middle_s = left_s + (right_s - left_s) / 2
        stack += [(middle_s, right_s), (left_s, middle_s)]
    return None
