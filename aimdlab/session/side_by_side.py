"""Checking beside reading: while one array is read, those before are unpacked and hashed on every core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from aimdlab._platform import usable_cores
from aimdlab.errors import RecordError

_MOST_THREADS = 4
_MOST_WAITING = 4  # beside those that run
_MOST_WAITING_BYTES = 576 << 20


class SideBySide:
    """Checks that run in other threads; the first one given that fails is the one that is heard of.

    Use it in a ``with`` statement. What a check raises is raised by a later :meth:`add` or at the end, and comes before
    a RecordError of the code between: that was found in what was read later. At most a few checks wait, and of the
    largest arrays two are held, so that a reader stays below 1 GB.
    """

    def __init__(self) -> None:
        threads = min(_MOST_THREADS, usable_cores())
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="check")
        self._most = threads + _MOST_WAITING
        self._held = 0
        self._waiting: deque[tuple[Future[object], int]] = deque()

    def add(self, check: Callable[[], object], nbytes: int = 0) -> None:
        """Run ``check``, which holds ``nbytes``, soon; waits until there is room for it."""
        while self._waiting and (len(self._waiting) >= self._most or self._held + nbytes > _MOST_WAITING_BYTES):
            self._settle_first()
        self._waiting.append((self._pool.submit(check), nbytes))
        self._held += nbytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None or isinstance(error, RecordError):
                while self._waiting:
                    self._settle_first()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _settle_first(self) -> None:
        check, nbytes = self._waiting.popleft()
        self._held -= nbytes
        try:
            check.result()
        except BaseException:
            self._waiting.clear()  # what was read later must not speak first
            raise
