"""Lines of the digital ports of a Keysight 34907A: options, and reading and driving them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Time
from aimdlab.errors import LinkError
from aimdlab_drivers.scpi import ScpiDriver

# At power-on and after a reset nothing drives the lines, and their pull-ups make them high.
_ALL_HIGH = 0xFF


class Line(ConfigModel):
    """One line of a digital port.

    Attributes:
        channel: of the port: slot and port, 101 to 302.
        bit: 0 to 7.
        active: the level at which it says what its name says.
    """

    channel: Literal[101, 102, 201, 202, 301, 302]
    bit: int = Field(ge=0, le=7)
    active: Literal["low", "high"]

    @property
    def slot(self) -> int:
        """Of its module."""
        return self.channel // 100 * 100

    def is_active(self, levels: int) -> bool:
        """Whether it is, ``levels`` being those of its port."""
        return bool(levels >> self.bit & 1) == (self.active == "high")

    def put(self, levels: int, active: bool) -> int:
        """``levels`` with this line active or not."""
        mask = 1 << self.bit
        return levels | mask if active == (self.active == "high") else levels & ~mask


class SensedLine(Line):
    """A contact to ground: a line that is open, or a wire that is off, is high, and so is a fault unless said."""

    active: Literal["low", "high"] = "high"


class DrivenLine(Line):
    """A line that the PC drives. Without power at the unit, and right after power-on, it is high: idle."""

    active: Literal["low", "high"] = "low"

    @model_validator(mode="after")
    def _idle_at_power_on(self) -> DrivenLine:
        if self.active == "high":
            raise ValueError(
                "active must be low: the lines of a 34907A are high after power-on, which would switch on what this "
                "line switches. Put an inverter between them"
            )
        return self


class PulsedLine(DrivenLine):
    """A driven line that is active for a moment.

    Attributes:
        pulse: for how long at least.
    """

    pulse: Time = Field(default=0.1, gt=0, le=1)


class PortDriver(ScpiDriver):
    """Reads and drives ports of a 34907A.

    A port that is read becomes an input and lets go of its lines, so what is driven is asked back from its latch
    (``SOUR:DIG:DATA?``) instead.
    """

    def _levels(self, channel: int) -> int:
        """The levels of an input port."""
        return self._byte(f"SENS:DIG:DATA:BYTE? (@{channel})")

    def _is_output(self, channel: int) -> bool:
        query = f"SOUR:DIG:STAT? (@{channel})"
        (state,) = self._numbers(query)
        if state not in (0.0, 1.0):
            raise LinkError(
                f"the answer {state:g} is neither 0 (input) nor 1 (output)", instrument=self._name, command=query
            )
        return state == 1.0

    def _driven(self, channel: int) -> int:
        """The levels that the port drives, or its pull-ups keep while it is an input."""
        return self._latch(channel) if self._is_output(channel) else _ALL_HIGH

    def _drive(self, channel: int, levels: int, *, errors_count: bool = True) -> None:
        """Put ``levels`` on the port and prove it; InstrumentRefusal if it does not keep them.

        Errors in the queue raise as well, unless they do not count: then they are left there.
        """
        command = f"SOUR:DIG:DATA:BYTE {levels},(@{channel})"
        self._link.write(command)
        if errors_count:
            self._raise_errors(command)
        if not self._is_output(channel):
            raise self._refuse(f"port {channel} is an input instead of an output", command)
        found = self._latch(channel)
        if found != levels:
            raise self._refuse(f"port {channel} drives {found:08b} instead of {levels:08b}", command)

    def _latch(self, channel: int) -> int:
        return self._byte(f"SOUR:DIG:DATA:BYTE? (@{channel})")

    def _byte(self, query: str) -> int:
        (value,) = self._numbers(query)
        if value != int(value) or not 0 <= value <= _ALL_HIGH:
            raise LinkError(f"the answer {value:g} is not a byte", instrument=self._name, command=query)
        return int(value)
