"""A pacemaker as seen at its port: its pulses, and what its input does to the voltage there."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.exceedances import Exceedances
from aimdlab_simulators.world.pacemaker_clamp import Clamp
from aimdlab_simulators.world.pacemaker_port import WINDOW_S, PacemakerPort
from aimdlab_simulators.world.pacemaker_sensing import Detector
from aimdlab_simulators.world.pacemaker_settings import PacemakerSettings
from aimdlab_simulators.world.pacemaker_timing import PacemakerTiming
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.pieces import Pieces, bounds_of
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import Parts, exact_pieces

__all__ = ["Pacemaker", "PacemakerSettings"]

MODES = ("normal", "mr")
_HOUR_S = 3600.0


class _Pulse(NamedTuple):
    start_s: float
    amplitude_v: float
    width_s: float


class Pacemaker:
    """A Signal: what the device adds to the voltage at the port; evaluated event by event, no further than asked.

    That is its pulses and, with clamp diodes, the difference they make to the sum of pulses and injected voltage. It
    senses what is injected at the port, given by ``sense_from``, but neither its own pulses nor the rectified offset.
    One that has a normal mode is in it at first (``program``).
    Not modelled: polarisation after a pulse, an input that loads the network otherwise than by its diodes.
    """

    def __init__(self, settings: PacemakerSettings, past: Past, *, seed: int, name: str) -> None:
        self._modes = {"mr": settings} if settings.normal is None else {"normal": settings.normal, "mr": settings}
        self._mode = next(iter(self._modes))
        self._settings = self._modes[self._mode]
        self._past = past
        self._timing = PacemakerTiming(self._settings, noise.stream_key(seed, f"pacemaker/{name}"), self._pace)
        self._clamp = Clamp(settings.clamp) if settings.clamp is not None else None
        self._sensing = {mode: _sensing(programmed) for mode, programmed in self._modes.items()}
        self._altering = Detector(settings.altered.level_v) if settings.altered is not None else None
        self._resetting = Detector(settings.reset.level_v) if settings.reset is not None else None
        self._timing.listen(_exceeded(self._sensing[self._mode]), _exceeded(self._resetting))
        self._port: PacemakerPort | None = None
        self._pulses: deque[_Pulse] = deque()
        past.before_forgetting(self._live_before)
        past.on_forgetting(self._forget)

    def sense_from(self, port: Signal) -> None:
        """Let the device sense ``port``, the voltage that is injected there."""
        detectors = self._detectors()
        if detectors or self._clamp is not None:
            self._port = PacemakerPort(port, detectors, self._clamp)

    @property
    def modes(self) -> tuple[str, ...]:
        """What it can be switched to: "normal" and "mr"; nothing if it has one mode."""
        return tuple(self._modes) if len(self._modes) > 1 else ()

    def program(self, mode: str, now_s: float) -> None:
        """Switch to one of ``modes``, after a reset too; the parameters of that mode hold from now on."""
        with self._past.lock:
            self.advance(now_s)
            self._mode, self._settings = mode, self._modes[mode]
            self._timing.program(self._settings, _exceeded(self._sensing[mode]), now_s)

    def interrogate(self, now_s: float) -> dict[str, str | float | bool]:
        """What a programmer reads: parameters in force, and whether there was a reset since the world began."""
        with self._past.lock:
            self.advance(now_s)
            settings, timing = self._settings, self._timing
            interval_s, amplitude_v, width_s = settings.interval_s, settings.amplitude_v, settings.pulse_width_s
            if timing.defaults and settings.reset is not None:
                reset = settings.reset
                interval_s, amplitude_v, width_s = reset.interval_s, reset.amplitude_v, reset.pulse_width_s
            return {
                "program": "default" if timing.defaults else self._mode,
                "mode": timing.mode,
                "rate_per_s": 1.0 / interval_s,
                "amplitude_v": amplitude_v,
                "pulse_width_s": width_s,
                "reset": timing.reset_at_s is not None,
            }

    def observe(self) -> dict[str, object]:
        """Counts since the start of the world, as far as it was looked at."""
        with self._past.lock:
            timing = self._timing
            return {
                "paced_beats": timing.beats,
                "sensed_events": timing.sensed,
                "noisy_cycles": timing.noisy_cycles,
                "reset_at_s": timing.reset_at_s,
                "program": "default" if timing.defaults else self._mode,
                "until_s": timing.until_s,
            }

    def advance(self, now_s: float) -> None:
        """Live up to ``now_s``."""
        with self._past.lock:
            if self._port is not None:
                self._port.advance(now_s)
            self._timing.live(now_s)
            self._forget_heard()
            self._past.tidy(now_s)

    def pulses_s(self) -> tuple[float, float]:
        """World time of the last pulse, and of the next one if nothing is sensed; as far as it was looked at."""
        with self._past.lock:
            return self._timing.paced_s, self._timing.due_s

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
                source, end_s = self._port.source, t0_s + (n - 1) * dt_s
                injected = source.samples(t0_s, dt_s, n)
                volts = self._clamp.limited(injected + volts) - injected
                volts += self._clamp.offset(source, t0_s, end_s).samples(0.0, dt_s, n)
        return volts

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of (see ``stepped.parts_of``)."""
        pieces = self.pieces(start_s, end_s, near=False)
        return None if pieces is None else [(pieces, 0.0)]

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:  # noqa: ARG002
        """The same as pieces (see ``stepped.Stepped``); None if clamp diodes meet a curve."""
        with self._past.lock:
            self.advance(end_s)
            pulses = self._pulse_pieces(start_s, end_s)
            if self._clamp is None or self._port is None:
                return pulses
            injected = exact_pieces(self._port.source, start_s, end_s)
            if injected is None:
                return None
            taken = self._clamp.taken_pieces(injected.plus(pulses))
            return pulses.plus(taken).plus(self._clamp.offset(self._port.source, start_s, end_s))

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
        offset = bounds_of(clamp.offset(source, *window_s))
        return pulses_v[0] + taken[1] + offset[0], pulses_v[1] + taken[0] + offset[1]

    def _pace(self, at_s: float) -> None:
        settings = self._settings
        if settings.silent or self._timing.beats in settings.drop_beats:
            return
        amplitude_v, width_s = settings.amplitude_v, settings.pulse_width_s
        if settings.reset is not None and self._timing.defaults:
            amplitude_v, width_s = settings.reset.amplitude_v, settings.reset.pulse_width_s
        altered = settings.altered
        if altered is not None and self._disturbed(at_s - altered.hold_s, at_s):
            amplitude_v, width_s = amplitude_v * altered.amplitude_factor, width_s * altered.width_factor
        drift = 1.0 + settings.amplitude_drift * at_s / _HOUR_S
        self._pulses.append(_Pulse(at_s, amplitude_v * drift, width_s))

    def _disturbed(self, start_s: float, end_s: float) -> bool:
        return self._altering is not None and self._altering.exceeded.first(start_s, end_s) is not None

    def _pulse_pieces(self, start_s: float, end_s: float) -> Pieces:
        constant_s = self._settings.droop_time_constant_s
        times, heights = [0.0], [0.0]
        for pulse in self._pulses:
            begin_s, stop_s = pulse.start_s - start_s, pulse.start_s - start_s + pulse.width_s
            if stop_s <= 0.0 or pulse.start_s > end_s:
                continue
            if begin_s <= 0.0:
                times, heights = [0.0, stop_s], [pulse.amplitude_v * float(self._droop(np.array(-begin_s))), 0.0]
            elif begin_s < times[-1]:  # it comes before the last one has ended
                times, heights = [*times[:-1], begin_s, stop_s], [*heights[:-1], pulse.amplitude_v, 0.0]
            else:
                times, heights = [*times, begin_s, stop_s], [*heights, pulse.amplitude_v, 0.0]
        inside = np.array(times) <= end_s - start_s  # the last pulse may go on after the window
        begins_s, volts = np.array(times)[inside], np.array(heights)[inside]
        if constant_s is None:
            return Pieces.held(start_s, begins_s, volts, end_s - start_s)
        rates = np.array([1.0 / constant_s])
        return Pieces(start_s, begins_s, np.zeros(begins_s.size), end_s - start_s, volts[np.newaxis], rates)

    def _droop(self, since_s: NDArray[np.floating]) -> NDArray[np.floating] | float:
        constant_s = self._settings.droop_time_constant_s
        return 1.0 if constant_s is None else np.exp(-since_s / constant_s)

    def _detectors(self) -> list[Detector]:
        made = (*self._sensing.values(), self._altering, self._resetting)
        return [detector for detector in made if detector is not None]

    def _forget_heard(self) -> None:
        # What lies before the cycle in hand is asked for by pulses that were disturbed, for as long as they are.
        hold_s = self._settings.altered.hold_s if self._settings.altered is not None else 0.0
        for detector in self._detectors():
            detector.exceeded.forget(self._timing.event_s - hold_s)

    def _live_before(self, horizon_s: float, _now_s: float) -> None:
        # A device that nobody looked at must have heard what is about to be forgotten, a whole window ahead.
        self.advance(horizon_s + WINDOW_S)

    def _forget(self, horizon_s: float) -> None:
        while self._pulses and self._pulses[0].start_s + self._pulses[0].width_s < horizon_s:
            self._pulses.popleft()
        if self._clamp is not None:
            self._clamp.forget(horizon_s)


def _sensing(settings: PacemakerSettings) -> Detector | None:
    if settings.mode == "VOO" and settings.reset is None:
        return None
    if settings.sensing_threshold_v is None:
        return None
    return Detector(settings.sensing_threshold_v, settings.sensing_band)


def _exceeded(detector: Detector | None) -> Exceedances | None:
    return None if detector is None else detector.exceeded
