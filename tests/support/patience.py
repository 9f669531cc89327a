"""Waiting in tests: for as long as a slow machine may need, and not at all where the outcome is silence.

No test may depend on the speed of the machine. What must come is waited for up to ``LIMIT_S``, which only a hang
reaches; what must *not* come is shown by an order of events, or by a patience that is cut short for that one message.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

from aimdlab.bench.link import VisaLink

LIMIT_S = 120.0


def wait_for(
    condition: Callable[[], bool], limit_s: float = LIMIT_S, *, within: subprocess.Popen[str] | None = None
) -> None:
    """Poll a real condition; fails after ``limit_s``, or as soon as the process that should bring it about has ended."""
    deadline_s = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        if within is not None and within.poll() is not None:
            said = within.communicate()
            raise AssertionError(f"the process ended with {within.returncode} before it happened; it said {said}")
        pause.wait(0.01)  # between two looks


def cut_patience(link: VisaLink, timeout_s: float = 0.2) -> None:
    """From now until it connects again, the link waits no longer than this: the next message is not answered.

    A short time-out given at the start would also hold for what *is* answered, and a busy machine may take longer.
    """

    def cut() -> None:
        port = link._port
        assert port is not None
        port._timeout_s = timeout_s  # type: ignore[attr-defined]
        if not hasattr(port, "_sock"):
            port._resource.timeout = round(timeout_s * 1000)  # type: ignore[attr-defined]

    link.submit(cut).result(LIMIT_S)


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A TCP port of this machine that refuses every connection: bound, so that nobody else takes it, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    """``count`` bytes; MSG_WAITALL does not wait on a socket that has a time-out."""
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, f"hung up after {len(data)} of {count} bytes"
        data += more
    return data


def receive_line(sock: socket.socket) -> bytes:
    """Everything up to a line feed, however many segments it came in."""
    line = b""
    while not line.endswith(b"\n") and (more := sock.recv(1)):
        line += more
    return line


def wait_until_hung_up(sock: socket.socket) -> None:
    """Return once the peer has closed the connection: an end, or a reset if it left something unread."""
    with contextlib.suppress(ConnectionResetError, ConnectionAbortedError):
        while sock.recv(1 << 16):
            pass
