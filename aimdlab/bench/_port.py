"""What a link needs of VISA: send a message, read a line or an exact number of bytes, close."""

from __future__ import annotations

from typing import Protocol

# A line that is longer is none.
LINE_LIMIT_BYTES = 1 << 20
# A transfer slower than this is taken for dead; USB 1 and GPIB are ten times faster.
SLOWEST_BYTES_PER_S = 100e3


class PortFault(Exception):  # noqa: N818 - becomes a LinkError, which names the instrument and the command
    """The connection failed; the message says how, for a technician."""


class Port(Protocol):
    """One open connection, used by one thread."""

    def send(self, message: bytes) -> None:
        """Send one whole message, terminator included."""
        ...

    def receive_line(self) -> bytes:
        """Read one reply up to its terminator, without it."""
        ...

    def begin_block(self) -> None:
        """A block will be read: LF is a byte like any other from now on."""
        ...

    def receive_few(self, count: int) -> bytes:
        """Read ``count`` bytes: a part of the header of a block."""
        ...

    def receive_into(self, target: memoryview) -> None:
        """Fill ``target``, a view of bytes, where it is."""
        ...

    def end_block(self) -> None:
        """Read the terminator after a block."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def silent(got: int, count: int | None, timeout_s: float) -> PortFault:
    """Nothing more came, after ``got`` bytes of ``count`` (None: of a line)."""
    if got == 0:
        return PortFault(f"no reply within {timeout_s:g} s")
    whole = "" if count is None else f" of {count}"
    return PortFault(f"the reply broke off after {got}{whole} bytes ({timeout_s:g} s without the rest)")


def endless(reply: bytes | bytearray) -> PortFault:
    """A line has no end."""
    return PortFault(f"the reply has no end after {len(reply)} bytes; it begins {bytes(reply[:40])!r}")


def too_long(rest: bytes) -> PortFault:
    """Something came between a block and its terminator."""
    return PortFault(f"the block is longer than its header says; after it came {rest[:40]!r}")
