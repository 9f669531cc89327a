"""What the scoring of injected gradient tests has to know besides the captures, as flat records hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal

from aimdlab.errors import ConfigurationError
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import lags_from_text

Scalar = str | int | float | bool | None

KIND_SEQUENCE: Literal["sequence"] = "sequence"
KIND_BASELINE: Literal["baseline"] = "baseline"
KIND_CHECK: Literal["check"] = "check"

_UNKNOWN = "expected_interval_s"
_TEXTS = {"kind", "coupling_lags"}
_MAY_BE_MISSING = {_UNKNOWN, "coupling_lags", "monitor_lag_s", "back_coupling"}


@dataclass(frozen=True)
class GradientInjectedScoring:
    """Everything from outside the captures that a score depends on; the field names are the keys of the record.

    Attributes:
        kind: "sequence"; "baseline" before the first exposure and "check" after one, both without a signal.
        exposure_s: how long the device was to be exposed, from t = 0 of the exposure capture.
        expected_ivamp_v: amplitude at the injection monitor, zero to pulse; ignored in a baseline.
        level_tolerance: of that amplitude, relative.
        timing_tolerance: of pulse widths and dwell, relative.
        edge_max_s: longest 10 % to 90 % time of an edge.
        expected_pulse_amplitude_v: of the device's pulses, in the unit of the device monitor's captures.
        expected_pulse_width_s: of the device's pulses.
        pulse_polarity: 1 or -1, their sign on the device monitor.
        expected_coupling: device monitor over injection monitor once settled, signed; 0 if the bench cannot say.
        coupling_tolerance: of that, relative.
        expected_interval_s: of the device's pulses; NaN if unknown.
        coupling_lags: how that coupling settles: ``share:seconds share:seconds ...``; the transfer from injection to
            device monitor is ``direct + sum of share / (1 + s seconds)``, ``direct`` being ``expected_coupling`` less
            the shares. Without any it has no memory.
        monitor_lag_s: first-order lag with which the device monitor shows the device's pulses; 0 if there is none.
        back_coupling: volts at the injection monitor per volt of a device pulse; 0 if there are none.

    The last four may be missing in a record; they have no counterpart in a network of resistors.
    """

    kind: str
    exposure_s: float
    expected_ivamp_v: float
    level_tolerance: float
    timing_tolerance: float
    edge_max_s: float
    expected_pulse_amplitude_v: float
    expected_pulse_width_s: float
    pulse_polarity: int
    expected_coupling: float
    coupling_tolerance: float
    expected_interval_s: float = math.nan
    coupling_lags: str = ""
    monitor_lag_s: float = 0.0
    back_coupling: float = 0.0

    def __post_init__(self) -> None:
        kinds = (KIND_SEQUENCE, KIND_BASELINE, KIND_CHECK)
        if self.kind not in kinds:
            raise ConfigurationError(f"scoring: kind is one of {', '.join(kinds)}, got {self.kind!r}")
        positive = {"exposure_s", "edge_max_s", "expected_pulse_amplitude_v", "expected_pulse_width_s", _UNKNOWN}
        if self.kind == KIND_SEQUENCE:
            positive |= {"expected_ivamp_v", "level_tolerance", "timing_tolerance", "coupling_tolerance"}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _TEXTS or (field.name == _UNKNOWN and math.isnan(value)):
                continue
            if not math.isfinite(value) or (field.name in positive and value <= 0):
                wanted = "a positive number" if field.name in positive else "a number"
                raise ConfigurationError(f"scoring: {field.name} must be {wanted}, got {value!r}")
        if self.monitor_lag_s < 0:
            raise ConfigurationError(f"scoring: monitor_lag_s must not be negative, got {self.monitor_lag_s!r}")
        lags_from_text(self.coupling_lags)

    @property
    def lags(self) -> tuple[tuple[float, float], ...]:
        """The shares and seconds of ``coupling_lags``."""
        return lags_from_text(self.coupling_lags)

    def to_flat(self) -> dict[str, Scalar]:
        """The record that :meth:`from_flat` reads."""
        left_out = {key for key in ("coupling_lags", "monitor_lag_s", "back_coupling") if not getattr(self, key)}
        if math.isnan(self.expected_interval_s):
            left_out.add(_UNKNOWN)
        return {key: value for key, value in asdict(self).items() if key not in left_out}

    @classmethod
    def from_flat(cls, record: Mapping[str, Scalar]) -> GradientInjectedScoring:
        """Read a record; keys of others are left alone. ConfigurationError names a key that is missing or wrong."""
        kind = record.get("kind")
        if not isinstance(kind, str):
            raise ConfigurationError(f"scoring: 'kind' is missing or no text, got {kind!r}")
        given = [name for field in fields(cls) if (name := field.name) not in _TEXTS and not _is_missing(record, name)]
        numbers = {name: _number(record, name) for name in given}
        polarity = numbers.pop("pulse_polarity")
        if polarity not in (1, -1):
            raise ConfigurationError(f"scoring: 'pulse_polarity' is 1 or -1, got {polarity!r}")
        lags = record.get("coupling_lags") or ""
        if not isinstance(lags, str):
            raise ConfigurationError(f"scoring: 'coupling_lags' is no text, got {lags!r}")
        return cls(kind=kind, pulse_polarity=int(polarity), coupling_lags=lags, **numbers)


def signal_from_flat(parameters: Mapping[str, Scalar]) -> InjectedSignal:
    """The signal of a step from its parameters ``tbpw_s``, ``t_dwell_s``, ``cycles`` and ``t_off_s``."""
    cycles = _number(parameters, "cycles")
    if cycles != int(cycles):
        raise ConfigurationError(f"parameters: 'cycles' must be a whole number, got {cycles!r}")
    return InjectedSignal(
        tbpw_s=_number(parameters, "tbpw_s"),
        t_dwell_s=_number(parameters, "t_dwell_s"),
        cycles=int(cycles),
        t_off_s=_number(parameters, "t_off_s"),
    )


def _is_missing(record: Mapping[str, Scalar], key: str) -> bool:
    value = record.get(key)
    unknown = key == _UNKNOWN and isinstance(value, float) and math.isnan(value)
    return key in _MAY_BE_MISSING and (value is None or unknown)


def _number(record: Mapping[str, Scalar], key: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f"scoring record: {key!r} is missing or not a number, got {value!r}")
    return float(value)
