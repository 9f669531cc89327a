"""Unpacking codes outside HDF5, which unpacks one thing at a time in a process.

The decompressor is the one that HDF5's filter calls (:mod:`aimdlab.session.zstandard`). A chunk that does not unpack as
it should is HDF5's to read, and to say what is wrong with it; so is every chunk where the library does not offer it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.session import canonical, zstandard
from aimdlab.session.chunks import CHECKSUM_BYTES, FLETCHER32, SHUFFLE, ZSTANDARD

CODE_TYPES = ("|i1", "|u1", "<i2", "<u2")

_BLOCK = 1 << 19  # codes: most captures are one; few enough to stay near the processor, and small beside the largest
_WORDS = 1 << 15  # of a checksum at a time: no sum of theirs comes near 64 bits


@dataclass(frozen=True)
class StoredRow:
    """The codes of one capture on their way out of a file; they may be unpacked in any thread while it is open.

    Attributes:
        chunk: shuffled, compressed by Zstandard, with its Fletcher-32 checksum; b"" if only HDF5 is to read them.
        dtype: of a code: one or two bytes, little-endian.
        n: number of codes.
        through_hdf5: what reads them if they cannot be unpacked here, or raises what says why not.
    """

    chunk: bytes
    dtype: np.dtype[Any]
    n: int
    through_hdf5: Callable[[], NDArray[Any]]

    @classmethod
    def of(cls, codes: NDArray[Any]) -> StoredRow:
        """Codes that are unpacked already."""
        return cls(b"", codes.dtype, codes.size, lambda: codes)

    @property
    def nbytes(self) -> int:
        """What is held while they are unpacked."""
        return len(self.chunk) + self.n * self.dtype.itemsize

    def codes(self) -> NDArray[Any]:
        """The codes, shape (n,)."""
        shuffled = self._shuffled()
        if shuffled is None:
            return self.through_hdf5()
        codes = np.empty(self.n, self.dtype)
        at = 0
        for block in self._blocks(shuffled):
            codes[at : at + len(block)] = block
            at += len(block)
        return codes

    def description(self) -> dict[str, canonical.Json]:
        """What a record says of them (:func:`canonical.describe_array`); they are never in memory as a whole twice."""
        shuffled = self._shuffled()
        if shuffled is None:
            return canonical.describe_array(self.through_hdf5())
        return canonical.describe_blocks(self.dtype, self.n, self._blocks(shuffled))

    def _shuffled(self) -> NDArray[np.uint8] | None:
        """The bytes of the codes: all low ones, then all high ones; None if HDF5 is to read them."""
        packed = len(self.chunk) - CHECKSUM_BYTES
        if packed <= 0 or fletcher32(memoryview(self.chunk)[:packed]) != self.chunk[packed:]:
            return None
        shuffled = np.empty(self.n * self.dtype.itemsize, np.uint8)
        return shuffled if zstandard.decompress(self.chunk, packed, shuffled) else None

    def _blocks(self, shuffled: NDArray[np.uint8]) -> Iterator[NDArray[Any]]:
        for start in range(0, self.n, _BLOCK):
            stop = min(start + _BLOCK, self.n)
            if self.dtype.itemsize == 1:
                yield shuffled[start:stop].view(self.dtype)
                continue
            words = np.empty(stop - start, "<u2")
            words[...] = shuffled[self.n + start : self.n + stop]
            np.left_shift(words, 8, out=words)
            np.bitwise_or(words, shuffled[start:stop], out=words)
            yield words.view(self.dtype)


def holds_codes(dataset: h5py.Dataset) -> bool:
    """Whether the rows of a dataset are of a type and packed in a way that :class:`StoredRow` knows."""
    if dataset.ndim != 2 or dataset.dtype.str not in CODE_TYPES:
        return False
    creation = dataset.id.get_create_plist()
    filters = [creation.get_filter(index)[::2] for index in range(creation.get_nfilters())]
    # HDF5 shuffles by the width that the filter's settings say, whatever the type.
    numbers, settings = [number for number, *_ in filters], [values for _, values in filters]
    return numbers == [SHUFFLE, ZSTANDARD, FLETCHER32] and settings[0] == (dataset.dtype.itemsize,)


def fletcher32(data: bytes | memoryview) -> bytes:
    """HDF5's checksum of ``data`` as it is stored: two sums modulo 65535 of its big-endian words, an odd byte last."""
    # Two bytes swapped are a word times 256 modulo 65535: the words can be added up in the order of the computer.
    words = np.frombuffer(data, "<u2", len(data) // 2)
    total = weighted = 0
    for start in range(0, len(words), _WORDS):
        block = words[start : start + _WORDS].astype(np.float64)
        weighted += len(block) * total + int(np.einsum("i,i", block, _WEIGHTS[-len(block) :]))  # exact below 2**53
        total += int(block.sum())
    if len(data) % 2:
        total += data[-1]
        weighted += total
    return b"".join(_residue(256 * value).to_bytes(2, "little") for value in (total, weighted))


_WEIGHTS = np.arange(_WORDS, 0, -1, dtype=np.float64)


def _residue(value: int) -> int:
    # As HDF5 folds its sums: only nothing is 0, a multiple is 65535.
    return (value - 1) % 65535 + 1 if value else 0
