"""The bench file: instruments, the roles they play, what the oscilloscope watches, the ratings nothing may exceed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aimdlab.config.base import ConfigModel
from aimdlab.config.injection_network import InjectionNetwork
from aimdlab.config.units import Time, Voltage

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
        options: checked by the driver's own model.
    """

    driver: str
    resource: str | None = None
    identity: InstrumentIdentity | None = None
    timeout: Time = Field(default=5.0, gt=0, le=60.0)
    options: dict[str, Any] = Field(default_factory=dict)


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
    """

    instrument: str
    channel: int = Field(ge=1, le=64)
    factor: float = Field(ge=1e-6, le=1e6)
    rated_input: Voltage = Field(gt=0)


class ExposureTrigger(ConfigModel):
    """How the oscilloscope learns that a burst begins, other than by the signal itself.

    Attributes:
        from_: the generator's Sync output is on the oscilloscope's external trigger input.
        level: at that input.
    """

    from_: Literal["sync"] = Field(alias="from")
    level: Voltage = Field(gt=0, le=8)


class Simulated(ConfigModel):
    """A simulated bench: the world file is read by the simulation alone."""

    world: str


class BenchFile(ConfigModel):
    """A bench as its YAML file says it."""

    aimdlab: Literal["bench/1"]
    name: str = Field(min_length=1)
    simulated: Simulated | None = None
    instruments: dict[str, InstrumentEntry] = Field(min_length=1)
    roles: dict[RoleName, RoleEntry] = Field(min_length=1)
    monitors: dict[str, MonitorEntry] = Field(default_factory=dict)
    injection_network: InjectionNetwork | None = None
    exposure_trigger: ExposureTrigger | None = None
