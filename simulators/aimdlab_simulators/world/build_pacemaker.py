"""From a pacemaker's entry in a world file to its settings."""

from __future__ import annotations

from aimdlab_simulators.world.config import PacemakerConfig
from aimdlab_simulators.world.pacemaker_settings import (
    AlteredPulses,
    ClampDiodes,
    NoiseReversion,
    PacemakerSettings,
    Reset,
    SensingBand,
)


def pacemaker_settings(config: PacemakerConfig) -> PacemakerSettings:
    """The settings that the entry describes; what it leaves out is absent or ideal."""
    band = None
    if config.sensing_high_pass is not None and config.sensing_low_pass is not None:
        band = SensingBand(config.sensing_high_pass, config.sensing_low_pass)
    return PacemakerSettings(
        mode=config.mode,
        interval_s=1.0 / config.rate,
        amplitude_v=config.amplitude,
        pulse_width_s=config.pulse_width,
        droop_time_constant_s=config.droop_time_constant,
        jitter=config.interval_jitter,
        sensing_threshold_v=config.sensing_threshold,
        sensing_band=band,
        blanking_s=config.blanking,
        refractory_s=config.refractory,
        upper_interval_s=1.0 / config.upper_rate if config.upper_rate is not None else 0.0,
        noise_reversion=_noise_reversion(config),
        altered=_altered(config),
        reset=_reset(config),
        clamp=_clamp(config) if config.present else None,
        silent=config.silent or not config.present,
        drop_beats=frozenset(config.drop_beat_at),
        amplitude_drift=config.amplitude_drift,
        normal=pacemaker_settings(config.normal) if config.normal is not None else None,
    )


def _noise_reversion(config: PacemakerConfig) -> NoiseReversion | None:
    if (reversion := config.noise_reversion) is None:
        return None
    return NoiseReversion(reversion.window, 1.0 / reversion.rate if reversion.rate is not None else None)


def _altered(config: PacemakerConfig) -> AlteredPulses | None:
    if (altered := config.altered_pulses) is None:
        return None
    return AlteredPulses(altered.level, altered.hold, altered.amplitude_factor, altered.width_factor)


def _reset(config: PacemakerConfig) -> Reset | None:
    if (reset := config.reset) is None:
        return None
    return Reset(reset.level, reset.pause, 1.0 / reset.rate, reset.amplitude, reset.pulse_width)


def _clamp(config: PacemakerConfig) -> ClampDiodes | None:
    if (clamp := config.clamp) is None:
        return None
    share = clamp.series_resistance / (clamp.series_resistance + clamp.source_resistance)
    return ClampDiodes(clamp.level, share, clamp.charge_time_constant, clamp.decay_time_constant)
