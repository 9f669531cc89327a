"""Going on with an interrupted session, or ending it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from aimdlab._platform import Holder
from aimdlab.errors import ConfigurationError, IdentityError
from aimdlab.sequencer.ambient import ambient_at_start
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.campaign import Attendance, Outcome, carry_out, command
from aimdlab.sequencer.consent import Consent, Settlement
from aimdlab.sequencer.guarding import copied_entries, copy_guardian_log, resume_command
from aimdlab.sequencer.opening import BenchChoice, ClockKind, open_bench
from aimdlab.sequencer.runs import ENDED, GIVEN_UP, SEALING, Runs, owner_data, read_runs
from aimdlab.sequencer.training import refuse_training_in_a_test
from aimdlab.sequencer.tries import Tries, cut_off
from aimdlab.sequencer.unchanged import PlannedAgain, instruments_again, plan_again
from aimdlab.session.acceptance import Basis, acceptances, basis_of, record_acceptance
from aimdlab.session.canonical import Encodable
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.header import SessionHeader, software_versions, utc_now
from aimdlab.session.inbox import waiting
from aimdlab.session.keys import BenchKey, key_for
from aimdlab.session.lock import SessionLock, lock_path
from aimdlab.session.place import refuse_without_room
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal


@dataclass(frozen=True)
class _Interrupted:
    """A session that is still a folder, as it was found."""

    folder: Path
    header: SessionHeader
    basis: Basis
    runs: Runs
    tries: Tries
    guardian_entries: int


@dataclass(frozen=True)
class _Wish:
    """How a session is to be gone on with.

    Attributes:
        campaign, choice, attendance, consent: see :func:`resume_campaign`.
        stale: files of what was said before, to a run that is over.
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
    wish = _Wish(campaign, choice, attendance, consent, stale=waiting(folder))
    with _in_hand(folder, attendance.operator_name):
        return _resume(folder, wish)


def _resume(folder: Path, wish: _Wish) -> Outcome:
    if sealed_path(folder).exists():
        return _finish_seal(folder, or_refuse=True)
    found = _read(folder)
    if _has_ended(found):
        return _seal_ended(found)
    try:
        settlement = wish.settlement(folder)
        again = plan_again(found.header, found.basis, wish.campaign, settlement, wish.choice.attach)
        plan = again.plan
        ended = next((ended for test in plan.tests if (ended := found.tries.course(test).ended)), "")
        if ended:
            return _seal(found, ended, ended)
        to_do = [step for step in plan.steps if not found.tries.is_done(step.index)]
        if wish.attendance.unattended:
            found.runs.refuse_if_in_vain(folder, to_do[0].id)
        refuse_without_room(folder, [step.storage_bytes for step in to_do])
        return _go_on(found, again, settlement, wish)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}\nTo end the session as it is: {command('seal', folder)}") from error


def seal_session(path: Path, operator_name: str) -> Outcome:
    """Seal the interrupted session at ``path`` as it is, or finish a seal that was interrupted.

    Raises:
        ConfigurationError: there is none, or a run is at work on it.
    """
    folder = session_folder(path)
    with _in_hand(folder, operator_name):
        return _seal_as_it_is(folder, operator_name)


def _seal_as_it_is(folder: Path, operator_name: str) -> Outcome:
    if sealed_path(folder).exists():
        return _finish_seal(folder, or_refuse=False)
    found = _read(folder)
    if _has_ended(found):
        return _seal_ended(found)
    with FolderSession(folder) as session:
        missing = sum(result.verdict == "NOT_RUN" for result in session.steps())
    words = (
        f"the run was interrupted ({found.runs.interruption}) and the session was sealed as it is: {missing} of "
        f"{len(found.header.plan)} steps were not run."
    )
    return _seal(found, words, words, GIVEN_UP, operator=operator_name, not_run=missing)


def _in_hand(folder: Path, user: str) -> AbstractContextManager[object]:
    """Keep the session in this hand alone; of one that was sealed to the end nothing can be taken."""
    is_there = folder.is_dir() or lock_path(folder).exists()
    return SessionLock(folder, user) if is_there else nullcontext()


def session_folder(path: Path) -> Path:
    """The folder of the session that a person names by its folder or its sealed file; it need not be there any more.

    Raises ConfigurationError if there is neither.
    """
    folder = path.with_suffix("") if path.suffix == ".h5" and not path.is_dir() else path
    if folder.is_dir():
        folder = folder.resolve()  # "." has no name, and what a link stands for is the session
    if not folder.is_dir() and not sealed_path(folder).is_file():
        raise ConfigurationError(f"there is no session at {path}: neither a folder nor a sealed file.")
    return folder


