"""One acquisition of a simulated InfiniiVision oscilloscope: what its memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.keysight.scope_settings import InputSettings
from aimdlab_simulators.world.scope_input import ScopeInput
from aimdlab_simulators.world.signal import Volts

_AVERAGED = 16  # samples of a bucket that are looked at, at most, for their mean
_LEAST_AVERAGED_BITS = 12


@dataclass(frozen=True)
class Trace:
    """One channel of an acquisition: the input and the settings with which it was taken.

    Attributes:
        connector: where the voltage comes from.
        settings: as they were; codes are made with these.
    """

    connector: ScopeInput
    settings: InputSettings


class Record:
    """The memory after a trigger; pulled from the world when it is read, or before the world forgets.

    Attributes:
        start_s: world time of the first sample.
        origin_s: the same, from the trigger.
        dt_s: sample interval.
        n: samples.
        type: acquisition type with which it was taken.
        bits: of the converter.
        traces: by channel number.
    """

    def __init__(
        self,
        *,
        start_s: float,
        origin_s: float,
        dt_s: float,
        n: int,
        kind: str,
        bits: int,
        traces: Mapping[int, Trace],
        counter: tuple[int, int],
    ) -> None:
        self.start_s = start_s
        self.origin_s = origin_s
        self.dt_s = dt_s
        self.n = n
        self.type = kind
        self.bits = bits
        self.traces = {number: Trace(trace.connector, replace(trace.settings)) for number, trace in traces.items()}
        self._counter = counter
        self._stored: dict[int, Volts] = {}

    def store(self) -> None:
        """Pull every sample now: the world is about to forget them."""
        for number in self.traces:
            if number not in self._stored:
                self._stored[number] = self._pull(number, 0, 1, self.n)

    def codes(self, channel: int, bucket: int, *, averaged: bool) -> NDArray[np.uint16]:
        """16-bit codes, left aligned, of the first sample of every ``bucket`` samples, shape (n // bucket,).

        As many bits as the converter has; with ``averaged`` (high resolution) 12 or more of the mean over each bucket.
        The screen is as high as all levels; code 0 means "no sample", so what is below the screen is clipped to the
        lowest code above it.
        """
        settings = self.traces[channel].settings
        volts = self._averages(channel, bucket) if averaged else self._pull(channel, 0, bucket, self.n // bucket)
        volts *= -settings.probe if settings.invert else settings.probe
        volts -= settings.offset_v
        levels = 1 << (max(_LEAST_AVERAGED_BITS, self.bits) if averaged else self.bits)
        volts *= levels / settings.range_v
        volts += levels / 2
        np.rint(volts, out=volts)
        np.clip(volts, 1, levels - 1, out=volts)
        return volts.astype(np.uint16) * np.uint16(65536 // levels)

    def _averages(self, channel: int, bucket: int) -> Volts:
        looked_at = min(bucket, _AVERAGED)
        step, count = bucket // looked_at, self.n // bucket
        total = self._pull(channel, 0, bucket, count)
        for k in range(1, looked_at):
            total += self._pull(channel, k * step, bucket, count)
        total /= looked_at
        return total

    def _pull(self, channel: int, first: int, stride: int, count: int) -> Volts:
        """Volts at the connector of samples first, first + stride, ..."""
        if channel in self._stored:
            return self._stored[channel][first::stride][:count].copy()
        trace = self.traces[channel]
        t0_s = self.start_s + first * self.dt_s
        return trace.connector.volts(t0_s, stride * self.dt_s, count, counter=self._counter, first=first, stride=stride)
