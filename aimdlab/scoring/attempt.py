"""The score of an attempt, from all that its record holds: the one function that a run and a replay share.

A procedure says what captures mean; what became of the attempt besides (an instrument's fault, a defect of the scoring)
is said here, so that nothing outside the record decides on a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from aimdlab.capture import Capture, Reading
from aimdlab.scoring.parameters import Scalar
from aimdlab.scoring.results import DEVICE_SUSPECT, Criterion, Feature, Score, Verdict


class Features(Protocol):
    """What a procedure makes of captures: :meth:`aimdlab.procedures.protocol.Procedure.features`."""

    def __call__(
        self,
        captures: Sequence[Capture],
        parameters: Mapping[str, Scalar],
        scoring: Mapping[str, Scalar],
        criteria: Sequence[Criterion],
        readings: Sequence[Reading] = (),
    ) -> Score:
        """The score of what was measured."""
        ...


@dataclass(frozen=True, eq=False)
class Material:
    """What an attempt left, as its record holds it.

    Attributes:
        captures, readings: the raw material.
        parameters, scoring: of the step.
        exposure_s: how long the device was exposed.
        fault: what an instrument's fault said, or "".
    """

    captures: Sequence[Capture]
    readings: Sequence[Reading]
    parameters: Mapping[str, Scalar]
    scoring: Mapping[str, Scalar]
    exposure_s: float
    fault: str


@dataclass(frozen=True)
class Scored:
    """A score, and the error of a scoring that failed, or None."""

    score: Score
    failure: Exception | None = None


def score_attempt(features: Features, material: Material, criteria: Sequence[Criterion]) -> Scored:
    """Score an attempt.

    A defect of the scoring costs neither what was measured nor the night, and does not hide: INVALID, which stands if
    the device was exposed. A fault makes anything INVALID but a FAIL: it never erases what the device did.
    """
    failure: Exception | None = None
    try:
        score = features(material.captures, material.parameters, material.scoring, criteria, readings=material.readings)
    except Exception as error:  # noqa: BLE001 - handed back, and said as the reason of an INVALID
        failure = error
        exposed = Feature(DEVICE_SUSPECT, 1.0 if material.exposure_s > 0 else 0.0, "1", 0.0)
        reason = (
            f"the scoring itself failed, please report this: {type(error).__name__}: {error}. The captures are kept."
        )
        score = Score(Verdict.INVALID, reason, (exposed,), ())
    if material.fault and score.verdict is not Verdict.FAIL:
        score = replace(score, verdict=Verdict.INVALID, reason=f"instrument fault: {material.fault}")
    return Scored(score, failure)
