"""A run: every step of a plan that is not done yet, on a connected bench, each attempt committed before the next.

Only an INVALID attempt whose exposure was not proven is tried again, a limited number of times; a FAIL stands. What an
instrument's fault does to a run is :mod:`aimdlab.sequencer.faults`' affair. Whatever way a run ends, the bench is made
safe.

A run that goes on with an interrupted session repeats what comes before the first exposure of a test
(:mod:`aimdlab.sequencer.preamble`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aimdlab.bench.bench import Bench
from aimdlab.errors import SafeStateError
from aimdlab.procedures.protocol import PERSON, Step
from aimdlab.scoring.parameters import KIND_BASELINE, KIND_SEQUENCE
from aimdlab.scoring.results import Verdict
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.faults import FaultPolicy
from aimdlab.sequencer.plan import Plan, PlannedTest
from aimdlab.sequencer.preamble import Preamble, preamble_of
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.runs import ENDED, INTERRUPTED, RESUMED, STARTED, owner_data
from aimdlab.sequencer.tries import Suspicion, Tries, damaged
from aimdlab.sequencer.trying import Result, Trying, Way
from aimdlab.session.canonical import Encodable
from aimdlab.session.folder import SessionFolder


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        ended_early: why not every step was done, or "".
        can_go_on: whether a person can put right why it ended early, so that the session must not be sealed yet.
        exposure_s: bench time for which the device was exposed or watched in this run, all attempts.
        bench_s: bench time that the run took.
        wall_s: real time that the run took.
    """

    ended_early: str
    can_go_on: bool
    exposure_s: float
    bench_s: float
    wall_s: float


@dataclass(frozen=True)
class _Doing:
    """One test being done.

    Attributes:
        name: of the test.
        way: how its steps are tried.
        preamble: its steps before the first exposure.
        repeated: whether these were done before, by a run that was interrupted.
    """

    name: str
    way: Way
    preamble: Preamble
    repeated: bool


@dataclass(frozen=True)
class _End:
    """Why nothing more is run; see :class:`RunResult`."""

    reason: str = ""
    can_go_on: bool = False


_GO_ON = _End()


