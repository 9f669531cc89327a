from __future__ import annotations

import math

import pytest

from aimdlab.replay.compare import _same_words, feature_differences
from aimdlab.scoring.results import Feature, Score, Verdict
from aimdlab.session import canonical


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0129 s, allowed at most 1.1 s", "1.0130 s, allowed at most 1.1 s", True),
        ("1.0129 s, allowed at most 1.1 s", "16.2129 s, allowed at most 1.1 s", False),
        ("6 of 6 criteria met", "6 of 6 criteria met", True),
        ("5 of 6 criteria met", "1 of 6 criteria met", False),
        ("1.12346e-05 V", "1.12345e-05 V", True),
        ("nan V", "1 V", False),
        ("too late", "too early", False),
    ],
)
def test_sentences_are_the_same_up_to_the_rounding_of_their_numbers(one: str, other: str, same: bool) -> None:
    assert _same_words(one, other) is same


@pytest.mark.parametrize(
    ("value", "u", "close"),
    [
        (2.5 * (1 + 9e-7), 1e-3, [True]),
        (2.5 * (1 + 2e-6), 1e-3, [False]),
        (2.5, 1e-3 * (1 + 9e-4), [True]),
        (2.5, 1e-3 * (1 - 9e-4), [True]),
        (2.5, 1e-3 * (1 + 2e-3), [False]),
        (2.5, 0.0, [False]),
        (2.5, math.inf, [False]),
        (2.5 * (1 + 2e-6), 1e-3 * (1 + 9e-4), [True, False]),
        (2.5, 1e-3, []),
    ],
)
def test_values_are_close_within_a_millionth_and_uncertainties_within_a_thousandth(
    value: float, u: float, close: list[bool]
) -> None:
    recorded = canonical.decode_object(canonical.encode(_score(2.5, 1e-3)))
    assert [one.close for one in feature_differences(recorded, _score(value, u))] == close


def test_a_value_of_nothing_is_close_within_a_millionth_of_its_uncertainty() -> None:
    recorded = canonical.decode_object(canonical.encode(_score(0.0, 1e-3)))
    assert [one.close for one in feature_differences(recorded, _score(9e-10, 1e-3))] == [True]
    assert [one.close for one in feature_differences(recorded, _score(2e-9, 1e-3))] == [False]


def _score(value: float, u: float) -> Score:
    return Score(Verdict.PASS, "1 of 1 criteria met", (Feature("pulse_amplitude_max", value, "V", u),), ())
