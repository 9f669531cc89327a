"""A session while it is a folder: what lies where, and how it is read."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import NoSessionError, RecordAlteredError, RecordError
from aimdlab.session import attempt_file, hdf5, own_files
from aimdlab.session.attempt_record import StoredRecord, attempt_from_record, check_stored
from aimdlab.session.base import COMMITTED, FOUND, ChainEnd, RecordLink, Session, StoredAttempt
from aimdlab.session.codes import Compression, StoredCodes
from aimdlab.session.commits import Commits
from aimdlab.session.committed import CommittedFiles, KnownAttempt
from aimdlab.session.events import LARGEST_LINE_BYTES, Event, parse_event, read_events
from aimdlab.session.header_file import read_header, write_header
from aimdlab.session.model import Attempt
from aimdlab.session.tree import check_tree, describe_tree
from aimdlab.session.unpacking import StoredRow

HEADER_FILE = "session.h5"
HEADER_FORMAT = "aimdlab-session-header"
COMPRESSION = "compression"
EVENTS_FILE = "events.jsonl"
ATTEMPTS_FOLDER = "attempts"
TEMPORARY_SUFFIX = ".tmp"


def attempt_file_name(step: int, number: int) -> str:
    """The name of an attempt's file: "000003-01.h5"."""
    return f"{step:06d}-{number:02d}.h5"


def _reported_name(commit: Mapping[str, Any]) -> str:
    return attempt_file_name(int(commit["step"]), int(commit["number"]))


def sealed_path(folder: Path) -> Path:
    """The sealed file of a session folder: the folder's name with ``.h5`` appended."""
    return folder.with_name(folder.name + ".h5")


@dataclass(frozen=True)
class OpenAttempt(RecordLink):
    """An attempt's record, and its file, which is open until the next attempt is asked for."""

    file: h5py.Group

    def codes(self, position: int) -> StoredCodes:
        """The codes of a capture, compressed."""
        return attempt_file.stored_codes(self.file, position, self.record.name)

    def reading(self, position: int) -> NDArray[np.float64]:
        """Times and values of a reading, shape (2, n)."""
        return attempt_file.read_reading(self.file, position, self.record.name)


