"""A session that was interrupted: as it is found, in one hand at a time, and sealed as it is."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.campaign import Outcome
from aimdlab.sequencer.guarding import copied_entries, copy_guardian_log
from aimdlab.sequencer.runs import ENDED, GIVEN_UP, SEALING, Runs, owner_data, read_runs
from aimdlab.sequencer.tries import Tries, cut_off
from aimdlab.session.acceptance import Basis, acceptances, basis_of
from aimdlab.session.base import BEGUN, COMMITTED, FOUND
from aimdlab.session.canonical import Encodable
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.header import SessionHeader
from aimdlab.session.keys import BenchKey, key_for
from aimdlab.session.lock import SessionLock, lock_path
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal

_OF_ATTEMPTS = frozenset((BEGUN, COMMITTED, FOUND, "attempt.scored"))


@dataclass(frozen=True)
class Interrupted:
    """A session that is still a folder, as it was found.

    Attributes:
        folder, header: which one.
        basis: what it must be gone on with.
        runs, tries: what was done.
        guardian_entries: how much of the guardian's log is in the event log already.
    """

    folder: Path
    header: SessionHeader
    basis: Basis
    runs: Runs
    tries: Tries
    guardian_entries: int


def seal_session(path: Path, operator_name: str) -> Outcome:
    """Seal the interrupted session at ``path`` as it is, or finish a seal that was interrupted.

    Raises:
        ConfigurationError: there is none, or a run is at work on it.
    """
    folder = session_folder(path)
    with in_hand(folder, operator_name):
        return _seal_as_it_is(folder, operator_name)


def _seal_as_it_is(folder: Path, operator_name: str) -> Outcome:
    if sealed_path(folder).exists():
        return finish_seal(folder, or_refuse=False)
    found = read_interrupted(folder)
    if has_ended(found):
        return seal_ended(found)
    with FolderSession(folder) as session:
        missing = sum(result.verdict == "NOT_RUN" for result in session.steps())
    words = (
        f"the run was interrupted ({found.runs.interruption}) and the session was sealed as it is: {missing} of "
        f"{len(found.header.plan)} steps were not run."
    )
    return seal_found(found, words, words, GIVEN_UP, operator=operator_name, not_run=missing)


def in_hand(folder: Path, user: str) -> AbstractContextManager[object]:
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


def read_interrupted(folder: Path) -> Interrupted:
    """Read it; ConfigurationError if a run is at work on it."""
    with FolderSession(folder) as session:
        # Every pass over the log checks its whole chain; most of it is of attempts, and there may be thousands.
        others = [event for event in session.events() if event.kind not in _OF_ATTEMPTS]
        runs = read_runs(others)
        runs.refuse_if_at_work(folder)
        tries = Tries(session.header.plan, session.records(), cut_off(session.events()))
        basis = basis_of(session.header, acceptances(others))
        return Interrupted(folder, session.header, basis, runs, tries, copied_entries(others))


def finish_seal(folder: Path, *, or_refuse: bool) -> Outcome:
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


def has_ended(found: Interrupted) -> bool:
    """Whether only the seal is missing."""
    return found.runs.has_ended or found.tries.first_to_do() is None


def seal_ended(found: Interrupted) -> Outcome:
    """Seal a session of which :func:`has_ended` says so."""
    if found.runs.has_ended:
        return seal_found(found, found.runs.ended_early, "the run had ended, and only the seal was missing", SEALING)
    return seal_found(found, "", "every step was done")


def seal_found(found: Interrupted, ended_early: str, says: str, kind: str = ENDED, **data: Encodable) -> Outcome:
    """Seal what is there; ``says`` and who seals go into the event log first."""
    key = key_of(found.header)
    with SessionFolder.open(found.folder) as session:
        copy_guardian_log(session, found.guardian_entries)
        session.events.record(
            kind, says, source="sequencer", durable=True, ended_early=ended_early, **owner_data(), **data
        )
        sealed = seal(session, key)
    return Outcome(sealed, True, found.header.bench_clock, key, ended_early, None, "sealed")


def key_of(header: SessionHeader) -> BenchKey | None:
    """The key that the session says it will be signed with; ConfigurationError if it is not on this computer."""
    return key_for(header.signing_key) if header.signing_key else None
