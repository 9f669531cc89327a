"""Looks after calls that may never return: a vendor's VISA library can hang, and a thread in it cannot be ended.

One thread for all links of the process; it asks each now and then whether a call is overdue. Real time, always.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

_LOOK_S = 0.25


class Watched(Protocol):
    """Whoever makes calls that may hang."""

    def end_overdue(self, now_s: float) -> None:
        """Give the call in hand up if it should have returned by ``now_s`` (monotonic); must not block."""
        ...


class Watch:
    """The thread, alive while there is somebody to look after."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: list[Watched] = []
        self._is_running = False

    def add(self, watched: Watched) -> None:
        """Look after ``watched`` from now on."""
        with self._changed:
            self._watched.append(watched)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="link watch", daemon=True).start()

    def remove(self, watched: Watched) -> None:
        """Look after it no longer."""
        with self._changed:
            if watched in self._watched:
                self._watched.remove(watched)
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._watched:
                    self._changed.wait(_LOOK_S)
                if not self._watched:
                    self._is_running = False
                    return
                watched = list(self._watched)
            now_s = time.monotonic()
            for one in watched:
                one.end_overdue(now_s)


WATCH = Watch()
