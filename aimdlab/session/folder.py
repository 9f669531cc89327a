"""Writing a session: a folder, one closed file per attempt, nothing ever overwritten."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py

from aimdlab import _platform
from aimdlab.capture import Capture
from aimdlab.errors import RecordError
from aimdlab.session import attempt_file, hdf5, own_files
from aimdlab.session.attempt_record import StoredRecord, check_attempt, make_record
from aimdlab.session.base import COMMITTED, FOUND, commit_of
from aimdlab.session.chain import check_links
from aimdlab.session.codes import DEFAULT_COMPRESSION, Compression, PackedCodes, known_compression
from aimdlab.session.committed import CommittedFiles
from aimdlab.session.event_log import EventLog
from aimdlab.session.folder_reader import (
    ATTEMPTS_FOLDER,
    COMPRESSION,
    EVENTS_FILE,
    HEADER_FILE,
    HEADER_FORMAT,
    TEMPORARY_SUFFIX,
    FolderSession,
    attempt_file_name,
)
from aimdlab.session.header import SessionHeader
from aimdlab.session.header_file import write_header
from aimdlab.session.inbox import RECEIVED, Inbox
from aimdlab.session.model import Attempt
from aimdlab.session.notices import Notices
from aimdlab.session.packer import Packer
from aimdlab.session.place import make_folder, refuse_taken_path
from aimdlab.session.room import Room

BenchClock = Callable[[], float]

CREATED = "session.created"


class SessionFolder:
    """A session that is being recorded; made by :meth:`create` or :meth:`open`. One writer at a time.

    Attributes:
        path: the folder.
        header: what was written at the start.
        header_sha256: its hash.
        events: the event log.
        inbox: where commands arrive.
        room: what it takes of the disk.
        last_sha256: hash of the last attempt committed, or of the header.
        committed: the files of the attempts that were committed to it.
    """

    def __init__(
        self,
        path: Path,
        header: SessionHeader,
        header_sha256: str,
        bench_clock: BenchClock | None,
        compression: Compression,
        reported_commands: Iterable[str] = (),
    ) -> None:
        self.path = path
        self.header = header
        self.header_sha256 = header_sha256
        self.room = Room(path, header.plan)
        self.events = EventLog(
            path / EVENTS_FILE, anchor=header_sha256, bench_clock=bench_clock, make_room=self.room.give_up_reserve
        )
        self.inbox = Inbox(path, self.events, reported_commands)
        self.last_sha256 = header_sha256
        self._count = 0
        self._broken = False
        self._notices = Notices(self.room, self.events)
        self._unreported: list[tuple[str, StoredRecord]] = []
        self._packer = Packer(compression)
        self.committed = CommittedFiles(compression)

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
            file.attrs["format"] = HEADER_FORMAT
            file.attrs[COMPRESSION] = compression
            digest = write_header(file, header)

        image, _ = hdf5.build_image(build)
        make_folder(path, image)
        folder = cls(path, header, digest, bench_clock, compression)
        folder._report_created()
        folder._notices.tell_of_shortage(folder._count)
        return folder

    @classmethod
    def open(cls, path: Path, *, bench_clock: BenchClock | None = None) -> Self:
        """Open an interrupted session to go on with it or to seal it.

        What a crash left half done is put right: temporary files removed, a torn event set aside, an attempt that was
        committed but not yet reported is reported. Raises RecordError if there is no session or it cannot be written,
        RecordAlteredError if its chain is broken.
        """
        session = FolderSession(path)
        try:
            for leftover in (path / ATTEMPTS_FOLDER).glob("*" + TEMPORARY_SUFFIX):
                own_files.check_own_file(leftover)
                leftover.unlink()
            # An attempt whose run was killed has its name, but perhaps not yet on the medium; it is reported below.
            _platform.fsync_folder(path / ATTEMPTS_FOLDER)
        except OSError as error:
            raise RecordError(f"the session {path} cannot be gone on with: {error}") from error
        with hdf5.open_file(path / HEADER_FILE) as file:
            compression = known_compression(file.attrs.get(COMPRESSION))
        reported, commands, created = set(), [], False
        for event in session.events():
            created = created or event.kind == CREATED
            if (commit := commit_of(event)) is not None:
                reported.add(str(commit["sha256"]))
            elif event.kind == RECEIVED:
                commands.append(str(event.data.get("file", "")))
        folder = cls(path, session.header, session.header_sha256, bench_clock, compression, commands)
        try:
            if not created:  # the power went before the first event was on the medium
                folder._report_created()
            folder._go_on(session, reported)
        except BaseException:
            folder.close()
            raise
        return folder

    def _go_on(self, session: FolderSession, reported: Container[str]) -> None:
        """Take what is there into account, and report what nobody reported."""
        chain = check_links(
            session.records(), anchor=session.header_sha256, anchor_name="the session's header", kind="attempt"
        )
        for record in chain:
            self._advance(record)
            target = self.path / ATTEMPTS_FOLDER / attempt_file_name(record.step, record.number)
            self.room.count(record, target.stat().st_size, new=False)
            if record.sha256 not in reported:
                self._unreported.append((FOUND, record))
        self.report_commits()

    def prepare(self, capture: Capture) -> None:
        """Hash and compress a capture of the attempt in hand, beside whatever goes on; its commit finds it done.

        ``capture`` must not change any more.
        """
        self._packer.begin(capture)

    def require_room(self, step: int) -> None:
        """Be sure, before an attempt at a step, that it can be kept and the session sealed; RecordError if not.

        From the first call on a reserve as large as the largest attempt lies in the folder.
        """
        self.room.require_for_attempt(step, self.header.step_id(step))

    def commit(self, attempt: Attempt) -> str:
        """Write an attempt so that neither a crash nor a power cut loses it; returns its hash.

        On a full disk the reserve is given up for it. Raises RecordError if it cannot be written, is not of this plan,
        or was committed before. If the attempt is safe and only the event that reports it cannot be written,
        RecordError too; the next commit reports it.
        """
        if self._broken:
            raise RecordError(f"{self.path}: the disk failed at the attempt before; see to it, then open the session")
        self._check_planned(attempt)
        target = self.path / ATTEMPTS_FOLDER / attempt_file_name(attempt.step, attempt.number)
        if target.exists():
            raise RecordError(
                f"{target} is there already: attempt {attempt.number} at {attempt.step_id} was committed before"
            )
        check_attempt(attempt)
        self.report_commits()
        captures = deque(self._packer.finish(attempt.captures))
        record = make_record(attempt, captures, index=self._count, previous=self.last_sha256)
        image, places = hdf5.build_image(
            lambda group: attempt_file.write_attempt(group, attempt, record, _given_up(captures))
        )
        self._write(target, image)
        self.committed.remember(record, image, places)
        self._advance(record)
        self.room.count(record, len(image), new=True)
        self._unreported.append((COMMITTED, record))
        self.report_commits()
        self._notices.tell_of_shortage(self._count)
        self._notices.tell_of_clock()
        return record.sha256

    def _write(self, target: Path, image: bytes) -> None:
        """Write an attempt's file, if need be at the cost of the reserve."""
        temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
        try:
            try:
                _platform.write_durably(target, image, temporary=temporary)
            except OSError as error:
                if not (_platform.is_disk_full(error) and self.room.give_up_reserve()):
                    raise
                _platform.write_durably(target, image, temporary=temporary)
        except OSError as error:
            if target.exists():
                # It has its name, and nobody knows whether the medium does. The next one must not stand on that.
                self._broken = True
                raise RecordError(
                    f"{target}: the attempt is written, but the disk does not confirm that it will keep it: {error}. "
                    "See to the disk, then resume or seal the session."
                ) from error
            raise RecordError(f"{target}: the attempt cannot be written: {error}") from error

    def _report_created(self) -> None:
        self.events.record(
            CREATED,
            f"session {self.header.title!r} begins",
            source="session",
            durable=True,
            session_id=self.header.session_id,
        )

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


def _given_up(captures: deque[PackedCodes]) -> Iterator[PackedCodes]:
    """Packed captures, each given up as it is written: of long ones they take tens of megabytes."""
    while captures:
        yield captures.popleft()
