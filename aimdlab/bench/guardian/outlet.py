"""Writing that can hold nobody up: a full pipe, a terminal that was stopped and a dead network disk block for ever."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outlet(Generic[Item]):
    """Hands items to ``write`` in a thread of its own; an OSError there means that nobody reads, and is no matter."""

    def __init__(self, name: str, write: Callable[[Item], None]) -> None:
        self._write = write
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Have ``item`` written; never waits."""
        self._items.put(item)

    def finish(self, deadline_s: float) -> None:
        """Wait until everything is written, but no longer than the monotonic time ``deadline_s``."""
        self._items.put(None)
        self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._write(item)
            except OSError:
                continue


def to_descriptor(descriptor: int) -> Callable[[str], None]:
    """A ``write`` that puts lines of text out at a file descriptor."""

    def write(line: str) -> None:
        rest = memoryview(f"{line}\n".encode(errors="backslashreplace"))
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    return write
