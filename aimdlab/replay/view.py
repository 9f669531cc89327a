"""One attempt as a technician wants to see it: what was applied, what came back, what was found, what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aimdlab.errors import AimdlabError, ConfigurationError, RecordAlteredError
from aimdlab.replay.attempt import AttemptReplay, replay_attempt
from aimdlab.replay.scorings import TestScoring, place_of_test
from aimdlab.replay.session import environment_now, environment_of, is_reproduced
from aimdlab.scoring.marks import Marks
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.base import COMMITTED, FOUND, Session
from aimdlab.session.chain import check_links
from aimdlab.session.model import Attempt
from aimdlab.session.verdicts import StepResult, TriedAttempts, results_of, tried_of

_NEAR = 3
_MOST_DIGITS = 20  # Python reads no number of some thousand


@dataclass(frozen=True)
class ChosenStep:
    """A step of the plan with the records of its attempts, and its result as recorded."""

    index: int
    planned: Mapping[str, Any]
    records: tuple[StoredRecord, ...]
    result: StepResult

    @property
    def step_id(self) -> str:
        """Its name."""
        return str(self.planned["step_id"])


@dataclass(frozen=True)
class AttemptView:
    """An attempt with everything that is to be seen of it.

    Attributes:
        step: the planned step.
        attempt: as recorded; its codes are read from the session, which must stay open.
        replay: scored again.
        marks: what the scoring found, per judged capture.
        unmarked: why nothing could be found, or "".
        reproduced: whether the score came out again.
        test: name of the test.
    """

    step: ChosenStep
    attempt: Attempt
    replay: AttemptReplay
    marks: tuple[Marks, ...]
    unmarked: str
    reproduced: bool
    test: str


def choose_step(session: Session, wanted: str) -> ChosenStep:
    """The step of an index in the plan, or of a name; ConfigurationError if there is none."""
    plan = session.header.plan
    names = [str(step["step_id"]) for step in plan]
    if wanted in names:
        index = names.index(wanted)
    elif wanted.isdecimal() and len(wanted) <= _MOST_DIGITS and int(wanted) < len(plan):
        index = int(wanted)
    else:
        some = ", ".join(names[:_NEAR])
        raise ConfigurationError(
            f"--step {wanted}: the plan of {session.path} has no such step. It has the steps 0 to {len(plan) - 1}, "
            f"by name {some}, ... {names[-1] if names else ''}"
        )
    committed = sum(event.kind in (COMMITTED, FOUND) for event in session.events())
    own: list[StoredRecord] = []
    tried = TriedAttempts()
    links = check_links(
        session.records(), anchor=session.header_sha256, anchor_name="the session's header", kind="attempt"
    )
    for record in links:
        tried.add(record.step, tried_of(record))
        committed -= 1
        if record.step == index:
            own.append(record)
    if committed > 0:
        raise RecordAlteredError(f"{committed} attempts were removed: the event log says that they were committed")
    # Other steps have a say: a check counts only if no exposure came after it.
    return ChosenStep(index, plan[index], tuple(own), results_of(session.header, tried)[index])


def choose_attempt(step: ChosenStep, number: int | None) -> StoredRecord:
    """The attempt of that number, or the one that decides on the step; ConfigurationError if there is none."""
    if not step.records:
        raise ConfigurationError(
            f"step {step.step_id} was never tried: it is {step.result.verdict}"
            + (f" ({step.result.reason})" if step.result.reason else "")
        )
    if number is None:
        decided = [record for record in step.records if record.index == step.result.decided_by]
        return (decided or list(step.records))[-1]
    for record in step.records:
        if record.number == number:
            return record
    there = ", ".join(str(record.number) for record in step.records)
    raise ConfigurationError(f"--attempt {number}: step {step.step_id} has the attempts {there}")


def view_of(
    session: Session, step: ChosenStep, record: StoredRecord, scorings: Sequence[TestScoring], *, marked: bool
) -> AttemptView:
    """Score an attempt again and, if ``marked``, look up what its scoring found in the captures."""
    replay = replay_attempt(session, record, scorings)
    attempt = session.load(record)
    scoring = scorings[place_of_test(record, session.header)]
    marks: tuple[Marks, ...] = ()
    unmarked = ""
    if marked:
        try:
            marks = scoring.procedure.marks(attempt.captures, attempt.parameters, attempt.scoring)
        except AimdlabError as error:  # the score says it too; the curves are shown all the same
            unmarked = str(error)
    reproduced = is_reproduced(replay, environment_of(session.header), environment_now())
    return AttemptView(step, attempt, replay, marks, unmarked, reproduced, scoring.name)
