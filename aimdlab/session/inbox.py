"""The command inbox: every wish of a person arrives as one file in the session folder, whoever sends it.

Files are named by the boot and the counter that all processes of this boot share, so that a wall clock that is set
between "pause" and "continue" changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from aimdlab import _platform
from aimdlab.errors import ConfigurationError, RecordError
from aimdlab.session import canonical
from aimdlab.session.event_log import EventLog
from aimdlab.session.pc_clock import Stamp

FOLDER = "inbox"
Word = Literal["pause", "continue", "stop", "abort", "note", "answer"]
WORDS: tuple[Word, ...] = get_args(Word)
RECEIVED = "command.received"

_LARGEST_BYTES = 64 << 10
_lock = threading.Lock()
_last_ns = 0


@dataclass(frozen=True)
class Command:
    """A person's wish.

    Attributes:
        word: pause, continue, stop, abort, note or answer.
        text: the note or the answer.
        sender: who or what sent it ("terminal", "page", "tell by a.smith").
        utc: when it was sent, by the wall clock.
        file: name of its file in the inbox.
        monotonic_s, boot: when it was sent, by the clock that the processes of one boot share; None and "" of a command
            that does not tell.
    """

    word: Word
    text: str
    sender: str
    utc: str
    file: str = ""
    monotonic_s: float | None = None
    boot: str = ""


def send(session: Path, word: str, text: str = "", sender: str = "") -> None:
    """Put a command into the inbox of the session folder ``session``; it is there whole or not at all.

    Raises ConfigurationError for an unknown word or if no session runs there, RecordError if it cannot be written.
    """
    if word not in WORDS:
        raise ConfigurationError(f"a session knows no command {word!r}; it knows {', '.join(WORDS)}")
    inbox = session / FOLDER
    if not inbox.is_dir():
        raise ConfigurationError(f"no session runs in {session}: there is no folder {inbox}")
    stamp, boot = Stamp.now(), _platform.boot_id()
    record = canonical.encode(
        {
            "command": word,
            "text": text,
            "sender": sender,
            "utc": stamp.text,
            "monotonic_s": stamp.monotonic_s,
            "boot": boot,
        }
    ).encode()
    if len(record) > _LARGEST_BYTES:
        raise ConfigurationError(f"the text of {word!r} is too long: {len(record)} bytes, at most {_LARGEST_BYTES}")
    path = inbox / f"{_boot_name(boot)}-{_ordered_ns():020d}-{os.getpid()}.json"
    try:
        _platform.write_durably(path, record, temporary=path.with_suffix(".tmp"))
    except OSError as error:
        raise RecordError(f"{path}: the command {word!r} cannot be written: {error}") from error


def waiting(session: Path) -> frozenset[str]:
    """The names of the files that lie in the inbox of the session folder ``session`` now."""
    return frozenset(path.name for path in (session / FOLDER).glob("*.json"))


def make_inbox(session: Path) -> None:
    """Make the folders of an inbox where they are missing; OSError if that cannot be."""
    for folder in (session / FOLDER, session / FOLDER / "done", session / FOLDER / "refused"):
        folder.mkdir(exist_ok=True)


class Inbox:
    """The receiving end; one per session.

    A command is reported first and put away then: a crash in between neither loses it nor has it obeyed twice, because
    what the event log already holds is only put away.

    Args:
        session: the session folder; the inbox is made if it is not there.
        events: where every command and everything malformed is reported.
        reported: the file names of commands that the event log holds from before.
    """

    def __init__(self, session: Path, events: EventLog, reported: Iterable[str] = ()) -> None:
        self._inbox = session / FOLDER
        self._done = self._inbox / "done"
        self._refused = self._inbox / "refused"
        self._events = events
        self._reported = set(reported)
        make_inbox(session)

    def poll(self) -> list[Command]:
        """The commands that came since the last time, in the order they were sent; each is given once.

        Those of this boot of this computer come last; of others only those of one boot have an order among themselves.

        A file that is no command is moved to ``inbox/refused`` and reported as an event. Raises RecordError if a
        command cannot be reported or put away.
        """
        commands = []
        for path in sorted(self._inbox.glob("*.json"), key=_order_of_sending(_platform.boot_id())):
            if path.name in self._reported:
                self._move(path, self._done)
                continue
            try:
                command = _parse(path)
            except (OSError, ValueError) as error:
                self._events.record(
                    "command.refused", f"{path.name} in the inbox is no command: {error}", source="inbox", durable=True
                )
                self._move(path, self._refused)
                continue
            self._events.record(
                RECEIVED,
                f"{command.sender or 'somebody'} says {command.word}" + (f": {command.text}" if command.text else ""),
                source="inbox",
                durable=True,
                command=command.word,
                text=command.text,
                sender=command.sender,
                sent_utc=command.utc,
                sent_monotonic_s=command.monotonic_s,
                sent_boot=command.boot,
                file=path.name,
            )
            self._reported.add(path.name)
            commands.append(command)
            self._move(path, self._done)
        return commands

    def _move(self, path: Path, folder: Path) -> None:
        try:
            _platform.rename_durably(path, folder / path.name)
        except OSError as error:
            raise RecordError(f"{path} cannot be moved to {folder}: {error}") from error


def _parse(path: Path) -> Command:
    if path.is_symlink() or not path.is_file():
        raise ValueError("not a file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError(f"larger than {_LARGEST_BYTES} bytes")
    try:
        record: Any = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(record, dict) or not all(
        isinstance(record.get(name), str) for name in ("command", "text", "sender", "utc")
    ):
        raise ValueError("it must be an object with the texts command, text, sender and utc")
    word = record["command"]
    if word not in WORDS:
        raise ValueError(f"unknown command {word!r}")
    monotonic_s, boot = record.get("monotonic_s"), record.get("boot")  # not there before they were told
    return Command(
        word,
        record["text"],
        record["sender"],
        record["utc"],
        path.name,
        monotonic_s if isinstance(monotonic_s, float) else None,
        boot if isinstance(boot, str) else "",
    )


def _boot_name(boot: str) -> str:
    """What stands for a boot in the name of a file."""
    return "b" + hashlib.sha256(boot.encode()).hexdigest()[:12]


def _order_of_sending(boot: str) -> Callable[[Path], tuple[bool, str]]:
    """Sorts files by their names, those that were sent in this boot after all others."""
    here = re.compile(_boot_name(boot) + r"-\d{20}-\d+\.json")
    return lambda path: (here.fullmatch(path.name) is not None, path.name)


def _ordered_ns() -> int:
    """A counter that all processes of this boot share, but never the same twice in one: files sort by it.

    Not :func:`time.monotonic_ns`, which stands still for 16 ms at a time on Windows.
    """
    global _last_ns  # noqa: PLW0603 - the order holds for the whole process
    with _lock:
        _last_ns = max(time.perf_counter_ns(), _last_ns + 1)
        return _last_ns
