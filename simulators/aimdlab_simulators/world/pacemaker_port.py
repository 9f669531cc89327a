"""The input of a pacemaker: what is injected there, limited by the clamp, handed to the detectors in fixed windows."""

from __future__ import annotations

from collections.abc import Sequence

from aimdlab_simulators.world.pacemaker_clamp import Clamp
from aimdlab_simulators.world.pacemaker_sensing import Detector
from aimdlab_simulators.world.pieces import Pieces
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import near_pieces

# A power of two, so that the windows meet exactly.
WINDOW_S = 2.0


class PacemakerPort:
    """Follows the injected voltage up to a time.

    A window that is not over is evaluated from its beginning whenever somebody asks, so that nothing depends on when
    they did. Windows lie on a grid from world time 0.
    """

    def __init__(self, source: Signal, detectors: Sequence[Detector], clamp: Clamp | None) -> None:
        self.source = source
        self._detectors = tuple(detectors)
        self._clamp = clamp
        self._window = 0
        self._until_s = 0.0

    def advance(self, now_s: float) -> None:
        """Follow the voltage up to ``now_s``."""
        while self._until_s < now_s:
            begin_s, end_s = self._window * WINDOW_S, (self._window + 1) * WINDOW_S
            whole = end_s <= now_s
            self._until_s = min(end_s, now_s)
            if self._is_heard(begin_s, self._until_s):
                self._follow(near_pieces(self.source, begin_s, self._until_s), whole=whole)
            if whole:
                self._window += 1

    def _is_heard(self, start_s: float, end_s: float) -> bool:
        """Whether anything may come of the window: bounds are much cheaper than what the voltage is made of."""
        if self._clamp is not None:
            return True
        highest_v = max(map(abs, self.source.bounds(start_s, end_s)))
        return any(detector.may_hear(highest_v) for detector in self._detectors)

    def _follow(self, pieces: Pieces, *, whole: bool) -> None:
        if self._clamp is not None:
            self._clamp.follow(pieces, whole=whole)
            pieces = self._clamp.limited_pieces(pieces)
        for detector in self._detectors:
            detector.follow(pieces, whole=whole)
