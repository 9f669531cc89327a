"""The built-in shapes of the 33500 series over one turn, phase 0 to 1, values -1 to 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.waveforms import SampleTable

FULL_SCALE = 32767
_Phase = NDArray[np.float64]
Shape = tuple[Callable[[_Phase], _Phase], tuple[float, ...]]


def sine() -> Shape:
    """Rising through zero at phase 0."""
    return lambda phase: np.sin(2.0 * np.pi * phase), (0.25, 0.75)


def square(duty: float) -> Shape:
    """High for the share ``duty`` of a turn, then low."""
    return lambda phase: np.where(phase < duty, 1.0, -1.0), (0.0, duty)


def ramp(symmetry: float) -> Shape:
    """Rising for the share ``symmetry`` of a turn; rising through zero at phase 0."""
    top, bottom = symmetry / 2.0, 1.0 - symmetry / 2.0

    def value(phase: _Phase) -> _Phase:
        return np.interp(phase, [0.0, top, bottom, 1.0], [0.0, 1.0, -1.0, 0.0])

    return value, (0.0, top, bottom)


@cache
def prbs() -> SampleTable:
    """One turn of the pseudo-random bit sequence PN7 (x^7 + x^6 + 1), one point per bit."""
    register, bits = 0x7F, []
    for _ in range(127):
        bits.append(register & 1)
        register = (register >> 1) | (((register ^ (register >> 1)) & 1) << 6)
    return SampleTable(np.where(np.array(bits), FULL_SCALE, -FULL_SCALE).astype(np.int16))


@cache
def white_noise() -> SampleTable:
    """A long stretch of Gaussian noise that is repeated; the peak-to-peak amplitude is taken as 6.6 sigma."""
    numbers = np.random.Generator(np.random.Philox(key=33500)).standard_normal(1 << 18)
    return SampleTable(np.clip(numbers / 3.3 * FULL_SCALE, -FULL_SCALE, FULL_SCALE).astype(np.int16))
