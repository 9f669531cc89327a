"""One attempt scored again from what its record and its raw bytes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aimdlab.errors import RecordError
from aimdlab.replay.compare import Difference, differences, feature_differences
from aimdlab.replay.plausible import refuse_absurd
from aimdlab.replay.scorings import TestScoring, fault_of, place_of_test, unlike_plan
from aimdlab.scoring.attempt import Material, Scored, score_attempt
from aimdlab.scoring.results import DEVICE_SUSPECT, Criterion, Outcome, Score
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.base import Session
from aimdlab.session.header import SessionHeader
from aimdlab.session.model import Attempt
from aimdlab.session.verdicts import Tried, tried_of

Limits = Sequence[Sequence[Criterion]]
"""Other limits than those recorded, by test."""

_ON_LIMITS = frozenset((DEVICE_SUSPECT,))
"""Features that depend on the limits."""


@dataclass(frozen=True)
class AttemptReplay:
    """An attempt, recorded and recomputed.

    Attributes:
        index: position in the order of commit.
        step, step_id, number: where it belongs.
        sha256: hash of its record.
        recorded, recomputed: what decides on the step, then and now.
        score: recomputed.
        recorded_outcomes: of the recorded score.
        differences: from the recorded score; under other limits of the features alone that do not depend on them.
    """

    index: int
    step: int
    step_id: str
    number: int
    sha256: str
    recorded: Tried
    recomputed: Tried
    score: Score
    recorded_outcomes: tuple[Outcome, ...]
    differences: tuple[Difference, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"attempt {self.number} at step {self.step} ({self.step_id})"


def replay_attempt(
    session: Session, record: StoredRecord, scorings: Sequence[TestScoring], limits: Limits | None = None
) -> AttemptReplay:
    """Score an attempt again, under other limits if they are given.

    Raises RecordAlteredError if what was measured is not what was recorded, RecordError if it cannot be scored.
    """
    header = session.header
    attempt = session.load(record)
    score = _score(record, attempt, header, scorings, limits)
    found = [Difference(f"planned {name}", record.attempt[name], header.plan[record.step].get(name))
             for name in unlike_plan(record, header)]  # fmt: skip
    if limits is None:
        found += differences(record.attempt["score"], score)
    else:
        found += feature_differences(record.attempt["score"], score, besides=_ON_LIMITS)
    return AttemptReplay(
        index=record.index,
        step=record.step,
        step_id=str(record.attempt["step_id"]),
        number=record.number,
        sha256=record.sha256,
        recorded=tried_of(record),
        recomputed=Tried(score.verdict, score.stands, record.index, score.reason),
        score=score,
        recorded_outcomes=attempt.score.outcomes,
        differences=tuple(found),
    )


def _score(
    record: StoredRecord,
    attempt: Attempt,
    header: SessionHeader,
    scorings: Sequence[TestScoring],
    limits: Limits | None,
) -> Score:
    test = place_of_test(record, header)
    for capture in attempt.captures:
        # Read, and checked, before the scoring, which would take an altered record for its own defect.
        _ = capture.codes
    refuse_absurd(attempt)
    material = Material(
        captures=attempt.captures,
        readings=attempt.readings,
        parameters=attempt.parameters,
        scoring=attempt.scoring,
        exposure_s=attempt.exposure_s,
        fault=fault_of(record),
    )
    criteria = scorings[test].criteria if limits is None else limits[test]
    scored: Scored = score_attempt(scorings[test].procedure.features, material, criteria)
    if isinstance(scored.failure, MemoryError):
        # Says something of this computer, or of absurd parameters, and nothing of what was recorded.
        raise RecordError(
            f"attempt {attempt.number} at step {attempt.step_id} takes more memory to score than this computer gives"
        ) from scored.failure
    return scored.score
