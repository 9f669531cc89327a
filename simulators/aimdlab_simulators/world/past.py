"""How far back the world can be pulled, and who must act before something is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable

RETENTION_S = 300.0
_GRAIN_S = 10.0


class Past:
    """The memory of the world, shared by all its nodes, with the one lock that guards them.

    Nodes forget what is older than RETENTION_S. Before they do, *keepers* are told the horizon (an oscilloscope then
    stores an acquisition that nobody has read yet), after that *forgetters*.

    Attributes:
        lock: held by everybody who reads or changes a node; taken after the lock of an instrument, never before.
        horizon_s: what is older is gone.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.horizon_s = 0.0
        self._keepers: list[Callable[[float, float], None]] = []
        self._forgetters: list[Callable[[float], None]] = []
        self._tidying = False

    def before_forgetting(self, keep: Callable[[float, float], None]) -> None:
        """Call ``keep(horizon_s, now_s)`` before anything older than the horizon goes."""
        self._keepers.append(keep)

    def on_forgetting(self, forget: Callable[[float], None]) -> None:
        """Call ``forget(horizon_s)`` when what is older than the horizon may go."""
        self._forgetters.append(forget)

    def tidy(self, now_s: float) -> None:
        """Forget what is too old at ``now_s``; cheap to call often."""
        with self.lock:
            horizon_s = now_s - RETENTION_S
            # A keeper pulls, and what it pulls may want to tidy in turn.
            if self._tidying or horizon_s < self.horizon_s + _GRAIN_S:
                return
            self._tidying = True
            try:
                for keep in self._keepers:
                    keep(horizon_s, now_s)
                self.horizon_s = horizon_s
                for forget in self._forgetters:
                    forget(horizon_s)
            finally:
                self._tidying = False
