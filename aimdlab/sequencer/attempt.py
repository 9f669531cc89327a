"""The life of a step: one attempt, in the order that the record promises.

prepare (set, errors read, outputs on) -> verify -> expose -> finish (outputs off) -> features and verdict. The attempt
is returned for commit; nothing here decides about retries (:mod:`aimdlab.sequencer.faults`).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import Clock
from aimdlab.capture import Capture, Reading
from aimdlab.errors import AimdlabError, InstrumentError
from aimdlab.procedures.protocol import Procedure, Step
from aimdlab.scoring.attempt import Material, score_attempt
from aimdlab.scoring.results import Criterion
from aimdlab.sequencer.progress import Progress
from aimdlab.session.header import utc_now
from aimdlab.session.model import Attempt


class FaultHandler(Protocol):
    """Whoever looks after faults during an attempt; see :class:`aimdlab.sequencer.faults.FaultPolicy`."""

    def check(self) -> None:
        """Raise an InstrumentError for a fault that shows only if one asks for it."""
        ...

    def strike(self, fault: InstrumentError, step: Step, number: int) -> AimdlabError | None:
        """Make the bench safe and record the fault; returns why the bench is not safe, or who stopped the trying."""
        ...


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        attempt: to be committed, whatever else is the matter.
        fault: of an instrument that ended it, without its traceback, or None.
        unsafe: to be raised once the attempt is committed: why the bench is not safe after that, or who stopped the
            trying; or None.
    """

    attempt: Attempt
    fault: InstrumentError | None
    unsafe: AimdlabError | None


def run_attempt(
    procedure: Procedure,
    bench: Bench,
    step: Step,
    number: int,
    criteria: Sequence[Criterion],
    progress: Progress,
    faults: FaultHandler,
) -> Ended:
    """Carry ``step`` out once.

    An instrument's fault makes the bench safe and the attempt INVALID, unless what was recorded before it proves a
    FAIL: a fault, even one while switching off, never erases what the device did. A person's stop and everything else
    goes through to the caller, who makes the bench safe.
    """
    started_utc, started_monotonic_s, started_bench_s = utc_now(), time.monotonic(), bench.clock.now_s()
    taken = _Taken()
    struck: InstrumentError | None = None
    unsafe: AimdlabError | None = None
    bench.begin_step(f"step {step.id} ({step.title})", step.ceilings)
    try:
        _carry_out(procedure, step, progress, bench.clock, taken)
        procedure.finish()
        faults.check()
    except InstrumentError as error:
        progress.phase(step, "fault")
        struck, unsafe = error, faults.strike(error, step, number)
    fault = "" if struck is None else str(struck)
    progress.phase(step, "score")
    material = Material(taken.captures, taken.readings, step.parameters, step.scoring, taken.exposure_s, fault)
    scored = score_attempt(procedure.features, material, criteria)
    if scored.failure is not None:
        told = "".join(traceback.format_exception(scored.failure))
        bench.events.record("scoring.failed", told, source="scoring", durable=True, step=step.id)
        _let_go(scored.failure)
    attempt = Attempt(
        step=step.index,
        step_id=step.id,
        number=number,
        kind=step.kind,
        parameters=step.parameters,
        scoring=step.scoring,
        started_utc=started_utc,
        ended_utc=utc_now(),
        started_monotonic_s=started_monotonic_s,
        ended_monotonic_s=time.monotonic(),
        started_bench_s=started_bench_s,
        ended_bench_s=bench.clock.now_s(),
        exposure_s=taken.exposure_s,
        captures=taken.captures,
        readings=taken.readings,
        score=scored.score,
        notes=tuple(note for note in (taken.note, fault) if note),
        fault=fault,
    )
    if struck is not None:
        _let_go(struck)
    return Ended(attempt, struck, unsafe)


def _let_go(error: BaseException) -> None:
    """Drop the tracebacks of an error that is told and never raised again: they hold every capture in memory."""
    link: BaseException | None = error
    while link is not None and link.__traceback__ is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


@dataclass
class _Taken:
    """What an attempt has recorded so far; survives a fault."""

    captures: tuple[Capture, ...] = ()
    readings: tuple[Reading, ...] = ()
    exposure_s: float = 0.0
    note: str = ""


def _carry_out(procedure: Procedure, step: Step, progress: Progress, clock: Clock, taken: _Taken) -> None:
    progress.phase(step, "prepare")
    procedure.prepare(step)
    progress.phase(step, "verify")
    verification = procedure.verify()
    taken.captures = verification.captures
    if not verification.proven:
        taken.note = f"not exposed: {verification.reason}"
        return
    progress.phase(step, "expose")
    started_s = clock.now_s()
    try:
        exposure = procedure.expose()
    except InstrumentError:
        taken.exposure_s = clock.now_s() - started_s  # the device was exposed, whatever became of the captures
        raise
    taken.captures += exposure.captures
    taken.readings, taken.exposure_s = exposure.readings, exposure.exposure_s
    if exposure.fault is not None:
        raise exposure.fault
