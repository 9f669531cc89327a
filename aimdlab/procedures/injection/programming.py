"""Does the device do, without any field, what the device file says it is programmed to do? Judged in every baseline."""

from __future__ import annotations

from aimdlab.config.device import DeviceFile, Therapy
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.results import Criterion, DecisionRule

# A device file for another device, or another programming, is off by far more; a healthy device by far less.
_RATE_TOLERANCE = 0.05
_INTERVAL_TOLERANCE = 0.15
_AMPLITUDE_TOLERANCE = 0.15
_WIDTH_TOLERANCE = 0.3


LIMITS, PROGRAMMING = "limits", "programming"
"""Key and value of a step's scoring record: judged by the programming alone; the limits are for the mode under test."""


def describe(therapy: Therapy) -> str:
    """The programming in one line, for the technician."""
    return (
        f"{therapy.mode}, {therapy.rate * 60:g} 1/min, {abs(therapy.amplitude):g} V, {therapy.pulse_width * 1e3:g} ms"
    )


def settings_question(device: DeviceFile) -> str:
    """What a person is asked to compare with the programmer's screen."""
    settings = "; ".join(f"{name}: {shown}" for name, shown in device.settings.items())
    return f"Interrogate {device.model} {device.serial}. Does it show these settings, and no warning? {settings}"


def programming_criteria(known: GradientInjectedScoring) -> list[Criterion]:
    """Limits around the programmed rate, amplitude and pulse width (9.1: the device behaves as labelled)."""
    return [
        _around("pulse_interval_mean", known.expected_interval_s, _RATE_TOLERANCE, "s"),
        _around("pulse_interval_min", known.expected_interval_s, _INTERVAL_TOLERANCE, "s"),
        _around("pulse_interval_max", known.expected_interval_s, _INTERVAL_TOLERANCE, "s"),
        _around("pulse_amplitude_min", known.expected_pulse_amplitude_v, _AMPLITUDE_TOLERANCE, "V"),
        _around("pulse_amplitude_max", known.expected_pulse_amplitude_v, _AMPLITUDE_TOLERANCE, "V"),
        _around("pulse_width_min", known.expected_pulse_width_s, _WIDTH_TOLERANCE, "s"),
        _around("pulse_width_max", known.expected_pulse_width_s, _WIDTH_TOLERANCE, "s"),
    ]


def _around(feature: str, value: float, tolerance: float, unit: str) -> Criterion:
    return Criterion(
        feature=feature,
        lower=value * (1 - tolerance),
        upper=value * (1 + tolerance),
        unit=unit,
        clause="9.1",
        rule=DecisionRule.SIMPLE,
        coverage_factor=2.0,
        rationale="The device file says that the device is programmed like this.",
    )
