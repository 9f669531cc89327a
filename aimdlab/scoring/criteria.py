"""From features and limits to a verdict.

Worst first: FAIL, INVALID, INCONCLUSIVE, PASS. A limit that was proven to be broken stays a FAIL even if another could
not be judged; anything else that could not be judged makes the attempt INVALID.

Limits belong to what is allowed: under ``simple`` a value exactly at a limit passes. Under ``guard_band`` with U = k u
a value passes from ``lower + U`` to ``upper - U``, both included, fails below ``lower - U`` or above ``upper + U``,
both excluded, and is inconclusive between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from aimdlab.errors import ConfigurationError
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Outcome, Score, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.PASS)


def _no_doubt(_criterion: Criterion) -> str:
    return ""


def judge(
    features: Sequence[Feature],
    criteria: Sequence[Criterion],
    *,
    proven: bool,
    reason: str,
    doubt: Callable[[Criterion], str] = _no_doubt,
) -> Score:
    """Apply every criterion to its feature.

    Args:
        features: all that was computed; kept in the score as they are.
        criteria: the manufacturer's limits; without any the score is INVALID.
        proven: whether the exposure was what it should have been; if not, the score is INVALID whatever the features.
        reason: why it is not proven.
        doubt: why a feature that meets its limits may still hide a violation, or ""; such a PASS becomes INCONCLUSIVE.

    Raises:
        ConfigurationError: a criterion in another unit than its feature, or with limits that cannot be applied.
    """
    by_name = {feature.name: feature for feature in features}
    for criterion in criteria:
        _check(criterion, by_name.get(criterion.feature))
    if not proven:
        why = reason or "the exposure is not proven"
        outcomes = tuple(_invalid(criterion, by_name.get(criterion.feature), why) for criterion in criteria)
        return Score(Verdict.INVALID, why, tuple(features), outcomes)
    if not criteria:
        return Score(Verdict.INVALID, "nothing to judge: there is no criterion", tuple(features), ())
    outcomes = tuple(_doubted(_apply(criterion, by_name.get(criterion.feature)), doubt) for criterion in criteria)
    worst = min((outcome.verdict for outcome in outcomes), key=_WORST_FIRST.index)
    if worst is Verdict.PASS:
        said = f"{len(outcomes)} of {len(outcomes)} criteria met"
    else:
        said = "; ".join(outcome.reason for outcome in outcomes if outcome.verdict is worst)
    return Score(worst, said, tuple(features), outcomes)


def _check(criterion: Criterion, feature: Feature | None) -> None:
    limits = [limit for limit in (criterion.lower, criterion.upper) if limit is not None]
    where = f"criterion on {criterion.feature!r}"
    if not limits or not all(math.isfinite(limit) for limit in limits):
        raise ConfigurationError(f"{where}: needs lower, upper or both as numbers, got {limits}")
    if len(limits) == 2 and limits[0] > limits[1]:
        raise ConfigurationError(f"{where}: lower limit {limits[0]:g} is above upper limit {limits[1]:g}")
    k = criterion.coverage_factor
    if criterion.rule is DecisionRule.GUARD_BAND and not (math.isfinite(k) and k > 0):
        raise ConfigurationError(f"{where}: a guard band needs a positive coverage factor, got {k!r}")
    if feature is not None and feature.unit != criterion.unit:
        raise ConfigurationError(f"{where}: limits are in {criterion.unit!r}, the feature is in {feature.unit!r}")


def _apply(criterion: Criterion, feature: Feature | None) -> Outcome:
    if feature is None:
        return _invalid(criterion, None, f"{criterion.feature} was not measured")
    guarded = criterion.rule is DecisionRule.GUARD_BAND
    if not math.isfinite(feature.value) or (guarded and not (math.isfinite(feature.u) and feature.u >= 0)):
        return _invalid(criterion, feature, f"{criterion.feature} could not be measured")
    band = criterion.coverage_factor * feature.u if guarded else 0.0
    lower = -math.inf if criterion.lower is None else criterion.lower
    upper = math.inf if criterion.upper is None else criterion.upper
    value = feature.value
    if lower + band <= value <= upper - band:
        verdict = Verdict.PASS
    elif value < lower - band or value > upper + band:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.INCONCLUSIVE
    return Outcome(criterion, value, feature.u, verdict, _sentence(criterion, feature, band, verdict))


def _doubted(outcome: Outcome, doubt: Callable[[Criterion], str]) -> Outcome:
    why = doubt(outcome.criterion) if outcome.verdict is Verdict.PASS else ""
    return replace(outcome, verdict=Verdict.INCONCLUSIVE, reason=why) if why else outcome


def allowed(criterion: Criterion) -> str:
    """The limits in words: "at most 1.1 s"."""
    unit = _shown(criterion.unit)
    lower, upper = (None if limit is None else f"{limit:.6g}{unit}" for limit in (criterion.lower, criterion.upper))
    if lower is None:
        return f"at most {upper}"
    return f"at least {lower}" if upper is None else f"from {lower} to {upper}"


def _sentence(criterion: Criterion, feature: Feature, band: float, verdict: Verdict) -> str:
    unit = _shown(feature.unit)
    text = f"{feature.name} {feature.value:.6g}{unit}, allowed {allowed(criterion)}"
    return text + (f", within the guard band of {band:.3g}{unit}" if verdict is Verdict.INCONCLUSIVE else "")


def _shown(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"


def _invalid(criterion: Criterion, feature: Feature | None, reason: str) -> Outcome:
    value, u = (feature.value, feature.u) if feature is not None else (math.nan, math.nan)
    return Outcome(criterion, value, u, Verdict.INVALID, reason)
