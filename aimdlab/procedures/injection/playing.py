"""How an injected signal is played: its samples, its shape for the ceilings, the level of the generator."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from aimdlab.bench.ceilings import Shape
from aimdlab.procedures.protocol import Step
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.waveform import SequencedWaveform


@lru_cache(maxsize=4)  # levels rise innermost: the next step plays the same at another one
def waveform_of(signal: InjectedSignal, least_rate_hz: float, exposure_s: float) -> SequencedWaveform:
    """The signal at the lowest rate from ``least_rate_hz`` on that plays it exactly, for at least ``exposure_s``."""
    base_hz = signal.base_rate_hz()
    return signal.sequenced(float(base_hz * math.ceil(least_rate_hz / base_hz)), exposure_s)


def shape_of(signal: InjectedSignal) -> Shape:
    """One period of the signal as a source plays it."""
    segments = signal.period_segments()
    levels = np.array([segment.value for segment in segments], dtype=np.float64)
    return Shape(levels, np.array([segment.duration_s for segment in segments]))


def generator_peak_v(step: Step, gain: float) -> float:
    """What the generator is set to for the level of ``step``, zero to peak, in front of an amplifier of ``gain``."""
    return float(step.parameters["ivamp_v"] or 0.0) / gain
