"""What a generator plays: samples at a rate, and how often; long rests as repeats instead of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SampledWaveform:
    """One period of a waveform as samples, played ``repeats`` times without a gap.

    A generator rests at the first sample before and after it plays, so a waveform that must rest at zero starts and
    ends with a zero sample.

    Attributes:
        samples: shape (n,), float64 in [-1, 1]; 1.0 is the peak level that the generator is set to. Read-only.
        sample_rate_hz: samples per second; each sample is held for ``1 / sample_rate_hz``.
        repeats: how many periods are played per trigger, at least 1.

    Raises:
        ValueError: no samples, a sample outside [-1, 1] or not finite, a rate or count that is not positive.
    """

    samples: NDArray[np.float64]
    sample_rate_hz: float
    repeats: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", _checked(self.samples))
        _check_playing(self.sample_rate_hz, self.repeats)

    @property
    def n(self) -> int:
        """Number of samples of one period."""
        return int(self.samples.size)

    @property
    def period_s(self) -> float:
        """Duration of one period."""
        return self.n / self.sample_rate_hz

    @property
    def duration_s(self) -> float:
        """Duration of all repeats."""
        return self.n * self.repeats / self.sample_rate_hz


@dataclass(frozen=True, eq=False)
class WaveformSegment:
    """A part of a period, played ``repeats`` times before the next part.

    Attributes:
        samples: shape (n,), as in :class:`SampledWaveform`. Read-only.
        repeats: at least 1.

    Raises:
        ValueError: as in :class:`SampledWaveform`.
    """

    samples: NDArray[np.float64]
    repeats: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", _checked(self.samples))
        if self.repeats < 1:
            raise ValueError(f"a segment is played at least once, got {self.repeats!r} repeats")

    @property
    def n(self) -> int:
        """Number of samples that are stored."""
        return int(self.samples.size)


@dataclass(frozen=True, eq=False)
class SequencedWaveform:
    """One period of a waveform as segments, one after the other without a gap, the whole played ``repeats`` times.

    What is played is what ``expanded()`` would play, sample for sample.

    Attributes:
        segments: the parts of one period in their order, at least one.
        sample_rate_hz: samples per second, of all segments.
        repeats: how many periods are played per trigger, at least 1.

    Raises:
        ValueError: no segments, a rate or count that is not positive.
    """

    segments: tuple[WaveformSegment, ...]
    sample_rate_hz: float
    repeats: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.segments))
        if not self.segments:
            raise ValueError("a sequence needs at least one segment")
        _check_playing(self.sample_rate_hz, self.repeats)

    @property
    def n(self) -> int:
        """Number of samples that one period plays."""
        return sum(segment.n * segment.repeats for segment in self.segments)

    @property
    def stored(self) -> int:
        """Number of samples that are stored."""
        return sum(segment.n for segment in self.segments)

    @property
    def period_s(self) -> float:
        """Duration of one period."""
        return self.n / self.sample_rate_hz

    @property
    def duration_s(self) -> float:
        """Duration of all repeats."""
        return self.n * self.repeats / self.sample_rate_hz

    def expanded(self) -> SampledWaveform:
        """The same waveform with every sample stored, for a generator without sequences."""
        samples = np.concatenate([np.tile(segment.samples, segment.repeats) for segment in self.segments])
        return SampledWaveform(samples, self.sample_rate_hz, self.repeats)


Playable = SampledWaveform | SequencedWaveform


def _checked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A read-only copy of ``values``."""
    samples = np.array(values, dtype=np.float64)
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"a waveform needs one row of samples, got an array of shape {samples.shape}")
    if not bool(np.all(np.abs(samples) <= 1.0)):  # NaN fails the comparison
        raise ValueError("a waveform's samples must be finite and within -1 and 1")
    samples.setflags(write=False)
    return samples


def _check_playing(sample_rate_hz: float, repeats: int) -> None:
    if not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise ValueError(f"the sample rate must be positive, got {sample_rate_hz!r} Hz")
    if repeats < 1:
        raise ValueError(f"a waveform is played at least once, got {repeats!r} repeats")
