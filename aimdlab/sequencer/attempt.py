"""The life of a step: one attempt, in the order that the record promises.

prepare (set, errors read, outputs on) -> verify -> expose -> finish (outputs off) -> features and verdict. The attempt
is returned for commit; nothing here decides about retries.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import Clock
from aimdlab.capture import Capture, Reading
from aimdlab.errors import InstrumentError
from aimdlab.procedures.protocol import Procedure, Step
from aimdlab.scoring.attempt import Material, score_attempt
from aimdlab.scoring.results import Criterion
from aimdlab.sequencer.progress import Progress
from aimdlab.session.header import utc_now
from aimdlab.session.model import Attempt


def run_attempt(
    procedure: Procedure, bench: Bench, step: Step, number: int, criteria: Sequence[Criterion], progress: Progress
) -> Attempt:
    """Carry ``step`` out once.

    An instrument's fault makes the bench safe and the attempt INVALID, unless what was recorded before it proves a
    FAIL: a fault, even one while switching off, never erases what the device did. A person's stop and everything else
    goes through to the caller, who makes the bench safe.
    """
    started_utc, started_monotonic_s, started_bench_s = utc_now(), time.monotonic(), bench.clock.now_s()
    taken = _Taken()
    fault = ""
    bench.begin_step(f"step {step.id} ({step.title})", step.ceilings)
    try:
        _carry_out(procedure, step, progress, bench.clock, taken)
        procedure.finish()
    except InstrumentError as error:
        bench.make_safe()
        fault = str(error)
        bench.events.record("instrument.fault", fault, source=error.instrument, durable=True, step=step.id)
    progress.phase(step, "score")
    material = Material(taken.captures, taken.readings, step.parameters, step.scoring, taken.exposure_s, fault)
    scored = score_attempt(procedure.features, material, criteria)
    if scored.failure is not None:
        told = "".join(traceback.format_exception(scored.failure))
        bench.events.record("scoring.failed", told, source="scoring", durable=True, step=step.id)
    return Attempt(
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
