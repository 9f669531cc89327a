"""Ceilings: what a step demands of the bench, against what each part of it is rated for, after all gains.

Checked at planning, with the step named, and again before each send (:mod:`aimdlab.bench.guarded_source`), both by the
same :class:`Ceiling`: the plan asks it of the signal that it means, the guard of the waveform that is really sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aimdlab.signals.waveform import Playable, SampledWaveform, WaveformSegment

_FORGIVEN = 1e-9
"""Part of a rating: the last digits of floating point."""


@dataclass(frozen=True)
class Demand:
    """One level that a step puts on one part of the bench.

    Attributes:
        part: what is loaded, in the technician's words ("injection network, input C").
        key: where the bench file states its rating ("injection_network.rated_input").
        value: the level demanded, zero to peak, in ``unit``.
        rating: the largest level allowed, in ``unit``.
    """

    part: str
    key: str
    value: float
    rating: float
    unit: str

    @property
    def is_exceeded(self) -> bool:
        """True unless the demand is at most the rating (NaN is not); the last digits of floating point are forgiven."""
        return not self.value <= self.rating * (1 + _FORGIVEN)

    def describe(self) -> str:
        """One sentence for the technician."""
        return (
            f"{self.part}: {self.value:.4g} {self.unit} are demanded, "
            f"it is rated for {self.rating:.4g} {self.unit} ({self.key})"
        )


def exceeded(demands: Iterable[Demand]) -> list[Demand]:
    """The demands that are above their rating."""
    return [demand for demand in demands if demand.is_exceeded]


@dataclass(frozen=True, eq=False)
class Shape:
    """One period of what a source repeats, as levels that are held; 1.0 is the peak that the source is set to.

    Attributes:
        levels, durations_s: shape (k,).
    """

    levels: NDArray[np.float64]
    durations_s: NDArray[np.float64]

    @classmethod
    def of(cls, waveform: Playable) -> Shape:
        """The shape of what a generator is sent."""
        if isinstance(waveform, SampledWaveform):
            segments: Sequence[WaveformSegment] = (WaveformSegment(waveform.samples),)
        else:
            segments = waveform.segments
        parts = [_runs(segment) for segment in segments]
        levels, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(levels, counts / waveform.sample_rate_hz)

    @property
    def largest(self) -> float:
        """The largest level, whatever its sign."""
        return float(np.abs(self.levels).max())

    def rested(self, every_s: float) -> Shape:
        """The same, at rest for what is left of ``every_s``."""
        rest_s = every_s - float(self.durations_s.sum())
        if rest_s <= 0:
            return self
        return Shape(np.append(self.levels, 0.0), np.append(self.durations_s, rest_s))


@dataclass(frozen=True, eq=False)
class Ceiling:
    """What one part bears, and how its load follows from what the source sends.

    Attributes:
        part, key, rating, unit: as in :class:`Demand`.
        per_volt: the load for a shape whose 1.0 is one volt.
        at: that volt is the source's own ("source") or what the drive amplifier makes of it ("amplified").
        order: the load goes with the level (1) or with its square (2).
        offset: load that is there in any case, in ``unit``: a device's own pulse.
    """

    part: str
    key: str
    rating: float
    unit: str
    per_volt: Callable[[Shape], float]
    at: Literal["source", "amplified"] = "amplified"
    order: Literal[1, 2] = 1
    offset: float = 0.0

    def demand(self, per_volt: float, source_v: float, gain: float) -> Demand:
        """What ``source_v`` (zero to peak) through ``gain`` demands, where one volt demands ``per_volt``."""
        level_v = abs(source_v if self.at == "source" else source_v * gain)
        value = self.offset + per_volt * level_v**self.order
        return Demand(self.part, self.key, value, self.rating, self.unit)

    def largest_v(self, per_volt: float, gain: float) -> float:
        """The largest setting of the source that the ceiling allows."""
        left = self.rating - self.offset
        if left <= 0:
            return 0.0
        level_v = (left / per_volt) ** (1 / self.order) if per_volt else math.inf
        return level_v if self.at == "source" else level_v / abs(gain)


def peak(factor: float) -> Callable[[Shape], float]:
    """A level that is at most ``factor`` times that of the source."""
    return lambda shape: factor * shape.largest


def peak_power(factor: float, resistance_ohm: float) -> Callable[[Shape], float]:
    """The power in a resistor across which at most ``factor`` times the source's voltage is."""
    return lambda shape: (factor * shape.largest) ** 2 / resistance_ohm


@dataclass(frozen=True, eq=False)
class StepCeilings:
    """Everything that nothing sent during one step may exceed.

    Attributes:
        ceilings: of every part that is loaded, and the step's own level.
        every_s: a waveform is not started more often than this, whatever its own period is; 0 where it repeats at once.
    """

    ceilings: tuple[Ceiling, ...]
    every_s: float = 0.0

    def per_volt(self, shape: Shape) -> tuple[float, ...]:
        """What one volt of ``shape`` is to each ceiling; mean powers take the time, so ask once per shape."""
        rested = shape.rested(self.every_s)
        return tuple(ceiling.per_volt(rested) for ceiling in self.ceilings)

    def demands(self, per_volt: Sequence[float], source_v: float, gain: float) -> tuple[Demand, ...]:
        """What a setting of the source demands of each part."""
        return tuple(ceiling.demand(one, source_v, gain) for ceiling, one in zip(self.ceilings, per_volt, strict=True))

    def largest_v(self, per_volt: Sequence[float], gain: float) -> float:
        """The largest setting of the source that every ceiling allows."""
        return min(ceiling.largest_v(one, gain) for ceiling, one in zip(self.ceilings, per_volt, strict=True))


NOTHING_SENT = StepCeilings((Ceiling("signal generator", "this step sends nothing", 0.0, "V", peak(1.0), "source"),))
"""Of a step in which nothing is sent: a baseline, a check, a person's action."""


def _runs(segment: WaveformSegment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The levels of a segment with all its repeats, and how many samples each is held."""
    samples = segment.samples
    starts = np.flatnonzero(np.concatenate([[True], samples[1:] != samples[:-1]]))
    counts = np.diff(np.append(starts, samples.size)).astype(np.float64)
    if starts.size == 1:
        return samples[:1], counts * segment.repeats
    return np.tile(samples[starts], segment.repeats), np.tile(counts, segment.repeats)
