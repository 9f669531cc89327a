"""Hashing beside reading: while one array is unpacked, the one before is hashed on another core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from aimdlab.errors import RecordError

_MOST_WAITING = 3
_MOST_WAITING_BYTES = 256 << 20


class SideBySide:
    """Checks that run in another thread; the first one given that fails is the one that is heard of.

    Use it in a ``with`` statement. What a check raises is raised by a later :meth:`add` or at the end, and comes before
    a RecordError of the code between: that was found in what was read later. At most a few checks wait, and of large
    arrays one, so that what they hold stays small.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._waiting: deque[tuple[Future[object], int]] = deque()

    def add(self, check: Callable[[], object], nbytes: int = 0) -> None:
        """Run ``check``, which holds ``nbytes``, soon."""
        self._waiting.append((self._pool.submit(check), nbytes))
        while len(self._waiting) > _MOST_WAITING or sum(held for _, held in self._waiting) > _MOST_WAITING_BYTES:
            self._settle_first()

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
        try:
            self._waiting.popleft()[0].result()
        except BaseException:
            self._waiting.clear()  # what was read later must not speak first
            raise
