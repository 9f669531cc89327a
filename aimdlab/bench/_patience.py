"""A socket that is waited for: never longer than a time-out without progress, nor than a message may take."""

from __future__ import annotations

import socket
import time

from aimdlab.bench._port import SLOWEST_BYTES_PER_S

# Changing a socket's time-out is a system call; one that is longer by so much may stay.
_SLACK = 1.1


class Patience:
    """Sets the socket's time-out before it is used.

    Args:
        sock: whose.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._set_s: float | None = None

    def none(self) -> None:
        """The next call takes what there is, or raises BlockingIOError."""
        self._set(0.0)

    def until(self, deadline_s: float, timeout_s: float) -> None:
        """The next call waits for ``timeout_s``, but not beyond ``deadline_s`` on the monotonic clock."""
        # Not 0, which would mean "do not block" instead of "time is up".
        wait_s = max(1e-6, min(timeout_s, deadline_s - time.monotonic()))
        if self._set_s is None or not wait_s <= self._set_s <= _SLACK * wait_s:
            self._set(wait_s)

    def _set(self, wait_s: float) -> None:
        self._sock.settimeout(wait_s)
        self._set_s = wait_s


def deadline_s(size: int, timeout_s: float) -> float:
    """When a transfer of ``size`` bytes that begins now must be over, on the monotonic clock."""
    return time.monotonic() + timeout_s + size / SLOWEST_BYTES_PER_S
