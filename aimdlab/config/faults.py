"""What a campaign does about faults of instruments: how often a step is tried again, and when the run stops cleanly."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Time, si


class FaultKind(StrEnum):
    """The kinds of fault by the names that campaign files and event logs use.

    ``IDENTITY`` has no key in a campaign file: another instrument than at the start always stops the run.
    """

    LINK = "link"
    RESTARTED = "restarted"
    IDENTITY = "identity"
    REFUSAL = "refusal"
    TRIP = "trip"
    PROBE = "probe"


class FaultRule(ConfigModel):
    """What to do about one kind of fault.

    Attributes:
        retries: how often a step is tried again after attempts that ended with this kind of fault. They do not count
            for the ``retries`` of the test file, which are for exposures that could not be proven.
        then: when that was not enough: "go_on" with the next step, this one being INVALID, or "stop" the run cleanly.
    """

    retries: int = Field(default=2, ge=0, le=20)
    then: Literal["go_on", "stop"] = "go_on"


class Faults(ConfigModel):
    """The fault policy of a campaign.

    Attributes:
        link: no answer, a late one, garbage, a connection that broke.
        restarted: an instrument was switched off and on.
        refusal: an instrument reports errors of its own.
        trip: an amplifier reports a fault. Without ``amplifier_resets`` the first one stops the run.
        probe: a probe or monitor gives no reading any more; it will not come back by itself.
        amplifier_resets: how often in a run a tripped amplifier may be reset without a person; none unless somebody
            decided so, since a trip is a protection at work and nobody knows yet against what.
        give_up_after: so many steps in a row that ended INVALID by a fault stop the run: an instrument that is broken
            must not make a night of INVALID.
        reconnect_for: how long an instrument that is gone is called again before the run stops.
    """

    link: FaultRule = Field(default_factory=FaultRule)
    restarted: FaultRule = Field(default_factory=FaultRule)
    refusal: FaultRule = Field(default_factory=FaultRule)
    trip: FaultRule = Field(default_factory=FaultRule)
    probe: FaultRule = Field(default_factory=lambda: FaultRule(retries=1, then="stop"))
    amplifier_resets: int = Field(default=0, ge=0, le=100)
    give_up_after: int = Field(default=3, ge=1, le=1000)
    reconnect_for: Time = Field(default=si(120.0), ge=0, le=86400)

    def rule(self, kind: FaultKind) -> FaultRule:
        """What to do about ``kind``."""
        rules = {
            FaultKind.LINK: self.link,
            FaultKind.RESTARTED: self.restarted,
            FaultKind.IDENTITY: FaultRule(retries=0, then="stop"),
            FaultKind.REFUSAL: self.refusal,
            FaultKind.TRIP: self.trip,
            FaultKind.PROBE: self.probe,
        }
        return rules[kind]
