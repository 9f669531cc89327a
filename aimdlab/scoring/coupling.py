"""How much of the injected signal appears on the device monitor: device = a * injection + b, by exact sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from aimdlab.scoring.codes import BoolArray, FloatArray, PairSums, Trace

_FEWEST = 6
"""Samples under injection that a slope needs at least."""


@dataclass(frozen=True)
class Coupling:
    """The straight line from injection codes to device codes.

    Attributes:
        a: slope, device codes per injection code.
        b: device code where the injection code is 0.
        u_a: standard uncertainty of the slope; infinite if nothing was injected.
        noise: standard deviation of the samples from the line, in device codes.
        n: samples used.
    """

    a: float
    b: float
    u_a: float
    noise: float
    n: int


def active_samples(injection: Trace, level_v: float) -> BoolArray:
    """Samples at which the magnitude of the injected signal exceeds ``level_v``."""
    level = level_v / injection.scale
    zero = injection.zero_code
    active: BoolArray = (injection.codes > zero + level) | (injection.codes < zero - level)
    return active


class CouplingFit:
    """The fit, with the sums over the whole capture taken once; samples left out are subtracted, exactly."""

    def __init__(self, device: Trace, injection: Trace | None, active: BoolArray | None) -> None:
        self._device = device
        self._y = device.codes
        self._x = injection.codes if injection is not None else np.zeros_like(device.codes)
        self._active = active
        self._everything = PairSums()
        self._everything.add(self._x, self._y)
        self._driven = PairSums()
        if active is not None:
            self._driven.add(self._x, self._y, active)

    def without(self, excluded: BoolArray) -> Coupling:
        """Fit the samples where ``excluded`` is false; some must be left.

        The slope is taken where the signal is active: elsewhere the injection monitor's noise would only pull it
        towards zero. The offset is the mean over all samples. Without injection the slope is 0.
        """
        left_out, driven_out = PairSums(), PairSums()
        at = np.flatnonzero(excluded)
        left_out.add(self._x[at], self._y[at])
        if self._active is not None:
            at = at[self._active[at]]
            driven_out.add(self._x[at], self._y[at])
        everything, driven = self._everything - left_out, self._driven - driven_out
        spread = driven.spread_x() if driven.n >= _FEWEST else Fraction(0)
        a = float(driven.slope()) if spread else 0.0
        b = float(everything.mean_y() - Fraction(a) * everything.mean_x())
        noise = math.sqrt(everything.residual_square(a, b) / max(everything.n - 1, 1))
        # Quantisation adds to a slope's uncertainty even where it hides the noise.
        scatter = math.hypot(noise, self._device.step / math.sqrt(12))
        u_a = scatter / math.sqrt(spread) if spread else math.inf
        return Coupling(a=a, b=b, u_a=u_a, noise=noise, n=everything.n)


def residual(device: Trace, injection: Trace | None, coupling: Coupling) -> FloatArray:
    """What the line does not explain, in device codes; element by element, so the same whatever the block size."""
    if injection is None or coupling.a == 0.0:
        return np.asarray(device.codes - coupling.b, dtype=np.float64)
    rest = np.asarray(device.codes - coupling.a * injection.codes, dtype=np.float64)
    rest -= coupling.b
    return rest
