"""The reasons that a gradient test must give in writing (ISO/TS 10974:2012, clauses 7, 9.5 and 20).

Everything may be left out here, so that one look can tell all that is missing; :mod:`aimdlab.config.answers` asks.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, StrictBool, model_validator

from aimdlab.config.base import ConfigModel


class _Questions(ConfigModel):
    """A block that may be left empty: its questions are then open, each of them."""

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, data: Any) -> Any:
        return {} if data is None else data


class Applies(_Questions):
    """Does a method apply to the device, and what shows that?"""

    applies: StrictBool | None = None
    evidence: str | None = None


class Applicability(_Questions):
    """Which of the two methods apply (20.1)."""

    injected: Applies = Field(default_factory=Applies)
    radiated: Applies = Field(default_factory=Applies)


class Conservative(_Questions):
    """Network and level make a conservative test (20.2.4, note).

    Attributes:
        ivamp_at: the point that IVAMP is applied to; this bench can do it at input C.
        evidence: what shows that the device gets at least what the real lead in tissue would give it.
    """

    ivamp_at: Literal["input_C"] | None = None
    evidence: str | None = None


class StaticField(_Questions):
    """Was the static field on during the test, and why is that right (clause 7)?"""

    applied: StrictBool | None = None
    evidence: str | None = None


class Justification(_Questions):
    """All reasons of a campaign.

    Attributes:
        tier: how the levels of Tier 2 or 3 were calculated, and by which validated model.
    """

    applicability: Applicability = Field(default_factory=Applicability)
    conservative: Conservative = Field(default_factory=Conservative)
    static_field: StaticField = Field(default_factory=StaticField)
    tier: str | None = None
