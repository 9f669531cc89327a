"""Where program messages end in a stream of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

LIMIT_BYTES = 256 * 1024 * 1024
_SPECIAL = re.compile(rb"[\n\"'#]")
_ENDS = {b'"': re.compile(rb"[\n\"]"), b"'": re.compile(rb"[\n']")}


class MessageTooLargeError(Exception):
    """A message is, or says it will be, larger than the limit."""


class Framer:
    """Cuts a stream into messages at line feeds, except at those inside definite-length blocks.

    A line feed inside a string ends the message too, or a lost quote would swallow everything that follows.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._position = 0  # everything before it has been looked at
        self._quote: bytes | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Take more of the stream and give the messages that are complete, without their line feed."""
        self._buffer += data
        while (end := self._end()) is not None:
            with memoryview(self._buffer) as view:
                message = bytes(view[:end])
            del self._buffer[: end + 1]
            self._position, self._quote = 0, None
            yield message
        if len(self._buffer) > self._limit:
            raise MessageTooLargeError

    def _end(self) -> int | None:
        """The place of the line feed that ends the first message; None if more of the stream is needed."""
        while True:
            pattern = _SPECIAL if self._quote is None else _ENDS[self._quote]
            found = pattern.search(self._buffer, self._position)
            if found is None:
                self._position = len(self._buffer)
                return None
            start, end, special = found.start(), found.end(), bytes(found[0])
            del found  # a match keeps the buffer from growing
            if special == b"\n":
                return start
            if special == b"#":
                block_end = self._block_end(start)
                if block_end is None or block_end > len(self._buffer):
                    self._position = start
                    return None
                self._position = block_end
            else:
                self._quote = special if self._quote is None else None
                self._position = end

    def _block_end(self, start: int) -> int | None:
        """The end of the block at ``start``, or just behind the ``#`` if there is none; None if it cannot be told."""
        head = bytes(self._buffer[start + 1 : start + 11])
        if not head:
            return None
        digits = int(head[:1]) if head[:1].isdigit() else 0
        length = head[1 : 1 + digits]
        if digits == 0 or (length and not length.isdigit()):
            return start + 1
        if len(length) < digits:
            return None
        end = start + 1 + 1 + digits + int(length)
        if end > self._limit:
            raise MessageTooLargeError
        return end
