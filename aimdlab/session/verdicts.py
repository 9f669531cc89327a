"""From the attempts at a step to its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Verdict, is_spoiled_pass, makes_invalid_stand
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.canonical import Encodable
from aimdlab.session.header import SessionHeader

# Worst first; with each, whether an attempt must stand for it.
_DECIDING = (
    (Verdict.FAIL, True),
    (Verdict.INVALID, True),
    (Verdict.INCONCLUSIVE, True),
    (Verdict.PASS, True),
    (Verdict.INVALID, False),
)


OUTDATED = "sequences were run after it, and it was not done again"
"""Reason of a step that must come after the exposures of its test and was done only before the last of them."""


UNFINISHED = "sequences of its test were not recorded, so that nothing shows that it came after the last exposure"
"""Reason of such a step in a session that ended before its test did."""


@dataclass(frozen=True)
class StepResult:
    """What a session says of a step.

    Attributes:
        step: index in the plan.
        step_id: its stable name.
        verdict: see :func:`step_verdict` and :func:`results_of`.
        reason: that of the attempt that decides, the rationale of an omission, why a PASS does not count, or "".
        attempts: positions of its attempts in the order of commit.
        decided_by: the one of them that decides, or None.
    """

    step: int
    step_id: str
    verdict: Verdict
    reason: str
    attempts: tuple[int, ...]
    decided_by: int | None


@dataclass(frozen=True)
class Tried:
    """What of an attempt decides on its step.

    Attributes:
        verdict: the attempt's.
        stands: see :attr:`aimdlab.scoring.results.Score.stands`: an INVALID attempt stands if its exposure was
            proven and not all criteria were met.
        index: position in the order of commit.
        reason: of the verdict.
    """

    verdict: Verdict
    stands: bool
    index: int = 0
    reason: str = ""


def deciding_attempt(attempts: Iterable[Tried]) -> Tried | None:
    """The worst attempt that stands, or one that is INVALID if none stands, or None: the first of its kind.

    INVALID under a proven exposure is worse than INCONCLUSIVE and PASS: the device could not be judged under it, and no
    later PASS covers that. Nor does an earlier PASS cover an INVALID that came last: a check that is done again after
    more exposures and shows nothing is not done. An attempt's NOT_RUN proves nothing and counts for nothing.
    """
    tried = [attempt for attempt in attempts if attempt.verdict not in (Verdict.NOT_RUN, Verdict.OMITTED)]
    for verdict, stands in _DECIDING:
        if verdict is Verdict.PASS and tried and tried[-1].verdict is Verdict.INVALID:
            return tried[-1]
        for attempt in tried:
            if (attempt.verdict, attempt.stands) == (verdict, stands):
                return attempt
    return None


def step_verdict(attempts: Iterable[Tried], *, omitted: bool = False) -> Verdict:
    """The verdict of a step: that of :func:`deciding_attempt`; without one, OMITTED if the plan says so, or NOT_RUN."""
    deciding = deciding_attempt(attempts)
    if deciding is not None:
        return deciding.verdict
    return Verdict.OMITTED if omitted else Verdict.NOT_RUN


def step_results(header: SessionHeader, records: Iterable[StoredRecord]) -> list[StepResult]:
    """The result of every step of the plan, from the records of all attempts."""
    attempts: dict[int, list[Tried]] = {}
    for record in records:
        attempts.setdefault(record.step, []).append(tried_of(record))
    return results_of(header, attempts)


def results_of(header: SessionHeader, attempts: Mapping[int, Sequence[Tried]]) -> list[StepResult]:
    """The result of every step of the plan, from its attempts by the index of the step.

    What is looked at after the exposures of a test must come after the last of them: the PASS of such a step does not
    count, and the step is NOT_RUN, if a sequence of its test was tried later, or was planned and never recorded.
    """
    exposed, after = last_sequences(header.plan, attempts), steps_after_sequences(header.plan)
    unfinished = {
        planned.get("test")
        for step, planned in enumerate(header.plan)
        if planned.get("kind") == KIND_SEQUENCE and planned.get("omitted") is None and not attempts.get(step)
    }
    results = []
    for step, planned in enumerate(header.plan):
        tried = attempts.get(step, ())
        rationale = planned.get("omitted")
        verdict = step_verdict(tried, omitted=rationale is not None)
        deciding = deciding_attempt(tried)
        reason = deciding.reason if deciding else str(rationale) if verdict is Verdict.OMITTED else ""
        if verdict is Verdict.PASS and step in after:
            test = planned.get("test")
            if tried[-1].index < exposed.get(test, -1):
                verdict, deciding, reason = Verdict.NOT_RUN, None, OUTDATED
            elif test in unfinished:
                verdict, deciding, reason = Verdict.NOT_RUN, None, UNFINISHED
        results.append(
            StepResult(
                step=step,
                step_id=header.step_id(step),
                verdict=verdict,
                reason=reason,
                attempts=tuple(attempt.index for attempt in tried),
                decided_by=deciding.index if deciding else None,
            )
        )
    return results


def steps_after_sequences(plan: Sequence[Mapping[str, Encodable]]) -> frozenset[int]:
    """Indices of the steps that are no sequence and stand behind the sequences of their test: checks, settings."""
    seen: set[object] = set()
    after = []
    for step, planned in enumerate(plan):
        if planned.get("kind") == KIND_SEQUENCE:
            seen.add(planned.get("test"))
        elif planned.get("test") in seen:
            after.append(step)
    return frozenset(after)


def last_sequences(
    plan: Sequence[Mapping[str, Encodable]], attempts: Mapping[int, Sequence[Tried]]
) -> dict[object, int]:
    """By test: the position, in the order of commit, of the last attempt at one of its sequences."""
    last: dict[object, int] = {}
    for step, tried in attempts.items():
        if tried and plan[step].get("kind") == KIND_SEQUENCE:
            test = plan[step].get("test")
            last[test] = max(last.get(test, -1), tried[-1].index)
    return last


def tried_of(record: StoredRecord) -> Tried:
    """What of the attempt of a record decides on its step."""
    # From the record itself: a Score is not built for each of thousands of attempts.
    score = record.attempt["score"]
    verdict = Verdict(score["verdict"])
    stands = verdict is not Verdict.INVALID or (
        any(makes_invalid_stand(str(feature["name"]), float(feature["value"])) for feature in score["features"])
        and not is_spoiled_pass(str(outcome["verdict"]) for outcome in score["outcomes"])
    )
    return Tried(verdict, stands, record.index, str(score["reason"]))
