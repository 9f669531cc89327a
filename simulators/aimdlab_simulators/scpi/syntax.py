"""From the bytes of a program message to its units: header nodes and raw arguments (IEEE 488.2, clause 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from aimdlab_simulators.scpi.errors import ScpiError

_KEPT_BYTES = 512
WHITESPACE = bytes(code for code in range(33) if code != 10)
_BETWEEN = re.compile(rb"[\x00-\x20;]+")
_HEADER = re.compile(rb"(\*[A-Za-z]+|:?[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z_][A-Za-z0-9_]*)*)(\??)")
_SPECIAL = re.compile(rb"[;\n\"'#(]")
_BLOCK = re.compile(rb"#(?:0|([1-9])(\d{0,9}))")
_GLUED = re.compile(r"([A-Za-z_]+)(\d.*)")


@dataclass(frozen=True)
class Unit:
    """One command or query of a message.

    Attributes:
        nodes: the header's nodes as sent ("SOUR1", "freq"); one node with its asterisk for a common command.
        first: whether the path starts at the root (leading colon, first of a message).
        query: whether the header ends in a question mark.
        raw: the arguments, still with the blanks around them.
    """

    nodes: tuple[str, ...]
    first: bool
    query: bool
    raw: tuple[bytes, ...]

    @property
    def common(self) -> bool:
        """Whether it is a common command, which leaves the path alone."""
        return self.nodes[0].startswith("*")

    @cached_property
    def arguments(self) -> tuple[bytes, ...]:
        """The arguments without blanks around them; the bytes of a block are kept."""
        pieces = [piece.lstrip(WHITESPACE) for piece in self.raw]
        pieces = [piece if piece.startswith(b"#") else piece.rstrip(WHITESPACE) for piece in pieces]
        return () if pieces == [b""] else tuple(pieces)

    def unglued(self) -> Unit | None:
        """The other reading of ``FREQ64000000``: header ``FREQ``, argument 64000000; None if there is none."""
        parts = _GLUED.fullmatch(self.nodes[-1])
        if parts is None or self.query:
            return None
        number = parts[2].encode("latin-1") + self.raw[0]
        return replace(self, nodes=(*self.nodes[:-1], parts[1]), raw=(number, *self.raw[1:]))


def block_span(message: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Where the content of the block at ``start`` begins and ends, or would end; None if no block begins there.

    An indefinite block (``#0``) goes to the end of the message, without its line feed.
    """
    found = _BLOCK.match(message, start)
    if found is None:
        return None
    if found[1] is None:
        return start + 2, max(start + 2, len(message) - message.endswith(b"\n"))
    digits = int(found[1])
    if len(found[2]) < digits:
        return None
    content = start + 2 + digits
    return content, content + int(found[2][:digits])


def units(message: bytes) -> Iterator[Unit]:
    """The units of a message in order; ScpiError where the rest of it cannot be understood.

    A line feed that is not the last byte ends one message and begins the next.
    """
    if len(message) > _KEPT_BYTES:
        yield from _read(message)
        return
    found, error = _kept(message)
    yield from found
    if error is not None:
        raise ScpiError(error.code, error.text)


@lru_cache(maxsize=1024)  # most of what an instrument is told in a campaign it is told again and again
def _kept(message: bytes) -> tuple[tuple[Unit, ...], ScpiError | None]:
    """The units of a short message, and what is wrong after them."""
    found: list[Unit] = []
    try:
        for unit in _read(message):
            found.append(unit)  # noqa: PERF402 - what was read before the mistake is kept
    except ScpiError as error:
        return tuple(found), error
    return tuple(found), None


def _read(message: bytes) -> Iterator[Unit]:
    position, first = 0, True
    while True:
        if (between := _BETWEEN.match(message, position)) is not None:
            first = first or b"\n" in between[0]
            position = between.end()
        if position == len(message):
            return
        header = _HEADER.match(message, position)
        if header is None:
            raise ScpiError(-102, "Syntax error")
        raw, position = _arguments(message, header.end())
        text = header[1].decode("latin-1")
        yield Unit(
            nodes=tuple(text.removeprefix(":").split(":")),
            first=first or text.startswith(":"),
            query=bool(header[2]),
            raw=raw,
        )
        first = first and text.startswith("*")


def _arguments(message: bytes, position: int) -> tuple[tuple[bytes, ...], int]:
    """The pieces between commas up to the end of the unit, and that end."""
    pieces: list[bytes] = []
    begin = position  # of the piece in hand
    while True:
        special = _SPECIAL.search(message, position)
        stop = len(message) if special is None else special.start()
        first, *more = message[position:stop].split(b",")
        if more:
            pieces.append(message[begin : position + len(first)])
            pieces += more[:-1]
            begin = stop - len(more[-1])
        if special is None or special[0] in b";\n":
            return (*pieces, message[begin:stop]), stop
        position = _end_of_special(message, stop, special[0])


def _end_of_special(message: bytes, start: int, opening: bytes) -> int:
    """Where the string, block or expression that begins at ``start`` ends."""
    if opening == b"#":
        span = block_span(message, start)
        if span is None:
            return start + 1  # #H1F, #B101: a number
        if span[1] > len(message):
            raise ScpiError(-161, "Invalid block data")
        return span[1]
    end = message.find(b")" if opening == b"(" else opening, start + 1)
    if end < 0:
        raise ScpiError(-171, "Invalid expression") if opening == b"(" else ScpiError(-151, "Invalid string data")
    return end + 1  # a doubled quote inside a string reads as two strings side by side
