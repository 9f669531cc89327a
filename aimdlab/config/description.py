"""What the report must say of the device under test (ISO/TS 10974:2012, 9.5) and what decides which tests apply."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Area, Capacitance, Current, FluxDensity, Length, Resistance, Voltage
from aimdlab.config.words import Identifier, IsoDate, Words
from aimdlab.standard.gradient_volumes import SystemVolume


class Component(ConfigModel):
    """One part of the system under test."""

    part: Literal["device", "lead", "external_antenna", "adaptor", "other"]
    manufacturer: Words
    model: Identifier
    serial: Identifier


class Description(ConfigModel):
    """The system under test as it came to the bench.

    Attributes:
        components: every part of the system, the device itself among them.
        condition: in which it was received.
        materials: what it is built of.
        magnetic_parts: which of these are magnetic (ferromagnetic), or that none is.
        static_field_sensitive: does it contain parts that a static field changes (saturating ferrites, a reed switch)?
            Clause 7 then asks for the static field during the test, or for evidence that these parts do not matter.
        photographs, drawings: files, relative to the device file.
    """

    components: list[Component] = Field(min_length=1)
    condition: Words
    materials: Words
    magnetic_parts: Words
    static_field_sensitive: StrictBool
    photographs: list[str] = Field(default_factory=list)
    drawings: list[str] = Field(default_factory=list)


class DeviceInput(ConfigModel):
    """The input circuit between terminal and return, as the injected signal meets it.

    Attributes:
        resistance, capacitance: between terminal and return; with them the injection network is computed.
        max_voltage: the largest voltage, zero to peak, that the maker allows between terminal and return.
        max_current: the same for the current into the terminal; held against what the bench could drive at most, into
            a short circuit, once settled.
        max_rationale: where these two come from: document, clause, or the maker's word.
        description: what the circuit is: EMI capacitors, protection, where the lead system is connected.
    """

    resistance: Resistance = Field(ge=1.0, le=1e9)
    capacitance: Capacitance = Field(ge=0.0, le=1e-3)
    max_voltage: Voltage | None = Field(default=None, gt=0, le=1e4)
    max_current: Current | None = Field(default=None, gt=0, le=1e3)
    max_rationale: Words | None = None
    description: Words

    @model_validator(mode="after")
    def _maxima_have_a_source(self) -> DeviceInput:
        stated = self.max_voltage is not None or self.max_current is not None
        if stated and self.max_rationale is None:
            raise ValueError("max_rationale is missing: which document of the maker says max_voltage or max_current?")
        if self.max_rationale is not None and not stated:
            raise ValueError("max_rationale without max_voltage or max_current: which maximum is meant?")
        return self


class Battery(ConfigModel):
    """The device's battery when the tests began."""

    state: Words
    voltage: Voltage | None = Field(default=None, gt=0, le=20)
    measured: IsoDate


class Lead(ConfigModel):
    """The lead system, as the levels of 20.2.1 to 20.2.3 need it.

    Attributes:
        kind: "leadless" takes the spacing of its terminals as length; an external antenna counts as a lead.
        insulated_antenna: an external antenna that is insulated passes no gradient current and is not injected (20.1).
        length: of the longest lead.
        volume: the largest that holds a part of the system; "outside" the implant volume needs Tier 3.
        tier2_bg: TIER2BG, peak to peak, for Tier 2, case 1.
        loop_area: largest that the lead can enclose, for Tier 2, case 2.
        ivamp_max: IVAMPMAX, zero to pulse, for Tier 3.
    """

    kind: Literal["lead", "leadless", "external_antenna"]
    insulated_antenna: StrictBool = False
    length: Length
    volume: SystemVolume
    tier2_bg: FluxDensity | None = None
    loop_area: Area | None = None
    ivamp_max: Voltage | None = None

    @property
    def conducts(self) -> bool:
        """Does injection apply to it (20.1)?"""
        return not self.insulated_antenna

    @model_validator(mode="after")
    def _insulated(self) -> Lead:
        if self.insulated_antenna and self.kind != "external_antenna":
            raise ValueError(
                f"insulated_antenna is a matter of kind: external_antenna, not of kind: {self.kind} (20.1, note 2)"
            )
        return self
