"""Writing the session's event log.

Everything that happens in a run is reported here, by any thread. A line goes to the operating system at once, so that
it survives the death of the run; a power cut can cost the lines since the last durable one.

A flush that fails leaves it open which of the lines before it are on the medium, and the system does not say so again:
they are written once more, or nothing is.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab.errors import AimdlabError, RecordAlteredError, RecordError
from aimdlab.session import canonical
from aimdlab.session.canonical import Encodable
from aimdlab.session.events import (
    LARGEST_LINE_BYTES,
    check_event_lines,
    parse_event,
    read_event_lines,
    split_lines,
    whole_bytes,
    whole_lines,
)
from aimdlab.session.pc_clock import FACTS, JUMPED, NO_STAMP, JumpWatch, Stamp, clock_facts, jump_in_words
from aimdlab.session.torn_log import set_aside, torn_bytes

_SHOWN_BYTES = 4096


@dataclass(frozen=True)
class _End:
    """Where the log ends: number of events, hash of the last one, bytes. Replaced as a whole, so never half true."""

    n: int
    previous: str
    size: int


class EventLog:
    """An event log open for appending; ``record`` may be called from any thread.

    A last line that a crash cut short is set aside into a file beside the log (``events.torn-<n>``) and reported as an
    event. The first event that is written tells boot and time synchronisation of the PC (``pc_clock`` in its data);
    where its wall clock jumped, an event of its own comes first.

    Args:
        path: the file; made if it is not there.
        anchor: what the first event names as its ``previous``, the hash of the session's header.
        bench_clock: gives the bench time in seconds.
        make_room: called when the disk is full; returns whether there is room now.

    Raises RecordAlteredError if the log is there and its chain is broken, RecordError if it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        anchor: str = canonical.NO_HASH,
        bench_clock: Callable[[], float] | None = None,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        self.path = path
        self.bench_clock = bench_clock
        self._make_room = make_room
        self._anchor = anchor
        self._lock = threading.Lock()
        self._doubtful = False
        self._broken = False
        n, previous, stamped = 0, anchor, NO_STAMP
        try:
            for event in check_event_lines(read_event_lines(path), anchor):
                n, previous = event.n + 1, event.sha256
                stamped = stamped.after(event.utc, event.monotonic_s, event.data)
            whole = sum(map(len, whole_lines(path)))
            torn = torn_bytes(path, whole)
            aside = set_aside(path, n, torn) if torn else path
            # Unbuffered: one event, one write, nothing left in this process when it dies.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise RecordError(f"{path}: the event log cannot be gone on with: {error}") from error
        self._end = _End(n, previous, whole)
        self._jumps = JumpWatch(stamped)
        self._facts: dict[str, Encodable] = {FACTS: clock_facts()}
        try:
            if torn:
                self._file.truncate(whole)
            # What a run that was killed had not flushed, and the name of a new log. And what was cut off must be gone
            # before the next line is written, or a power cut could leave a mixture of both.
            _platform.fsync_file(self._file)
            _platform.fsync_folder(path.parent)
            self._flushed = whole
            if torn:
                self.record(
                    "log.torn",
                    f"the log ended in the middle of an event; its {len(torn)} bytes were set aside in {aside.name}",
                    source="session",
                    durable=True,
                    text=torn[:_SHOWN_BYTES].decode(errors="replace"),
                )
        except OSError as error:
            self._file.close()
            raise RecordError(f"{path}: the event log cannot be gone on with: {error}") from error
        except BaseException:
            self._file.close()
            raise

    @property
    def count(self) -> int:
        """Number of events so far."""
        return self._end.n

    @property
    def last_sha256(self) -> str:
        """Hash of the last event, or the anchor."""
        return self._end.previous

    def record(self, kind: str, message: str, *, source: str, durable: bool = False, **data: Encodable) -> None:
        """Append one event; with ``durable`` it is on the medium when this returns (safety, commits).

        Raises RecordError if it cannot be written; the log then stays as it was before.
        """
        bench_s = self._bench_s()
        with self._lock:
            if self._file.closed:
                raise RecordError(f"{self.path}: the event log is closed")
            if self._broken:
                raise RecordError(f"{self.path}: the disk failed; see to it, then open the session again")
            self._find_end()
            stamp = Stamp.now()
            jumped_s = self._jumps.jumped_s(stamp)
            if jumped_s:
                self._put(
                    stamp, bench_s, JUMPED, jump_in_words(jumped_s), "session", {"jumped_s": jumped_s}, durable=False
                )
            self._put(stamp, bench_s, kind, message, source, data, durable=durable)

    def _put(
        self,
        stamp: Stamp,
        bench_s: float | None,
        kind: str,
        message: str,
        source: str,
        data: dict[str, Encodable],
        *,
        durable: bool,
    ) -> None:
        """Append one event; the lock is held."""
        event: dict[str, Any] = {
            "n": self._end.n,
            "utc": stamp.text,
            "monotonic_s": stamp.monotonic_s,
            "bench_s": bench_s,
            "source": source,
            "kind": kind,
            "message": message,
            "data": {**data, **self._facts},
            "previous": self._end.previous,
        }
        fields = canonical.as_object(canonical.to_json(event))
        digest = canonical.sha256(canonical.text_of(fields))
        line = (canonical.text_of({**fields, "sha256": digest}) + "\n").encode()
        if len(line) > LARGEST_LINE_BYTES:
            raise RecordError(f"{self.path}: the event {kind!r} is too long to be read again: {len(line)} bytes")
        after = _End(self._end.n + 1, digest, self._end.size + len(line))
        self._append(line, after, durable=durable)
        self._end, self._facts = after, {}
        self._jumps.take(stamp)

    def sync(self) -> None:
        """Bring every event so far to the medium; RecordError if that fails."""
        with self._lock:
            try:
                self._flush(self._end)
            except OSError as error:
                raise RecordError(f"{self.path}: the events cannot be brought to the medium: {error}") from error

    def close(self) -> None:
        """Bring everything to the medium and close the file, which is closed even if that fails (RecordError).

        Closing twice does nothing.
        """
        with self._lock:
            if self._file.closed:
                return
            try:
                self._flush(self._end)
            except OSError as error:
                raise RecordError(f"{self.path}: the last events may be lost: {error}") from error
            finally:
                self._file.close()

    def _bench_s(self) -> float | None:
        if self.bench_clock is None:
            return None
        try:
            return self.bench_clock()
        except AimdlabError:
            return None  # the clock of a bench that died; that it died is what has to be written down

    def _find_end(self) -> None:
        """Count a line that an interrupt (Ctrl-C) left written but not counted; cut off one that it left half."""
        if os.fstat(self._file.fileno()).st_size == self._end.size:
            return
        with self.path.open("rb") as log:
            log.seek(self._end.size)
            tail = log.read()
        whole = whole_bytes(tail)
        for line in split_lines(tail[:whole]):
            event = parse_event(line, self._end.n)
            if (event.n, event.previous) != (self._end.n, self._end.previous):
                raise RecordAlteredError(f"{event.name} was added to {self.path} by another program")
            self._end = _End(event.n + 1, event.sha256, self._end.size + len(line.encode()) + 1)
        if len(tail) > whole:
            self._cut()

    def _append(self, line: bytes, after: _End, *, durable: bool) -> None:
        """Write one line, which makes ``after`` the end; on a full disk once more if room can be made."""
        try:
            self._write(line, after, durable=durable)
        except OSError as error:
            if not (_platform.is_disk_full(error) and self._make_room is not None and self._make_room()):
                raise RecordError(f"{self.path}: an event cannot be written: {error}") from error
            try:
                self._write(line, after, durable=durable)
            except OSError as again:
                raise RecordError(f"{self.path}: an event cannot be written: {again}") from again

    def _write(self, line: bytes, after: _End, *, durable: bool) -> None:
        try:
            rest = memoryview(line)
            while rest:  # a write may take a part; a full disk then refuses the next one
                rest = rest[self._file.write(rest) :]
            if durable:
                self._flush(after)
        except OSError:
            self._cut()
            raise

    def _cut(self) -> None:
        """Cut off what stands behind the end: half a line must not stand before the next one."""
        try:
            self._file.truncate(self._end.size)
            self._flush(self._end)
        except OSError:
            # Whatever stands there now, this log writes no more; whoever opens it next finds out.
            self._broken = os.fstat(self._file.fileno()).st_size != self._end.size

    def _flush(self, end: _End) -> None:
        """Bring the log up to ``end`` to the medium; raises OSError."""
        try:
            if self._doubtful:
                self._write_again(end)
            else:
                _platform.fsync_file(self._file)
        except OSError:
            self._doubtful = True
            raise
        self._doubtful = False
        self._flushed = end.size

    def _write_again(self, end: _End) -> None:
        """Write the lines since the last flush that worked anew, if the system still has them as they were."""
        content = self.path.read_bytes()[: end.size]
        last = self._anchor
        try:
            for event in check_event_lines(split_lines(content), self._anchor):
                last = event.sha256
        except RecordAlteredError as error:
            raise OSError(errno.EIO, f"the disk lost events: {error}") from error
        if last != end.previous:
            raise OSError(errno.EIO, "the disk lost the last events")
        with self.path.open("r+b", buffering=0) as log:
            log.seek(self._flushed)
            rest = memoryview(content)[self._flushed :]
            while rest:
                rest = rest[log.write(rest) :]
            _platform.fsync_file(log)
