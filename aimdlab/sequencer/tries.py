"""What was tried of each step of a session, before this run and in it: which steps are done, and in which order.

A run that goes on with a session asks this of the record, a new one of nothing; both then go the same way.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aimdlab.config.test import OnFail
from aimdlab.scoring.parameters import KIND_CHECK, KIND_SEQUENCE
from aimdlab.scoring.results import Score, Verdict
from aimdlab.sequencer.plan import PlannedTest
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.base import BEGUN, COMMITTED, FOUND
from aimdlab.session.canonical import Encodable
from aimdlab.session.events import Event
from aimdlab.session.planned_steps import PlannedSteps
from aimdlab.session.verdicts import (
    Tried,
    TriedAttempts,
    deciding_attempt,
    last_sequences,
    steps_after_sequences,
    tried_of,
)


class Tries:
    """Every attempt of a session, by step and in the order of commit.

    Args:
        plan: the steps as the session's header holds them.
        before: the records of earlier runs, in the order of commit.
        cut_off: attempts of earlier runs that were begun and not committed.

    Attributes:
        after: steps that look at the device after the exposures of their test.
        before: how many attempts there were before this run.
        exposure_before_s: their exposures.
    """

    def __init__(
        self,
        plan: Iterable[Mapping[str, Encodable]],
        before: Iterable[StoredRecord] = (),
        cut_off: Iterable[CutOff] = (),
    ) -> None:
        self._plan = plan = PlannedSteps.of(plan)
        self.after = steps_after_sequences(plan)
        self._tried = TriedAttempts()
        self._last_number = array("q", bytes(8 * len(plan)))
        self._cut_off_tests: set[object] = set()
        self.exposure_before_s = 0.0
        for record in before:
            self._take(record.step, record.number, tried_of(record))
            self.exposure_before_s += float(record.attempt["exposure_s"])
        self._last_sequence = last_sequences(plan, self._tried)
        for one in cut_off:
            if not 0 <= one.step < len(plan):
                continue
            # Its number is not used again, and the device may have been exposed.
            self._last_number[one.step] = max(one.number, self._last_number[one.step])
            if plan.group(one.step).is_sequence:
                test = plan.group(one.step).test
                self._last_sequence[test] = max(self._last_sequence.get(test, -1), one.committed_before - 1)
                self._cut_off_tests.add(test)
        self.before = self._tried.count

    def add(self, step: int, number: int, score: Score) -> Tried:
        """Take an attempt that was committed just now."""
        tried = Tried(score.verdict, score.stands, self._tried.count, score.reason)
        self._take(step, number, tried)
        group = self._plan.group(step)
        if group.is_sequence:
            self._last_sequence[group.test] = tried.index
        return tried

    def next_number(self, step: int) -> int:
        """The number of the next attempt at a step."""
        return self._last_number[step] + 1

    def was_exposed(self, steps: Iterable[int]) -> bool:
        """Whether there is an attempt at a sequence among ``steps``, be it one that was cut off."""
        groups = ((step, self._plan.group(step)) for step in steps)
        return any(
            step in self._tried or group.test in self._cut_off_tests for step, group in groups if group.is_sequence
        )

    def is_done(self, step: int) -> bool:
        """Whether an attempt stands; for what is looked at after the exposures, whether it came after the last one."""
        group = self._plan.group(step)
        if group.omitted:
            return True
        tried = self._tried.get(step, ())
        if step in self.after:
            exposed = self._last_sequence.get(group.test, -1)
            return bool(tried) and tried[-1].stands and tried[-1].index > exposed
        deciding = deciding_attempt(tried)
        return deciding is not None and deciding.stands

    def verdict(self, step: int) -> Verdict:
        """What a step that is done came to."""
        deciding = deciding_attempt(self._tried.get(step, ()))
        return Verdict.OMITTED if deciding is None else deciding.verdict

    def first_to_do(self) -> int | None:
        """The first step that is not done, or None."""
        return next((step for step in range(len(self._plan)) if not self.is_done(step)), None)

    def course(self, test: PlannedTest) -> Course:
        """Where a test stands after the attempts so far."""
        course = Course(test)
        for step, tried in self._tried.in_order():
            course.take(step, tried)
        return course

    def _take(self, step: int, number: int, tried: Tried) -> None:
        self._tried.add(step, tried)
        self._last_number[step] = max(number, self._last_number[step])


@dataclass(frozen=True)
class CutOff:
    """An attempt that was begun and never committed.

    Attributes:
        step: index in the plan.
        number: of the attempt.
        committed_before: how many attempts were committed when it began.
    """

    step: int
    number: int
    committed_before: int


def cut_off(events: Iterable[Event]) -> list[CutOff]:
    """The attempts that the event log says were begun and not that they were committed."""
    begun: dict[tuple[int, int], CutOff] = {}
    committed = 0
    for event in events:
        if event.kind == BEGUN:
            step, number = event.data.get("index"), event.data.get("attempt")
            if isinstance(step, int) and isinstance(number, int) and number < 1 << 62:
                begun[step, number] = CutOff(step, number, committed)
        elif event.kind in (COMMITTED, FOUND):
            committed += 1
            begun.pop((int(event.data["step"]), int(event.data["number"])), None)
    return list(begun.values())


@dataclass(frozen=True)
class Suspicion:
    """An exposure that the device did not pass, after which it must be checked."""

    step_id: str
    verdict: Verdict


class Course:
    """What the attempts of one test so far say of its going on: ``on_fail`` of the test file.

    Attributes:
        suspicion: with ``on_fail: check``, the last exposure that the device did not pass, until a check follows it.
        ended: why nothing more of the campaign may be run, or "".
    """

    def __init__(self, test: PlannedTest) -> None:
        self._steps = {step.index: step for step in test.steps}
        self._on_fail = test.subject.test.file.on_fail
        self.check = next(step for step in test.steps if step.kind == KIND_CHECK)
        self.suspicion: Suspicion | None = None
        self.ended = ""

    def take(self, index: int, tried: Tried) -> None:
        """Take the next attempt of the session; those that do not stand and those of other tests say nothing."""
        step = self._steps.get(index)
        if step is None or not tried.stands:
            return
        if step.kind == KIND_SEQUENCE:
            if tried.verdict is Verdict.FAIL and self._on_fail is OnFail.STOP:
                self.ended = f"step {step.id} is FAIL and the test says on_fail: stop."
            elif tried.verdict is not Verdict.PASS and self._on_fail is OnFail.CHECK:
                self.suspicion = Suspicion(step.id, tried.verdict)
        elif index == self.check.index and self.suspicion is not None:
            if tried.verdict is not Verdict.PASS:
                self.ended = damaged(self.suspicion, tried.verdict, tried.reason)
            self.suspicion = None


def damaged(suspicion: Suspicion, verdict: Verdict, reason: str) -> str:
    """Why a check that is not PASS, after an exposure that the device did not pass, ends the campaign."""
    return (
        f"after step {suspicion.step_id} ({suspicion.verdict}) the check is {verdict} ({reason}): the device may be "
        "damaged, or does not come back to its programming. Interrogate it."
    )
