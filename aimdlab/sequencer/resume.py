"""Going on with an interrupted session to its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from aimdlab._platform import Holder
from aimdlab.errors import ConfigurationError, IdentityError
from aimdlab.sequencer.ambient import ambient_at_start
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.campaign import Attendance, Outcome, carry_out, command
from aimdlab.sequencer.consent import Consent, Settlement
from aimdlab.sequencer.guarding import copy_guardian_log, replacement_for
from aimdlab.sequencer.interrupted import (
    Interrupted,
    finish_seal,
    has_ended,
    in_hand,
    key_of,
    read_interrupted,
    seal_ended,
    seal_found,
    session_folder,
)
from aimdlab.sequencer.opening import BenchChoice, ClockKind, open_bench
from aimdlab.sequencer.runs import read_runs
from aimdlab.sequencer.training import refuse_training_in_a_test
from aimdlab.sequencer.unchanged import PlannedAgain, instruments_again, plan_again
from aimdlab.session.acceptance import record_acceptance
from aimdlab.session.canonical import Encodable
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.header import SessionHeader, software_versions, utc_now
from aimdlab.session.inbox import Command, waiting
from aimdlab.session.place import refuse_without_room


@dataclass(frozen=True)
class _Wish:
    """How a session is to be gone on with.

    Attributes:
        campaign, choice, attendance, consent: see :func:`resume_campaign`.
        stale: files of what was said before, to a run that is over, and is not obeyed.
    """

    campaign: Path | None
    choice: BenchChoice
    attendance: Attendance
    consent: Consent | None
    stale: frozenset[str]

    def settlement(self, folder: Path) -> Settlement:
        """What settles differences, and says with which command line they can be accepted."""
        line = command("resume", folder)
        if self.campaign is not None:
            line += f' --campaign "{self.campaign}"'
        if self.choice.attach:
            line += f" --attach {self.choice.attach}"
        if self.choice.scenario is not None:
            line += f' --scenario "{self.choice.scenario}"'
        return Settlement(line, self.consent)


def resume_campaign(
    path: Path, campaign: Path | None, choice: BenchChoice, attendance: Attendance, consent: Consent | None = None
) -> Outcome:
    """Go on with the interrupted session at ``path`` at its first step that is not done, to the end, and seal it.

    A session of which every step is done is sealed, an interrupted seal finished; neither needs the bench.

    Args:
        path: the session's folder.
        campaign: the campaign file, if it is not where the session says.
        choice: clock and simulated bench; without a clock, that of the session.
        attendance: who attends it.
        consent: what a person accepts although it is not what the session began with.

    Raises:
        ConfigurationError: there is nothing to go on with, a run is at work on it, or something is not what the session
            began with and nobody accepted it; nothing was switched on.
        BenchError, StoppedByPersonError: the bench is safe, what was committed stays in the folder.
    """
    folder = session_folder(path)
    # A person who resumes decides anew. Where nobody does, a "stop" that the dead run did not hear still holds.
    stale = frozenset[str]() if attendance.unattended else waiting(folder)
    wish = _Wish(campaign, choice, attendance, consent, stale)
    with in_hand(folder, attendance.operator_name):
        return _resume(folder, wish)


def _resume(folder: Path, wish: _Wish) -> Outcome:
    if sealed_path(folder).exists():
        return finish_seal(folder, or_refuse=True)
    found = read_interrupted(folder)
    if has_ended(found):
        return seal_ended(found)
    try:
        settlement = wish.settlement(folder)
        again = plan_again(found.header, found.basis, wish.campaign, settlement, wish.choice.attach)
        plan = again.plan
        ended = next((ended for test in plan.tests if (ended := found.tries.course(test).ended)), "")
        if ended:
            return seal_found(found, ended, ended)
        to_do = [step for step in plan.steps if not found.tries.is_done(step.index)]
        if wish.attendance.unattended:
            found.runs.refuse_if_in_vain(folder, to_do[0].id)
        refuse_without_room(folder, [step.storage_bytes for step in to_do])
        return _go_on(found, again, settlement, wish)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}\nTo end the session as it is: {command('seal', folder)}") from error


def _go_on(found: Interrupted, again: PlannedAgain, settlement: Settlement, wish: _Wish) -> Outcome:
    key = key_of(found.header)
    plan, attendance = again.plan, wish.attendance
    attention = attendance.attention
    attention.check()
    holder = Holder.here(attendance.operator_name, utc_now(), str(found.folder))
    choice = _as_began(found.header, wish.choice)
    operator_name = attendance.operator_name
    replacement = replacement_for(
        plan.campaign, found.folder, operator_name, choice.attach, choice.scenario, wish.campaign
    )
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(
                open_bench(plan.campaign, choice, attention, attendance.operator, holder, replacement)
            )
        except IdentityError as error:
            raise ConfigurationError(f"not the instruments that the session began with: {error}") from error
        bench = opened.bench
        bench.make_safe()  # whatever the run that died left on
        refuse_training_in_a_test(found.header, opened.simulated)
        others = instruments_again(found.basis, bench, settlement)
        attention.check()
        _refuse_if_gone_on_with(found)
        session = stack.enter_context(SessionFolder.open(found.folder, bench_clock=bench.clock.now_s))
        _refuse_if_gone_on_with(found)  # once more: to open a long session takes its time
        if attendance.unattended:
            _still_wished(found.runs.wish, attention)
        _set_aside(session, wish.stale, attention)
        attention.listen(session.inbox, session.events)  # a person may answer from elsewhere
        ambient = ambient_at_start(plan.campaign, attendance.operator).model_dump(mode="json")
        attention.check()
        facts: Mapping[str, Encodable] = {
            "interruption": found.runs.interruption,
            "unattended": attendance.unattended,
            "operator": attendance.operator_name,
            "ambient": ambient,
            "bench_clock": bench.clock.kind,
            "software": software_versions(),
        }
        if wish.consent is not None and settlement.accepted:
            changes = replace(again.changes, equipment=others)
            record_acceptance(session.events, wish.consent.operator, wish.consent.reason, settlement.accepted, changes)
        copy_guardian_log(session, found.guardian_entries)
        return carry_out(plan, session, opened, attendance, key, found.tries, facts)


def _refuse_if_gone_on_with(found: Interrupted) -> None:
    """Raise ConfigurationError if somebody else went on with the session while the bench was connected."""
    with FolderSession(found.folder) as session:
        runs = read_runs(session.events())
    runs.refuse_if_at_work(found.folder)
    if runs != found.runs:
        raise ConfigurationError(f"{found.folder}: somebody else went on with this session just now.")


def _still_wished(wish: str, attention: Attention) -> None:
    """Obey what a person asked of a run that heard it and died: nobody has decided anything else since."""
    if wish == "pause":
        attention.obey(Command("pause", "", "", ""))
    elif wish:
        attention.stop(f"{wish} was asked for before the run died")


def _set_aside(session: SessionFolder, before: frozenset[str], attention: Attention) -> None:
    """Obey nothing that was said to a run that is over (files ``before``), and all that was said since."""
    stale = []
    for said in session.inbox.poll():
        if said.file in before:
            stale.append(said.word)
        else:
            attention.obey(said)
    if stale:
        session.events.record(
            "command.stale",
            f"said before the session was gone on with, and not obeyed: {', '.join(stale)}",
            source="sequencer",
            durable=True,
        )


def _as_began(header: SessionHeader, choice: BenchChoice) -> BenchChoice:
    """The clock that the session began with, unless another is asked for."""
    if choice.clock is not None:
        return choice
    clock: ClockKind = "virtual" if header.bench_clock == "virtual" else "real"
    return replace(choice, clock=clock)
