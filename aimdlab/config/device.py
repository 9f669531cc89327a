"""The device file: the implant under test, how it is programmed, and the manufacturer's limits."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.description import Battery, Description, DeviceInput, Lead
from aimdlab.config.units import EventRate, Time, Voltage, to_si
from aimdlab.config.words import Identifier, Reason, Words
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


class Limit(ConfigModel):
    """One criterion of the manufacturer: a limit on a feature."""

    feature: str
    lower: str | None = None
    upper: str | None = None
    unit: str
    clause: str
    rule: DecisionRule
    coverage_factor: float = Field(default=2.0, gt=0)
    rationale: Reason

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
    """A device as its YAML file says it.

    Attributes:
        description, input, battery: what 9.5 asks to be reported of it.
        settings: every programmed setting by its name, as the programmer shows it.
        therapy: how it works while it is tested: in its MR mode, if it has one.
        normal_mode: how it works outside the scanner, where that differs; it is checked before and after.
        response_time: how long it takes to show what an exposure does to it; no exposure is shorter (8.1).
        recovery: pause between one exposure and the next.
        lead: decides on the levels.
        criteria: the manufacturer's limits.
    """

    aimdlab: Literal["device/1"]
    name: str = Field(min_length=1)
    manufacturer: Words
    model: Identifier
    serial: Identifier
    firmware: Identifier
    kind: Literal["pacemaker"]
    description: Description
    input: DeviceInput
    battery: Battery
    settings: dict[str, str] = Field(min_length=1)
    therapy: Therapy
    normal_mode: Therapy | None = None
    response_time: Time = Field(ge=0.0, le=3600.0)
    recovery: Time = Field(default=0.0, ge=0.0, le=3600.0)
    lead: Lead
    criteria: list[Limit] = Field(min_length=1)

    @field_validator("settings")
    @classmethod
    def _settings_say_something(cls, settings: dict[str, str]) -> dict[str, str]:
        empty = [name for name, shown in settings.items() if not shown.strip()]
        if empty:
            raise ValueError(f"no value for {', '.join(empty)}: write it as the programmer shows it")
        return settings

    @model_validator(mode="after")
    def _components_agree(self) -> DeviceFile:
        devices = [component for component in self.description.components if component.part == "device"]
        if len(devices) != 1:
            raise ValueError(f"description.components must list the device itself once, got {len(devices)} times")
        for what, here, there in (
            ("manufacturer", self.manufacturer, devices[0].manufacturer),
            ("model", self.model, devices[0].model),
            ("serial", self.serial, devices[0].serial),
        ):
            if here != there:
                raise ValueError(
                    f"description.components says {what} {there!r} of the device, the file itself says {here!r}. "
                    "Which of them is on the bench?"
                )
        parts = {component.part for component in self.description.components}
        if self.lead.kind != "leadless" and self.lead.kind not in parts:
            raise ValueError(
                f"lead.kind is {self.lead.kind}, but description.components lists none: which model and serial (9.5)?"
            )
        return self
