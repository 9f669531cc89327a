"""A campaign from its file to a sealed session: plan, connect, record, run, seal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aimdlab._platform import Holder
from aimdlab.bench.bench import Bench
from aimdlab.bench.guardian.log import read_log
from aimdlab.bench.operator import Operator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.ambient import ambient_at_start
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.guarding import copy_guardian_log, replacement_for
from aimdlab.sequencer.known import AtWork, at_work
from aimdlab.sequencer.opening import BenchChoice, Opened, open_bench
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.run import Run, RunResult
from aimdlab.sequencer.training import faults_recorded, marker, training_facts
from aimdlab.sequencer.tries import Tries
from aimdlab.sequencer.unchanged import world_facts
from aimdlab.session.canonical import Encodable
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header, utc_now
from aimdlab.session.keys import BenchKey, bench_key
from aimdlab.session.lock import SessionLock
from aimdlab.session.place import refuse_taken_path, refuse_without_room
from aimdlab.session.seal import seal

Did = Literal["ran", "resumed", "sealed", "finished the seal", "nothing"]


@dataclass(frozen=True)
class Outcome:
    """What a run left; verdicts and everything else that was measured stand in the session.

    Attributes:
        session: the sealed file, or the folder if it is not sealed.
        is_sealed: whether it is.
        clock: "real" or "virtual".
        key: the bench's key that signed it; None if nothing was signed just now.
        ended_early: why not every step was done, or "".
        run: what was run just now; None if nothing was.
        did: what was done just now.
    """

    session: Path
    is_sealed: bool
    clock: str
    key: BenchKey | None
    ended_early: str
    run: RunResult | None
    did: Did


@dataclass(frozen=True)
class Attendance:
    """Who attends a run.

    Attributes:
        attention: what persons want; listens to the session's inbox once there is one.
        operator: who can be asked.
        operator_name: who runs it, for the record.
        progress: makes what shows the progress.
        started: called once bench and session are ready, before anything is switched on; with what was tried before,
            if the session is gone on with.
        key_made: called when the bench had no key yet and one was made.
        unattended: nobody is at the terminal; questions wait until somebody answers them elsewhere.
    """

    attention: Attention
    operator: Operator
    operator_name: str
    progress: Callable[[Plan], Progress]
    started: Callable[[Plan, Bench, SimulatedBench | None, Tries | None], None]
    key_made: Callable[[BenchKey], None]
    unattended: bool = False


def run_campaign(path: Path, session_path: Path, choice: BenchChoice, attendance: Attendance) -> Outcome:
    """Run the campaign of ``path`` into ``session_path`` and seal it.

    Args:
        path: the campaign file.
        session_path: a folder while it runs, ``session_path`` + ".h5" when sealed.
        choice: clock and simulated bench.
        attendance: who attends it.

    Raises:
        ConfigurationError, SessionExistsError: nothing was switched on.
        BenchError, StoppedByPersonError: the bench is safe, what was committed stays in the folder.
    """
    refuse_taken_path(session_path)
    plan = make_plan(load_campaign(path))
    refuse_without_room(session_path, [step.storage_bytes for step in plan.steps_to_do])
    key = bench_key(plan.campaign.bench.source.path.stem)
    if key.made:
        attendance.key_made(key)
    attention = attendance.attention
    attention.check()
    holder = Holder.here(attendance.operator_name, utc_now(), str(session_path.absolute()))
    operator_name = attendance.operator_name
    replacement = replacement_for(plan.campaign, session_path, operator_name, choice.attach, choice.scenario)
    with open_bench(plan.campaign, choice, attention, attendance.operator, holder, replacement) as opened:
        bench = opened.bench
        ambient = ambient_at_start(plan.campaign, attendance.operator).model_dump(mode="json")
        attention.check()
        header = new_header(
            title=plan.campaign.campaign.file.name,
            tests=tuple(
                {**test.as_record(), "ambient": ambient, **training_facts(opened.simulated)} for test in plan.tests
            ),
            plan=(step.as_record() for step in plan.steps),
            configuration=plan.campaign.texts(),
            equipment=tuple(bench.equipment_list()),
            operator=attendance.operator_name,
            bench_clock=bench.clock.kind,
            campaign_file=str(path.absolute()),
            signing_key=key.public,
            facts=world_facts(plan.campaign.bench, choice.attach),
        )
        compression = plan.campaign.campaign.file.record.compression
        with (
            SessionLock(session_path, attendance.operator_name),
            SessionFolder.create(
                session_path, header, bench_clock=bench.clock.now_s, compression=compression
            ) as session,
        ):
            return carry_out(plan, session, opened, attendance, key)


def carry_out(
    plan: Plan,
    session: SessionFolder,
    opened: Opened,
    attendance: Attendance,
    key: BenchKey | None,
    tries: Tries | None = None,
    facts: Mapping[str, Encodable] | None = None,
) -> Outcome:
    """Run what of ``plan`` is not done yet into an open session, and seal it unless it can be gone on with.

    Args:
        plan: all steps.
        session: open for writing.
        opened: the bench, and who watches over it.
        attendance: who attends it.
        key: what the session is signed with.
        tries, facts: of a session that is gone on with; see :class:`aimdlab.sequencer.run.Run`.
    """
    bench, simulated, keeper = opened.bench, opened.simulated, opened.keeper
    bench.report_to(session.events)
    bench.show_captures_to(session.prepare)
    attendance.attention.listen(session.inbox, session.events)
    attendance.started(plan, bench, simulated, tries)
    mark = marker(simulated, plan)
    progress = attendance.progress(plan)
    run = Run(
        plan, bench, session, attendance.attention, progress, mark, tries, facts, unattended=attendance.unattended
    )
    if keeper is not None:
        keeper.session(session.path)
        attendance.attention.show_to(keeper)
        bench.show_life_to(keeper.sign)
        keeper.arm(True)
    logged = len(read_log(session.path))
    bench_file = str(plan.campaign.bench.source.path.absolute())
    entry = AtWork(str(session.path.absolute()), bench_file, opened.replacement, str(Path.cwd()), opened.holder)
    with at_work(entry, simulated=simulated is not None), faults_recorded(simulated, session.events):
        result = run.execute()
    if keeper is not None:
        attendance.attention.show_to(None)
        keeper.dismiss()
        copy_guardian_log(session, logged)
    did: Did = "ran" if tries is None else "resumed"
    if result.can_go_on:
        return Outcome(session.path, False, bench.clock.kind, None, result.ended_early, result, did)
    return Outcome(seal(session, key), True, bench.clock.kind, key, result.ended_early, result, did)


def ways_on(path: Path) -> str:
    """What can be done with a session that is not sealed."""
    return f"Go on with it: {command('resume', path)}\nEnd it as it is: {command('seal', path)}"


def command(word: str, path: Path) -> str:
    """The command line that does ``word`` with a session, to be copied."""
    return f'aimdlab {word} "{path}"' if " " in str(path) else f"aimdlab {word} {path}"
