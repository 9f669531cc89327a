"""Taking the injected signal off the device monitor: as a straight line of the injection monitor, or behind lags."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aimdlab.scoring.codes import FloatArray, Indices, Trace
from aimdlab.scoring.coupling import Coupling, CouplingFit, active_samples
from aimdlab.scoring.lagged_leak import Leak, LeakAnswer, LeakFit
from aimdlab.scoring.residual import Residual, Totals
from aimdlab.scoring.runs import Samples, Stretches, stretches

_IN_BURST = 0.05
"""Part of the largest leak from which on a sample counts as one with leak."""
_FEWEST = 16
_SAME = 1e-4
"""Part of the leak that a fit may change and still be the same."""


@dataclass(frozen=True, eq=False)
class Left:
    """What is left of the device monitor; device codes.

    Attributes:
        residual: what it is computed from.
        level: of the samples outside pulses, which is taken off; relative to the residual's.
        noise: standard deviation outside pulses.
        coupling: device monitor over injection monitor, V per V; 0 if nothing was injected.
        u_coupling: its uncertainty; infinite if nothing was injected.
        line: the straight line, if it is one.
    """

    residual: Residual
    level: float
    noise: float
    coupling: float
    u_coupling: float
    line: Coupling | None

    def part(self, start: int, stop: int) -> FloatArray:
        """Samples ``start`` up to, not including, ``stop``; around 0 where there is neither leak nor pulse."""
        return self.residual.part(start, stop) - self.level

    def take(self, at: Indices) -> FloatArray:
        """These samples, of any shape and in any order."""
        return self.residual.take(at) - self.level

    def totals(self, outside: Stretches) -> Totals:
        """Of all samples that are not within the stretches."""
        return self.residual.totals(outside).about(self.level)


class Removal(Protocol):
    """One way of taking the injected signal away."""

    @property
    def injection(self) -> Trace | None:
        """The injection monitor, if what is taken away follows it sample by sample."""

    def injected(self, sign: int) -> Stretches | None:
        """Samples on pulses A (``sign`` 1) or B (-1); None if nothing is injected."""

    def without(self, excluded: Stretches) -> Left:
        """Fit the samples that are not ``excluded``; asked again with others until nothing changes."""

    def leak(self, left: Left) -> Samples | None:
        """The leak in device codes, or None if nothing is injected."""


class LineRemoval:
    """``device = a * injection + b``, sample by sample; nothing but the offset without an injection monitor."""

    def __init__(self, device: Trace, injection: Trace | None, ivamp_v: float) -> None:
        self._device, self._injection = device, injection
        self._active = active_samples(injection, ivamp_v / 2) if injection is not None else None
        self._fit = CouplingFit(device, injection, self._active[0] | self._active[1] if self._active else None)

    @property
    def injection(self) -> Trace | None:
        """The injection monitor, if anything is taken away that it shows."""
        return self._injection

    def injected(self, sign: int) -> Stretches | None:
        """Samples on pulses A (``sign`` 1) or B (-1); None if nothing is injected."""
        if self._active is None:
            return None
        return self._active[0] if sign > 0 else self._active[1]

    def without(self, excluded: Stretches) -> Left:
        """Fit the samples that are not ``excluded``."""
        line = self._fit.without(excluded)
        x = self._injection
        ratio = self._device.scale / x.scale if x is not None else math.nan
        coupled = x is not None and math.isfinite(line.u_a)
        about = line.b + line.a * x.zero_code if x is not None else line.b
        return Left(
            residual=Residual(self._device, _LineLeak(x, line.a) if x is not None else None, about),
            level=0.0,
            noise=line.noise,
            coupling=line.a * ratio if coupled else 0.0,
            u_coupling=line.u_a * ratio if coupled else math.inf,
            line=line,
        )

    def leak(self, left: Left) -> Samples | None:
        """The leak in device codes, or None if nothing is injected."""
        return left.residual.leak


@dataclass(frozen=True, eq=False)
class _LineLeak:
    """The injection monitor times a slope, 0 where it shows 0 V."""

    injection: Trace
    slope: float

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.injection.n

    def part(self, start: int, stop: int) -> FloatArray:
        """Samples ``start`` up to, not including, ``stop``."""
        leak = np.subtract(self.injection.part(start, stop), self.injection.zero_code, dtype=np.float64)
        leak *= self.slope
        return leak


class LaggedRemoval:
    """The leak behind lags, from the exact edges of the signal.

    Args:
        device: the device monitor.
        fit: the leak.
        coupling_per_v: the coupling that a gain of 1 V stands for.
    """

    def __init__(self, device: Trace, fit: LeakFit, coupling_per_v: float) -> None:
        self._device, self._fit, self._coupling_per_v = device, fit, coupling_per_v
        self._leak: Leak | None = None
        self._answer: LeakAnswer | None = None
        self._residual: Residual | None = None

    @property
    def injection(self) -> Trace | None:
        """None: the edges are followed, not the samples."""
        return None

    def injected(self, sign: int) -> Stretches | None:
        """Samples on pulses A (``sign`` 1) or B (-1); None before the first fit."""
        return self._answer.injected(sign) if self._answer is not None else None

    def without(self, excluded: Stretches) -> Left:
        """Fit the samples that are not ``excluded``."""
        device, before, residual = self._device, self._leak, self._residual
        leak = self._fit.without(None if before is None else excluded, before)
        if residual is None or leak.moved_v > max(device.u_step, _SAME * residual.leak_peak * device.scale):
            self._leak, self._answer = leak, self._fit.answer(leak, device.scale)
            about = (leak.parameters.offset - device.offset) / device.scale
            residual = self._residual = Residual(device, self._answer, about)
        kept = residual.totals(excluded)
        gain_v = (leak.parameters.a + leak.parameters.b) / 2
        return Left(
            residual=residual,
            level=kept.mean,
            noise=math.sqrt(kept.variance),
            coupling=gain_v * self._coupling_per_v,
            u_coupling=leak.u_gain * abs(self._coupling_per_v),
            line=None,
        )

    def leak(self, left: Left) -> Samples | None:
        """The leak in device codes."""
        return left.residual.leak


def distortion(left: Left, excluded: Stretches) -> tuple[float, float]:
    """What is left where the signal leaks beyond what is left elsewhere, root mean square, over that of the leak.

    Returns:
        It and its standard uncertainty, relative; NaN without a leak, or without a moment to compare with.
    """
    residual = left.residual
    if residual.leak is None:
        return math.nan, math.nan
    inside, outside, leak_square = residual.by_leak(_IN_BURST * residual.leak_peak, excluded)
    if min(inside.n, outside.n) < _FEWEST:
        return math.nan, math.nan
    leak_rms = math.sqrt(leak_square)
    variances = inside.about(left.level).square / inside.n, outside.variance
    excess = math.sqrt(max(variances[0] - variances[1], 0.0)) / leak_rms
    u_excess = (
        math.sqrt(math.hypot(*(v * math.sqrt(2.0 / n) for v, n in zip(variances, (inside.n, outside.n), strict=True))))
        / leak_rms
    )
    return excess, u_excess


def rest_shift(left: Left, excluded: Stretches, first: int, last: int, margin: int) -> tuple[float, float]:
    """Mean of the rest from sample ``first`` to ``last`` against that before and ``margin`` samples after them, codes.

    Returns:
        It and its standard uncertainty; NaN where one of them was not recorded.
    """
    n = excluded.n
    exposed = stretches(np.array([first]), np.array([last]), n)
    settling = stretches(np.array([first]), np.array([min(last + margin, n)]), n)
    parts = []
    for outside in (exposed.complement(), settling):
        found = left.totals(excluded | outside)
        if found.n < _FEWEST:
            return math.nan, math.nan
        parts.append((found.mean, left.noise / math.sqrt(found.n)))
    return parts[0][0] - parts[1][0], math.hypot(parts[0][1], parts[1][1])
