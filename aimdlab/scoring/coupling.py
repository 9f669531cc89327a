"""How much of the injected signal appears on the device monitor: device = a * injection + b, by exact sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from aimdlab.scoring.codes import Indices, PairSums, Trace, blocks
from aimdlab.scoring.runs import Stretches, find_runs, stretches

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


def active_samples(injection: Trace, level_v: float) -> tuple[Stretches, Stretches]:
    """Samples at which the injected signal is above ``level_v``, and those at which it is below its negative."""
    level, zero = level_v / injection.scale, injection.zero_code
    found = []
    for sign in (1, -1):
        beyond = math.floor(sign * zero + level) + 1  # above, not at
        runs = find_runs(injection, beyond, beyond, sign)
        found.append(stretches(runs.start, runs.stop, injection.n))
    return found[0], found[1]


class CouplingFit:
    """The fit, with the sums over the whole capture taken once; samples left out are subtracted, exactly."""

    def __init__(self, device: Trace, injection: Trace | None, active: Stretches | None) -> None:
        self._device, self._injection, self._active = device, injection, active
        self._everything, self._driven = PairSums(), PairSums()
        for start, stop in blocks(device.n):
            y = device.part(start, stop)
            x = injection.part(start, stop) if injection is not None else np.zeros_like(y)
            self._everything.add(x, y)
            if active is not None and active.touches(start, stop):
                self._driven.add(x, y, active.mask(start, stop))

    def without(self, excluded: Stretches) -> Coupling:
        """Fit the samples that are not ``excluded``; some must be left.

        The slope is taken where the signal is active: elsewhere the injection monitor's noise would only pull it
        towards zero. The offset is the mean over all samples. Without injection the slope is 0.
        """
        left_out, driven_out = PairSums(), PairSums()
        for start, stop in blocks(self._device.n):
            if excluded.touches(start, stop):
                at = np.flatnonzero(excluded.mask(start, stop)) + start
                self._add(left_out, at)
                if self._active is not None:
                    self._add(driven_out, at[self._active.hold(at)])
        everything, driven = self._everything - left_out, self._driven - driven_out
        spread = driven.spread_x() if driven.n >= _FEWEST else Fraction(0)
        a = float(driven.slope()) if spread else 0.0
        b = float(everything.mean_y() - Fraction(a) * everything.mean_x())
        noise = math.sqrt(everything.residual_square(a, b) / max(everything.n - 1, 1))
        # Quantisation adds to a slope's uncertainty even where it hides the noise.
        scatter = math.hypot(noise, self._device.step / math.sqrt(12))
        u_a = scatter / math.sqrt(spread) if spread else math.inf
        return Coupling(a=a, b=b, u_a=u_a, noise=noise, n=everything.n)

    def _add(self, sums: PairSums, at: Indices) -> None:
        y = self._device.take(at)
        sums.add(self._injection.take(at) if self._injection is not None else np.zeros_like(y), y)
