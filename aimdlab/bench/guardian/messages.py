"""JSON lines between a run and its guardian: one object of one key each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

_LONGEST_LINE_BYTES = 1 << 20


def message(word: str, value: Any = True) -> str:
    """One line, without its end."""
    return json.dumps({word: value})


def parse(line: bytes) -> tuple[str, Any]:
    """The word of a line and its value; ValueError if it is none."""
    try:
        found = json.loads(line)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict) or len(found) != 1:
        raise ValueError("it is no object of one key")
    ((word, value),) = found.items()
    return str(word), value


def lines(descriptor: int) -> Iterator[bytes]:
    """The lines that come at a file descriptor, until its other end is closed; ValueError for one without an end.

    Not through a file object: a thread that waits in one holds its lock, and the interpreter's end would wait for it.
    """
    rest = b""
    while True:
        try:
            more = os.read(descriptor, 1 << 16)
        except OSError:
            return
        if not more:
            return
        *whole, rest = (rest + more).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST_LINE_BYTES:
            raise ValueError("a line has no end")
