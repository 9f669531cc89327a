"""The words of a score: feature, criterion, outcome, verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a step. Nothing that was not measured ever counts as a pass."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    OMITTED = "OMITTED"
    NOT_RUN = "NOT_RUN"


@dataclass(frozen=True)
class Feature:
    """A number computed from captures and readings.

    Attributes:
        name: the feature's name, e.g. "pulse_interval_max".
        value: in ``unit``; NaN where the captures do not allow it.
        unit: SI unit, "1" for a count or ratio.
        u: standard uncertainty (k = 1), in ``unit``.
    """

    name: str
    value: float
    unit: str
    u: float


EXPOSURE_PROVEN = "exposure_proven"
"""Feature: 1 if level and presence of the injected signal were proven, whatever the device did."""

DEVICE_SUSPECT = "device_suspect"
"""Feature of an INVALID attempt: 1 if the device, judged as if the exposure were proven, would not pass."""


class DecisionRule(StrEnum):
    """How a limit and an uncertainty become a verdict."""

    SIMPLE = "simple"
    GUARD_BAND = "guard_band"


@dataclass(frozen=True)
class Criterion:
    """A limit on a feature, as the device file states it.

    Attributes:
        feature: name of the feature that is judged.
        lower: smallest value allowed, or None.
        upper: largest value allowed, or None.
        unit: unit of the limits; must be that of the feature.
        clause: clause of the standard that asks for it.
        rule: ``simple`` compares the value alone; ``guard_band`` shrinks the limits by U = k u: inside them PASS,
            outside the limits widened by U FAIL, between INCONCLUSIVE.
        coverage_factor: k.
        rationale: the manufacturer's reason.
    """

    feature: str
    lower: float | None
    upper: float | None
    unit: str
    clause: str
    rule: DecisionRule
    coverage_factor: float
    rationale: str


@dataclass(frozen=True)
class Outcome:
    """One criterion applied to one feature."""

    criterion: Criterion
    value: float
    u: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Score:
    """All that is said of one attempt.

    Attributes:
        verdict: the worst of it all; see :func:`aimdlab.scoring.criteria.judge`.
        reason: one sentence for the technician.
        features: everything that was computed.
        outcomes: one per criterion.
    """

    verdict: Verdict
    reason: str
    features: tuple[Feature, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def stands(self) -> bool:
        """Whether the attempt counts and is not tried again.

        INVALID stands too if the exposure was proven (feature ``exposure_proven``), or if the device did not do what
        it should (``device_suspect``): to expose it again until it can be judged would hide a failure. Not so where it
        met every criterion, and an instrument's fault alone made that INVALID: there is nothing to hide.
        """
        if self.verdict is not Verdict.INVALID:
            return True
        if is_spoiled_pass(outcome.verdict for outcome in self.outcomes):
            return False
        return any(makes_invalid_stand(feature.name, feature.value) for feature in self.features)

    def feature(self, name: str) -> Feature:
        """The feature called ``name``; KeyError if it was not computed."""
        return find_feature(self.features, name)


def makes_invalid_stand(name: str, value: float) -> bool:
    """Whether this feature of an INVALID attempt says that it counts; see :attr:`Score.stands`."""
    return name in (EXPOSURE_PROVEN, DEVICE_SUSPECT) and value == 1.0


def is_spoiled_pass(outcomes: Iterable[str]) -> bool:
    """Whether an INVALID attempt whose criteria came to these would have been a PASS but for an instrument's fault."""
    verdicts = list(outcomes)
    return bool(verdicts) and all(verdict == Verdict.PASS for verdict in verdicts)


def find_feature(features: Iterable[Feature], name: str) -> Feature:
    """The feature called ``name``; KeyError if there is none."""
    for feature in features:
        if feature.name == name:
            return feature
    raise KeyError(name)
