"""Ceilings: what a step demands of the bench, against what each part of it is rated for, after all gains.

Checked at planning, with the step named, and again before each send.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """One level that a step puts on one part of the bench.

    Attributes:
        part: what is loaded, in the technician's words ("injection network, input C").
        key: where the bench file states its rating ("injection_network.rated_input").
        value: the level demanded, zero to peak, in ``unit``.
        rating: the largest level allowed, in ``unit``.
    """

    part: str
    key: str
    value: float
    rating: float
    unit: str

    @property
    def is_exceeded(self) -> bool:
        """True if the demand is above the rating; the last digits of floating point are forgiven."""
        return self.value > self.rating * (1 + 1e-9)

    def describe(self) -> str:
        """One sentence for the technician."""
        return (
            f"{self.part}: {self.value:.4g} {self.unit} are demanded, "
            f"it is rated for {self.rating:.4g} {self.unit} ({self.key})"
        )


def exceeded(demands: Iterable[Demand]) -> list[Demand]:
    """The demands that are above their rating."""
    return [demand for demand in demands if demand.is_exceeded]
