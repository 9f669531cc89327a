"""World time: the one clock of all simulated instruments."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

from aimdlab.errors import SimulationError

_POLL_S = 0.02


class SimulatorError(SimulationError):
    """The simulated bench was asked for something it cannot do."""


class Cancellation(Protocol):
    """Anything that can say that a wait is no longer wanted; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Whether to give up waiting."""
        ...


class Timebase:
    """World time in seconds from 0 at the start.

    *Real* (the beginning): follows the machine's monotonic clock. *Virtual* (claimed): stands still until its owner
    advances it. Safe from any thread.

    Args:
        held: stand still at 0 until somebody claims the time, so that what happens does not depend on how long the
            start took.
    """

    def __init__(self, *, held: bool = False) -> None:
        self._changed = threading.Condition()
        self._origin_s = time.monotonic()  # real: world time 0 on the monotonic clock
        self._virtual_s: float | None = 0.0 if held else None
        self._owned = False

    @property
    def is_virtual(self) -> bool:
        """Whether time stands still between advances."""
        return self._virtual_s is not None

    def now_s(self) -> float:
        """The present world time."""
        virtual = self._virtual_s
        return time.monotonic() - self._origin_s if virtual is None else virtual

    def claim(self) -> None:
        """Make time virtual from its present value; SimulatorError if somebody has claimed it already."""
        with self._changed:
            if self._owned:
                raise SimulatorError("World time is already claimed by another client; wait until that run has ended.")
            self._virtual_s = self.now_s()
            self._owned = True
            self._changed.notify_all()

    def advance_to(self, t_s: float) -> float:
        """Put virtual time to ``t_s``, never backwards, and return what it is now; for the owner alone."""
        if not math.isfinite(t_s):
            raise SimulatorError(f"World time cannot be put to {t_s}.")
        with self._changed:
            if self._virtual_s is None or not self._owned:
                raise SimulatorError("World time is nobody's now; claim it before advancing it.")
            if t_s > self._virtual_s:
                self._virtual_s = float(t_s)
                self._changed.notify_all()
            return self._virtual_s

    def release(self) -> None:
        """Let time run really again from its present value; nothing happens if it does already."""
        with self._changed:
            if self._virtual_s is not None:
                self._origin_s = time.monotonic() - self._virtual_s
                self._virtual_s = None
                self._owned = False
                self._changed.notify_all()

    def wait_until(self, t_s: float, cancelled: Cancellation | None = None) -> bool:
        """Block the calling thread until world time reaches ``t_s``; False if ``cancelled`` came first."""
        while True:
            # Asked outside the lock: it may look at a socket or at an instrument.
            if cancelled is not None and cancelled.is_set():
                return False
            with self._changed:
                left_s = t_s - self.now_s()
                if left_s <= 0:
                    return True
                # Without a `cancelled` only a change of the time base or, in real time, the clock ends the wait.
                patience_s = None if self.is_virtual or math.isinf(left_s) else min(left_s, threading.TIMEOUT_MAX)
                if cancelled is not None:
                    patience_s = _POLL_S if patience_s is None else min(patience_s, _POLL_S)
                self._changed.wait(patience_s)
