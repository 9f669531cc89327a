"""What every session can be asked, whether it is still a folder or a sealed file."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aimdlab.errors import RecordAlteredError
from aimdlab.session import shapes
from aimdlab.session.attempt_record import (
    ArrayLoader,
    StoredRecord,
    check_readings,
    check_stored,
    check_stored_codes,
)
from aimdlab.session.chain import check_links
from aimdlab.session.commits import Commits
from aimdlab.session.events import Event
from aimdlab.session.header import SessionHeader
from aimdlab.session.model import Attempt
from aimdlab.session.remarks import REMARKABLE, Remarks, remarks_of
from aimdlab.session.side_by_side import SideBySide
from aimdlab.session.unpacking import StoredRow
from aimdlab.session.verdicts import StepResults, step_results

COMMITTED = "attempt.committed"
FOUND = "attempt.found"
BEGUN = "attempt.begun"
"""Written before anything is switched on for an attempt; one that is not committed was cut off."""


@dataclass(frozen=True)
class ChainEnd:
    """How many links a chain has and the hash of the last one, or of the header."""

    count: int
    sha256: str


@dataclass(frozen=True)
class RecordLink:
    """A record, and what belongs to it, as a link of the chain."""

    record: StoredRecord

    @property
    def index(self) -> int:
        """Position in the chain."""
        return self.record.index

    @property
    def previous(self) -> str:
        """Hash of the record before."""
        return self.record.previous

    @property
    def sha256(self) -> str:
        """Hash of the record."""
        return self.record.sha256

    @property
    def name(self) -> str:
        """For messages."""
        return self.record.name


@dataclass(frozen=True)
class StoredAttempt(RecordLink):
    """An attempt as it is stored.

    Attributes:
        record: its record.
        codes: per capture, what fetches its codes as they are stored, to be called before the next attempt is asked
            for; they are unpacked while the session is open, and are unchecked.
        readings: per reading, what loads its times and values, likewise.
    """

    codes: list[Callable[[], StoredRow]]
    readings: list[ArrayLoader]


@dataclass(frozen=True)
class Seal:
    """What closes a sealed session.

    Attributes:
        root_sha256: hash of the root record, the one number that stands for the whole session.
        signed_by: public key whose signature of the root was proven (base64), or "" if the session is not signed.
    """

    root_sha256: str
    signed_by: str


@dataclass(frozen=True)
class Verification:
    """What verifying found where nothing was altered.

    Attributes:
        header_sha256: hash of the header, where both chains start.
        attempts: end of the chain of attempts.
        events: end of the chain of events.
        unreported: the attempt at the end that the event log does not report (yet), by name, or "".
        remarks: what its log says of it as a whole.
        seal: root and signature; None while the session is a folder.
    """

    header_sha256: str
    attempts: ChainEnd
    events: ChainEnd
    unreported: str
    remarks: Remarks
    seal: Seal | None


def commit_of(event: Event) -> dict[str, Any] | None:
    """What an event that reports an attempt says of it; None for any other event. RecordAlteredError if it is wrong."""
    if event.kind not in (COMMITTED, FOUND):
        return None
    try:
        return shapes.commit_of(event.data)
    except ValueError as error:
        raise RecordAlteredError(f"{event.name} was altered: it reports no attempt: {error}") from error


class Session(ABC):
    """A session, open for reading; use it in a ``with`` statement.

    Attributes:
        path: the folder or the sealed file.
        header: plan, configuration, instruments, software, host, operator.
        header_sha256: hash of the header's canonical text; both chains start from it.
    """

    path: Path
    header: SessionHeader
    header_sha256: str

    @abstractmethod
    def records(self) -> Iterator[StoredRecord]:
        """The records of all attempts as they are stored, in the order of commit; each one's own hash is checked.

        Cheap: no codes are read. Raises RecordAlteredError.
        """

    @abstractmethod
    def load(self, record: StoredRecord) -> Attempt:
        """The attempt of a record; the codes of a capture are read, and checked, when first asked for."""

    @abstractmethod
    def events(self) -> Iterator[Event]:
        """The event log, each event checked against the chain; raises RecordAlteredError."""

    @abstractmethod
    def close(self) -> None:
        """Close the files; codes not yet asked for cannot be read any more."""

    def planned(self, record: StoredRecord) -> StoredRecord:
        """The record, if its step is one of the plan; RecordAlteredError if it is not."""
        if record.step >= len(self.header.plan):
            raise RecordAlteredError(f"{record.name} was added: the plan has {len(self.header.plan)} steps")
        return record

    def attempts(self, step: int | None = None) -> Iterator[Attempt]:
        """All attempts in the order of commit, or those of one step; keep one at a time, its captures can be large."""
        for record in self.records():
            if step is None or record.step == step:
                yield self.load(record)

    def steps(self) -> StepResults:
        """The verdict of every step of the plan."""
        return step_results(self.header, self.records())

    def verify(self) -> Verification:
        """Recompute every hash from what is stored; a run may be writing to a folder meanwhile.

        Raises RecordAlteredError naming the first record altered, removed, added or moved.
        """
        self._check_head()
        committed = Commits()
        stored_attempts = self._look_at_attempts()
        attempts = events = ChainEnd(0, self.header_sha256)
        unreported = ""
        verdicts: list[str] = []
        remarkable: list[Event] = []
        for event in self.events():
            events = ChainEnd(event.n + 1, event.sha256)
            if event.kind in REMARKABLE:
                remarkable.append(event)
            if (commit := commit_of(event)) is not None:
                committed.append(commit)
        found = stored_attempts(committed)
        chain = check_links(found, anchor=self.header_sha256, anchor_name="the session's header", kind="attempt")
        with SideBySide() as checks:
            for stored in chain:
                record = stored.record
                if self._is_unreported(record, committed):
                    unreported = record.name
                check_stored(record)
                check_readings(record, stored.readings)
                for position, fetch in enumerate(stored.codes):
                    codes = fetch()
                    checks.add(partial(check_stored_codes, record, position, codes), codes.nbytes)
                attempts = ChainEnd(record.index + 1, record.sha256)
                verdicts.append(sys.intern(str(record.attempt["score"]["verdict"])))
        if attempts.count < len(committed):
            lost = committed[attempts.count]
            raise RecordAlteredError(
                f"attempt {lost['number']} at step {lost['step']} ({lost['step_id']}) was removed: the event log "
                f"says that it was committed as number {attempts.count}"
            )
        seal = self._check_tail({"attempts": attempts, "events": events}, verdicts)
        return Verification(self.header_sha256, attempts, events, unreported, remarks_of(remarkable), seal)

    def _is_unreported(self, record: StoredRecord, committed: Commits) -> bool:
        """Whether the event log does not report the attempt, where that may be; RecordAlteredError where it may not."""
        if record.index < len(committed):
            if committed[record.index]["sha256"] != record.sha256:
                raise RecordAlteredError(f"{record.name} was altered: it is not what the event log says was committed")
            return False
        # A run writes the attempt and then the event that reports it; it may be, or may have died, between the two.
        if not self._may_be_unreported or record.index > len(committed):
            raise RecordAlteredError(
                f"{record.name} was added, or the end of the event log was cut off: the log knows nothing of it"
            )
        return True

    _may_be_unreported = False

    @abstractmethod
    def _look_at_attempts(self) -> Callable[[Commits], Iterator[StoredAttempt]]:
        """Look what is there of attempts, before the event log is read.

        Returns what then gives them in the order of commit, when told the data of the events that report commits.
        """

    @abstractmethod
    def _check_head(self) -> None:
        """Check what comes before the chains."""

    @abstractmethod
    def _check_tail(self, ends: dict[str, ChainEnd], verdicts: list[str]) -> Seal | None:
        """Check what hangs on the chains, "attempts" and "events", once they are known to be whole.

        ``verdicts`` are those of the attempts, in the order of commit.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