class FolderSession(Session):
    """A session folder, read as it is now; a run may be writing to it.

    Raises NoSessionError if there is no session, RecordAlteredError if its header is not what was written.
    """

    _may_be_unreported = True

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / HEADER_FILE).is_file():
            if _holds_something(path):
                raise RecordAlteredError(f"the session's header was removed: there is no {HEADER_FILE} in {path}")
            raise NoSessionError(f"{path} holds no session: there is no {HEADER_FILE} in it")
        own_files.check_own_folder(path / ATTEMPTS_FOLDER)
        with _open(path / HEADER_FILE) as file:
            self.header, self.header_sha256 = read_header(file, str(path / HEADER_FILE))

    def records(self) -> Iterator[StoredRecord]:
        """See :class:`Session`; the files are those there now.

        They lie in the order of the plan, which is that of commit but for what was done again: a record that comes too
        early is read once more when its turn comes, so that few are in memory.
        """
        waiting: list[tuple[int, Path]] = []
        turn = 0
        for name in sorted(self._names()):
            found = self.path / ATTEMPTS_FOLDER / name
            record = read_attempt_record(found)
            if found.name != _file_of(record):
                raise RecordAlteredError(f"{record.name} was moved: it lies in {found}")
            if record.index > turn:
                heapq.heappush(waiting, (record.index, found))
                continue
            yield self.planned(record)
            turn = max(turn, record.index + 1)
            while waiting and waiting[0][0] <= turn:
                index, path = heapq.heappop(waiting)
                turn = max(turn, index + 1)
                yield self.planned(read_attempt_record(path))
        while waiting:  # one before them is missing
            yield self.planned(read_attempt_record(heapq.heappop(waiting)[1]))

    def open_attempts(
        self, reported: Commits, known: CommittedFiles | None = None
    ) -> Iterator[OpenAttempt | KnownAttempt]:
        """The attempts that the events of their commits report, in that order; every file is opened once.

        Args:
            reported: the data of those events.
            known: the files that this process wrote.

        Raises RecordAlteredError if the files are not those of the events.
        """
        folder, others = self.path / ATTEMPTS_FOLDER, self._names()
        others.difference_update(_reported_name(commit) for commit in reported)
        if others:
            path = folder / min(others)
            raise RecordAlteredError(f"the attempt in {path} was added: the event log knows nothing of it")
        for commit in reported:
            path = folder / _reported_name(commit)
            if (attempt := _as_written(path, commit, known)) is not None:
                yield attempt
            else:
                yield from self._open_reported(path, commit)

    def _names(self) -> set[str]:
        """The names of the attempts' files that are there now."""
        return {path.name for path in (self.path / ATTEMPTS_FOLDER).glob("*.h5")}

    def _open_reported(self, path: Path, commit: Mapping[str, Any]) -> Iterator[OpenAttempt]:
        """The attempt that an event reports, open until it is done with; RecordAlteredError if it is another one."""
        called = f"attempt {commit['number']} at step {commit['step']} ({commit['step_id']})"
        if not path.exists():
            raise RecordAlteredError(f"{called} was removed: {path} is not there")
        with _open_attempt(path) as file:
            record = attempt_file.read_record(file, str(path))
            if record.sha256 != commit["sha256"]:
                moved = "" if path.name == _file_of(record) else f"; {record.name} was moved to its place"
                raise RecordAlteredError(
                    f"{called} was altered: it is not what the event log says was committed{moved}"
                )
            yield OpenAttempt(self.planned(record), file)

    def load(self, record: StoredRecord) -> Attempt:
        """See :class:`Session`; a file is open only while an array is read from it."""
        path = self.path / ATTEMPTS_FOLDER / attempt_file_name(record.step, record.number)
        return attempt_from_record(
            record,
            [partial(self._codes, record, position) for position in range(len(record.attempt["captures"]))],
            [
                partial(_read_reading, path, position, record.name)
                for position in range(len(record.attempt["readings"]))
            ],
        )

    def events(self) -> Iterator[Event]:
        """See :class:`Session`."""
        return read_events(self.path / EVENTS_FILE, self.header_sha256)

    def close(self) -> None:
        """Nothing is kept open."""

    def _codes(self, record: StoredRecord, position: int) -> NDArray[Any]:
        with _open_attempt(self.path / ATTEMPTS_FOLDER / _file_of(record)) as file:
            return attempt_file.read_codes(file, position, record.name)

    def _check_head(self) -> None:
        """The header's text was checked when it was read; here, that its file holds nothing else."""
        path = self.path / HEADER_FILE
        with hdf5.in_memory() as written, _open(path) as file:
            written.attrs["format"] = HEADER_FORMAT
            try:
                write_header(written, self.header)
            except RecursionError as error:
                raise RecordAlteredError(
                    f"{path}: the session's header was altered: it is nested too deeply"
                ) from error
            expected = describe_tree(written, frozenset())
            if (compression := file.attrs.get(COMPRESSION)) in get_args(Compression):  # older sessions name none
                expected["/"]["attributes"][COMPRESSION] = compression
            try:
                check_tree(file, expected)
            except RecordAlteredError as error:
                raise RecordAlteredError(f"{path}: the session's header was altered: {error}") from error

    def _look_at_attempts(self) -> Callable[[Commits], Iterator[StoredAttempt]]:
        return partial(self._stored, self._names())

    def _stored(self, present: set[str], committed: Commits) -> Iterator[StoredAttempt]:
        """Those that the events report, then those that were there before the events were read and are not reported.

        What a run commits while this is read is left out.
        """
        folder = self.path / ATTEMPTS_FOLDER
        for commit in committed:
            present.discard(_reported_name(commit))
            for opened in self._open_reported(folder / _reported_name(commit), commit):
                yield _stored(opened)
        others = []
        for name in sorted(present):
            record = read_attempt_record(folder / name)
            if name != _file_of(record):
                raise RecordAlteredError(f"{record.name} was moved: it lies in {folder / name}")
            others.append((record.index, folder / name))
        for _, path in sorted(others):
            with _open_attempt(path) as file:
                yield _stored(OpenAttempt(attempt_file.read_record(file, str(path)), file))

    def _check_tail(self, ends: dict[str, ChainEnd], verdicts: list[str]) -> None:  # noqa: ARG002 - no tables here
        """Nothing else is in a folder; but it may have been sealed and taken away while it was read."""
        if not (self.path / HEADER_FILE).is_file():
            raise RecordError(f"{self.path} was moved away while it was read")
        if ends["attempts"].count and not ends["events"].count:
            raise RecordAlteredError(f"the event log was removed: {self.path / EVENTS_FILE} holds no event")
        _check_rest_of_log(self.path / EVENTS_FILE, ends["events"].count)


