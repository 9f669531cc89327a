"""Sequences that a campaign leaves out, each group with the manufacturer's rationale (ISO/TS 10974:2012, 8.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import FluxDensity, Time
from aimdlab.config.words import Reason
from aimdlab.standard.gradient_signal import GradientSequence

# Key of the file: attribute of the sequence.
_ATTRIBUTE = {"b_g": "b_g_t", "tbpw": "tbpw_s", "cycles": "cycles", "t_off": "t_off_s", "t_dwell": "t_dwell_s"}

_Times = Annotated[list[Time], Field(min_length=1)]


class Where(ConfigModel):
    """The sequences that are meant: those with one of the values listed for every key that is there."""

    b_g: Annotated[list[FluxDensity], Field(min_length=1)] | None = None
    tbpw: _Times | None = None
    cycles: Annotated[list[StrictInt], Field(min_length=1)] | None = None
    t_off: _Times | None = None
    t_dwell: _Times | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Where:
        if not self.listed():
            raise ValueError(f"name the sequences by at least one of {', '.join(_ATTRIBUTE)}")
        return self

    def listed(self) -> dict[str, Sequence[float]]:
        """The values by key, without the keys that are not there."""
        return {key: values for key in _ATTRIBUTE if (values := getattr(self, key)) is not None}

    def as_record(self) -> dict[str, list[float]]:
        """The values in SI, by the names that the steps' parameters have."""
        return {_ATTRIBUTE[key]: list(values) for key, values in self.listed().items()}

    def matches(self, sequence: GradientSequence) -> bool:
        """Is ``sequence`` meant?"""
        return all(
            any(_same(value, getattr(sequence, _ATTRIBUTE[key])) for value in values)
            for key, values in self.listed().items()
        )

    def strangers(self, sequences: Sequence[GradientSequence]) -> list[tuple[str, int]]:
        """Key and place of every value that none of ``sequences`` has: a slip of the pen, most likely."""
        known = {key: {getattr(sequence, name) for sequence in sequences} for key, name in _ATTRIBUTE.items()}
        return [
            (key, place)
            for key, values in self.listed().items()
            for place, value in enumerate(values)
            if not any(_same(value, entry) for entry in known[key])
        ]


class Omission(ConfigModel):
    """One group of sequences, and why it need not be run."""

    where: Where
    rationale: Reason


def omission_of(sequence: GradientSequence, omissions: Iterable[Omission]) -> str | None:
    """The rationale for leaving ``sequence`` out, of every group that it is in; None if it must be run."""
    reasons = [omission.rationale for omission in omissions if omission.where.matches(sequence)]
    return " / ".join(dict.fromkeys(reasons)) or None


def _same(value: float, entry: float) -> bool:
    # Dwell 0 is a value of Table 2; the others are apart by factors.
    return math.isclose(value, entry, rel_tol=1e-9, abs_tol=1e-15)
