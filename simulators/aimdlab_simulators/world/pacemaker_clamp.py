"""Diodes across a pacemaker's input: they limit, and they rectify."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.pacemaker_sensing import decaying_sums
from aimdlab_simulators.world.pacemaker_settings import ClampDiodes
from aimdlab_simulators.world.piecewise import Pieces
from aimdlab_simulators.world.signal import Volts

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Window:
    """Excess from each time on, and the decaying sum of its steps there."""

    begins_s: _Floats
    excess_v: Volts
    sums_v: Volts


class Clamp:
    """Limits a voltage, and charges an offset with the magnitude of what lies beyond.

    ``d offset/dt = abs(excess) / charge time constant - offset / decay time constant``; the excess is that of what is
    injected.
    """

    def __init__(self, diodes: ClampDiodes) -> None:
        self._diodes = diodes
        self._rate = 1.0 / diodes.decay_time_constant_s
        self._gain = diodes.decay_time_constant_s / diodes.charge_time_constant_s
        self._before = (0.0, 0.0)  # excess and sum at the beginning of the window in hand
        self._windows: deque[_Window] = deque()

    def limited(self, volts: Volts | float) -> Volts | float:
        """The voltage at the port that would be ``volts`` without the diodes."""
        held = np.clip(volts, -self._diodes.level_v, self._diodes.level_v)
        return held + self._diodes.share * (volts - held)

    def follow(self, pieces: Pieces, *, whole: bool) -> None:
        """Take in a window of the injected voltage; unless it is ``whole``, it will come again, longer."""
        excess_before, sum_before = self._before
        excess = np.maximum(np.abs(pieces.volts) - self._diodes.level_v, 0.0)
        sums = decaying_sums(pieces.begins_s, excess, excess_before, sum_before, self._rate)
        if self._windows and self._windows[-1].begins_s[0] == pieces.begins_s[0]:
            self._windows.pop()
        self._windows.append(_Window(pieces.begins_s, excess, sums))
        if whole:
            rest_s = pieces.end_s - float(pieces.begins_s[-1])
            self._before = float(excess[-1]), float(sums[-1]) * math.exp(-self._rate * rest_s)

    def offset(self, t_s: _Floats) -> Volts:
        """The rectified offset at these ascending times, shape (n,); zero before all that is remembered."""
        volts = np.zeros(t_s.size)
        for window in self._windows:
            first = int(np.searchsorted(t_s, window.begins_s[0], "left"))
            if first == t_s.size:
                break
            at = np.searchsorted(window.begins_s, t_s[first:], "right") - 1
            age_s = t_s[first:] - window.begins_s[at]
            volts[first:] = self._gain * (window.excess_v[at] - window.sums_v[at] * np.exp(-self._rate * age_s))
        return volts

    def offset_bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest offset within the closed interval: it turns where a piece begins, and nowhere else."""
        turns = [window.begins_s for window in self._windows]
        times = np.concatenate([np.array([start_s]), *turns, np.array([end_s])])
        volts = self.offset(times[(times >= start_s) & (times <= end_s)])
        return float(volts.min()), float(volts.max())

    def forget(self, before_s: float) -> None:
        """Drop the windows that ended before."""
        while len(self._windows) > 1 and self._windows[1].begins_s[0] < before_s:
            self._windows.popleft()
