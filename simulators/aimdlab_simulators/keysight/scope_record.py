"""One acquisition of a simulated InfiniiVision oscilloscope: what its memory holds."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.keysight.scope_settings import InputSettings
from aimdlab_simulators.world.scope_input import ScopeInput
from aimdlab_simulators.world.stepped import remembering
from aimdlab_simulators.world.window import BLOCK, Reading, Window

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
        lock: threading.RLock,
    ) -> None:
        """``lock``: of the world."""
        self.start_s = start_s
        self.origin_s = origin_s
        self.dt_s = dt_s
        self.n = n
        self.type = kind
        self.bits = bits
        self.traces = {number: Trace(trace.connector, replace(trace.settings)) for number, trace in traces.items()}
        self._lock = lock
        self._windows = {
            number: Window(trace.connector, t0_s=start_s, dt_s=dt_s, n=n, counter=counter, lock=lock)
            for number, trace in traces.items()
        }

    def prepare(self) -> None:
        """Look at the world for every channel."""
        with self._lock, remembering():
            for window in self._windows.values():
                window.prepare()

    def store(self) -> None:
        """Pull every sample that must be asked for: the world is about to forget them."""
        self.prepare()
        for window in self._windows.values():
            window.store()

    def codes(self, channel: int, bucket: int, *, averaged: bool) -> Codes:
        """The first sample of every ``bucket`` samples; with ``averaged`` (high resolution) the mean over each bucket.

        What is read is looked at now, and may be forgotten after that.
        """
        self.prepare()
        settings = self.traces[channel].settings
        levels = 1 << (max(_LEAST_AVERAGED_BITS, self.bits) if averaged else self.bits)
        per_v, looked_at = levels / settings.range_v, min(bucket, _AVERAGED) if averaged else 1
        gain = per_v * (-settings.probe if settings.invert else settings.probe) / looked_at
        offset = (levels / 2 - settings.offset_v * per_v) / looked_at
        step, count = bucket // looked_at, self.n // bucket
        readings = [
            self._windows[channel].reading(k * step, bucket, count, gain=gain, offset=offset) for k in range(looked_at)
        ]
        return Codes(readings, count, levels)


class Codes:
    """16-bit codes, left aligned, of one channel; any thread may make any block of them.

    As many bits as the converter has; 12 or more of a mean. The screen is as high as all levels; code 0 means "no
    sample", so what is below the screen is clipped to the lowest code above it.

    Attributes:
        count: how many.
        begins: of the blocks, each up to the next.
    """

    def __init__(self, readings: list[Reading], count: int, levels: int) -> None:
        self._readings = readings
        self._levels = levels
        self.count = count
        self.begins = range(0, count, BLOCK)

    def block(self, begin: int) -> NDArray[np.uint16]:
        """From one of ``begins`` on."""
        first, *others = self._readings
        heights = first.block(begin)
        for reading in others:
            heights += reading.block(begin)
        np.rint(heights, out=heights)
        np.clip(heights, 1, self._levels - 1, out=heights)
        words = heights.astype(np.uint16)
        words *= np.uint16(65536 // self._levels)
        return words
