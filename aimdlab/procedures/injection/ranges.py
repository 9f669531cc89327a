"""Which sequences of Table 2 a test file asks for, and at which levels: the ``signal`` of the test file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.loading import problem, validate_part
from aimdlab.config.units import FluxDensity, Time
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.protocol import Subject
from aimdlab.standard import EDITION
from aimdlab.standard.gradient_levels import InjectedLevels, tier_1, tier_2_by_area, tier_2_by_field, tier_3
from aimdlab.standard.gradient_signal import (
    CYCLES,
    T_DWELL_MS,
    T_OFF_MS,
    T_SLEW_MS,
    GradientSequence,
    exposure_s,
    milli,
)


def _or_all(value: object) -> object:
    if value == "all":
        return []
    if isinstance(value, list) and value:
        return value
    raise ValueError(f"expected 'all' or a list of values, got {value!r}")


_All = BeforeValidator(_or_all)


class SignalRanges(ConfigModel):
    """The ``signal`` of the test file: which part of Table 2 is done, and by which tier's levels.

    In every list, and only inside, no value at all stands for "all": every value of the table, or of the tier.

    Attributes:
        tier: 1; 2 (with ``case``); 3. What a tier needs to know of the device stands in the device file's ``lead``.
        case: of Tier 2: "field" takes TIER2BG (case 1), "area" the loop area (case 2).
        connection: how the device must be connected to the network of Annex D.
        terminals: how many of its terminals are injected at once.
    """

    tier: Literal[1, 2, 3]
    case: Literal["field", "area"] | None = None
    connection: Literal["terminal_to_terminal", "terminal_to_case"] = "terminal_to_terminal"
    terminals: int = Field(default=1, ge=1, le=4)
    b_g: Annotated[list[FluxDensity], _All]
    tbpw: Annotated[list[Time], _All]
    cycles: Annotated[list[StrictInt], _All]
    t_off: Annotated[list[Time], _All]
    t_dwell: Annotated[list[Time], _All]

    @model_validator(mode="after")
    def _case_of_tier_2(self) -> SignalRanges:
        if self.tier == 2 and self.case is None:
            raise ValueError("Tier 2 needs case: field (from TIER2BG) or case: area (from the loop area)")
        if self.tier != 2 and self.case is not None:
            raise ValueError(f"case is a matter of Tier 2, not of Tier {self.tier}")
        return self


def read_ranges(subject: Subject, clause: str) -> tuple[SignalRanges, InjectedLevels]:
    """The ranges of the test file, completed and checked, and the levels that they are done at.

    Raises:
        ConfigurationError: names file and key: another edition or clause, a value that is not in Table 2 or not of the
            tier, a tier that lacks what it needs to know of the device, an exposure that is too short.
    """
    test = subject.test
    ranges = validate_part(test.source, ("signal",), test.file.signal, SignalRanges)
    for key, known, got in (
        ("edition", EDITION, test.file.edition),
        ("clause", clause, test.file.clause),
        ("method", "injected", test.file.method),
    ):
        if got != known:
            raise problem(test.source, (key,), f"this procedure carries out {known!r}, got {got!r}.")
    levels = _levels(subject, ranges)
    filled = {
        "b_g": _checked(subject, "b_g", ranges.b_g, [milli(value) for value in levels.b_g_mt], f"Tier {levels.tier}"),
        "tbpw": _checked(subject, "tbpw", ranges.tbpw, [milli(value) for value in T_SLEW_MS], "Table 2"),
        "cycles": _checked(subject, "cycles", ranges.cycles, list(CYCLES), "Table 2"),
        "t_off": _checked(subject, "t_off", ranges.t_off, [milli(value) for value in T_OFF_MS], "Table 2"),
        "t_dwell": _checked(subject, "t_dwell", ranges.t_dwell, [milli(value) for value in T_DWELL_MS], "Table 2"),
    }
    least_s = exposure_s(subject.device.file.response_time)
    if test.file.exposure < least_s:
        raise problem(
            test.source,
            ("exposure",),
            f"Table 2 asks for at least {least_s:g} s per sequence with this device (15 s, or its response time).",
        )
    return ranges.model_copy(update=filled), levels


def sequences(ranges: SignalRanges) -> Iterator[GradientSequence]:
    """Every combination, levels rising innermost, so that a sensitive device is found gently."""
    outer = product(sorted(ranges.tbpw), sorted(ranges.t_dwell), sorted(ranges.cycles), sorted(ranges.t_off))
    for (tbpw_s, t_dwell_s, cycles, t_off_s), b_g_t in product(outer, sorted(ranges.b_g)):
        yield GradientSequence(tbpw_s, t_dwell_s, cycles, t_off_s, b_g_t)


def _levels(subject: Subject, ranges: SignalRanges) -> InjectedLevels:
    lead, source = subject.device.file.lead, subject.device.source
    needed: dict[str, float | None] = {}
    if ranges.tier == 2:
        needed = {"tier2_bg": lead.tier2_bg} if ranges.case == "field" else {"loop_area": lead.loop_area}
    elif ranges.tier == 3:
        needed = {"ivamp_max": lead.ivamp_max}
    known = {name: value for name, value in needed.items() if value is not None}
    for name in needed.keys() - known.keys():
        raise problem(
            source, ("lead", name), f"this key is missing; {subject.test.source.path} is of Tier {ranges.tier}."
        )
    try:
        if ranges.tier == 1:
            return tier_1(lead.volume, lead.length)
        if ranges.tier == 3:
            return tier_3(lead.volume, known["ivamp_max"])
        if ranges.case == "field":
            return tier_2_by_field(lead.volume, lead.length, known["tier2_bg"])
        return tier_2_by_area(lead.volume, known["loop_area"])
    except ConfigurationError as error:
        raise problem(source, ("lead",), str(error)) from None


def _checked(
    subject: Subject, key: str, given: Sequence[float], table: Sequence[float], what: str
) -> list[float] | list[int]:
    """``given`` if every value is in ``table`` and none stands twice; the whole table if nothing is given."""
    source = subject.test.source
    found = []
    for place, value in enumerate(given):
        entry = next((entry for entry in table if math.isclose(value, entry, rel_tol=1e-9)), None)
        if entry is None:
            raise problem(source, ("signal", key, place), f"not a value of {what}: {value:g} (in SI).")
        found.append(entry)
    if len(set(found)) != len(found):
        raise problem(source, ("signal", key), "a value stands twice.")
    return found or list(table)
