"""Taking the injected signal off the device monitor: as a straight line of the injection monitor, or behind lags."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aimdlab.scoring.codes import BoolArray, FloatArray, Trace
from aimdlab.scoring.coupling import Coupling, CouplingFit, active_samples, residual
from aimdlab.scoring.lagged_leak import Leak, LeakFit

_IN_BURST = 0.05
"""Part of the largest leak from which on a sample counts as one with leak."""
_FEWEST = 16
_SAME = 1e-4
"""Part of the leak that a fit may change and still be the same."""


@dataclass(frozen=True, eq=False)
class Left:
    """What is left of the device monitor; device codes.

    Attributes:
        rest: shape (n,), 0 where there is neither leak nor pulse.
        noise: standard deviation outside pulses.
        coupling: device monitor over injection monitor, V per V; 0 if nothing was injected.
        u_coupling: its uncertainty; infinite if nothing was injected.
        line: the straight line, if it is one.
    """

    rest: FloatArray
    noise: float
    coupling: float
    u_coupling: float
    line: Coupling | None


class Removal(Protocol):
    """One way of taking the injected signal away."""

    @property
    def injection(self) -> Trace | None:
        """The injection monitor, if what is taken away follows it sample by sample."""

    def injected(self, sign: int) -> BoolArray | None:
        """Samples on pulses A (``sign`` 1) or B (-1), shape (n,); None if nothing is injected."""

    def without(self, excluded: BoolArray) -> Left:
        """Fit the samples where ``excluded`` is false; asked again with others until nothing changes."""

    def leak(self, left: Left) -> FloatArray | None:
        """The leak in device codes, shape (n,), or None if nothing is injected."""


class LineRemoval:
    """``device = a * injection + b``, sample by sample; nothing but the offset without an injection monitor."""

    def __init__(self, device: Trace, injection: Trace | None, ivamp_v: float) -> None:
        self._device, self._injection = device, injection
        self._active = active_samples(injection, ivamp_v / 2) if injection is not None else None
        self._fit = CouplingFit(device, injection, self._active)

    @property
    def injection(self) -> Trace | None:
        """The injection monitor, if anything is taken away that it shows."""
        return self._injection

    def injected(self, sign: int) -> BoolArray | None:
        """Samples on pulses A (``sign`` 1) or B (-1), shape (n,); None if nothing is injected."""
        x = self._injection
        if x is None or self._active is None:
            return None
        injected: BoolArray = self._active & ((x.codes > x.zero_code) if sign > 0 else (x.codes < x.zero_code))
        return injected

    def without(self, excluded: BoolArray) -> Left:
        """Fit the samples where ``excluded`` is false."""
        line = self._fit.without(excluded)
        ratio = self._device.scale / self._injection.scale if self._injection is not None else math.nan
        coupled = self._injection is not None and math.isfinite(line.u_a)
        return Left(
            rest=residual(self._device, self._injection, line),
            noise=line.noise,
            coupling=line.a * ratio if coupled else 0.0,
            u_coupling=line.u_a * ratio if coupled else math.inf,
            line=line,
        )

    def leak(self, left: Left) -> FloatArray | None:
        """The leak in device codes, shape (n,), or None if nothing is injected."""
        if self._injection is None or left.line is None:
            return None
        leak = left.line.a * (self._injection.codes - self._injection.zero_code)
        return leak.astype(np.float64, copy=False)


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
        self._values = self._levels = np.empty(0)
        self._peak_v = 0.0

    @property
    def injection(self) -> Trace | None:
        """None: the edges are followed, not the samples."""
        return None

    def injected(self, sign: int) -> BoolArray | None:
        """Samples on pulses A (``sign`` 1) or B (-1), shape (n,)."""
        injected: BoolArray = self._levels * sign > 0
        return injected

    def without(self, excluded: BoolArray) -> Left:
        """Fit the samples where ``excluded`` is false."""
        device, before = self._device, self._leak
        leak = self._fit.without(None if before is None else excluded, before)
        if before is None or leak.moved_v > max(device.u_step, _SAME * self._peak_v):
            values_v, self._levels = self._fit.values(leak)
            self._peak_v = float(np.max(np.abs(values_v), initial=0.0))
            self._values = values_v / device.scale
            self._leak = leak
        rest = device.codes - self._values
        kept = rest[~excluded]
        rest -= float(kept.mean())
        gain_v = (leak.parameters.a + leak.parameters.b) / 2
        return Left(
            rest=rest,
            noise=float(kept.std()),
            coupling=gain_v * self._coupling_per_v,
            u_coupling=leak.u_gain * abs(self._coupling_per_v),
            line=None,
        )

    def leak(self, left: Left) -> FloatArray | None:  # noqa: ARG002 - as in the protocol
        """The leak in device codes, shape (n,)."""
        return self._values


def distortion(left: Left, leak: FloatArray | None, excluded: BoolArray) -> tuple[float, float]:
    """What is left where the signal leaks beyond what is left elsewhere, root mean square, over that of the leak.

    Returns:
        It and its standard uncertainty, relative; NaN without a leak, or without a moment to compare with.
    """
    if leak is None:
        return math.nan, math.nan
    sizes = np.abs(leak)
    within = sizes > _IN_BURST * float(sizes.max(initial=0.0))
    inside, outside = left.rest[within & ~excluded], left.rest[~within & ~excluded]
    if min(inside.size, outside.size) < _FEWEST:
        return math.nan, math.nan
    leak_rms = math.sqrt(float(np.mean(leak[within] ** 2)))
    variances = float(np.mean(inside**2)), float(outside.var())
    excess = math.sqrt(max(variances[0] - variances[1], 0.0)) / leak_rms
    u_excess = (
        math.sqrt(
            math.hypot(*(v * math.sqrt(2.0 / n) for v, n in zip(variances, (inside.size, outside.size), strict=True)))
        )
        / leak_rms
    )
    return excess, u_excess


def rest_shift(left: Left, excluded: BoolArray, first: int, last: int, margin: int) -> tuple[float, float]:
    """Mean of the rest from sample ``first`` to ``last`` against that before and ``margin`` samples after them, codes.

    Returns:
        It and its standard uncertainty; NaN where one of them was not recorded.
    """
    parts = []
    for stretches in ((slice(first, last),), (slice(0, first), slice(last + margin, None))):
        values = np.concatenate([left.rest[part][~excluded[part]] for part in stretches])
        if values.size < _FEWEST:
            return math.nan, math.nan
        parts.append((float(values.mean()), left.noise / math.sqrt(values.size)))
    return parts[0][0] - parts[1][0], math.hypot(parts[0][1], parts[1][1])
