"""Random numbers by counter: the same for the same question, whatever was asked before."""

from __future__ import annotations

import hashlib
import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_LEVELS = 65_536
# Numbers are laid out by their rest modulo 16, a row each, so that every 4th or 16th is read without the others.
_ROWS = 16
_ROW = 65_536
_PER_COUNT = 8  # of numbers: a count of Philox gives four words of 64 bits


def stream_key(seed: int, name: str) -> int:
    """The Philox key (128 bit) of one source of randomness, from the world's seed and the source's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "big")


def gaussian(key: int, counter: tuple[int, int], first: int, stride: int, n: int) -> NDArray[np.float32]:
    """Standard normal numbers ``first``, ``first + stride``, ... of a stream, shape (n,).

    Every reading of a stream agrees, in whole or in part. The 256-bit Philox counter is made of 64-bit words: place
    within a block of 16 rows, block, ``counter``. A number is the sum of two quantiles of 16 bits each, over sqrt(2);
    it never lies beyond 6 sigma.
    """
    numbers = np.empty(n, np.float32)
    lanes = _ROWS // math.gcd(stride, _ROWS)
    step = stride * lanes // _ROWS
    for lane in range(min(lanes, n)):
        column, row = divmod(first + lane * stride, _ROWS)
        into = numbers[lane::lanes]
        done = 0
        while done < into.size:
            block, within = divmod(column + done * step, _ROW)
            count = min(into.size - done, -(-(_ROW - within) // step))
            into[done : done + count] = _row(key, (block, *counter), row * _ROW + within, step, count)
            done += count
    return numbers


def _row(key: int, counter: tuple[int, int, int], begin: int, step: int, count: int) -> NDArray[np.float32]:
    """``count`` numbers of a row, every ``step``-th from place ``begin`` of the block."""
    place, skipped = divmod(begin, _PER_COUNT)
    words = sum(word << (64 * k) for k, word in enumerate((place, *counter)))
    last = skipped + (count - 1) * step
    bits = np.random.Philox(key=key, counter=words).random_raw(last // 2 + 1)
    # Little-endian whatever the machine is, so that the same world gives the same samples everywhere.
    halves = bits.astype("<u8", copy=False).view("<u2").reshape(-1, 2)[skipped : last + 1 : step]
    quantiles = _quantiles().take(halves)
    return np.add(quantiles[:, 0], quantiles[:, 1])


@cache
def _quantiles() -> NDArray[np.float32]:
    """65536 quantiles of the normal distribution, scaled so that the sum of two has variance 1."""
    upper = np.array([NormalDist().inv_cdf(0.5 + (k + 0.5) / _LEVELS) for k in range(_LEVELS // 2)])
    table = np.concatenate([-upper[::-1], upper])
    scaled: NDArray[np.float32] = (table / np.sqrt(2.0 * np.mean(table**2))).astype(np.float32)
    return scaled
