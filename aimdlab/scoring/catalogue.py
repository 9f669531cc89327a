"""The features that a score of an injected gradient test yields, and their units."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from aimdlab.scoring.features import EXPOSURE_FEATURES, PULSE_FEATURES
from aimdlab.scoring.results import EXPOSURE_PROVEN

_LEVEL = {
    "injected_pulse_a": "V",
    "injected_pulse_b": "V",
    "injected_tapw": "s",
    "injected_tbpw": "s",
    "injected_tbpw_error": "s",
    "injected_dwell": "s",
    "injected_edge": "s",
    "injected_cycles": "1",
    "injected_cycles_expected": "1",
    "injected_clipped": "1",
    "injected_holes": "1",
}

_PRESENCE_OF_EITHER = {
    "injection_pulses_{}": "1",
    "injection_pulses_{}_expected": "1",
    "injection_pulses_{}_most": "1",
    "injection_displacement_{}": "s",
    "injection_level_{}_min": "V",
    "injection_level_{}_max": "V",
    "injection_mean_{}_min": "V",
    "injection_mean_{}_max": "V",
    "injection_sample_{}_min": "V",
    "injection_sample_{}_max": "V",
    "injection_part_{}": "1",
}

_PRESENCE = {
    "injection_start_error": "s",
    "injection_period_error": "1",
    "injection_end": "s",
    "injection_rest_peak": "V",
    "injection_noise": "V",
    "injection_step": "V",
    "injection_clipped": "1",
    "injection_holes": "1",
    "injection_covered": "s",
    "injection_sample_interval": "s",
    "injection_clock_tolerance": "1",
}

_DEVICE = {
    **PULSE_FEATURES,
    **EXPOSURE_FEATURES,
    "device_coupling": "1",
    "device_residual_noise": "V",
    "device_residual_peak": "V",
}

FEATURES: Mapping[str, str] = MappingProxyType(
    {
        **_LEVEL,
        **{name.format(of): unit for of in ("a", "b") for name, unit in _PRESENCE_OF_EITHER.items()},
        **_PRESENCE,
        **_DEVICE,
        EXPOSURE_PROVEN: "1",
    }
)
"""Unit by feature name, of everything that a sequence yields; a baseline yields those of the device."""


def unit_of(feature: str) -> str | None:
    """The unit that a criterion on ``feature`` must be in, or None if there is no such feature."""
    return FEATURES.get(feature)
