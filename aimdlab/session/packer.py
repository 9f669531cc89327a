"""Hashing and compressing captures while the bench goes on, so that a commit finds it done."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from aimdlab.capture import Capture
from aimdlab.session.codes import DEFAULT_COMPRESSION, Compression, PackedCodes, pack


class Packer:
    """Packs the captures of one attempt at a time.

    A capture whose packing has begun must not change any more; a driver's codes are read-only.

    Args:
        compression: how.
    """

    def __init__(self, compression: Compression = DEFAULT_COMPRESSION) -> None:
        self._compression: Compression = compression
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pack")
        # By identity; the capture is kept too, so that its identity stays its own.
        self._begun: dict[int, tuple[Capture, Future[PackedCodes]]] = {}

    def begin(self, capture: Capture) -> None:
        """Pack ``capture`` in another thread."""
        self._begun[id(capture)] = (capture, self._pool.submit(pack, capture.codes, self._compression))

    def finish(self, captures: Iterable[Capture]) -> tuple[PackedCodes, ...]:
        """The captures of an attempt, packed; what was begun and is not among them is dropped."""
        begun, self._begun = self._begun, {}
        return tuple(
            begun[id(capture)][1].result() if id(capture) in begun else pack(capture.codes, self._compression)
            for capture in captures
        )

    def close(self) -> None:
        """End the thread; what it has not begun is dropped."""
        self._begun = {}
        self._pool.shutdown(cancel_futures=True)