def _as_written(path: Path, commit: Mapping[str, Any], known: CommittedFiles | None) -> KnownAttempt | None:
    """The attempt that an event reports, if its file is as this process wrote it."""
    try:
        return known.open(path, str(commit["sha256"])) if known is not None else None
    except OSError:
        return None  # whoever reads it next says what it is


def _holds_something(path: Path) -> bool:
    """Whether more is there than a start that was interrupted leaves: an empty log, an empty folder."""
    log, attempts = path / EVENTS_FILE, path / ATTEMPTS_FOLDER
    return (log.exists() and log.stat().st_size > 0) or any(attempts.glob("*.h5"))


def _file_of(record: StoredRecord) -> str:
    return attempt_file_name(record.step, record.number)


def _stored(opened: OpenAttempt) -> StoredAttempt:
    record, file = opened.record, opened.file
    check_stored(record)
    attempt_file.check_contents(file, record)
    return StoredAttempt(
        record,
        [partial(_stored_codes, file, i, record.name) for i in range(len(record.attempt["captures"]))],
        [partial(attempt_file.read_reading, file, i, record.name) for i in range(len(record.attempt["readings"]))],
    )


def _stored_codes(file: h5py.Group, position: int, name: str) -> StoredRow:
    return StoredRow.of(attempt_file.read_codes(file, position, name))


def _check_rest_of_log(path: Path, count: int) -> None:
    """Raise RecordAlteredError if NUL bytes follow ``count`` whole events where no power cut leaves any.

    It leaves them only behind what had reached the medium, and a reported commit has once anything stands after it.
    """
    with own_files.open_own(path) as log:
        for _ in range(count):
            log.readline(LARGEST_LINE_BYTES)
        if b"\0" not in log.readline(LARGEST_LINE_BYTES):
            return
        reported: Event | None = None
        while line := log.readline(LARGEST_LINE_BYTES):
            if reported is not None:
                raise RecordAlteredError(
                    f"event number {count} was removed or altered: {reported.name} stands behind it and had reached "
                    "the medium, so that no power cut took the one before"
                )
            try:
                event = parse_event(line.decode().removesuffix("\n"), count)
            except (RecordAlteredError, UnicodeDecodeError):
                continue
            reported = event if event.kind in (COMMITTED, FOUND) else None


def read_attempt_record(path: Path) -> StoredRecord:
    """The record in an attempt's file, checked against its own hash."""
    with _open_attempt(path) as file:
        return attempt_file.read_record(file, str(path))


def _open(path: Path) -> h5py.File:
    try:
        own_files.check_own_file(path)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    return hdf5.open_file(path)


def _open_attempt(path: Path) -> h5py.File:
    try:
        return _open(path)
    except RecordError as error:  # it was whole when it got its name
        raise RecordAlteredError(f"the attempt in {path} was altered: {error}") from error


def _read_reading(path: Path, position: int, name: str) -> NDArray[Any]:
    with _open_attempt(path) as file:
        return attempt_file.read_reading(file, position, name)
