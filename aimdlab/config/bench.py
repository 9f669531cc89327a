"""The bench file: instruments, the roles they play, what the oscilloscope watches, the ratings nothing may exceed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.bench_place import AmbientRange, Calibration, Site
from aimdlab.config.injection_network import InjectionNetwork
from aimdlab.config.therapy_trigger import TherapyTrigger
from aimdlab.config.units import FluxDensity, Ratio, Time, Voltage
from aimdlab.config.words import Words

RoleName = Literal[
    "signal_generator",
    "rf_generator",
    "drive_amplifier",
    "oscilloscope",
    "thermometer",
    "power_meter",
    "gaussmeter",
    "interlock",
]


class InstrumentIdentity(ConfigModel):
    """Which instrument must answer; ``firmware`` is compared only if it is given."""

    manufacturer: str
    model: str
    serial: str
    firmware: str | None = None


class InstrumentEntry(ConfigModel):
    """One instrument.

    Attributes:
        driver: name of the driver (entry point ``aimdlab.drivers``).
        resource: VISA resource; left out on a simulated bench, where the simulation hands them out.
        identity: what ``*IDN?`` must say; left out only for an instrument that cannot be talked to.
        timeout: longest wait for one reply, at most 60 s.
        calibration: its certificate; an overdue one is refused at plan time.
        guardian: "shared": the guardian has a connection of its own, open all the time; "takeover": the instrument
            accepts one connection, so that the guardian connects again only when the run is dead.
        options: checked by the driver's own model.
    """

    driver: str
    resource: str | None = None
    identity: InstrumentIdentity | None = None
    timeout: Time = Field(default=5.0, gt=0, le=60.0)
    calibration: Calibration | None = None
    guardian: Literal["shared", "takeover"] = "shared"
    options: dict[str, Any] = Field(default_factory=dict)


class GuardianSettings(ConfigModel):
    """When a run counts as hung.

    Attributes:
        silence: how long it may give no sign of life while outputs may be on; it is ended and replaced then.
    """

    silence: Time = Field(default=30.0, ge=2.0, le=3600.0)


class RoleEntry(ConfigModel):
    """Which instrument, and which of its channels, plays a role."""

    instrument: str
    channel: int = Field(default=1, ge=1, le=64)


class MonitorEntry(ConfigModel):
    """A point that an oscilloscope input watches.

    Attributes:
        channel: the input.
        factor: volts at the point per volt at the input (a divider's ratio, a probe's attenuation).
        rated_input: voltage, zero to peak, that the input stands.
        largest: voltage at the point, zero to peak, that is to be seen; of a point that a test only records and does
            not judge, as nothing else says what it shows.
    """

    instrument: str
    channel: int = Field(ge=1, le=64)
    factor: float = Field(ge=1e-6, le=1e6)
    rated_input: Voltage = Field(gt=0)
    largest: Voltage | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _stands_the_largest(self) -> MonitorEntry:
        if self.largest is not None and self.largest / self.factor > self.rated_input:
            raise ValueError(
                f"largest is {self.largest / self.factor:g} V at the input, more than its rated_input of "
                f"{self.rated_input:g} V"
            )
        return self


class ExposureTrigger(ConfigModel):
    """How the oscilloscope learns that a burst begins, other than by the signal itself.

    Attributes:
        from_: the generator's Sync output is on the oscilloscope's external trigger input.
        level: at that input.
        sync_voltage: what the Sync output gives there, zero to peak.
        rated_input: voltage, zero to peak, that the external trigger input stands; needs ``sync_voltage``.
    """

    from_: Literal["sync"] = Field(alias="from")
    level: Voltage = Field(gt=0, le=8)
    sync_voltage: Voltage | None = Field(default=None, gt=0)
    rated_input: Voltage | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _rated_against_something(self) -> ExposureTrigger:
        if self.rated_input is not None and self.sync_voltage is None:
            raise ValueError("rated_input is held against sync_voltage: what does the generator's Sync output give?")
        return self


class Simulated(ConfigModel):
    """A simulated bench: the world file is read by the simulation alone."""

    world: str


class BenchFile(ConfigModel):
    """A bench as its YAML file says it.

    Attributes:
        kind: a clinical scanner is refused: the signals of 8.1 may damage it (8.1, note 1).
        site, ambient, setup, photographs: what 9.5 asks to be reported of it; ``photographs`` are files, relative to
            the bench file.
        static_field: of the magnet that the device stands in during the tests, if there is one (clause 7).
        level_trim: how far the generator may be set off the plan's level to make up for an amplifier whose gain has
            drifted; 0 (as it comes) leaves such a level INVALID.
    """

    aimdlab: Literal["bench/1"]
    name: str = Field(min_length=1)
    kind: Literal["bench", "clinical_scanner"]
    site: Site
    ambient: AmbientRange
    setup: Words
    photographs: list[str] = Field(default_factory=list)
    static_field: FluxDensity | None = Field(default=None, gt=0, le=20)
    level_trim: Ratio = Field(default=0.0, ge=0.0, le=0.1)
    simulated: Simulated | None = None
    instruments: dict[str, InstrumentEntry] = Field(min_length=1)
    roles: dict[RoleName, RoleEntry] = Field(min_length=1)
    monitors: dict[str, MonitorEntry] = Field(default_factory=dict)
    injection_network: InjectionNetwork | None = None
    exposure_trigger: ExposureTrigger | None = None
    therapy_trigger: TherapyTrigger | None = None
    guardian: GuardianSettings = Field(default_factory=GuardianSettings)

    @field_validator("kind")
    @classmethod
    def _no_scanner(cls, kind: str) -> str:
        if kind == "clinical_scanner":
            raise ValueError(
                "a clinical scanner is refused: the signals of 8.1 are meant for a bench and may damage a scanner "
                "(8.1, note 1). Use a laboratory coil or an injection network"
            )
        return kind
