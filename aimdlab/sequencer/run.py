"""A run: every step of a plan on a connected bench, each attempt committed before the next begins.

Only an INVALID attempt whose exposure was not proven is tried again, a limited number of times; a FAIL stands. Whatever
way a run ends, the bench is made safe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aimdlab.bench.bench import Bench
from aimdlab.config.test import OnFail, TestFile
from aimdlab.errors import SafeStateError
from aimdlab.procedures.protocol import Procedure, Step
from aimdlab.scoring.results import Criterion, Verdict
from aimdlab.sequencer.attempt import run_attempt
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.plan import Plan, PlannedTest
from aimdlab.sequencer.progress import Progress
from aimdlab.session.folder import SessionFolder
from aimdlab.session.verdicts import Tried, deciding_attempt, step_verdict


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        verdicts: the verdict of every step of the plan, by its id.
        ended_early: why not every step was done, or "".
        exposure_s: bench time for which the device was exposed or watched, all attempts.
        bench_s: bench time that the run took.
        wall_s: real time that the run took.
    """

    verdicts: Mapping[str, Verdict]
    ended_early: str
    exposure_s: float
    bench_s: float
    wall_s: float


@dataclass(frozen=True)
class _Doing:
    """One test being done: its procedure and criteria, its file, and what was tried of each step."""

    procedure: Procedure
    criteria: Sequence[Criterion]
    test: TestFile
    tried: dict[str, list[Tried]] = field(default_factory=dict)

    def is_suspect(self, step: Step) -> bool:
        """Was the device exposed in ``step`` and not seen to work as it should?"""
        deciding = deciding_attempt(self.tried[step.id])
        return deciding is not None and deciding.stands and deciding.verdict is not Verdict.PASS


class Run:
    """One run of a plan.

    Args:
        plan: what to do.
        bench: connected; initialised by the run.
        session: where attempts and events go.
        attention: what persons want.
        progress: where it is shown.
        mark: told step and attempt before each attempt: a simulated world's noise key.
    """

    def __init__(
        self,
        plan: Plan,
        bench: Bench,
        session: SessionFolder,
        attention: Attention,
        progress: Progress,
        mark: Callable[[int, int], None],
    ) -> None:
        self._plan = plan
        self._bench = bench
        self._session = session
        self._attention = attention
        self._progress = progress
        self._mark = mark
        self._exposure_s = 0.0
        self._last_reason = ""

    def execute(self) -> RunResult:
        """Do every step; the bench is safe when this returns or raises."""
        started_s, started_bench_s = time.monotonic(), self._bench.clock.now_s()
        verdicts = {step.id: Verdict.NOT_RUN for step in self._plan.steps}
        events = self._bench.events
        events.record("run.started", f"{len(verdicts)} steps", source="sequencer", durable=True)
        ended_early = ""
        try:
            self._bench.initialise()
            for test in self._plan.tests:
                ended_early = self._do_test(test, verdicts)
                if ended_early:
                    break
        except BaseException as error:
            # Outputs first: what is written after this may fail (a full disk may be the very cause).
            self._make_safe_after(error)
            events.record(
                "run.interrupted",
                str(error) or type(error).__name__,
                source="sequencer",
                durable=True,
                error=type(error).__name__,
            )
            raise
        self._bench.make_safe()
        result = RunResult(
            verdicts=verdicts,
            ended_early=ended_early,
            exposure_s=self._exposure_s,
            bench_s=self._bench.clock.now_s() - started_bench_s,
            wall_s=time.monotonic() - started_s,
        )
        events.record(
            "run.ended",
            ended_early or "every step was done",
            source="sequencer",
            durable=True,
            exposure_s=result.exposure_s,
            bench_s=result.bench_s,
            wall_s=result.wall_s,
        )
        return result

    def _make_safe_after(self, cause: BaseException) -> None:
        """Make the bench safe; if that fails, the first cause is told along with it."""
        try:
            self._bench.make_safe()
        except SafeStateError as unsafe:
            raise SafeStateError(f"{unsafe}\nThis came first: {cause or type(cause).__name__}") from cause

    def _do_test(self, test: PlannedTest, verdicts: dict[str, Verdict]) -> str:
        """Do the steps of one test; returns why the campaign must end, or ""."""
        file, device = test.subject.test.file, test.subject.device.file
        doing = _Doing(
            test.procedure(self._bench, test.subject), [limit.criterion() for limit in device.criteria], file
        )
        check = next(step for step in test.steps if step.kind == "check")
        for step in test.steps:
            self._attention.pause_if_asked(self._bench.make_safe)
            if step.omitted:
                verdicts[step.id] = Verdict.OMITTED
                self._progress.omitted(step)
                continue
            self._instruct(step)
            verdict = verdicts[step.id] = self._do_step(doing, step)
            reason = self._last_reason
            if step.kind == "person" and verdict is not Verdict.PASS:
                return f"{step.title} of {file.name!r} is {verdict} ({reason})."
            if step.kind == "baseline" and verdict is not Verdict.PASS:
                return (
                    f"{step.title} of {file.name!r} is {verdict} ({reason}). Nothing was exposed. Check device, "
                    "programming, monitor and instruments, then start again."
                )
            if step.kind == "sequence" and verdict is Verdict.FAIL and file.on_fail is OnFail.STOP:
                return f"step {step.id} is FAIL and the test says on_fail: stop."
            if step.kind == "sequence" and file.on_fail is OnFail.CHECK and doing.is_suspect(step):
                verdicts[check.id] = self._do_step(doing, check)
                if verdicts[check.id] is not Verdict.PASS:
                    return (
                        f"after step {step.id} ({verdict}) the check is {verdicts[check.id]} ({self._last_reason}): "
                        "the device may be damaged, or does not come back to its programming. Interrogate it."
                    )
            if step.kind == "sequence" and device.recovery:
                self._bench.clock.sleep(device.recovery)
        return ""

    def _instruct(self, step: Step) -> None:
        """Have a person do what must be done before ``step``; the bench is safe meanwhile."""
        instruction = step.instruction
        if instruction is None:
            return
        self._bench.make_safe()
        events = self._bench.events
        events.record("person.asked", instruction.text, source="sequencer", durable=True, step=step.id)
        self._bench.operator.carry_out(instruction.kind, instruction.target, instruction.text)
        events.record("person.done", instruction.text, source="operator", durable=True, step=step.id)

    def _do_step(self, doing: _Doing, step: Step) -> Verdict:
        """Try ``step`` until an attempt stands, at most ``retries`` times more than once; the step's verdict so far.

        INVALID under a proven exposure stands too: to expose again until the device can be judged would hide a failure.
        """
        tried = doing.tried.setdefault(step.id, [])
        first = len(tried)
        while True:
            number = len(tried) + 1
            self._progress.step_started(step, number)
            self._mark(step.index, number)
            attempt = run_attempt(doing.procedure, self._bench, step, number, doing.criteria, self._progress)
            self._exposure_s += attempt.exposure_s
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
            tried.append(Tried(attempt.score.verdict, attempt.score.stands, number, attempt.score.reason))
            if attempt.score.stands or len(tried) - first > doing.test.retries:
                deciding = deciding_attempt(tried)
                self._last_reason = deciding.reason if deciding is not None else attempt.score.reason
                return step_verdict(tried)
            self._attention.check()
