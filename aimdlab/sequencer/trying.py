"""One step tried until an attempt at it stands, each attempt committed before the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aimdlab.bench.bench import Bench
from aimdlab.errors import InstrumentError
from aimdlab.procedures.protocol import Procedure, Step
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Criterion, Verdict
from aimdlab.sequencer.attempt import run_attempt
from aimdlab.sequencer.faults import FaultPolicy
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.tries import Course, Tries
from aimdlab.session.base import BEGUN
from aimdlab.session.folder import SessionFolder
from aimdlab.session.verdicts import Tried, deciding_attempt, step_verdict

# Before an exposure that was not proven is repeated, times the repetition: a hand at a cable is gone after a moment.
_SETTLES_S = 3.0


@dataclass(frozen=True)
class Way:
    """How the steps of one test are tried.

    Attributes:
        procedure: carries a step out.
        criteria: by which it is judged.
        retries: how often a step is tried again because its exposure was not proven.
        course: is told of every attempt.
    """

    procedure: Procedure
    criteria: Sequence[Criterion]
    retries: int
    course: Course


@dataclass(frozen=True)
class Result:
    """What a step came to in this run.

    Attributes:
        verdict: of its attempts.
        reason: of the attempt that decides.
        spoiled: the instrument's fault that left it INVALID, or None.
    """

    verdict: Verdict
    reason: str
    spoiled: InstrumentError | None


class Trying:
    """Tries steps, one after the other.

    Args:
        bench, session, tries, faults, progress: of the run.
        attention: raises what a person wants.
        mark: told step and attempt before each attempt: a simulated world's noise key.

    Attributes:
        exposure_s: bench time for which the device was exposed or watched so far, all attempts.
    """

    def __init__(
        self,
        bench: Bench,
        session: SessionFolder,
        tries: Tries,
        faults: FaultPolicy,
        progress: Progress,
        attention: Callable[[], None],
        mark: Callable[[int, int], None],
    ) -> None:
        self._bench = bench
        self._session = session
        self._tries = tries
        self._faults = faults
        self._progress = progress
        self._attention = attention
        self._mark = mark
        self.exposure_s = 0.0

    def until_it_stands(self, step: Step, way: Way) -> Result:
        """Try ``step`` until an attempt stands, or no more is allowed.

        It is tried again at most ``retries`` times because its exposure was not proven, and after an instrument's fault
        as often as the fault policy allows. INVALID under a proven exposure stands too: to expose again until the
        device can be judged would hide a failure.
        """
        tried: list[Tried] = []
        not_proven = 0
        self._faults.begin_step()
        while True:
            number, fault = self._attempt(step, way, tried)
            stands = tried[-1].stands
            # A sequence that stands INVALID is not tried again, but what struck it counts for giving up.
            left = not stands or (step.kind == KIND_SEQUENCE and tried[-1].verdict is Verdict.INVALID)
            spoiled = fault if left else None
            if stands:
                again = False
            elif spoiled is not None:
                again = self._faults.tries_again(spoiled, step, number)
            else:
                not_proven += 1
                again = not_proven <= way.retries
                if again:
                    self._faults.start_afresh()
                    self._bench.clock.sleep(_SETTLES_S * not_proven)
            if not again:
                deciding = deciding_attempt(tried) or tried[-1]
                return Result(step_verdict(tried), deciding.reason, spoiled)
            self._attention()

    def _attempt(self, step: Step, way: Way, tried: list[Tried]) -> tuple[int, InstrumentError | None]:
        """One attempt: begun, carried out, committed, told of; SafeStateError if the bench is not safe after it.

        Returns its number and the fault that ended it; its captures are in the session, and nowhere else any more.
        """
        self._faults.before_attempt()
        self._session.require_room(step.index)
        number = self._tries.next_number(step.index)
        self._progress.step_started(step, number)
        self._mark(step.index, number)
        # Before anything is switched on: an attempt that is cut off leaves this trace.
        self._bench.events.record(
            BEGUN,
            f"step {step.id} ({step.title}), attempt {number} begins",
            source="sequencer",
            durable=True,
            index=step.index,
            step=step.id,
            attempt=number,
        )
        ended = run_attempt(way.procedure, self._bench, step, number, way.criteria, self._progress, self._faults)
        attempt = ended.attempt
        self.exposure_s += attempt.exposure_s
        self._session.commit(attempt)
        self._bench.events.record(
            "attempt.scored",
            f"step {step.id} ({step.title}), attempt {number}: {attempt.score.verdict}. {attempt.score.reason}",
            source="sequencer",
            step=step.id,
            attempt=number,
            verdict=attempt.score.verdict.value,
        )
        self._progress.attempt_done(step, number, attempt.score)
        tried.append(self._tries.add(step.index, number, attempt.score))
        way.course.take(step.index, tried[-1])
        if ended.unsafe is not None:
            raise ended.unsafe
        return number, ended.fault
