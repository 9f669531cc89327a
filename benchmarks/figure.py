"""What a figure is: the product and its floor, timed in turns; the ratio of their speeds, and what it says."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

# Seconds that the product took and seconds that its floor took for the same, measured in turns.
Round = tuple[float, float]
Measure = Callable[[], Round]

ROUNDS = 7
NOISE = 1.3  # on a shared machine: two ratios that differ by less say the same


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        name: what the product does.
        floor: what it is compared with.
        prepare: makes what both need and gives the function that measures one round.
        at_least: speed relative to the floor that is wanted; None if none was agreed upon.
    """

    name: str
    floor: str
    prepare: Callable[[], AbstractContextManager[Measure]]
    at_least: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What the rounds of one figure gave; a ratio is the floor's time over the product's, 1 if it is as fast."""

    figure: Figure
    rounds: tuple[Round, ...]

    @property
    def own_s(self) -> float:
        """Median time of the product."""
        return statistics.median(own_s for own_s, _ in self.rounds)

    @property
    def floor_s(self) -> float:
        """Median time of the floor."""
        return statistics.median(floor_s for _, floor_s in self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Of every round, smallest first."""
        return sorted(floor_s / own_s for own_s, floor_s in self.rounds)

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """Against what is wanted; "" if nothing is."""
        wanted = self.figure.at_least
        if wanted is None:
            return ""
        word = "met" if self.ratio >= wanted else "short"
        return word if is_different(self.ratio, wanted) else f"{word}, within noise"


def is_different(one: float, other: float) -> bool:
    """Whether two ratios differ by more than noise."""
    return max(one / other, other / one) >= NOISE


def run(figure: Figure, rounds: int = ROUNDS) -> Outcome:
    """One round to warm up, which does not count, and ``rounds`` that do."""
    with figure.prepare() as measure:
        measure()
        return Outcome(figure, tuple(measure() for _ in range(rounds)))


def in_turns(own: Callable[[], object], floor: Callable[[], object], repeats: int) -> Round:
    """Median seconds of each over ``repeats`` calls, one of each in turn."""
    own_s, floor_s = zip(*((_seconds(own), _seconds(floor)) for _ in range(repeats)), strict=True)
    return statistics.median(own_s), statistics.median(floor_s)


def simply(measure: Measure) -> Callable[[], AbstractContextManager[Measure]]:
    """For a figure that needs nothing to be kept from round to round."""

    @contextmanager
    def prepare() -> Iterator[Measure]:
        yield measure

    return prepare


def _seconds(call: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    call()
    return time.perf_counter() - started_s
