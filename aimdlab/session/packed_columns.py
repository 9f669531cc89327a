"""Columns of a table while they are gathered: compressed in blocks, so that thousands of attempts take little memory.

A column of hashes or of measured values takes its own length; the others, nearly nothing.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PER_BLOCK = 4096
_TYPES = {"<i4": "i", "<i8": "q", "<f8": "d"}


class PackedNumbers:
    """Numbers of one type, in the order they were appended.

    Args:
        kind: NumPy's name of the type: "<i4", "<i8" or "<f8".
    """

    def __init__(self, kind: str) -> None:
        self._dtype = np.dtype(kind)
        self._code = _TYPES[kind]
        self._blocks: list[bytes] = []
        self._packed = 0
        self._last: array[Any] = array(self._code)

    def append(self, value: float) -> None:
        """Add one; OverflowError or TypeError if it is none of this type."""
        self._last.append(value)
        self._pack()

    def extend(self, values: NDArray[Any]) -> None:
        """Add an array."""
        self._last.frombytes(values.astype(self._code).tobytes())
        self._pack()

    def _pack(self) -> None:
        if len(self._last) >= _PER_BLOCK:
            self._packed += len(self._last)
            self._blocks.append(zlib.compress(self._last.tobytes(), 1))
            self._last = array(self._code)

    def __len__(self) -> int:
        return self._packed + len(self._last)

    def __iter__(self) -> Iterator[Any]:
        return (value for block in self._unpacked() for value in block.tolist())

    def runs(self, n: int) -> Iterator[NDArray[Any]]:
        """All of them, ``n`` at a time."""
        left = np.empty(0, self._dtype)
        for block in self._unpacked():
            left = np.concatenate([left, block])
            while len(left) >= n:
                yield left[:n]
                left = left[n:]
        if len(left):
            yield left

    def all(self) -> NDArray[Any]:
        """All of them at once."""
        return np.concatenate([np.empty(0, self._dtype), *self._unpacked()])

    def _unpacked(self) -> Iterator[NDArray[Any]]:
        native = np.dtype(self._code)
        for packed in self._blocks:
            yield np.frombuffer(zlib.decompress(packed), native).astype(self._dtype, copy=False)
        yield np.array(self._last, native).astype(self._dtype, copy=False)


class PackedWords:
    """Texts without NUL in UTF-8, in the order they were appended."""

    def __init__(self) -> None:
        self._longest = 0
        self._blocks: list[bytes] = []
        self._last: list[bytes] = []

    def append(self, word: bytes) -> None:
        """Add one."""
        self._last.append(word)
        if len(self._last) == _PER_BLOCK:
            self._longest = self.longest()
            self._blocks.append(zlib.compress(b"\0".join(self._last), 1))
            self._last = []

    def __len__(self) -> int:
        return len(self._blocks) * _PER_BLOCK + len(self._last)

    def longest(self) -> int:
        """Bytes of the longest, or 0."""
        return max(self._longest, max(map(len, self._last), default=0))

    def runs(self, n: int) -> Iterator[list[bytes]]:
        """All of them, ``n`` at a time."""
        left: list[bytes] = []
        for block in self._unpacked():
            left += block
            while len(left) >= n:
                yield left[:n]
                del left[:n]
        if left:
            yield left

    def _unpacked(self) -> Iterator[list[bytes]]:
        for packed in self._blocks:
            yield zlib.decompress(packed).split(b"\0")
        yield self._last
