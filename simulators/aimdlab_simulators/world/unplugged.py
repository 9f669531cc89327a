"""A node as seen through a probe that is off for a while."""

from __future__ import annotations

import numpy as np

from aimdlab_simulators.world.pieces import Pieces
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import Parts, exact_pieces, near_pieces, parts_of


class Unplugged:
    """A Signal: ``node``, but 0 V in every one of ``stretches`` (begin and end, world time).

    Attributes:
        stretches: in which the probe is off.
    """

    def __init__(self, node: Signal, stretches: tuple[tuple[float, float], ...]) -> None:
        self._node = node
        self.stretches = stretches

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        volts = self._node.samples(t0_s, dt_s, n)
        for start_s, end_s in self._within(t0_s, t0_s + (n - 1) * dt_s):
            first, last = (int(np.clip(np.ceil((at_s - t0_s) / dt_s), 0, n)) for at_s in (start_s, end_s))
            volts[first:last] = 0.0
        return volts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval; never too narrow."""
        low, high = self._node.bounds(start_s, end_s)
        return (min(low, 0.0), max(high, 0.0)) if self._within(start_s, end_s) else (low, high)

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of where the probe is on throughout (see ``stepped.parts_of``)."""
        return None if self._within(start_s, end_s) else parts_of(self._node, start_s, end_s)

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The node's pieces where the probe is on throughout; None elsewhere."""
        if self._within(start_s, end_s):
            return None
        return (near_pieces if near else exact_pieces)(self._node, start_s, end_s)

    def _within(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        return [stretch for stretch in self.stretches if stretch[0] <= end_s and start_s < stretch[1]]