def _read(folder: Path) -> _Interrupted:
    with FolderSession(folder) as session:
        runs = read_runs(session.events())
        runs.refuse_if_at_work(folder)
        tries = Tries(session.header.plan, session.records(), cut_off(session.events()))
        basis = basis_of(session.header, acceptances(session.events()))
        entries = copied_entries(session.events())
        return _Interrupted(folder, session.header, basis, runs, tries, entries)


def _finish_seal(folder: Path, *, or_refuse: bool) -> Outcome:
    """Clean up after a seal that was interrupted when the sealed file was there already."""
    sealed = sealed_path(folder)
    with open_session(folder if folder.is_dir() else sealed) as session:
        runs = read_runs(session.events())
        clock = session.header.bench_clock
    runs.refuse_if_at_work(folder)
    finished = finish_interrupted_seal(folder)
    if not finished and or_refuse:
        raise ConfigurationError(f"{sealed} is sealed: there is nothing to go on with.")
    return Outcome(sealed, True, clock, None, runs.ended_early, None, "finished the seal" if finished else "nothing")


def _has_ended(found: _Interrupted) -> bool:
    """Whether only the seal is missing."""
    return found.runs.has_ended or found.tries.first_to_do() is None


def _seal_ended(found: _Interrupted) -> Outcome:
    if found.runs.has_ended:
        return _seal(found, found.runs.ended_early, "the run had ended, and only the seal was missing", SEALING)
    return _seal(found, "", "every step was done")


def _seal(found: _Interrupted, ended_early: str, says: str, kind: str = ENDED, **data: Encodable) -> Outcome:
    """Seal what is there; ``says`` and who seals go into the event log first."""
    key = _key(found.header)
    with SessionFolder.open(found.folder) as session:
        copy_guardian_log(session, found.guardian_entries)
        session.events.record(
            kind, says, source="sequencer", durable=True, ended_early=ended_early, **owner_data(), **data
        )
        sealed = seal(session, key)
    return Outcome(sealed, True, found.header.bench_clock, key, ended_early, None, "sealed")


def _go_on(found: _Interrupted, again: PlannedAgain, settlement: Settlement, wish: _Wish) -> Outcome:
    key = _key(found.header)
    plan, attendance = again.plan, wish.attendance
    attention = attendance.attention
    attention.check()
    holder = Holder.here(attendance.operator_name, utc_now(), str(found.folder))
    choice = _as_began(found.header, wish.choice)
    goes_on = plan.campaign.campaign.file.unattended.resume
    replacement = (
        resume_command(found.folder, attendance.operator_name, choice.attach, wish.campaign, choice.scenario)
        if goes_on
        else ()
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
        ambient = ambient_at_start(plan.campaign, attendance.operator).model_dump(mode="json")
        attention.check()
        _refuse_if_gone_on_with(found)
        session = stack.enter_context(SessionFolder.open(found.folder, bench_clock=bench.clock.now_s))
        facts: Mapping[str, Encodable] = {
            "interruption": found.runs.interruption,
            "unattended": attendance.unattended,
            "operator": attendance.operator_name,
            "ambient": ambient,
            "bench_clock": bench.clock.kind,
            "software": software_versions(),
        }
        _refuse_if_gone_on_with(found)  # once more: to open a long session takes its time
        if wish.consent is not None and settlement.accepted:
            changes = replace(again.changes, equipment=others)
            record_acceptance(session.events, wish.consent.operator, wish.consent.reason, settlement.accepted, changes)
        _set_aside(session, wish.stale, attention)
        copy_guardian_log(session, found.guardian_entries)
        return carry_out(plan, session, opened, attendance, key, found.tries, facts)


def _refuse_if_gone_on_with(found: _Interrupted) -> None:
    """Raise ConfigurationError if somebody else went on with the session while the bench was connected."""
    with FolderSession(found.folder) as session:
        runs = read_runs(session.events())
    runs.refuse_if_at_work(found.folder)
    if runs != found.runs:
        raise ConfigurationError(f"{found.folder}: somebody else went on with this session just now.")


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


def _key(header: SessionHeader) -> BenchKey | None:
    """The key that the session says it will be signed with; ConfigurationError if it is not on this computer."""
    return key_for(header.signing_key) if header.signing_key else None
