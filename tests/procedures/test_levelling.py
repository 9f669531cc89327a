"""Levelling from below: whatever the gain does, nothing is raised from a level that is unknown or high enough."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.procedures.levelling import LevelGoal, level_from_below

GOAL = LevelGoal(wanted=10.0, tolerance=0.01, ceiling=10.5, largest_setting=5.0, most_moves=8)


class Source:
    """A source with an amplifier whose gain may be another at every burst; writes down what it was asked."""

    def __init__(self, *gains: float | None) -> None:
        self._gains = gains
        self.settings: list[float] = []
        self.seen: list[float | None] = []

    def play(self, setting: float) -> float | None:
        gain = self._gains[min(len(self.settings), len(self._gains) - 1)]
        self.settings.append(setting)
        self.seen.append(None if gain is None else gain * setting)
        return self.seen[-1]


def test_it_comes_from_below_in_bounded_steps() -> None:
    source = Source(4.0)
    levelled = level_from_below(source.play, 1.0, GOAL)
    assert (levelled.problem, levelled.setting, levelled.seen) == ("", pytest.approx(2.5), pytest.approx(10.0))
    assert source.settings == sorted(source.settings)
    assert [after / before for before, after in zip(source.settings, source.settings[1:], strict=False)] == [
        pytest.approx(1.25), pytest.approx(1.25), pytest.approx(1.25), pytest.approx(1.25), pytest.approx(1.024)
    ]  # fmt: skip


def test_a_level_that_is_there_already_moves_nothing() -> None:
    source = Source(4.0)
    assert level_from_below(source.play, 2.5, GOAL, seen_at_first=9.95).moves == 0
    assert source.settings == []


@pytest.mark.parametrize(
    ("gains", "first", "said"),
    [
        ((None,), 1.0, "the level is not seen, so that nothing is raised"),
        ((math.nan,), 1.0, "the level is not seen, so that nothing is raised"),
        ((0.0,), 1.0, "the level is not seen, so that nothing is raised"),
        ((4.0, 4.0, None), 1.0, "the level is not seen, so that nothing is raised"),
        ((11.0,), 1.0, "11 is above the 10.5 that may be there"),
        ((1.9,), 4.0, "10 needs more than the largest setting, 5"),
        ((4.0, 1.0, 4.0), 2.0, "12.5 is above the 10.5 that may be there"),
        ((4.0,), 0.1, "2.384 instead of 10 after 8 moves"),
        ((4.0,), 6.0, "a first setting of 6 is not within 0 and 5"),
        ((4.0,), math.nan, "a first setting of nan is not within 0 and 5"),
    ],
)
def test_what_cannot_be_levelled_is_said(gains: tuple[float | None, ...], first: float, said: str) -> None:
    levelled = level_from_below(Source(*gains).play, first, GOAL)
    assert said in levelled.problem


@pytest.mark.parametrize(
    "change", [{"ceiling": 9.0}, {"wanted": math.nan}, {"tolerance": 0.0}, {"largest_setting": -1.0}]
)
def test_a_goal_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"above 0|no more than"):
        LevelGoal(
            **{"wanted": 10.0, "tolerance": 0.01, "ceiling": 10.5, "largest_setting": 5.0, "most_moves": 8} | change
        )


GAINS = st.lists(st.none() | st.floats(0.01, 50.0) | st.just(math.inf), min_size=1, max_size=10)


@given(GAINS, st.floats(0.01, 6.0))
def test_whatever_the_gain_does(gains: list[float | None], first: float) -> None:
    source = Source(*gains)
    levelled = level_from_below(source.play, first, GOAL)
    assert levelled.moves <= GOAL.most_moves
    assert len(source.settings) <= GOAL.most_moves + 1
    assert all(setting <= GOAL.largest_setting for setting in source.settings)
    for seen, before, after in zip(source.seen, source.settings, source.settings[1:], strict=False):
        assert seen is not None
        # Never past the ceiling by the gain that was measured, never up from where it is unknown or high enough.
        assert seen / before * after <= GOAL.ceiling * (1 + 1e-12)
        assert after <= before * (1 + GOAL.largest_rise)
        assert after < before if seen > GOAL.wanted else after > before
    if not levelled.problem:
        assert levelled.seen is not None
        assert abs(levelled.seen - GOAL.wanted) <= GOAL.tolerance * GOAL.wanted
