"""Writing a session: a folder, one closed file per attempt, nothing ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py

from aimdlab import _platform
from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError, RecordError, SessionExistsError
from aimdlab.session import attempt_file, hdf5
from aimdlab.session.attempt_record import StoredRecord, check_attempt, make_record
from aimdlab.session.base import COMMITTED, FOUND
from aimdlab.session.chain import check_links
from aimdlab.session.codes import DEFAULT_COMPRESSION, Compression, known_compression
from aimdlab.session.events import EventLog
from aimdlab.session.folder_reader import (
    ATTEMPTS_FOLDER,
    EVENTS_FILE,
    HEADER_FILE,
    TEMPORARY_SUFFIX,
    FolderSession,
    attempt_file_name,
    sealed_path,
)
from aimdlab.session.header import SessionHeader
from aimdlab.session.header_file import write_header
from aimdlab.session.inbox import Inbox
from aimdlab.session.model import Attempt
from aimdlab.session.packer import Packer
from aimdlab.session.room import folder_bytes, require_room

BenchClock = Callable[[], float]

# File systems take 255 bytes; sealing puts a dot before the name and ".h5.sealing" after it.
_LONGEST_NAME_BYTES = 200

_COMPRESSION = "compression"


def refuse_taken_path(path: Path) -> None:
    """Raise SessionExistsError if a session or anything else stands at ``path`` or at its sealed file.

    Raises ConfigurationError if no session folder could be made there.
    """
    if path.name in ("", "..") or "\0" in str(path):
        raise ConfigurationError(f"{str(path)!r} names no session; give the path of a new folder")
    if len(os.fsencode(path.name)) > _LONGEST_NAME_BYTES:
        raise ConfigurationError(
            f"the session's name {path.name[:20]}... is too long; at most {_LONGEST_NAME_BYTES} bytes"
        )
    if path.suffix == ".h5":
        raise ConfigurationError(f"name the session without .h5: {path.with_suffix('')}; sealing appends it")
    try:
        for taken in (path, sealed_path(path)):
            if taken.exists():
                raise SessionExistsError(
                    f"{taken} is there already; nothing recorded is ever overwritten. Choose another path."
                )
        above = next((parent for parent in path.parents if parent.exists()), path)
        usable = above.is_dir()
    except OSError as error:
        raise ConfigurationError(f"no session can be made at {str(path)[:80]!r}: {error.strerror}") from error
    if not usable:
        raise ConfigurationError(f"no session can be made at {path}: {above} is not a folder")


class SessionFolder:
    """A session that is being recorded; made by :meth:`create` or :meth:`open`. One writer at a time.

    Attributes:
        path: the folder.
        header: what was written at the start.
        header_sha256: its hash.
        events: the event log.
        inbox: where commands arrive.
        last_sha256: hash of the last attempt committed, or of the header.
    """

    def __init__(
        self,
        path: Path,
        header: SessionHeader,
        header_sha256: str,
        bench_clock: BenchClock | None,
        compression: Compression,
    ) -> None:
        self.path = path
        self.header = header
        self.header_sha256 = header_sha256
        self.events = EventLog(path / EVENTS_FILE, anchor=header_sha256, bench_clock=bench_clock)
        self.inbox = Inbox(path, self.events)
        self.last_sha256 = header_sha256
        self._count = 0
        self._bytes = folder_bytes(path)
        self._unreported: list[tuple[str, StoredRecord]] = []
        self._packer = Packer(compression)

    @classmethod
    def create(
        cls,
        path: Path,
        header: SessionHeader,
        *,
        bench_clock: BenchClock | None = None,
        compression: Compression = DEFAULT_COMPRESSION,
    ) -> Self:
        """Start a session in the new folder ``path``, whose codes are compressed as ``compression`` says.

        Raises SessionExistsError if ``path`` or its sealed file is there, RecordError if it cannot be written.
        """
        refuse_taken_path(path)
        digest = ""

        def build(file: h5py.Group) -> None:
            nonlocal digest
            file.attrs["format"] = "aimdlab-session-header"
            file.attrs[_COMPRESSION] = compression
            digest = write_header(file, header)

        image = hdf5.build_image(build)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordError(f"the session {path} cannot be written: {error}") from error
        try:
            path.mkdir()
            (path / ATTEMPTS_FOLDER).mkdir()
            target = path / HEADER_FILE
            _platform.write_durably(target, image, temporary=target.with_name(target.name + TEMPORARY_SUFFIX))
            _platform.fsync_folder(path.parent)
        except FileExistsError as error:
            raise SessionExistsError(f"{path} was made by another program just now. Choose another path.") from error
        except OSError as error:
            raise RecordError(f"the session {path} cannot be written: {error}") from error
        folder = cls(path, header, digest, bench_clock, compression)
        folder.events.record(
            "session.created",
            f"session {header.title!r} begins",
            source="session",
            durable=True,
            session_id=header.session_id,
        )
        return folder

    @classmethod
    def open(cls, path: Path, *, bench_clock: BenchClock | None = None) -> Self:
        """Open an interrupted session to go on with it or to seal it.

        What a crash left half done is put right: temporary files removed, a torn event set aside, an attempt that was
        committed but not yet reported is reported. Raises RecordError if there is no session, RecordAlteredError if its
        chain is broken.
        """
        session = FolderSession(path)
        for leftover in (path / ATTEMPTS_FOLDER).glob("*" + TEMPORARY_SUFFIX):
            leftover.unlink()
        with hdf5.open_file(path / HEADER_FILE) as file:
            compression = known_compression(file.attrs.get(_COMPRESSION))
        folder = cls(path, session.header, session.header_sha256, bench_clock, compression)
        reported = {str(event.data["sha256"]) for event in session.events() if event.kind in (COMMITTED, FOUND)}
        chain = check_links(
            session.records(), anchor=session.header_sha256, anchor_name="the session's header", kind="attempt"
        )
        for record in chain:
            folder._advance(record)
            if record.sha256 not in reported:
                folder._unreported.append((FOUND, record))
        folder.report_commits()
        return folder

    def prepare(self, capture: Capture) -> None:
        """Hash and compress a capture of the attempt in hand, beside whatever goes on; its commit finds it done.

        ``capture`` must not change any more.
        """
        self._packer.begin(capture)

    def commit(self, attempt: Attempt) -> str:
        """Write an attempt so that neither a crash nor a power cut loses it; returns its hash.

        Raises RecordError if it cannot be written, is not of this plan, or was committed before. If the attempt is safe
        and only the event that reports it cannot be written, RecordError too; the next commit reports it.
        """
        self._check_planned(attempt)
        target = self.path / ATTEMPTS_FOLDER / attempt_file_name(attempt.step, attempt.number)
        if target.exists():
            raise RecordError(
                f"{target} is there already: attempt {attempt.number} at {attempt.step_id} was committed before"
            )
        check_attempt(attempt)
        captures = self._packer.finish(attempt.captures)
        record = make_record(attempt, captures, index=self._count, previous=self.last_sha256)
        image = hdf5.build_image(lambda group: attempt_file.write_attempt(group, attempt, record, captures))
        # This attempt, and then the sealed copy of the whole session beside the folder.
        require_room(self.path, self._bytes + 2 * len(image), f"record {record.name} and seal the session")
        try:
            _platform.write_durably(target, image, temporary=target.with_name(target.name + TEMPORARY_SUFFIX))
        except OSError as error:
            raise RecordError(f"{target}: the attempt cannot be written: {error}") from error
        self._advance(record)
        self._bytes += len(image)
        self._unreported.append((COMMITTED, record))
        self.report_commits()
        return record.sha256

    def report_commits(self) -> None:
        """Write the events of commits that could not be reported when they were made; usually there are none."""
        while self._unreported:
            kind, record = self._unreported[0]
            self.events.record(
                kind,
                f"{record.name}: {record.attempt['score']['verdict']}",
                source="session",
                durable=True,
                index=record.index,
                step=record.step,
                step_id=str(record.attempt["step_id"]),
                number=record.number,
                verdict=str(record.attempt["score"]["verdict"]),
                sha256=record.sha256,
            )
            del self._unreported[0]

    def close(self) -> None:
        """Bring the event log to the medium and close it; the folder stays."""
        self._packer.close()
        self.events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _advance(self, record: StoredRecord) -> None:
        self.last_sha256 = record.sha256
        self._count = record.index + 1

    def _check_planned(self, attempt: Attempt) -> None:
        if attempt.number < 1:
            raise RecordError(f"attempts at a step are numbered from 1, not {attempt.number}")
        if not 0 <= attempt.step < len(self.header.plan):
            raise RecordError(
                f"step {attempt.step} ({attempt.step_id}) is not in the plan of {len(self.header.plan)} steps"
            )
        planned = self.header.step_id(attempt.step)
        if planned != attempt.step_id:
            raise RecordError(f"step {attempt.step} of the plan is {planned!r}, not {attempt.step_id!r}")
