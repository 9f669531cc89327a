"""The gradient field test signal of 8.1, Fig. 3: trapezoids with ramps of T_SLEW peak to peak, in bursts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from aimdlab.signals.exact import cumulative_s, exact


@dataclass(frozen=True)
class GradientSignal:
    """Fig. 3 as straight lines between vertices, normalised to B_G = 1 (so it swings from -0.5 to +0.5).

    One cycle: up to +1/2 in T_SLEW/2, dwell, down to -1/2 in T_SLEW, dwell, up to 0 in T_SLEW/2. Between two cycles of
    a burst the two half ramps join into one of T_SLEW.

    Attributes:
        t_slew_s: peak-to-peak rise or fall time.
        t_dwell_s: time at each plateau, 0 for a triangle.
        cycles: cycles per burst.
        t_off_s: rest between two bursts.
    """

    t_slew_s: float
    t_dwell_s: float
    cycles: int
    t_off_s: float

    def vertices(self) -> tuple[tuple[float, float], ...]:
        """(time in s, B / B_G) of one burst and the rest after it, from 0; no vertex twice, no joint on a ramp."""
        slew, dwell = exact(self.t_slew_s), exact(self.t_dwell_s)
        levels: list[Fraction] = [Fraction(0)]
        steps: list[Fraction] = []

        def line(duration: Fraction, level: Fraction) -> None:
            if duration > 0:
                steps.append(duration)
                levels.append(level)

        half = Fraction(1, 2)
        line(slew / 2, half)
        for cycle in range(self.cycles):
            line(dwell, half)
            line(slew, -half)
            line(dwell, -half)
            if cycle + 1 < self.cycles:
                line(slew, half)
        line(slew / 2, Fraction(0))
        line(exact(self.t_off_s), Fraction(0))
        return tuple(zip(cumulative_s(steps), (float(level) for level in levels), strict=True))

    def slopes(self) -> tuple[tuple[float, float], ...]:
        """(dB/dt in units of B_G / T_SLEW, duration in s) of every line: the derivative of Fig. 3."""
        points = [(exact(t), exact(b)) for t, b in self.vertices()]
        slew = exact(self.t_slew_s)
        return tuple((float((b1 - b0) / (t1 - t0) * slew), float(t1 - t0)) for (t0, b0), (t1, b1) in pairwise(points))
