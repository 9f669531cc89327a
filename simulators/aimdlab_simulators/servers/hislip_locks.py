"""Who may talk to an instrument: the exclusive and shared locks of HiSLIP (IVI-6.1, 6.5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import IntEnum

from aimdlab_simulators.timebase import Cancellation

_POLL_S = 0.02


class LockAnswer(IntEnum):
    """Control codes of AsyncLockResponse."""

    FAILURE = 0
    SUCCESS = 1  # granted, or the exclusive lock released
    SHARED_RELEASED = 2
    ERROR = 3


class LockTable:
    """The locks on one instrument; a holder is any object that stands for one client's session."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._exclusive: object | None = None
        self._shared: set[object] = set()
        self._key = b""

    def request(self, holder: object, key: bytes, timeout_s: float, cancelled: Cancellation) -> LockAnswer:
        """Ask for the exclusive lock (empty ``key``) or a shared one, waiting up to ``timeout_s``."""
        with self._changed:
            if self._exclusive is holder if not key else holder in self._shared:
                return LockAnswer.ERROR
            if not self._wait(lambda: self._grantable(holder, key), timeout_s, cancelled):
                return LockAnswer.FAILURE
            if key:
                self._shared.add(holder)
                self._key = key
            else:
                self._exclusive = holder
            return LockAnswer.SUCCESS

    def release(self, holder: object) -> LockAnswer:
        """Give back the exclusive lock, or else the shared one."""
        with self._changed:
            if self._exclusive is holder:
                self._exclusive = None
                answer = LockAnswer.SUCCESS
            elif holder in self._shared:
                self._shared.remove(holder)
                answer = LockAnswer.SHARED_RELEASED
            else:
                return LockAnswer.ERROR
            self._changed.notify_all()
            return answer

    def drop(self, holder: object) -> None:
        """Give back everything, as at the end of a session."""
        while self.release(holder) is not LockAnswer.ERROR:
            pass

    def wait_for_access(self, holder: object, cancelled: Cancellation) -> bool:
        """Block while others hold the instrument; False if ``cancelled`` came first."""
        with self._changed:
            return self._wait(lambda: self._accessible(holder), threading.TIMEOUT_MAX, cancelled)

    def holders(self) -> tuple[bool, int]:
        """Whether the exclusive lock is held, and how many sessions hold any."""
        with self._changed:
            everybody = self._shared | ({self._exclusive} if self._exclusive is not None else set())
            return self._exclusive is not None, len(everybody)

    def _accessible(self, holder: object) -> bool:
        if self._exclusive is not None:
            return self._exclusive is holder
        return not self._shared or holder in self._shared

    def _grantable(self, holder: object, key: bytes) -> bool:
        if self._exclusive not in (None, holder):
            return False
        return not self._shared or (key == self._key if key else holder in self._shared)

    def _wait(self, condition: Callable[[], bool], timeout_s: float, cancelled: Cancellation) -> bool:
        end_s = time.monotonic() + timeout_s
        while not condition():
            left_s = end_s - time.monotonic()
            if left_s <= 0 or cancelled.is_set():
                return False
            self._changed.wait(min(left_s, _POLL_S))
        return True
