"""The guardian's log: ``guardian.jsonl`` in the session folder, one line for each thing that it saw or did."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aimdlab.bench.guardian.outlet import Outlet

FILE = "guardian.jsonl"

_LONGEST_LINE_BYTES = 64 << 10
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a link in its place leads to what is not the session's
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        utc: the PC's wall clock, ISO 8601.
        monotonic_s: the PC's monotonic clock.
        kind: "guardian.ready", "guardian.armed", "guardian.run_died", "guardian.run_hangs", "guardian.run_killed",
            "guardian.not_off_yet", "guardian.made_safe", "guardian.safe", "guardian.not_safe", "guardian.asked",
            "guardian.replaced", "guardian.not_replaced", "guardian.dismissed", "guardian.failed";
            "guardian.unreadable" stands for a line that is damaged.
        message: for a person.
        data: more of it: ``guardian`` (number of its process), ``instrument``, ``took_s``, ``problem``, ``run``.
    """

    utc: str
    monotonic_s: float
    kind: str
    message: str
    data: dict[str, Any]


class Log:
    """Keeps entries until the session's folder is known, then appends them there; nothing waits for the disk.

    Each entry opens the file anew, so that nothing keeps the folder from being sealed; once it is gone, nothing is
    written.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """``say`` shows what a person at the terminal should know."""
        self._say = say
        self._folder: Path | None = None
        self._waiting: list[bytes] = []
        self._outlet: Outlet[Path | bytes] = Outlet("guardian log", self._take)

    def follow(self, folder: Path) -> None:
        """Write into ``folder`` from now on, beginning with what was recorded before."""
        self._outlet.put(folder)

    def record(self, kind: str, message: str, *, aloud: bool = False, **data: Any) -> None:
        """Record what happened just now; ``aloud`` shows it at the terminal too."""
        entry = {
            "utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "monotonic_s": round(time.monotonic(), 6),
            "kind": f"guardian.{kind}",
            "message": message,
            "guardian": os.getpid(),
            **data,
        }
        self._outlet.put(json.dumps(entry).encode() + b"\n")
        if aloud:
            self._say(f"guardian: {message}")

    def finish(self, deadline_s: float) -> None:
        """Wait until everything is written, but no longer than the monotonic time ``deadline_s``."""
        self._outlet.finish(deadline_s)

    def _take(self, item: Path | bytes) -> None:
        if isinstance(item, Path):
            self._folder = item
            self._waiting[:0] = _end_of_cut_line(item)
        else:
            self._waiting.append(item)
        if self._folder is None:
            return
        descriptor = os.open(self._folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK | _BINARY, 0o666)
        try:
            while self._waiting:  # a full disk takes a part: the rest follows with the next entry
                written = os.write(descriptor, self._waiting[0])
                self._waiting[0] = self._waiting[0][written:]
                if not self._waiting[0]:
                    del self._waiting[0]
        finally:
            os.close(descriptor)


def _end_of_cut_line(folder: Path) -> list[bytes]:
    """A line feed if a power cut left a line without one: what is written next shall not be taken for its rest."""
    try:
        data = (folder / FILE).read_bytes()
    except OSError:
        return []
    return [] if not data or data.endswith(b"\n") else [b"\n"]


def read_log(folder: Path) -> list[Entry]:
    """Every entry of the guardians of a session, oldest first; none if there is no log.

    The last line may have been cut off by a power cut and is then left out; any other line that is none is kept as
    "guardian.unreadable". OSError if the file is there and cannot be read.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | _NO_LINK | _BINARY)
    except FileNotFoundError:
        return []
    entries: list[Entry] = []
    with os.fdopen(descriptor, "rb") as stream:
        while line := stream.readline(_LONGEST_LINE_BYTES):
            if line.endswith(b"\n") or len(line) == _LONGEST_LINE_BYTES:
                entries.append(_entry(line))
    return entries


def _entry(line: bytes) -> Entry:
    try:
        found = json.loads(line)
        fixed = [found.pop(key) for key in ("utc", "monotonic_s", "kind", "message")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fixed, found = [], {}
    match fixed:
        case [str(utc), int() | float() as monotonic_s, str(kind), str(message)]:
            return Entry(utc, float(monotonic_s), kind, message, found)
        case _:
            return Entry("", 0.0, "guardian.unreadable", f"a line of {FILE} is damaged: {line[:80]!r}", {})
