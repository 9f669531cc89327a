"""The network between drive amplifier and device, as the bench file says it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Capacitance, Power, Resistance, Voltage
from aimdlab.standard.annex_d import TABLE_D_1

ResistorName = Literal["R1", "R2", "R3", "R4", "R5", "R6"]


class RatedResistor(ConfigModel):
    """One resistor of a plain divider, with what it bears.

    Attributes:
        resistance: of it.
        share: volts across it per volt at input C.
        rating: power that it bears continuously.
        peak_rating: power that it bears within a pulse.
    """

    resistance: Resistance = Field(gt=0)
    share: float = Field(gt=0, le=1)
    rating: Power = Field(gt=0)
    peak_rating: Power | None = Field(default=None, gt=0)


class ResistiveNetwork(ConfigModel):
    """A plain divider; voltages are zero to peak.

    Attributes:
        test_point_factor: volts at test point D per volt at input C.
        port_factor: volts at the device port per volt at input C.
        rated_input: voltage that input C stands.
        rated_port: voltage that may be at the device port.
        port_resistance: what the device port looks back into, for the largest current it can give.
        resistors: those whose power is held against a rating, by name.
    """

    kind: Literal["resistive"]
    test_point_factor: float = Field(ge=1e-3, le=1e3)
    port_factor: float = Field(ge=1e-3, le=1e3)
    rated_input: Voltage = Field(gt=0)
    rated_port: Voltage | None = Field(default=None, gt=0)
    port_resistance: Resistance | None = Field(default=None, gt=0)
    resistors: dict[str, RatedResistor] = Field(default_factory=dict)


class Components(ConfigModel):
    """The components as measured; what is left out has the value of Table D.1."""

    R1: Resistance | None = None
    R2: Resistance | None = None
    R3: Resistance | None = None
    R4: Resistance | None = None
    R5: Resistance | None = None
    R6: Resistance | None = None
    C1: Capacitance | None = None
    C2: Capacitance | None = None

    @model_validator(mode="after")
    def _within_table_d_1(self) -> Components:
        for name, value in self:
            printed = TABLE_D_1[name]
            if value is None or printed.value is None:
                continue
            if not abs(value / printed.value - 1) <= printed.tolerance * (1 + 1e-9):
                unit = "ohm" if printed.kind == "R" else "F"
                raise ValueError(
                    f"{name} is {value:g} {unit}: Table D.1 asks for {printed.value:g} {unit} within "
                    f"{printed.tolerance:.0%}. Measure it again, or replace it"
                )
        return self

    def values(self) -> dict[str, float]:
        """Every value by name, in ohm and farad."""
        given = dict(self)
        return {
            name: given[name] if given.get(name) is not None else component.value
            for name, component in TABLE_D_1.items()
            if component.value is not None
        }


class MonitorInput(ConfigModel):
    """What hangs at monitor point K, probe and cable included: it belongs to the network.

    Attributes:
        resistance, capacitance: against J.
        attenuation: of the probe; 1 if the oscilloscope is connected directly.
    """

    resistance: Resistance = Field(gt=0)
    capacitance: Capacitance = Field(gt=0)
    attenuation: float = Field(default=1.0, ge=1, le=1000)


class AnnexDNetwork(ConfigModel):
    """The tissue interface of Annex D, Fig. D.1 (as assumed in docs/gradient-network.md).

    Attributes:
        connection: how the device is connected now.
        terminals: how many of its terminals are injected at once.
        components: as measured.
        cx: the series capacitor of D.2; None if it is bypassed.
        ratings: continuous power that each resistor bears; Table D.1's, or more on an uprated network.
        peak_ratings: power that a resistor bears within a pulse (of 2 ms at most, for Table 3), by its data sheet.
        rated_input: voltage that input C stands, zero to peak.
        rated_port: voltage, zero to peak, that may be at the device port.
        monitor: what is connected at K.
    """

    kind: Literal["annex_d"]
    connection: Literal["terminal_to_terminal", "terminal_to_case"] = "terminal_to_terminal"
    terminals: int = Field(default=1, ge=1, le=4)
    components: Components = Components()
    cx: Capacitance | None = None
    ratings: dict[ResistorName, Power]
    peak_ratings: dict[ResistorName, Power] = Field(default_factory=dict)
    rated_input: Voltage = Field(gt=0)
    rated_port: Voltage | None = Field(default=None, gt=0)
    monitor: MonitorInput

    @model_validator(mode="after")
    def _every_rating(self) -> AnnexDNetwork:
        missing = [name for name in ("R1", "R2", "R3", "R4", "R5", "R6") if name not in self.ratings]
        if missing:
            raise ValueError(
                f"ratings of {', '.join(missing)} are missing: what power does each bear continuously? "
                "Table D.1 asks for 2 W (R1), 1 W (R2) and 0.5 W (the others)"
            )
        for name, power_w in (*self.ratings.items(), *self.peak_ratings.items()):
            if not (math.isfinite(power_w) and power_w > 0):
                raise ValueError(f"rating of {name} must be above 0 W, got {power_w:g} W")
        for name, power_w in self.peak_ratings.items():
            if power_w < self.ratings[name]:
                raise ValueError(
                    f"peak rating of {name} is {power_w:g} W, less than the {self.ratings[name]:g} W that it bears "
                    "continuously. Which of them is right?"
                )
        if self.connection == "terminal_to_terminal" and self.terminals != 1:
            raise ValueError("terminal_to_terminal injects between one terminal and another: terminals is 1")
        return self


InjectionNetwork = Annotated[ResistiveNetwork | AnnexDNetwork, Field(discriminator="kind")]
