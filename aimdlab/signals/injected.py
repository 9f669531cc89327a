"""The injected voltage test signal of 8.1, Fig. 4 and Table 3: the time derivative of the gradient signal (Fig. 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import ConfigurationError
from aimdlab.signals.exact import exact, greatest_common_step
from aimdlab.signals.waveform import SampledWaveform, SequencedWaveform, WaveformSegment

# Zeros that one repeat of the off time plays: well above the shortest segment of any generator, quick to transfer.
_REST_POINTS = 500

LEAST_GENERATOR_RATE_HZ = 100e3
"""The slowest sample clock that leaves the generator's edges its own: with the filter off every sample is a step."""


@dataclass(frozen=True)
class Segment:
    """A level held for a time; ``value`` is in units of IVAMP: +1, -1 or 0."""

    value: int
    duration_s: float


@dataclass(frozen=True)
class InjectedSignal:
    """Fig. 4 for one combination of parameters.

    One cycle: pulse A (+IVAMP, tapw = tbpw/2), dwell, pulse B (-IVAMP, tbpw), dwell, pulse A. Within a burst the last
    pulse A of a cycle and the first of the next join into one of width tbpw, as the derivative of Fig. 3 demands.

    Attributes:
        tbpw_s: width of pulse B.
        t_dwell_s: time at zero between the pulses of a cycle; 0 makes the pulses follow one another at once.
        cycles: cycles per burst.
        t_off_s: time at zero between two bursts.

    Raises:
        ConfigurationError: a parameter without a meaning (negative, not finite, no cycles).
    """

    tbpw_s: float
    t_dwell_s: float
    cycles: int
    t_off_s: float

    def __post_init__(self) -> None:
        for name, value, least in (
            ("tbpw_s", self.tbpw_s, "positive"),
            ("t_dwell_s", self.t_dwell_s, "zero or positive"),
            ("t_off_s", self.t_off_s, "zero or positive"),
        ):
            if not math.isfinite(value) or value < 0 or (value == 0 and least == "positive"):
                raise ConfigurationError(f"injected signal: {name} must be {least}, got {value!r} s")
        if self.cycles < 1:
            raise ConfigurationError(f"injected signal: a burst needs at least one cycle, got {self.cycles!r}")

    @property
    def tapw_s(self) -> float:
        """Width of pulse A."""
        return float(exact(self.tbpw_s) / 2)

    @cached_property
    def burst_s(self) -> float:
        """Duration of one burst."""
        return float(self._cycle * self.cycles)

    @cached_property
    def period_s(self) -> float:
        """Duration of one burst and the off time after it."""
        return float(self._period)

    def burst_segments(self) -> tuple[Segment, ...]:
        """The levels of one burst in order; none has no duration, no two neighbours have the same value."""
        dwell = (Segment(0, self.t_dwell_s),) if self.t_dwell_s > 0 else ()
        body = (*dwell, Segment(-1, self.tbpw_s), *dwell)
        joined = (*body, Segment(1, self.tbpw_s))
        single = Segment(1, self.tapw_s)
        return (single, *(joined * (self.cycles - 1)), *body, single)

    def period_segments(self) -> tuple[Segment, ...]:
        """The levels of one burst and of the off time after it."""
        off = (Segment(0, self.t_off_s),) if self.t_off_s > 0 else ()
        return (*self.burst_segments(), *off)

    def pulse_b_starts_s(self) -> tuple[float, ...]:
        """When each pulse B of a burst begins, after the start of the burst; as many as there are cycles."""
        first = exact(self.tbpw_s) / 2 + exact(self.t_dwell_s)
        return tuple(float(first + cycle * self._cycle) for cycle in range(self.cycles))

    def base_rate_hz(self) -> Fraction:
        """The lowest sample rate at which every duration is a whole number of samples; its multiples are the others."""
        tbpw = exact(self.tbpw_s)
        return 1 / greatest_common_step((tbpw / 2, exact(self.t_dwell_s), exact(self.t_off_s)))

    def repeats_for(self, exposure_s: float) -> int:
        """The smallest number of periods that together last at least ``exposure_s``; at least 1."""
        if not math.isfinite(exposure_s) or exposure_s <= 0:
            raise ConfigurationError(f"the exposure must be positive, got {exposure_s!r} s")
        return math.ceil(exact(exposure_s) / self._period)

    def sampled(self, sample_rate_hz: float, exposure_s: float) -> SampledWaveform:
        """One period as samples, repeated for at least ``exposure_s``.

        The waveform begins with the last sample of the off time, so that a generator that rests at the first sample
        rests at zero; pulse A therefore starts one sample after the trigger. Without an off time there is no such
        sample, and that is refused.

        Raises:
            ConfigurationError: a duration is not a whole number of samples; the message says which rates are possible.
        """
        burst, off = self._levels(sample_rate_hz)
        samples = np.concatenate((np.zeros(1), burst, np.zeros(off - 1)))
        return SampledWaveform(samples=samples, sample_rate_hz=sample_rate_hz, repeats=self.repeats_for(exposure_s))

    def sequenced(self, sample_rate_hz: float, exposure_s: float) -> SequencedWaveform:
        """What :meth:`sampled` plays, sample for sample, with most of the off time as repeats of a short zero segment.

        At most 1500 samples of the off time are stored. The first segment is the burst with at least 500 of them (all,
        if there are fewer than 1001), so no generator finds it too short.

        Raises:
            ConfigurationError: as :meth:`sampled`.
        """
        burst, off = self._levels(sample_rate_hz)
        rests = max(0, (off - 1) // _REST_POINTS - 1)
        after_burst = np.zeros(off - 1 - rests * _REST_POINTS)
        segments = [WaveformSegment(np.concatenate((np.zeros(1), burst, after_burst)))]
        if rests:
            segments.append(WaveformSegment(np.zeros(_REST_POINTS), rests))
        return SequencedWaveform(tuple(segments), sample_rate_hz, self.repeats_for(exposure_s))

    def _levels(self, sample_rate_hz: float) -> tuple[NDArray[np.float64], int]:
        """The samples of one burst, and how many zeros follow."""
        base_hz = self.base_rate_hz()
        rate = exact(sample_rate_hz)
        if rate <= 0 or (rate / base_hz).denominator != 1:
            raise ConfigurationError(
                f"injected signal: at {sample_rate_hz:g} samples per second the pulses, the dwell time or the off time "
                f"are not whole samples. Use {float(base_hz):g} per second or a whole multiple of it."
            )
        if self.t_off_s == 0:
            raise ConfigurationError("injected signal: without an off time the generator has no zero to rest at")
        counts = [int(exact(segment.duration_s) * rate) for segment in self.burst_segments()]
        values = np.array([segment.value for segment in self.burst_segments()], dtype=np.float64)
        return np.repeat(values, counts), int(exact(self.t_off_s) * rate)

    @cached_property
    def _cycle(self) -> Fraction:
        return 2 * (exact(self.tbpw_s) + exact(self.t_dwell_s))

    @cached_property
    def _period(self) -> Fraction:
        return self._cycle * self.cycles + exact(self.t_off_s)
