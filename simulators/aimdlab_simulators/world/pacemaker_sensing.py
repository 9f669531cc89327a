"""What a pacemaker detects of the voltage at its port: exact answers to a voltage in pieces."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.world.exceedances import Exceedances
from aimdlab_simulators.world.pacemaker_settings import SensingBand
from aimdlab_simulators.world.pieces import Floats, Pieces, filtered

_SETTLED = 1e-20


class Detector:
    """Detects ``abs`` of the voltage, band-passed or not, above a threshold.

    The band-pass answers a step of 1 V with ``g (exp(-w1 t) - exp(-w2 t))``, g such that the gain at the centre is 1:
    the difference of two low passes.

    Attributes:
        exceeded: when it was above.
    """

    def __init__(self, threshold_v: float, band: SensingBand | None = None) -> None:
        self.exceeded = Exceedances(threshold_v)
        self._filter = _band_pass(band) if band is not None else None
        self._states: Floats = np.zeros(2)  # of the filter at the beginning of the window in hand

    def may_hear(self, highest_v: float) -> bool:
        """Whether to follow a window of which no more is known than this; a filter must be followed in any case."""
        return self._filter is not None or highest_v > self.exceeded.threshold_v

    def follow(self, pieces: Pieces, *, whole: bool) -> None:
        """Take in a window; unless it is ``whole``, the same one will come again, longer."""
        if self._filter is not None:
            pieces, states = filtered(pieces, self._filter, self._states)
            if whole:
                # Keeps hours of rest from ending in denormal numbers.
                self._states = np.where(np.abs(states) > _SETTLED, states, 0.0)
        self.exceeded.follow(pieces)


def _band_pass(band: SensingBand) -> Transfer:
    slow, fast = 2.0 * math.pi * band.high_pass_hz, 2.0 * math.pi * band.low_pass_hz
    gain = (slow + fast) / (fast - slow)
    return Transfer(np.array([-slow, -fast]), gain * np.array([-slow, fast]), 0.0)
