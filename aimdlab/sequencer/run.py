"""A run: every step of a plan on a connected bench, each attempt committed before the next begins.

Only an INVALID attempt whose exposure was not proven is tried again, a limited number of times; a FAIL stands. Whatever
way a run ends, the bench is made safe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aimdlab.bench.bench import Bench
from aimdlab.config.test import OnFail
from aimdlab.errors import SafeStateError
from aimdlab.procedures.protocol import Procedure, Step
from aimdlab.scoring.results import Criterion, Score, Verdict
from aimdlab.sequencer.attempt import run_attempt
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.plan import Plan, PlannedTest
from aimdlab.sequencer.progress import Progress
from aimdlab.session.folder import SessionFolder


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
        file = test.subject.test.file
        criteria = [limit.criterion() for limit in test.subject.device.file.criteria]
        procedure = test.procedure(self._bench, test.subject)
        for step in test.steps:
            self._attention.pause_if_asked(self._bench.make_safe)
            score = self._do_step(procedure, step, criteria, file.retries)
            verdict = verdicts[step.id] = score.verdict
            if step.kind == "baseline" and verdict is not Verdict.PASS:
                return (
                    f"the baseline of {file.name!r} is {verdict} ({score.reason}). Nothing was exposed. Check device, "
                    "programming, monitor and instruments, then start again."
                )
            if verdict is Verdict.FAIL and file.on_fail is OnFail.STOP:
                return f"step {step.id} is FAIL and the test says on_fail: stop."
        return ""

    def _do_step(self, procedure: Procedure, step: Step, criteria: Sequence[Criterion], retries: int) -> Score:
        """Try ``step`` until an attempt stands, at most ``retries`` times more than once.

        INVALID under a proven exposure stands too: to expose again until the device can be judged would hide a failure.
        """
        number = 0
        while True:
            number += 1
            self._progress.step_started(step, number)
            self._mark(step.index, number)
            attempt = run_attempt(procedure, self._bench, step, number, criteria, self._progress)
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
            if attempt.score.stands or number > retries:
                return attempt.score
            self._attention.check()
