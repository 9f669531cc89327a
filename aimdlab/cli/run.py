"""``aimdlab run``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.markup import escape

from aimdlab.bench.bench import Bench
from aimdlab.bench.operator import TerminalOperator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.cli import verdicts
from aimdlab.cli.options import login_name
from aimdlab.cli.output import covers, duration, size, status
from aimdlab.cli.progress import TerminalProgress
from aimdlab.cli.signature import signed_with
from aimdlab.errors import ConfigurationError, InUseError, SessionExistsError
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.campaign import Attendance, Outcome, run_campaign, ways_on
from aimdlab.sequencer.opening import BenchChoice
from aimdlab.sequencer.plan import Plan
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.tries import Tries

__all__ = ["BenchChoice", "attended", "execute", "run", "tell_ways_on"]


def run(campaign: Path, session: Path, choice: BenchChoice, operator: str, *, as_json: bool) -> int:
    """Run a campaign, show the table; returns the exit status."""
    outcome = execute(campaign, session, choice, operator)
    return verdicts.show(outcome, as_json=as_json)


def execute(campaign: Path, session: Path, choice: BenchChoice, operator: str = "") -> Outcome:
    """Run a campaign with signals, progress and operator at this terminal."""
    return attended(session, operator, lambda attendance: run_campaign(campaign, session, choice, attendance))


def attended(
    session: Path, operator: str, work: Callable[[Attendance], Outcome], *, unattended: bool = False
) -> Outcome:
    """Do what runs a session with signals, progress and operator at this terminal, or with nobody at it."""
    attention = Attention()
    with ExitStack() as stack:
        stack.enter_context(attention.signals())

        def progress(plan: Plan) -> Progress:
            return stack.enter_context(TerminalProgress(plan))

        attendance = Attendance(
            attention,
            TerminalOperator(None if unattended else sys.stdin, sys.stderr, attention),
            operator or login_name(),
            progress,
            lambda plan, bench, simulated, tries: _announce(session, plan, bench, simulated, tries),
            lambda key: status.print(escape(signed_with(key, is_sealed=False)), soft_wrap=True),
            unattended,
        )
        try:
            outcome = work(attendance)
        except (ConfigurationError, SessionExistsError, InUseError):
            raise
        except BaseException:
            stack.close()
            tell_ways_on(session)
            raise
        stack.close()
        if not outcome.is_sealed:
            tell_ways_on(session)
        return outcome


def tell_ways_on(session: Path) -> None:
    """Say that what was measured is kept, and what can be done with it."""
    if session.is_dir():
        status.print(escape(f"what was measured is kept in {session}\n{ways_on(session)}"), soft_wrap=True)


def _announce(session: Path, plan: Plan, bench: Bench, simulated: SimulatedBench | None, tries: Tries | None) -> None:
    where = f", control {simulated.address}" if simulated is not None else ""
    for line in (
        f"{plan.campaign.campaign.file.name}: {len(plan.steps)} steps, {duration(plan.exposure_s)} of exposure, "
        f"{size(plan.storage_bytes)} of captures",
        f"bench: {bench.file.name}, {bench.clock.kind} clock{where}",
        f"session: {session}",
    ):
        status.print(escape(line), soft_wrap=True)
    if simulated is not None and simulated.scenario:
        status.print("[bold yellow]training[/]: faults strike as a scenario says; this is no test", soft_wrap=True)
    if tries is not None:
        to_do = [step for step in plan.steps if not tries.is_done(step.index)]
        status.print(
            f"{tries.before} attempts are there; {len(to_do)} steps are left, from {to_do[0].id} on. "
            "What comes before the first exposure of a test is done again.",
            soft_wrap=True,
        )
    for test in plan.tests:
        status.print(f"{escape(test.subject.test.file.name)}: {covers(test.as_record())}", soft_wrap=True)
