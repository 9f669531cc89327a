"""Random numbers by counter: the same for the same question, whatever was asked before."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Words = NDArray[np.uint64]

_BLOCK = 8192  # numbers that follow one another in both tables
_TABLE_BITS = 18
_TABLE = 1 << _TABLE_BITS
_WITHIN = _TABLE - 1
_SPARSE = 32
_RUN = 64  # words that are made together
_WORDS_PER_COUNT = 4  # of 64 bits, of Philox
_LEVELS = 65_536
_GRID = 4096.0  # steps of a quantile per standard deviation


def stream_key(seed: int, name: str) -> int:
    """The Philox key (128 bit) of one source of randomness, from the world's seed and the source's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "big")


def gaussian(
    key: int, counter: tuple[int, int], first: int, stride: int, n: int, out: Numbers | None = None
) -> Numbers:
    """Standard normal numbers ``first``, ``first + stride``, ... of a stream, shape (n,), into ``out`` if given.

    Every reading of a stream agrees, in whole or in part. A number is the sum or the difference of one of each of two
    tables, over sqrt(2); it never lies beyond 6 sigma. Numbers of one block of 8192 follow one another in both tables;
    where a block begins there is drawn for each block and stream. The 256-bit Philox counter is made of 64-bit words:
    block over 4, 0, ``counter``. What that does to whiteness: docs/decisions/0030.
    """
    numbers = np.empty(n, np.float32) if out is None else out
    block, within = divmod(first, _BLOCK)
    words = _words(key, counter, block, (first + (n - 1) * stride) // _BLOCK)
    if stride < _SPARSE:
        _along(words, within, stride, numbers)
    else:
        _here_and_there(words, within, stride, numbers)
    return numbers


def _along(words: Words, within: int, stride: int, numbers: Numbers) -> None:
    """Block after block."""
    one, other = _tables()
    done = 0
    for word in words.tolist():
        count = min(numbers.size - done, -(-(_BLOCK - within) // stride))
        length = (count - 1) * stride + 1
        begin, other_begin = (word & _WITHIN) + within, (word >> _TABLE_BITS & _WITHIN) + within
        combine = np.subtract if word >> 2 * _TABLE_BITS & 1 else np.add
        combine(
            one[begin : begin + length : stride],
            other[other_begin : other_begin + length : stride],
            out=numbers[done : done + count],
        )
        done, within = done + count, within + count * stride - _BLOCK


def _here_and_there(words: Words, within: int, stride: int, numbers: Numbers) -> None:
    """Number after number: few of a block are wanted."""
    one, other = _tables()
    block, at = np.divmod(within + stride * np.arange(numbers.size), _BLOCK)
    word = words[block]
    begin = (word & np.uint64(_WITHIN)).astype(np.int64)
    other_begin = (word >> np.uint64(_TABLE_BITS) & np.uint64(_WITHIN)).astype(np.int64)
    sign = 1.0 - 2.0 * (word >> np.uint64(2 * _TABLE_BITS) & np.uint64(1)).astype(np.float32)
    np.add(one[begin + at], sign * other[other_begin + at], out=numbers, dtype=np.float32, casting="same_kind")


def _words(key: int, counter: tuple[int, int], first: int, last: int) -> Words:
    """64 random bits for each of the blocks ``first`` to ``last``."""
    runs = range(first // _RUN, last // _RUN + 1)
    words = [_run_of_words(key, counter, run) for run in runs]
    whole = words[0] if len(words) == 1 else np.concatenate(words)
    return whole[first - runs[0] * _RUN : last + 1 - runs[0] * _RUN]


@lru_cache(maxsize=256)  # a window is read in pieces much shorter than a run
def _run_of_words(key: int, counter: tuple[int, int], run: int) -> Words:
    count = run * (_RUN // _WORDS_PER_COUNT) + (counter[0] << 128) + (counter[1] << 192)
    words: Words = np.random.Philox(key=key, counter=count).random_raw(_RUN)
    words.flags.writeable = False
    return words


@cache
def _tables() -> tuple[Numbers, Numbers]:
    """Two tables of numbers whose sums have mean 0 and variance 1; each goes on at its end as it begins."""
    upper = np.array([NormalDist().inv_cdf(0.5 + (k + 0.5) / _LEVELS) for k in range(_LEVELS // 2)])
    quantiles = np.rint(_GRID * np.concatenate([-upper[::-1], upper])).astype(np.int64)
    # Little-endian whatever the machine is, and whole numbers up to here: the same samples everywhere.
    bits = np.random.Philox(key=stream_key(0, "noise tables")).random_raw(2 * _TABLE // 4)
    drawn = quantiles[bits.astype("<u8", copy=False).view("<u2").reshape(2, _TABLE)]
    means = [int(row.sum()) / _TABLE for row in drawn]
    squares = [int((row * row).sum()) / _TABLE for row in drawn]
    one, other = (
        ((row - mean) / (2.0 * (square - mean * mean)) ** 0.5).astype(np.float32)
        for row, mean, square in zip(drawn, means, squares, strict=True)
    )
    return np.append(one, one[:_BLOCK]), np.append(other, other[:_BLOCK])
