"""Levelling: a source is brought to a level that is measured, from where it is, never above what may be there.

Each move follows from the gain that was measured (level seen over setting), not from the one that a data sheet says. It
goes up by a bounded part at a time, and only from a level that was seen and is below the one that is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LevelGoal:
    """Where a level shall be brought, and what is never exceeded on the way.

    Attributes:
        wanted: level at the point where it is measured.
        tolerance: how far from it is near enough, as part of it.
        ceiling: the largest level that may be at that point.
        largest_setting: of the source.
        most_moves: how often the setting is changed.
        largest_rise: of the setting in one move, as part of it.

    Raises:
        ValueError: a level or setting that is not above 0, or a goal above its own ceiling.
    """

    wanted: float
    tolerance: float
    ceiling: float
    largest_setting: float
    most_moves: int
    largest_rise: float = 0.25

    def __post_init__(self) -> None:
        if not (self.wanted > 0 and self.tolerance > 0 and self.largest_setting > 0 and self.largest_rise > 0):
            raise ValueError("a level, its tolerance and the settings on the way to it are above 0")
        if not self.wanted <= self.ceiling:
            raise ValueError(f"a level of {self.wanted:.4g} is wanted where no more than {self.ceiling:.4g} may be")


@dataclass(frozen=True)
class Levelled:
    """How levelling ended.

    Attributes:
        setting: the last one that was played.
        seen: the level it gave; None if it was not seen.
        moves: how often the setting was changed.
        problem: why the level is not where it shall be, or "". The attempt is INVALID then.
    """

    setting: float
    seen: float | None
    moves: int
    problem: str


def level_from_below(
    play: Callable[[float], float | None], first: float, goal: LevelGoal, seen_at_first: float | None = None
) -> Levelled:
    """Bring a level to its goal.

    Args:
        play: plays at a setting of the source and says which level that gave, None if it was not seen.
        first: setting to begin with, below the one that is looked for.
        goal: where to.
        seen_at_first: level that ``first`` gave, if it was played already.
    """
    if not 0 < first <= goal.largest_setting:
        return Levelled(
            first, None, 0, f"a first setting of {first:.4g} is not within 0 and {goal.largest_setting:.4g}"
        )
    setting, moves = first, 0
    seen = play(setting) if seen_at_first is None else seen_at_first
    while True:
        if seen is None or not (math.isfinite(seen) and seen > 0):
            return Levelled(setting, None, moves, "the level is not seen, so that nothing is raised")
        if abs(seen - goal.wanted) <= goal.tolerance * goal.wanted:
            return Levelled(setting, seen, moves, "")
        if seen > goal.ceiling:
            return Levelled(setting, seen, moves, f"{seen:.4g} is above the {goal.ceiling:.4g} that may be there")
        if moves == goal.most_moves:
            return Levelled(setting, seen, moves, f"{seen:.4g} instead of {goal.wanted:.4g} after {moves} moves")
        following = _next(setting, seen, goal)
        if seen < goal.wanted and not following > setting:
            what = f"{goal.wanted:.4g} needs more than the largest setting, {goal.largest_setting:.4g}"
            return Levelled(setting, seen, moves, what)
        setting, moves = following, moves + 1
        seen = play(setting)


def _next(setting: float, seen: float, goal: LevelGoal) -> float:
    """The next setting: what the measured gain asks for, as far as a rise goes and the source may."""
    gain = seen / setting
    return min(goal.wanted / gain, setting * (1 + goal.largest_rise), goal.ceiling / gain, goal.largest_setting)
