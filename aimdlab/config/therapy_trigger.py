"""How the signal generator learns that the device has delivered a pulse (clause 16, synchronised)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aimdlab.config.base import ConfigModel


class TherapyTrigger(ConfigModel):
    """The oscilloscope's Trig Out is wired to the generator's external trigger input.

    Attributes:
        from_: of the oscilloscope that watches the device monitor.
    """

    from_: Literal["trig_out"] = Field(alias="from")
