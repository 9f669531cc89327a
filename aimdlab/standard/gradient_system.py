"""What of a device takes part in gradient injection, and with which length: ISO/TS 10974:2012, 20.1 and 20.2.1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_volumes import SystemVolume, largest_volume


class ConductorKind(StrEnum):
    """The conductors of 20.1: all are looked up in Tables 18 and 19 alike."""

    LEAD = "lead"
    LEADLESS_TERMINALS = "leadless terminals"
    EXTERNAL_ANTENNA = "external antenna"


@dataclass(frozen=True)
class Conductor:
    """A conductor that a gradient field induces a voltage in.

    Attributes:
        length_m: of the lead or antenna; of leadless terminals, the spacing between them.
        volume: the smallest volume that holds all of it.
        insulated: an antenna without contact to tissue, which passes no current at gradient frequencies.

    Raises:
        ConfigurationError: no length, or insulated without being an antenna.
    """

    kind: ConductorKind
    length_m: float
    volume: SystemVolume
    insulated: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.length_m) and self.length_m > 0):
            raise ConfigurationError(f"{self.kind}: length {self.length_m:g} m, it must be finite and above 0 m.")
        if self.insulated and self.kind is not ConductorKind.EXTERNAL_ANTENNA:
            raise ConfigurationError(f"{self.kind}: only an external antenna can be insulated from tissue (20.1).")


@dataclass(frozen=True)
class DeviceSystem:
    """A device with its conductors.

    Attributes:
        case_volume: the smallest volume that holds the whole case.
        conductors: leads, leadless terminals and external antennas.
    """

    case_volume: SystemVolume
    conductors: tuple[Conductor, ...]

    @property
    def volume(self) -> SystemVolume:
        """The largest volume that holds a part of the system; it applies to the whole system (20.2.1)."""
        return largest_volume(self.case_volume, *(conductor.volume for conductor in self.conductors))

    @property
    def injected(self) -> tuple[Conductor, ...]:
        """The conductors that the injected test applies to; with none, it does not apply (20.1)."""
        return tuple(conductor for conductor in self.conductors if not conductor.insulated)

    @property
    def lead_length_m(self) -> float:
        """The longest injected conductor: the lead length with which Tables 18 and 19 give the highest level.

        Raises:
            ConfigurationError: nothing to inject into.
        """
        if not self.injected:
            raise ConfigurationError(
                "the device has no lead, terminal or uninsulated antenna: the injected test does not apply to it "
                "(20.1), the radiated one does."
            )
        return max(conductor.length_m for conductor in self.injected)
