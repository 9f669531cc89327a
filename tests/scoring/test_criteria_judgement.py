"""Decision rules: boundaries, guard bands, the order of verdicts."""

from __future__ import annotations

import math

import pytest
from bench_captures import limit
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Verdict


def verdict(value: float, u: float, *criteria: Criterion) -> Verdict:
    return judge([Feature("x", value, "s", u)], criteria, proven=True, reason="").verdict


def simple(lower: float | None, upper: float | None) -> Criterion:
    return limit("x", lower, upper, "s")


def guarded(lower: float | None, upper: float | None, k: float = 2.0) -> Criterion:
    return limit("x", lower, upper, "s", rule=DecisionRule.GUARD_BAND, coverage_factor=k)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nextafter(1.0, 0.0), Verdict.FAIL),
        (1.0, Verdict.PASS),
        (1.5, Verdict.PASS),
        (2.0, Verdict.PASS),
        (math.nextafter(2.0, 3.0), Verdict.FAIL),
        (math.nan, Verdict.INVALID),
        (math.inf, Verdict.INVALID),
    ],
)
def test_simple_includes_the_limits_and_ignores_u(value: float, expected: Verdict) -> None:
    assert verdict(value, 100.0, simple(1.0, 2.0)) is expected
    assert verdict(value, math.nan, simple(1.0, 2.0)) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nextafter(0.75, 0.0), Verdict.FAIL),
        (0.75, Verdict.INCONCLUSIVE),
        (1.0, Verdict.INCONCLUSIVE),
        (math.nextafter(1.25, 0.0), Verdict.INCONCLUSIVE),
        (1.25, Verdict.PASS),
        (1.75, Verdict.PASS),
        (math.nextafter(1.75, 2.0), Verdict.INCONCLUSIVE),
        (2.25, Verdict.INCONCLUSIVE),
        (math.nextafter(2.25, 3.0), Verdict.FAIL),
    ],
)
def test_guard_band_of_two_times_an_eighth(value: float, expected: Verdict) -> None:
    assert verdict(value, 0.125, guarded(1.0, 2.0)) is expected


def test_a_guard_band_wider_than_the_limits_never_passes() -> None:
    assert verdict(1.5, 0.3, guarded(1.0, 2.0)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("u", [math.nan, math.inf, -0.1])
def test_a_guard_band_needs_an_uncertainty(u: float) -> None:
    assert verdict(1.5, u, guarded(1.0, 2.0)) is Verdict.INVALID


finite = st.floats(-1e6, 1e6)


@given(value=finite, u=st.floats(0, 1e3), lower=finite, width=st.floats(0, 1e6), k=st.floats(0.5, 4))
def test_guard_band_is_never_kinder_than_simple(value: float, u: float, lower: float, width: float, k: float) -> None:
    plain = verdict(value, u, simple(lower, lower + width))
    careful = verdict(value, u, guarded(lower, lower + width, k))
    if careful is Verdict.PASS:
        assert plain is Verdict.PASS
    if careful is Verdict.FAIL:
        assert plain is Verdict.FAIL
    assert verdict(value, 0.0, guarded(lower, lower + width, k)) is plain


@given(value=finite, upper=finite)
def test_one_sided_limits(value: float, upper: float) -> None:
    assert (verdict(value, 0.0, simple(None, upper)) is Verdict.PASS) == (value <= upper)
    assert (verdict(value, 0.0, simple(upper, None)) is Verdict.PASS) == (value >= upper)


PASSES, FAILS = simple(1.0, 2.0), simple(3.0, 4.0)
UNCERTAIN = guarded(1.5, 2.0)
UNKNOWN = limit("y", 0.0, 1.0, "s")


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ((PASSES,), Verdict.PASS),
        ((PASSES, UNCERTAIN), Verdict.INCONCLUSIVE),
        ((PASSES, UNCERTAIN, UNKNOWN), Verdict.INVALID),
        ((PASSES, UNCERTAIN, UNKNOWN, FAILS), Verdict.FAIL),
        ((FAILS, UNKNOWN), Verdict.FAIL),
        ((), Verdict.INVALID),
    ],
)
def test_worst_of_all(criteria: tuple[Criterion, ...], expected: Verdict) -> None:
    score = judge([Feature("x", 1.5, "s", 0.1)], criteria, proven=True, reason="")
    assert score.verdict is expected
    assert len(score.outcomes) == len(criteria)
    assert score.reason


@given(value=finite, u=st.floats(0, 10))
def test_what_is_not_proven_is_invalid_whatever_the_features(value: float, u: float) -> None:
    for criteria in ((PASSES,), (FAILS,), (PASSES, FAILS, UNKNOWN), ()):
        score = judge([Feature("x", value, "s", u)], criteria, proven=False, reason="level off target")
        assert score.verdict is Verdict.INVALID
        assert score.reason == "level off target"
        assert {outcome.verdict for outcome in score.outcomes} <= {Verdict.INVALID}
        assert score.feature("x").value == value


@pytest.mark.parametrize(
    ("criterion", "named"),
    [
        (limit("x", 0.0, 1.0, "V"), "limits are in 'V'"),
        (limit("x", None, None, "s"), "needs lower, upper or both"),
        (limit("x", math.nan, None, "s"), "needs lower, upper or both"),
        (limit("x", 2.0, 1.0, "s"), "above upper"),
        (guarded(0.0, 1.0, k=0.0), "coverage factor"),
    ],
)
@pytest.mark.parametrize("proven", [True, False])
def test_a_criterion_that_cannot_be_applied_is_an_error(criterion: Criterion, named: str, proven: bool) -> None:
    with pytest.raises(ConfigurationError, match=named):
        judge([Feature("x", 0.5, "s", 0.0)], [criterion], proven=proven, reason="why")


def test_the_reason_speaks() -> None:
    score = judge([Feature("x", 1.5, "s", 0.1)], (PASSES, FAILS), proven=True, reason="")
    assert score.reason == "x 1.5 s, allowed from 3 s to 4 s"
    for criterion, said in ((simple(None, 1.1), "at most 1.1 s"), (simple(2.0, None), "at least 2 s")):
        assert judge([Feature("x", 1.5, "s", 0.1)], (criterion,), proven=True, reason="").reason.endswith(said)


def test_a_doubt_turns_a_pass_into_inconclusive_and_nothing_else() -> None:
    for criterion, expected in ((PASSES, Verdict.INCONCLUSIVE), (FAILS, Verdict.FAIL), (UNKNOWN, Verdict.INVALID)):
        score = judge([Feature("x", 1.5, "s", 0.1)], [criterion], proven=True, reason="", doubt=lambda _: "cut off")
        assert score.verdict is expected
        assert (score.reason == "cut off") is (expected is Verdict.INCONCLUSIVE)
