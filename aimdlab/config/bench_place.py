"""Where a bench stands and by what its instruments are traceable: what the report must say of it (9.5)."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Ratio, Temperature
from aimdlab.config.words import Identifier, IsoDate, Words


class Site(ConfigModel):
    """The test facility: its name, and where it is."""

    facility: Words
    location: Words


class AmbientRange(ConfigModel):
    """The ambient conditions in which the bench is used: lowest and highest, in degC and as relative humidity."""

    temperature: list[Temperature] = Field(min_length=2, max_length=2)
    humidity: list[Ratio] = Field(min_length=2, max_length=2)

    @field_validator("temperature")
    @classmethod
    def _indoors(cls, limits: list[float]) -> list[float]:
        return _rising(limits, 0.0, 60.0, "degC")

    @field_validator("humidity")
    @classmethod
    def _relative(cls, limits: list[float]) -> list[float]:
        return _rising(limits, 0.0, 1.0, "(relative)")


class Ambient(ConfigModel):
    """Temperature and relative humidity at the bench when the tests begin."""

    temperature: Temperature
    humidity: Ratio

    def outside(self, allowed: AmbientRange) -> list[tuple[str, str]]:
        """Key and words for each of the two that is outside ``allowed``."""
        found = []
        lowest, highest = allowed.temperature
        if not lowest <= self.temperature <= highest:
            found.append(
                ("temperature", f"{self.temperature:g} degC; the bench is used {lowest:g} to {highest:g} degC")
            )
        lowest, highest = allowed.humidity
        if not lowest <= self.humidity <= highest:
            found.append(
                ("humidity", f"{self.humidity * 100:g} %; the bench is used {lowest * 100:g} to {highest * 100:g} %")
            )
        return found


class Calibration(ConfigModel):
    """The calibration of one instrument; valid to the end of the day ``due``."""

    certificate: Identifier
    date: IsoDate
    due: IsoDate

    @model_validator(mode="after")
    def _in_order(self) -> Calibration:
        if self.due <= self.date:
            raise ValueError(f"due ({self.due}) must be after date ({self.date})")
        return self


def _rising(limits: list[float], least: float, most: float, unit: str) -> list[float]:
    lowest, highest = limits
    if not least <= lowest < highest <= most:
        raise ValueError(
            f"expected the lowest and the highest, from {least:g} to {most:g} {unit}, got {lowest:g} and {highest:g}"
        )
    return limits
