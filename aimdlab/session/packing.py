"""Packing codes outside HDF5, as its filters would pack them, to the byte: beside whatever else goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimdlab.session import zstandard
from aimdlab.session.unpacking import CODE_TYPES, fletcher32


def packed_chunk(codes: NDArray[Any], level: int) -> bytes | None:
    """Codes, shape (n,), shuffled, compressed by Zstandard, with their checksum; None if only HDF5 can do it.

    Args:
        codes: little-endian, contiguous, at least one.
        level: of the compression.
    """
    if codes.ndim != 1 or codes.dtype.str not in CODE_TYPES:
        return None
    chunk = zstandard.compress(_shuffled(codes), level)
    return None if chunk is None else chunk + fletcher32(chunk)


def _shuffled(codes: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of the codes: all low ones, then all high ones."""
    if codes.dtype.itemsize == 1:
        return codes.view(np.uint8)
    words = codes.view("<u2")
    shuffled = np.empty((2, words.size), np.uint8)
    np.bitwise_and(words, 0xFF, out=shuffled[0], casting="unsafe")
    np.right_shift(words, 8, out=shuffled[1], casting="unsafe")
    return shuffled.reshape(-1)
