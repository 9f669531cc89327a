"""How a simulated pacemaker is programmed and built, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SensingBand:
    """The sense amplifier's band-pass: two real poles, gain 1 at the geometric mean of the corners.

    Attributes:
        high_pass_hz: lower corner.
        low_pass_hz: upper corner, above the lower one.
    """

    high_pass_hz: float
    low_pass_hz: float


@dataclass(frozen=True)
class NoiseReversion:
    """Asynchronous pacing while noise is seen.

    Attributes:
        window_s: two detections in the noise-sampling period (between blanking and the end of refractory) no further
            apart than this are noise.
        interval_s: pacing interval meanwhile, or None for the programmed one.
    """

    window_s: float
    interval_s: float | None = None


@dataclass(frozen=True)
class AlteredPulses:
    """Pulses that change while the port is disturbed.

    Attributes:
        level_v: absolute injected voltage at the port above which they do.
        hold_s: for how long after that.
        amplitude_factor: amplitude over the programmed one.
        width_factor: width over the programmed one.
    """

    level_v: float
    hold_s: float
    amplitude_factor: float = 1.0
    width_factor: float = 1.0


@dataclass(frozen=True)
class Reset:
    """A restart with default parameters, once, until somebody programs the device anew.

    Attributes:
        level_v: absolute injected voltage at the port above which it happens.
        pause_s: from there to the first pulse.
        interval_s: pacing interval afterwards; the mode is VVI.
        amplitude_v: of the pulses afterwards.
        pulse_width_s: of the pulses afterwards.
    """

    level_v: float
    pause_s: float
    interval_s: float
    amplitude_v: float
    pulse_width_s: float


@dataclass(frozen=True)
class ClampDiodes:
    """Diodes across the input that limit the voltage at the port and charge a capacitor with what they take.

    Attributes:
        level_v: they conduct beyond +/- this.
        share: of the voltage beyond that stays: series resistance over the sum of it and what the port looks back into.
        charge_time_constant_s: time in which a steady excess would charge the offset to its own size, if none
            of it decayed.
        decay_time_constant_s: of the offset.
    """

    level_v: float
    share: float
    charge_time_constant_s: float
    decay_time_constant_s: float


@dataclass(frozen=True)
class PacemakerSettings:
    """How it is programmed, and its faults; with ``normal``, this is the MR mode.

    Attributes:
        mode: VOO (paces whatever comes), VVI (a sensed event restarts the timer) or VVT (it paces at once).
        interval_s: pacing interval.
        amplitude_v: of a pulse at its beginning, at the port of the network; the sign is its polarity.
        pulse_width_s: width of a pulse.
        droop_time_constant_s: of the series capacitor, or None for a flat pulse.
        jitter: standard deviation of an interval, relative.
        sensing_threshold_v: absolute voltage above which an event is sensed, or None.
        sensing_band: what the voltage is filtered by before, or None for the bare voltage at the port.
        blanking_s: time after a paced or sensed event in which nothing is detected.
        refractory_s: time after a paced or sensed event in which nothing is sensed.
        upper_interval_s: shortest interval of triggered pacing.
        noise_reversion: asynchronous pacing under noise, or None.
        altered: pulses that change while the port is disturbed, or None.
        reset: restart by a high level, or None.
        clamp: diodes at the input, or None.
        silent: never paces.
        drop_beats: numbers (from 1) of paced beats that fail to come; the timer goes on.
        amplitude_drift: relative change of the amplitude per hour of world time.
        normal: how it is programmed outside the scanner (timing, pulses and sensing alone), or None if it has one mode.
    """

    mode: str = "VVI"
    interval_s: float = 1.0
    amplitude_v: float = 3.5
    pulse_width_s: float = 0.5e-3
    droop_time_constant_s: float | None = None
    jitter: float = 0.0
    sensing_threshold_v: float | None = None
    sensing_band: SensingBand | None = None
    blanking_s: float = 0.0
    refractory_s: float = 0.3
    upper_interval_s: float = 0.0
    noise_reversion: NoiseReversion | None = None
    altered: AlteredPulses | None = None
    reset: Reset | None = None
    clamp: ClampDiodes | None = None
    silent: bool = False
    drop_beats: frozenset[int] = field(default_factory=frozenset)
    amplitude_drift: float = 0.0
    normal: PacemakerSettings | None = None
