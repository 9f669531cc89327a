"""Files of attempts whose bytes are still those that this process wrote: what lies where in them is known.

Sealing takes an attempt from such a file without asking HDF5, which takes longer to open one than all else. What was
changed in the least, or written by another process, is read, and looked at, as any other file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aimdlab.session import own_files
from aimdlab.session.attempt_file import Places
from aimdlab.session.attempt_record import StoredRecord, capture_shapes, parse_record
from aimdlab.session.base import RecordLink
from aimdlab.session.codes import Compression, StoredCodes, filters_of, unpack

LARGEST_BYTES = 16 << 20
"""Of a file that is known: of a larger one the opening takes nothing beside the reading."""

_DIGEST_BYTES = 32
_NUMBER_BYTES = 8


@dataclass(frozen=True)
class KnownAttempt(RecordLink):
    """An attempt out of the bytes of its file.

    Attributes:
        content: of the file.
        chunks: (address, bytes, mask of filters) of each capture's codes.
        readings: address of each reading.
        compression: of the codes.
    """

    content: bytes
    chunks: Sequence[Sequence[int]]
    readings: Sequence[int]
    compression: Compression

    def codes(self, position: int) -> StoredCodes:
        """The codes of a capture, compressed."""
        address, size, mask = self.chunks[position]
        _, _, n, dtype_name = capture_shapes(self.record)[position]
        dtype, chunk = np.dtype(dtype_name), self.content[address : address + size]
        return StoredCodes(
            dtype=dtype,
            n=n,
            chunk=chunk,
            mask=mask,
            compression=self.compression,
            filters=filters_of(self.compression, dtype),
            unpack=lambda: unpack(dtype, n, chunk, mask, self.compression),
        )

    def reading(self, position: int) -> NDArray[np.float64]:
        """Times and values of a reading, shape (2, n)."""
        (n,) = self.record.attempt["readings"][position]["t_s"]["shape"]
        return np.frombuffer(self.content, "<f8", 2 * n, self.readings[position]).reshape(2, n)


class CommittedFiles:
    """Remembers, in some 250 bytes for each, the files of the attempts that a process committed.

    Args:
        compression: of their codes.
    """

    def __init__(self, compression: Compression) -> None:
        self._compression: Compression = compression
        self._known: dict[str, bytes] = {}

    def remember(self, record: StoredRecord, image: bytes, places: Places) -> None:
        """The file of ``record`` was written with the bytes ``image``, in which its arrays lie at ``places``."""
        if len(image) > LARGEST_BYTES:
            return
        text = record.text.encode()
        at = image.index(text)
        numbers = (at, len(text), len(places.chunks), *(n for one in places.chunks for n in one), *places.readings)
        self._known[record.sha256] = hashlib.sha256(image).digest() + struct.pack(f"<{len(numbers)}Q", *numbers)

    def open(self, path: Path, sha256: str) -> KnownAttempt | None:
        """The attempt of that hash, if it was committed to ``path`` and the file is what was written; else None.

        Raises OSError, or RecordAlteredError if what lies there is no file.
        """
        known = self._known.get(sha256)
        if known is None:
            return None
        with own_files.open_own(path) as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if hashlib.sha256(content).digest() != known[:_DIGEST_BYTES]:
            return None
        numbers = struct.unpack(f"<{(len(known) - _DIGEST_BYTES) // _NUMBER_BYTES}Q", known[_DIGEST_BYTES:])
        at, size, count, *rest = numbers
        chunks = [rest[start : start + 3] for start in range(0, 3 * count, 3)]
        record = parse_record(content[at : at + size].decode())
        return KnownAttempt(record, content, chunks, rest[3 * count :], self._compression)
