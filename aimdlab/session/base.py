"""What every session can be asked, whether it is still a folder or a sealed file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from aimdlab.errors import RecordAlteredError
from aimdlab.session.attempt_record import StoredRecord, check_codes
from aimdlab.session.chain import check_links
from aimdlab.session.events import Event
from aimdlab.session.header import SessionHeader
from aimdlab.session.model import Attempt
from aimdlab.session.side_by_side import SideBySide
from aimdlab.session.verdicts import StepResult, step_results

COMMITTED = "attempt.committed"
FOUND = "attempt.found"


@dataclass(frozen=True)
class ChainEnd:
    """How many links a chain has and the hash of the last one, or of the header."""

    count: int
    sha256: str


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

    def attempts(self, step: int | None = None) -> Iterator[Attempt]:
        """All attempts in the order of commit, or those of one step; keep one at a time, its captures can be large."""
        for record in self.records():
            if step is None or record.step == step:
                yield self.load(record)

    def steps(self) -> list[StepResult]:
        """The verdict of every step of the plan."""
        return step_results(self.header, self.records())

    def verify(self) -> None:
        """Recompute every hash from what is stored.

        Raises RecordAlteredError naming the first record altered, removed, added or moved.
        """
        self._check_head()
        committed = []
        attempts = events = ChainEnd(0, self.header_sha256)
        for event in self.events():
            events = ChainEnd(event.n + 1, event.sha256)
            if event.kind in (COMMITTED, FOUND):
                committed.append(event.data)
        records = check_links(
            self.records(), anchor=self.header_sha256, anchor_name="the session's header", kind="attempt"
        )
        with SideBySide() as checks:
            for record in records:
                self._check_committed(record, committed)
                self.load(record)  # checks the readings
                for position in range(len(record.attempt["captures"])):
                    checks.add(partial(check_codes, record, position, self._codes(record, position)))
                attempts = ChainEnd(record.index + 1, record.sha256)
        if attempts.count < len(committed):
            lost = committed[attempts.count]
            raise RecordAlteredError(
                f"attempt {lost['number']} at step {lost['step']} ({lost['step_id']}) was removed: the event log "
                f"says that it was committed as number {attempts.count}"
            )
        self._check_tail({"attempts": attempts, "events": events})

    def _check_committed(self, record: StoredRecord, committed: list[dict[str, Any]]) -> None:
        if record.index >= len(committed):
            # The run may have died between the attempt and the event that reports it.
            if not self._may_be_unreported or record.index > len(committed):
                raise RecordAlteredError(f"{record.name} was added: the event log knows nothing of it")
        elif committed[record.index]["sha256"] != record.sha256:
            raise RecordAlteredError(f"{record.name} was altered: it is not what the event log says was committed")

    _may_be_unreported = False

    @abstractmethod
    def _codes(self, record: StoredRecord, position: int) -> NDArray[Any]:
        """The codes of a capture as they are stored, not yet checked."""

    @abstractmethod
    def _check_head(self) -> None:
        """Check what comes before the chains."""

    @abstractmethod
    def _check_tail(self, ends: dict[str, ChainEnd]) -> None:
        """Check what hangs on the chains, "attempts" and "events", once they are known to be whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
