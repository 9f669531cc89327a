"""Diodes across a pacemaker's input: they limit, and they rectify."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.world.crossings import beyond, candidates
from aimdlab_simulators.world.pacemaker_settings import ClampDiodes
from aimdlab_simulators.world.pieces import Floats, Pieces, filtered, joined
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import near_pieces


class _Window(NamedTuple):
    """A window that somebody followed, and the charge at its beginning."""

    begin_s: float
    end_s: float
    states: Floats


class Clamp:
    """Limits a voltage, and charges an offset with the magnitude of what lies beyond.

    ``d offset/dt = abs(excess) / charge time constant - offset / decay time constant``; the excess is that of what is
    injected.
    """

    def __init__(self, diodes: ClampDiodes) -> None:
        self._diodes = diodes
        rate, gain = 1.0 / diodes.decay_time_constant_s, 1.0 / diodes.charge_time_constant_s
        self._charge = Transfer(np.array([-rate]), np.array([gain]), 0.0)
        self._states: Floats = np.zeros(1)  # at the beginning of the window in hand
        self._windows: deque[_Window] = deque()

    def limited(self, volts: Volts | float) -> Volts | float:
        """The voltage at the port that would be ``volts`` without the diodes."""
        held = np.clip(volts, -self._diodes.level_v, self._diodes.level_v)
        return held + self._diodes.share * (volts - held)

    def limited_pieces(self, pieces: Pieces) -> Pieces:
        """The same for a voltage in pieces."""
        cut, side = self._cut(pieces)
        taken = self._over(cut, side).scaled(self._diodes.share - 1.0)
        return Pieces(
            cut.start_s, cut.begins_s, cut.levels + taken.levels, cut.length_s, cut.tails + taken.tails, cut.rates
        )

    def taken_pieces(self, pieces: Pieces) -> Pieces:
        """The limited voltage less the one that would be there without the diodes."""
        return self._over(*self._cut(pieces)).scaled(self._diodes.share - 1.0)

    def follow(self, pieces: Pieces, *, whole: bool) -> None:
        """Take in a window of the injected voltage; unless it is ``whole``, it will come again, longer."""
        if self._windows and self._windows[-1].begin_s == pieces.start_s:
            self._windows.pop()
        self._windows.append(_Window(pieces.start_s, pieces.start_s + pieces.length_s, self._states))
        if whole:
            self._states = filtered(self._excess(pieces), self._charge, self._states)[1]

    def offset(self, source: Signal, start_s: float, end_s: float) -> Pieces:
        """The offset that ``source`` has charged, as far as it was followed; zero before all that is remembered."""
        parts = []
        for window in self._windows:
            if window.end_s > start_s and window.begin_s < end_s:
                pieces = near_pieces(source, window.begin_s, min(window.end_s, end_s))
                part = filtered(self._excess(pieces), self._charge, window.states)[0]
                parts.append(part.after(start_s - window.begin_s))
        nothing = Pieces.held(start_s, np.zeros(1), np.zeros(1), end_s - start_s)
        if not parts:
            return nothing
        if parts[0].start_s > start_s:
            parts.insert(0, Pieces.held(start_s, np.zeros(1), np.zeros(1), parts[0].start_s - start_s))
        return joined(parts)

    def forget(self, before_s: float) -> None:
        """Drop the windows that ended before."""
        while self._windows and self._windows[0].end_s < before_s:
            self._windows.popleft()

    def _excess(self, pieces: Pieces) -> Pieces:
        """The magnitude of what lies beyond the level."""
        cut, side = self._cut(pieces)
        over = self._over(cut, side)
        return Pieces(cut.start_s, cut.begins_s, side * over.levels, cut.length_s, side * over.tails, cut.rates)

    def _over(self, pieces: Pieces, side: NDArray[np.float64]) -> Pieces:
        """What lies beyond the level, with its sign."""
        levels = np.where(side == 0.0, 0.0, pieces.levels - side * self._diodes.level_v)
        tails = np.where(side == 0.0, 0.0, pieces.tails)
        return Pieces(pieces.start_s, pieces.begins_s, levels, pieces.length_s, tails, pieces.rates)

    def _cut(self, pieces: Pieces) -> tuple[Pieces, NDArray[np.float64]]:
        """The voltage cut where it crosses the level; which pieces are above (1) and below the negative one (-1)."""
        found = beyond(pieces, self._diodes.level_v, candidates(pieces, self._diodes.level_v))
        ends_s = found.until_s[found.until_s < pieces.length_s]
        cut = pieces.refined(np.unique(np.concatenate([pieces.begins_s, found.from_s, ends_s])))
        at = np.searchsorted(found.from_s, cut.begins_s, "right") - 1
        side = np.zeros(cut.begins_s.size)
        there = at >= 0
        there[there] = cut.begins_s[there] < found.until_s[at[there]]
        side[there] = found.sign[at[there]]
        return cut, side
