"""The codes of an acquisition as a block on the link, made by other threads before they are sent."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.keysight.scope_record import Codes

AHEAD = 4  # blocks of one channel that are ready or in hand: 2 MB of words
_Encoded = NDArray[np.uint8] | NDArray[np.uint16]


def encoded(words: NDArray[np.uint16], *, octets: bool, unsigned: bool, big: bool) -> _Encoded:
    """Words of a block as octets or words, signed or not, ``big``: the first byte is the higher one."""
    if octets:
        # A code of 12 bits may lose all that is above 0, which means "no sample".
        heights: NDArray[np.uint8] = np.maximum(words >> 8, 1).astype(np.uint8)
        heights += np.uint8(0 if unsigned else 0x80)  # modulo 256: the sign bit
        return heights
    if not unsigned:
        words = words + np.uint16(0x8000)  # modulo 65536: the sign bit
    return words.astype(np.dtype(">u2" if big else "<u2"), copy=False)


class Rendering:
    """All codes of one channel; ``encode`` makes of a block of them what goes out."""

    def __init__(self, codes: Codes, encode: Callable[[NDArray[np.uint16]], _Encoded]) -> None:
        self.count = codes.count
        self._codes = codes
        self._encode = encode
        self._begun: deque[Future[memoryview]] = deque()
        self._left = iter(codes.begins)

    def begin(self, ahead: int = AHEAD) -> None:
        """Let other threads make blocks until so many are ready; which thread makes which matters not."""
        for begin in islice(self._left, max(0, ahead - len(self._begun))):
            self._begun.append(_pool().submit(self._make, begin))

    def buffers(self) -> Iterator[memoryview]:
        """Every block in order, once."""
        self.begin()
        while self._begun:
            block = self._begun.popleft()
            self.begin()
            yield block.result()

    def drop(self) -> None:
        """Nobody wants the rest."""
        self._left = iter(())
        while self._begun:
            self._begun.popleft().cancel()

    def _make(self, begin: int) -> memoryview:
        return self._encode(self._codes.block(begin)).data.cast("B")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="rendering")