class Run:
    """One run of a plan.

    Args:
        plan: what to do.
        bench: connected; initialised by the run.
        session: where attempts and events go.
        attention: what persons want.
        progress: where it is shown.
        mark: told step and attempt before each attempt: a simulated world's noise key.
        tries: what was tried before; None if this is the first run of the session.
        facts: what else the event says that begins the run.
        unattended: nobody is there, so that nothing is asked that need not be asked again.
    """

    def __init__(
        self,
        plan: Plan,
        bench: Bench,
        session: SessionFolder,
        attention: Attention,
        progress: Progress,
        mark: Callable[[int, int], None],
        tries: Tries | None = None,
        facts: Mapping[str, Encodable] | None = None,
        *,
        unattended: bool = False,
    ) -> None:
        self._plan = plan
        self._bench = bench
        self._attention = attention
        self._progress = progress
        self._resumed = tries is not None
        self._tries = tries or Tries(step.as_record() for step in plan.steps)
        self._facts = dict(facts or {})
        self._unattended = unattended
        self._faults = FaultPolicy(plan.campaign.campaign.file.faults, bench, attention.check, progress.trouble)
        self._trying = Trying(bench, session, self._tries, self._faults, progress, attention.check, mark)

    def execute(self) -> RunResult:
        """Do every step that is not done; the bench is safe when this returns or raises."""
        started_s, started_bench_s = time.monotonic(), self._bench.clock.now_s()
        events = self._bench.events
        self._record_start()
        end = _GO_ON
        try:
            self._bench.initialise()
            self._faults.begin()
            for test in self._plan.tests:
                end = self._do_test(test)
                if end.reason:
                    break
        except BaseException as error:
            # Outputs first: what is written after this may fail (a full disk may be the very cause).
            self._make_safe_after(error)
            events.record(
                INTERRUPTED,
                str(error) or type(error).__name__,
                source="sequencer",
                durable=True,
                error=type(error).__name__,
            )
            raise
        self._bench.make_safe()
        result = RunResult(
            ended_early=end.reason,
            can_go_on=end.can_go_on,
            exposure_s=self._trying.exposure_s,
            bench_s=self._bench.clock.now_s() - started_bench_s,
            wall_s=time.monotonic() - started_s,
        )
        events.record(
            INTERRUPTED if end.can_go_on else ENDED,
            end.reason or "every step was done",
            source="sequencer",
            durable=True,
            ended_early=end.reason,
            exposure_s=result.exposure_s,
            bench_s=result.bench_s,
            wall_s=result.wall_s,
        )
        return result

    def _record_start(self) -> None:
        kind, steps = STARTED, self._plan.steps
        message = f"{len(steps)} steps"
        data: dict[str, Encodable] = {**self._facts, **owner_data()}
        if self._resumed:
            kind, first = RESUMED, self._tries.first_to_do()
            following = steps[first].id if first is not None else ""
            message = f"{self._tries.before} attempts are there; step {following or 'none'} is next"
            data |= {"attempts": self._tries.before, "next_step": following}
        self._bench.events.record(kind, message, source="sequencer", durable=True, **data)

    def _make_safe_after(self, cause: BaseException) -> None:
        """Make the bench safe; if that fails, the first cause is told along with it."""
        try:
            self._bench.make_safe()
        except SafeStateError as unsafe:
            raise SafeStateError(f"{unsafe}\nThis came first: {cause or type(cause).__name__}") from cause

    def _do_test(self, test: PlannedTest) -> _End:
        """Do the steps of one test that are not done; returns why the campaign must end, if it must."""
        tries, course = self._tries, self._tries.course(test)
        if course.ended:
            return _End(course.ended)
        if all(tries.is_done(step.index) for step in test.steps):
            for step in test.steps:
                self._pass_over(step)
            return _GO_ON
        device = test.subject.device.file
        file = test.subject.test.file
        procedure = test.procedure(self._bench, test.subject)
        doing = _Doing(
            name=file.name,
            way=Way(procedure, [limit.criterion() for limit in device.criteria], file.retries, course),
            preamble=preamble_of(test, self._verdict_if_done, unattended=self._unattended),
            repeated=tries.before > 0,
        )
        end = self._read_settings_first(doing, test)
        done = {step.index for step in test.steps if tries.is_done(step.index)} - doing.preamble.again
        for step in test.steps:
            if end.reason:
                break
            self._attention.pause_if_asked(self._bench.make_safe)
            if course.suspicion is not None and step.index not in doing.preamble.steps:
                # The run that exposed the device ended before it was checked.
                end = self._check(doing, course.suspicion)
                if end.reason:
                    break
            # A check that this run did after an exposure is no reason to leave out the one at the end.
            if step.omitted or (step.index in done and tries.is_done(step.index)):
                self._pass_over(step)
                continue
            self._instruct(doing, step)
            end = self._do(doing, step)
            if not end.reason and step.kind == KIND_SEQUENCE and device.recovery:
                self._bench.clock.sleep(device.recovery)
        return end

    def _read_settings_first(self, doing: _Doing, test: PlannedTest) -> _End:
        """Have a person read what the exposures of an earlier run left of the settings, before anybody programs again.

        To program the device would mend what the exposures changed.
        """
        tries = self._tries
        if not tries.was_exposed(step.index for step in test.steps):
            return _GO_ON
        self._bench.clock.sleep(test.subject.device.file.recovery)
        if doing.preamble.needs_nobody:
            return _GO_ON  # nobody programs
        for step in test.steps:
            is_reading = step.index in tries.after and step.kind == PERSON and step.instruction is None
            if not is_reading or tries.is_done(step.index):
                continue
            self._attention.pause_if_asked(self._bench.make_safe)
            end = self._do(doing, step)
            if end.reason:
                return end
        return _GO_ON

    def _verdict_if_done(self, step: int) -> Verdict | None:
        return self._tries.verdict(step) if self._tries.is_done(step) else None

    def _pass_over(self, step: Step) -> None:
        """Show a step that is left out, or was done before."""
        if step.omitted:
            self._progress.omitted(step)
        else:
            self._progress.done_before(step, self._tries.verdict(step.index))

    def _do(self, doing: _Doing, step: Step) -> _End:
        """Do one step; returns why the campaign must end, if it must."""
        result, course = self._trying.until_it_stands(step, doing.way), doing.way.course
        if step.kind == KIND_SEQUENCE:
            self._faults.step_ended(step, result.spoiled)
        elif result.spoiled is not None:
            raise self._faults.cannot_do_without(step, result.spoiled)
        if step.kind in (PERSON, KIND_BASELINE) and result.verdict is not Verdict.PASS:
            return self._not_ready(doing, step, result)
        if step.kind == KIND_SEQUENCE:
            if course.ended:
                return _End(course.ended)
            if course.suspicion is not None:
                return self._check(doing, course.suspicion)
        return _GO_ON

    def _not_ready(self, doing: _Doing, step: Step, result: Result) -> _End:
        what = f"{step.title} of {doing.name!r} is {result.verdict} ({result.reason})."
        if step.index not in doing.preamble.steps:
            return _End(what)
        if doing.repeated:
            # What was measured before must not be lost for a cable that was forgotten.
            return _End(
                f"{what} Nothing was exposed in this test since the run was resumed. Check device, programming, "
                "monitor and instruments.",
                can_go_on=True,
            )
        if step.kind == PERSON:
            return _End(what)
        return _End(
            f"{what} Nothing was exposed. Check device, programming, monitor and instruments, then start again."
        )

    def _check(self, doing: _Doing, suspicion: Suspicion) -> _End:
        """Check the device after an exposure that it did not pass."""
        check = doing.way.course.check
        result = self._trying.until_it_stands(check, doing.way)
        if result.spoiled is not None:
            raise self._faults.cannot_do_without(check, result.spoiled)
        return _GO_ON if result.verdict is Verdict.PASS else _End(damaged(suspicion, result.verdict, result.reason))

    def _instruct(self, doing: _Doing, step: Step) -> None:
        """Have a person do what must be done before ``step``; the bench is safe meanwhile."""
        instruction = step.instruction
        still_stands = doing.preamble.needs_nobody and step.index in doing.preamble.again
        if instruction is None or still_stands:
            return
        self._bench.make_safe()
        events = self._bench.events
        events.record("person.asked", instruction.text, source="sequencer", durable=True, step=step.id)
        self._bench.operator.carry_out(instruction.kind, instruction.target, instruction.text)
        events.record("person.done", instruction.text, source="operator", durable=True, step=step.id)
