"""From the attempts at a step to its verdict."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from aimdlab.scoring.results import Verdict, is_spoiled_pass, makes_invalid_stand
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.canonical import Encodable
from aimdlab.session.header import SessionHeader
from aimdlab.session.packed_texts import PackedTexts
from aimdlab.session.planned_steps import PlannedSteps

_VERDICTS = tuple(Verdict)
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


class TriedAttempts(Mapping[int, Sequence[Tried]]):
    """What was tried, by the index of the step, in the order of commit; some twenty bytes per attempt."""

    def __init__(self) -> None:
        self._steps = array("i")
        self._verdicts = array("b")
        self._stands = array("b")
        self._before = array("i")  # the attempt before at the same step, or -1
        self._reasons = PackedTexts()
        self._indices = array("i")
        self._last = array("i")  # by step, or -1

    def add(self, step: int, tried: Tried) -> None:
        """Append the next attempt of the session."""
        if step >= len(self._last):
            self._last.extend([-1] * (step + 1 - len(self._last)))
        self._before.append(self._last[step])
        self._last[step] = len(self._steps)
        self._steps.append(step)
        self._verdicts.append(_VERDICTS.index(tried.verdict))
        self._stands.append(tried.stands)
        self._indices.append(tried.index)
        self._reasons.append(json.dumps(tried.reason))

    @property
    def count(self) -> int:
        """How many attempts there are."""
        return len(self._steps)

    def in_order(self) -> Iterator[tuple[int, Tried]]:
        """The index of the step, and what decides on it, of every attempt."""
        return ((step, self._tried(place)) for place, step in enumerate(self._steps))

    def __getitem__(self, step: int) -> tuple[Tried, ...]:
        if step not in self:
            raise KeyError(step)
        place, places = self._last[step], []
        while place >= 0:
            places.append(place)
            place = self._before[place]
        return tuple(map(self._tried, reversed(places)))

    def _tried(self, place: int) -> Tried:
        verdict, stands = _VERDICTS[self._verdicts[place]], bool(self._stands[place])
        return Tried(verdict, stands, self._indices[place], json.loads(self._reasons[place]))

    def __contains__(self, step: object) -> bool:
        return isinstance(step, int) and 0 <= step < len(self._last) and self._last[step] >= 0

    def __iter__(self) -> Iterator[int]:
        return (step for step, place in enumerate(self._last) if place >= 0)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StepResults(Sequence[StepResult]):
    """The result of every step of a plan, worked out when it is asked for; see :func:`results_of`."""

    def __init__(self, plan: PlannedSteps, attempts: Mapping[int, Sequence[Tried]]) -> None:
        self._plan, self._attempts = plan, attempts
        self._exposed, self._after = last_sequences(plan, attempts), steps_after_sequences(plan)
        self._unfinished = {
            group.test
            for step, group in enumerate(plan.groups())
            if group.is_sequence and group.omitted is None and not attempts.get(step)
        }

    def __len__(self) -> int:
        return len(self._plan)

    @overload
    def __getitem__(self, place: int) -> StepResult: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[StepResult, ...]: ...

    def __getitem__(self, place: int | slice) -> StepResult | tuple[StepResult, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        step = range(len(self))[place]
        group, tried = self._plan.group(step), self._attempts.get(step, ())
        verdict = step_verdict(tried, omitted=group.omitted is not None)
        deciding = deciding_attempt(tried)
        reason = deciding.reason if deciding else str(group.omitted) if verdict is Verdict.OMITTED else ""
        if verdict is Verdict.PASS and step in self._after:
            if tried[-1].index < self._exposed.get(group.test, -1):
                verdict, deciding, reason = Verdict.NOT_RUN, None, OUTDATED
            elif group.test in self._unfinished:
                verdict, deciding, reason = Verdict.NOT_RUN, None, UNFINISHED
        return StepResult(
            step=step,
            step_id=str(self._plan[step]["step_id"]),
            verdict=verdict,
            reason=reason,
            attempts=tuple(attempt.index for attempt in tried),
            decided_by=deciding.index if deciding else None,
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as that of a list


def step_results(header: SessionHeader, records: Iterable[StoredRecord]) -> StepResults:
    """The result of every step of the plan, from the records of all attempts."""
    attempts = TriedAttempts()
    for record in records:
        attempts.add(record.step, tried_of(record))
    return results_of(header, attempts)


def results_of(header: SessionHeader, attempts: Mapping[int, Sequence[Tried]]) -> StepResults:
    """The result of every step of the plan, from its attempts by the index of the step.

    What is looked at after the exposures of a test must come after the last of them: the PASS of such a step does not
    count, and the step is NOT_RUN, if a sequence of its test was tried later, or was planned and never recorded.
    """
    return StepResults(header.steps, attempts)


def steps_after_sequences(plan: Iterable[Mapping[str, Encodable]]) -> frozenset[int]:
    """Indices of the steps that are no sequence and stand behind the sequences of their test: checks, settings."""
    seen: set[object] = set()
    after = []
    for step, group in enumerate(PlannedSteps.of(plan).groups()):
        if group.is_sequence:
            seen.add(group.test)
        elif group.test in seen:
            after.append(step)
    return frozenset(after)


def last_sequences(
    plan: Iterable[Mapping[str, Encodable]], attempts: Mapping[int, Sequence[Tried]]
) -> dict[object, int]:
    """By test: the position, in the order of commit, of the last attempt at one of its sequences."""
    steps = PlannedSteps.of(plan)
    last: dict[object, int] = {}
    for step, tried in attempts.items():
        group = steps.group(step)
        if tried and group.is_sequence:
            last[group.test] = max(last.get(group.test, -1), tried[-1].index)
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
