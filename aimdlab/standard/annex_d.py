"""The gradient injection network: ISO/TS 10974:2012, Annex D, Tables D.1 and D.2.

The tables hold values, not connections: Figures D.1 to D.3 are assumed (``signals/tissue_interface.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from aimdlab.standard import EDITION

RESISTOR_TOLERANCE = 0.02
CAPACITOR_TOLERANCE = 0.05
RESISTOR_RATING_W = 0.5


@dataclass(frozen=True)
class Component:
    """One line of Table D.1 or D.2.

    Attributes:
        kind: "R" or "C".
        value: ohm or farad; None for Cx, which D.2 selects.
        tolerance: relative, either way.
        rating_w: of a resistor; None for a capacitor.
    """

    kind: Literal["R", "C"]
    value: float | None
    tolerance: float
    rating_w: float | None


def _resistor(ohm: float, rating_w: float = RESISTOR_RATING_W) -> Component:
    return Component("R", ohm, RESISTOR_TOLERANCE, rating_w)


def _capacitor(farad: float | None) -> Component:
    return Component("C", farad, CAPACITOR_TOLERANCE, None)


TABLE_D_1: Mapping[str, Component] = MappingProxyType(
    {
        "R1": _resistor(68.0, 2.0),
        "R2": _resistor(82.0, 1.0),
        "R3": _resistor(120.0),
        "R4": _resistor(560.0),
        "R5": _resistor(56e3),
        "R6": _resistor(1e6),
        "C1": _capacitor(15e-9),
        "C2": _capacitor(180e-12),
        "Cx": _capacitor(None),
    }
)

TABLE_D_2: Mapping[str, Component] = MappingProxyType(
    {
        "R1": _resistor(4.7e3),
        "C1": _capacitor(22e-9),
        "R2": _resistor(15e3),
        "C2": _capacitor(16.8e-9),
        "R3": _resistor(47e3),
        "C3": _capacitor(2.2e-9),
    }
)

TABLES: Mapping[tuple[str, str, str], Mapping[str, Component]] = MappingProxyType(
    {(EDITION, "D", "D.1"): TABLE_D_1, (EDITION, "D", "D.2"): TABLE_D_2}
)
"""By edition, annex and table."""

# D.2: the oscilloscope at test point B, and when its reading is low enough.
OSCILLOSCOPE_INPUT_OHM = 1e6
OSCILLOSCOPE_INPUT_TOLERANCE = 0.10
OSCILLOSCOPE_INPUT_MAX_F = 30e-12
READING_LIMIT_V = 0.05e-3
# Below this frequency of the test signal the filter may have to be scaled.
FILTER_UNSCALED_FROM_HZ = 9e3


def values(table: Mapping[str, Component]) -> dict[str, float]:
    """The nominal values of a table by name, in ohm and farad, without Cx."""
    return {name: component.value for name, component in table.items() if component.value is not None}


def resistor_ratings_w(table: Mapping[str, Component] = TABLE_D_1) -> dict[str, float]:
    """The power that each resistor of a table bears, in watt."""
    return {name: component.rating_w for name, component in table.items() if component.rating_w is not None}
