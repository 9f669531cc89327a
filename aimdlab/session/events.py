"""The session's event log as it is read: one canonical JSON object per line, each chained to the one before.

A line that a run still writes, or that a crash cut short, is none. :mod:`aimdlab.session.event_log` writes the lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import canonical, own_files, shapes
from aimdlab.session.chain import check_links

LARGEST_LINE_BYTES = 4 << 20
"""Of an event; they have some hundred. A line is read as a whole."""


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes:
        n: position, from 0.
        utc: the PC's wall clock, ISO 8601 with microseconds and "Z".
        monotonic_s: the PC's monotonic clock.
        bench_s: the bench clock, real or virtual; None where there was none yet.
        source: the module or instrument that reports.
        kind: what sort of event, dotted ("attempt.committed", "safety.outputs_off").
        message: a sentence for the technician.
        data: whatever else belongs to it.
        previous, sha256: the chain.
    """

    n: int
    utc: str
    monotonic_s: float
    bench_s: float | None
    source: str
    kind: str
    message: str
    data: dict[str, Any]
    previous: str
    sha256: str

    @property
    def index(self) -> int:
        """Position in the chain."""
        return self.n

    @property
    def name(self) -> str:
        """For messages: "event 17 (attempt.committed)"."""
        return f"event {self.n} ({self.kind})"


def read_events(path: Path, anchor: str) -> Iterator[Event]:
    """The events of a log, each checked against the chain; a line still being written is left out.

    Raises RecordAlteredError naming the first event altered, removed, added or moved.
    """
    return check_event_lines(read_event_lines(path), anchor)


def read_event_lines(path: Path) -> Iterator[str]:
    """The lines of a log without their newlines, as they are; a line still being written is left out.

    Raises RecordAlteredError for a line longer than any event, RecordError if the log cannot be read.
    """
    try:
        for line in whole_lines(path):
            yield _text(line[:-1])
    except OSError as error:
        raise RecordError(f"{path}: the event log cannot be read: {error}") from error


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines with their newlines, up to the first that is not whole; see :func:`whole_bytes`."""
    if not path.exists() and not path.is_symlink():
        return
    with own_files.open_own(path) as log:
        while (line := log.readline(LARGEST_LINE_BYTES + 1)).endswith(b"\n") and b"\0" not in line:
            yield line
        if len(line) > LARGEST_LINE_BYTES and b"\0" not in line:
            raise RecordAlteredError(
                f"{path} was altered: it holds a line of more than {LARGEST_LINE_BYTES} bytes, which no event has"
            )


def check_event_lines(lines: Iterable[str], anchor: str) -> Iterator[Event]:
    """The events of canonical lines, each checked against its own hash and the chain."""
    events = (parse_event(line, position) for position, line in enumerate(lines))
    return check_links(events, anchor=anchor, anchor_name="the session's header", kind="event")


def parse_event(line: str, position: int) -> Event:
    """The event of a canonical line without its newline; RecordAlteredError if it is not what was written."""
    try:
        decoded = canonical.decode_object(line)
        shapes.check_event(decoded)
        event = Event(**decoded)
        plain = json.loads(line)
        stored = plain.pop("sha256")
        # The values are hashed as JSON spells them; a line that spells them in another way is not canonical.
        digest = canonical.sha256(_spell(plain))
        canonically_spelled = _spell({**plain, "sha256": stored}) == line
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordAlteredError(f"event {position} of the log was altered: {error}") from error
    if not canonically_spelled or stored != digest:
        raise RecordAlteredError(f"{event.name} was altered: it does not have the hash it was written with")
    return event


def _spell(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def whole_bytes(content: bytes) -> int:
    """Length of the part that ends with a whole line. NUL bytes stand where a power cut lost what was being written."""
    end = content.find(b"\0")
    return content.rfind(b"\n", 0, len(content) if end < 0 else end) + 1


def split_lines(content: bytes) -> list[str]:
    """Whole lines without their newlines."""
    # Split at newlines only: str.splitlines would split inside a message at U+2028 and others.
    return [_text(line) for line in content.split(b"\n")[:-1]]


def _text(line: bytes) -> str:
    # Bytes that are no UTF-8 become lone surrogates, which no canonical line can hold, so that they are found altered.
    return line.decode(errors="surrogateescape")
