"""A pacemaker as seen at its port: its pulses, and what its input does to the voltage there."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.pacemaker_clamp import Clamp
from aimdlab_simulators.world.pacemaker_port import WINDOW_S, PacemakerPort
from aimdlab_simulators.world.pacemaker_sensing import BandPassDetector, Detector, LevelDetector
from aimdlab_simulators.world.pacemaker_settings import PacemakerSettings
from aimdlab_simulators.world.pacemaker_timing import PacemakerTiming
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.signal import Signal, Volts

__all__ = ["Pacemaker", "PacemakerSettings"]

_HOUR_S = 3600.0


class _Pulse(NamedTuple):
    start_s: float
    amplitude_v: float
    width_s: float


class Pacemaker:
    """A Signal: what the device adds to the voltage at the port; evaluated event by event, no further than asked.

    That is its pulses and, with clamp diodes, the difference they make to the sum of pulses and injected voltage. It
    senses what is injected at the port, given by ``sense_from``, but neither its own pulses nor the rectified offset.
    Not modelled: polarisation after a pulse, an input that loads the network otherwise than by its diodes.
    """

    def __init__(self, settings: PacemakerSettings, past: Past, *, seed: int, name: str) -> None:
        self._settings = settings
        self._past = past
        self._timing = PacemakerTiming(settings, noise.stream_key(seed, f"pacemaker/{name}"), self._pace)
        self._clamp = Clamp(settings.clamp) if settings.clamp is not None else None
        self._sensing = _sensing(settings)
        self._altering = LevelDetector(settings.altered.level_v) if settings.altered is not None else None
        self._resetting = LevelDetector(settings.reset.level_v) if settings.reset is not None else None
        self._timing.listen(
            self._sensing.exceeded if self._sensing is not None else None,
            self._resetting.exceeded if self._resetting is not None else None,
        )
        self._port: PacemakerPort | None = None
        self._pulses: deque[_Pulse] = deque()
        past.before_forgetting(self._live_before)
        past.on_forgetting(self._forget)

    def sense_from(self, port: Signal) -> None:
        """Let the device sense ``port``, the voltage that is injected there."""
        made = (self._sensing, self._altering, self._resetting)
        detectors: list[Detector] = [detector for detector in made if detector is not None]
        if detectors or self._clamp is not None:
            self._port = PacemakerPort(port, detectors, self._clamp)

    def observe(self) -> dict[str, object]:
        """Counts since the start of the world, as far as it was looked at."""
        with self._past.lock:
            timing = self._timing
            return {
                "paced_beats": timing.beats,
                "sensed_events": timing.sensed,
                "noisy_cycles": timing.noisy_cycles,
                "reset_at_s": timing.reset_at_s,
                "until_s": timing.until_s,
            }

    def advance(self, now_s: float) -> None:
        """Live up to ``now_s``."""
        with self._past.lock:
            if self._port is not None:
                self._port.advance(now_s)
            self._timing.live(now_s)
            self._past.tidy(now_s)

    def due_s(self) -> float:
        """World time of the next pulse if nothing is sensed before it; as far as the device was looked at."""
        with self._past.lock:
            return self._timing.due_s

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        volts = np.zeros(n)
        with self._past.lock:
            self.advance(t0_s + (n - 1) * dt_s)
            for pulse in self._pulses:
                offset_s = pulse.start_s - t0_s
                first = max(0, math.ceil(offset_s / dt_s))
                last = min(n, math.ceil((offset_s + pulse.width_s) / dt_s))
                if first < last:
                    volts[first:last] = pulse.amplitude_v * self._droop(np.arange(first, last) * dt_s - offset_s)
            if self._clamp is not None and self._port is not None:
                injected = self._port.source.samples(t0_s, dt_s, n)
                volts = self._clamp.limited(injected + volts) - injected
                volts += self._clamp.offset(t0_s + dt_s * np.arange(n, dtype=np.float64))
        return volts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        low = high = 0.0
        with self._past.lock:
            self.advance(end_s)
            for pulse in self._pulses:
                if pulse.start_s <= end_s and pulse.start_s + pulse.width_s >= start_s:
                    low, high = min(low, pulse.amplitude_v), max(high, pulse.amplitude_v)
            if self._clamp is not None and self._port is not None:
                low, high = self._clamped_bounds(self._clamp, self._port.source, (start_s, end_s), (low, high))
        return low, high

    @staticmethod
    def _clamped_bounds(
        clamp: Clamp, source: Signal, window_s: tuple[float, float], pulses_v: tuple[float, float]
    ) -> tuple[float, float]:
        # What the diodes take away falls as the sum rises: its ends belong to the other ends of the sum.
        injected_v = source.bounds(*window_s)
        taken = [float(clamp.limited(v) - v) for v in np.add(injected_v, pulses_v).tolist()]
        offset = clamp.offset_bounds(*window_s)
        return pulses_v[0] + taken[1] + offset[0], pulses_v[1] + taken[0] + offset[1]

    def _pace(self, at_s: float) -> None:
        settings = self._settings
        if settings.silent or self._timing.beats in settings.drop_beats:
            return
        amplitude_v, width_s = settings.amplitude_v, settings.pulse_width_s
        if settings.reset is not None and self._timing.reset_at_s is not None:
            amplitude_v, width_s = settings.reset.amplitude_v, settings.reset.pulse_width_s
        altered = settings.altered
        if altered is not None and self._disturbed(at_s - altered.hold_s, at_s):
            amplitude_v, width_s = amplitude_v * altered.amplitude_factor, width_s * altered.width_factor
        drift = 1.0 + settings.amplitude_drift * at_s / _HOUR_S
        self._pulses.append(_Pulse(at_s, amplitude_v * drift, width_s))

    def _disturbed(self, start_s: float, end_s: float) -> bool:
        return self._altering is not None and self._altering.exceeded.first(start_s, end_s) is not None

    def _droop(self, since_s: NDArray[np.floating]) -> NDArray[np.floating] | float:
        constant_s = self._settings.droop_time_constant_s
        return 1.0 if constant_s is None else np.exp(-since_s / constant_s)

    def _live_before(self, horizon_s: float, _now_s: float) -> None:
        # A device that nobody looked at must have heard what is about to be forgotten, a whole window ahead.
        self.advance(horizon_s + WINDOW_S)

    def _forget(self, horizon_s: float) -> None:
        while self._pulses and self._pulses[0].start_s + self._pulses[0].width_s < horizon_s:
            self._pulses.popleft()
        for detector in (self._sensing, self._altering, self._resetting):
            if detector is not None:
                detector.exceeded.forget(horizon_s)
        if self._clamp is not None:
            self._clamp.forget(horizon_s)


def _sensing(settings: PacemakerSettings) -> LevelDetector | BandPassDetector | None:
    if settings.mode == "VOO" and settings.reset is None:
        return None
    if settings.sensing_threshold_v is None:
        return None
    if settings.sensing_band is None:
        return LevelDetector(settings.sensing_threshold_v)
    return BandPassDetector(settings.sensing_threshold_v, settings.sensing_band)
