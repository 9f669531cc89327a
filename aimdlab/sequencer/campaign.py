"""A campaign from its file to a sealed session: plan, connect, record, run, seal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aimdlab.bench.bench import Bench, connect
from aimdlab.bench.clock import Clock, RealClock, VirtualClock
from aimdlab.bench.operator import Operator, SimulatedOperator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Campaign, Loaded, load_campaign, resolve
from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.ambient import ambient_at_start
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.run import Run, RunResult
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.keys import BenchKey, bench_key
from aimdlab.session.place import refuse_taken_path, refuse_without_room
from aimdlab.session.seal import seal

ClockKind = Literal["real", "virtual"]


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        result: how it ended.
        sealed: the sealed session.
        clock: "real" or "virtual".
        key: the bench's key, which signed it.
    """

    result: RunResult
    sealed: Path
    clock: str
    key: BenchKey


@dataclass(frozen=True)
class BenchChoice:
    """How the bench is reached.

    Attributes:
        clock: "real" or "virtual"; None is virtual on a simulated bench and real otherwise.
        attach: control address of a simulated bench that runs already; "" starts one.
    """

    clock: ClockKind | None = None
    attach: str = ""


def run_campaign(
    path: Path,
    session_path: Path,
    choice: BenchChoice,
    attention: Attention,
    operator: Operator,
    operator_name: str,
    progress: Callable[[Plan], Progress],
    started: Callable[[Plan, Bench, SimulatedBench | None], None],
) -> Outcome:
    """Run the campaign of ``path`` into ``session_path`` and seal it.

    Args:
        path: the campaign file.
        session_path: a folder while it runs, ``session_path`` + ".h5" when sealed.
        choice: clock and simulated bench.
        attention: what persons want; listens to the session's inbox once there is one.
        operator: who can be asked.
        operator_name: who runs it, for the record.
        progress: makes what shows the progress.
        started: called once bench and session are ready, before anything is switched on.

    Raises:
        ConfigurationError, SessionExistsError: nothing was switched on.
        BenchError, StoppedByPersonError: the bench is safe, what was committed stays in the folder.
    """
    refuse_taken_path(session_path)
    plan = make_plan(load_campaign(path))
    refuse_without_room(session_path, plan.storage_bytes)
    key = bench_key(plan.campaign.bench.source.path.stem)
    attention.check()
    with open_bench(plan.campaign, choice, attention, operator) as (bench, simulated):
        ambient = ambient_at_start(plan.campaign, operator).model_dump(mode="json")
        attention.check()
        header = new_header(
            title=plan.campaign.campaign.file.name,
            tests=tuple({**test.as_record(), "ambient": ambient} for test in plan.tests),
            plan=tuple(step.as_record() for step in plan.steps),
            configuration=plan.campaign.texts(),
            equipment=tuple(bench.equipment_list()),
            operator=operator_name,
            bench_clock=bench.clock.kind,
            campaign_file=str(path.absolute()),
            signing_key=key.public,
        )
        compression = plan.campaign.campaign.file.record.compression
        with SessionFolder.create(
            session_path, header, bench_clock=bench.clock.now_s, compression=compression
        ) as session:
            bench.report_to(session.events)
            bench.show_captures_to(session.prepare)
            attention.listen(session.inbox, session.events)
            started(plan, bench, simulated)
            mark = simulated.mark if simulated is not None else _no_mark
            result = Run(plan, bench, session, attention, progress(plan), mark).execute()
            return Outcome(result, seal(session, key), bench.clock.kind, key)


@contextmanager
def open_bench(
    campaign: Campaign, choice: BenchChoice, attention: Attention, operator: Operator
) -> Iterator[tuple[Bench, SimulatedBench | None]]:
    """Connect to the bench of a campaign, starting or attaching the simulated one; everything is closed at the end."""
    with ExitStack() as stack:
        simulated = _simulated(campaign.bench, choice)
        if simulated is not None:
            stack.callback(simulated.close)
        clock = _clock(choice, simulated, attention)
        hands = SimulatedOperator(simulated, operator) if simulated is not None else operator
        bench = connect(campaign.bench, clock, hands, simulated.resources if simulated else {})
        stack.callback(bench.close)
        yield bench, simulated


def _simulated(bench: Loaded[BenchFile], choice: BenchChoice) -> SimulatedBench | None:
    if bench.file.simulated is None:
        if choice.attach or choice.clock == "virtual":
            raise ConfigurationError(
                f"{bench.source.path}: this is a real bench; it runs on the real clock and nothing is attached."
            )
        return None
    if choice.attach:
        return SimulatedBench(choice.attach)
    world = resolve(bench.source, ("simulated", "world"), bench.file.simulated.world)
    return SimulatedBench.start(world, hold_time=choice.clock != "real")


def _clock(choice: BenchChoice, simulated: SimulatedBench | None, attention: Attention) -> Clock:
    if simulated is None or choice.clock == "real":
        return RealClock(attention.check)
    return VirtualClock(simulated.advance, simulated.claim_time(), attention.check)


def _no_mark(step: int, attempt: int) -> None:
    """A real bench has no noise key."""
