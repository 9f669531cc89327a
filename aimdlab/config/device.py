"""The device file: the implant under test, how it is programmed, and the manufacturer's limits."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import EventRate, Length, Time, Voltage, to_si
from aimdlab.scoring.results import Criterion, DecisionRule


class Therapy(ConfigModel):
    """How the device is programmed while it is tested; the baseline must show it.

    ``amplitude`` is that of the pulse at the device port, with the sign that the monitor shows.
    """

    mode: Literal["VOO", "VVI", "VVT"]
    rate: EventRate
    amplitude: Voltage
    pulse_width: Time

    @model_validator(mode="after")
    def _can_be(self) -> Therapy:
        for name, value, least, most, unit in (
            ("rate", self.rate * 60, 20, 300, "1/min"),
            ("amplitude (its size)", abs(self.amplitude), 0.1, 20, "V"),
            ("pulse_width", self.pulse_width * 1e3, 0.02, 5, "ms"),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most} {unit}, got {value:g} {unit}")
        return self


class Lead(ConfigModel):
    """The lead system, as the levels of 20.2.1 need it."""

    length: Length
    volume: Literal["compliance", "implant"]


class Limit(ConfigModel):
    """One criterion of the manufacturer: a limit on a feature."""

    feature: str
    lower: str | None = None
    upper: str | None = None
    unit: str
    clause: str
    rule: DecisionRule
    coverage_factor: float = Field(default=2.0, gt=0)
    rationale: str = Field(min_length=1)

    @field_validator("lower", "upper", mode="before")
    @classmethod
    def _counts_stay_numbers(cls, value: object) -> object:
        # A count has no unit: "12" and 12 are the same limit; anything else must carry its unit as text.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _limits_have_the_unit(self) -> Limit:
        if self.lower is None and self.upper is None:
            raise ValueError("a criterion needs lower, upper or both")
        lower, upper = self._value(self.lower), self._value(self.upper)
        if lower is not None and upper is not None and lower > upper:
            raise ValueError(f"lower {self.lower!r} is above upper {self.upper!r}")
        return self

    def _value(self, text: str | None) -> float | None:
        if text is None:
            return None
        value = float(text) if self.unit == "1" else to_si(text, self.unit, f"1 {self.unit}")
        if not math.isfinite(value):
            raise ValueError(f"a limit must be a finite number, got {text!r}")
        return value

    def criterion(self) -> Criterion:
        """The limit in SI, as the scoring takes it."""
        return Criterion(
            feature=self.feature,
            lower=self._value(self.lower),
            upper=self._value(self.upper),
            unit=self.unit,
            clause=self.clause,
            rule=self.rule,
            coverage_factor=self.coverage_factor,
            rationale=self.rationale,
        )


class DeviceFile(ConfigModel):
    """A device as its YAML file says it."""

    aimdlab: Literal["device/1"]
    name: str = Field(min_length=1)
    manufacturer: str
    model: str
    serial: str
    firmware: str
    kind: Literal["pacemaker"]
    therapy: Therapy
    lead: Lead
    criteria: list[Limit] = Field(min_length=1)
