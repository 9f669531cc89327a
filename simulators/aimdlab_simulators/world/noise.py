"""Random numbers by counter: the same for the same question, whatever was asked before."""

from __future__ import annotations

import hashlib
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_BLOCK = 65_536
_LEVELS = 65_536


def stream_key(seed: int, name: str) -> int:
    """The Philox key (128 bit) of one source of randomness, from the world's seed and the source's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "big")


def gaussian(key: int, counter: tuple[int, int], first: int, stride: int, n: int) -> NDArray[np.float32]:
    """Standard normal numbers ``first``, ``first + stride``, ... of a stream, shape (n,).

    Every reading of a stream agrees, in whole or in part. The 256-bit Philox counter is made of 64-bit words: running
    number within a block, block, ``counter``. A number is the sum of two quantiles of 16 bits each,
    over sqrt(2); it never lies beyond 6 sigma.
    """
    numbers = np.empty(n, np.float32)
    done = 0
    while done < n:
        block, within = divmod(first + done * stride, _BLOCK)
        count = min(n - done, -(-(_BLOCK - within) // stride))
        last = within + (count - 1) * stride
        words = sum(word << (64 * place) for place, word in enumerate((0, block, *counter)))
        bits = np.random.Philox(key=key, counter=words).random_raw(last // 2 + 1)
        # Little-endian whatever the machine is, so that the same world gives the same samples everywhere.
        halves = bits.astype("<u8", copy=False).view("<u2").reshape(-1, 2)[within : last + 1 : stride]
        table = _quantiles()
        numbers[done : done + count] = table[halves[:, 0]] + table[halves[:, 1]]
        done += count
    return numbers


@cache
def _quantiles() -> NDArray[np.float32]:
    """65536 quantiles of the normal distribution, scaled so that the sum of two has variance 1."""
    upper = np.array([NormalDist().inv_cdf(0.5 + (k + 0.5) / _LEVELS) for k in range(_LEVELS // 2)])
    table = np.concatenate([-upper[::-1], upper])
    scaled: NDArray[np.float32] = (table / np.sqrt(2.0 * np.mean(table**2))).astype(np.float32)
    return scaled
