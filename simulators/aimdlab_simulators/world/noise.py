"""Random numbers by counter: the same for the same question, whatever was asked before."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Words = NDArray[np.uint64]
Heights = NDArray[np.int16]

_BLOCK = 8192  # numbers that follow one another in both tables
_TABLE_BITS = 18
_TABLE = 1 << _TABLE_BITS
_WITHIN = _TABLE - 1
_RUN = 64  # words that are made together
_WORDS_PER_COUNT = 4  # of 64 bits, of Philox
_LEVELS = 65_536
_GRID = 2560.0  # steps of a quantile per standard deviation: the sum of two still fits


def stream_key(seed: int, name: str) -> int:
    """The Philox key (128 bit) of one source of randomness, from the world's seed and the source's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "big")


def gaussian(key: int, counter: tuple[int, int], first: int, stride: int, n: int, *, scale: float = 1.0) -> Numbers:
    """Normal numbers ``first``, ``first + stride``, ... of a stream, of standard deviation ``scale``, shape (n,).

    Every reading of a stream agrees, in whole or in part. A number is the sum or the difference of one of each of two
    tables; it never lies beyond 6 sigma. Numbers of one block of 8192 follow one another in both tables; where a block
    begins there is drawn for each block and stream. The 256-bit Philox counter is made of 64-bit words: block over 4,
    0, ``counter``. What that does to whiteness: docs/decisions/0030.
    """
    block, within = divmod(first, _BLOCK)
    words = _words(key, counter, block, (first + (n - 1) * stride) // _BLOCK)
    in_rows = _BLOCK % stride == 0 and n * stride >= _BLOCK
    heights = _in_rows(words, within, stride, n) if in_rows else _here_and_there(words, within, stride, n)
    return np.multiply(heights, np.float32(scale * _tables().step), dtype=np.float32)


def _in_rows(words: Words, within: int, stride: int, n: int) -> Heights:
    """Block by block, each with the same share of the numbers; few calls, as threads meet at the end of each."""
    one, other = _rows(stride, within % stride)
    begin, other_begin, sign = _places(words)
    heights, more = one[begin], other[other_begin]
    more *= sign[:, np.newaxis]
    heights += more
    return heights.reshape(-1)[within // stride :][:n]


def _here_and_there(words: Words, within: int, stride: int, n: int) -> Heights:
    """Number by number."""
    one, other, _ = _tables()
    block, at = np.divmod(within + stride * np.arange(n), _BLOCK)
    begin, other_begin, sign = (each[block] for each in _places(words))
    heights: Heights = one[begin + at] + sign * other[other_begin + at]
    return heights


def _places(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64], Heights]:
    """Where each block begins in the two tables, and the sign of the other one."""
    begin = (words & np.uint64(_WITHIN)).astype(np.int64)
    other_begin = (words >> np.uint64(_TABLE_BITS) & np.uint64(_WITHIN)).astype(np.int64)
    sign = np.int16(1) - np.int16(2) * (words >> np.uint64(2 * _TABLE_BITS) & np.uint64(1)).astype(np.int16)
    return begin, other_begin, sign


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


class _Tables(NamedTuple):
    """Two tables of whole numbers, each going on at its end as it begins, and the step that makes their sums normal."""

    one: Heights
    other: Heights
    step: float


@cache
def _tables() -> _Tables:
    upper = np.array([NormalDist().inv_cdf(0.5 + (k + 0.5) / _LEVELS) for k in range(_LEVELS // 2)])
    quantiles = np.rint(_GRID * np.concatenate([-upper[::-1], upper])).astype(np.int64)
    # Little-endian whatever the machine is, and whole numbers: the same samples everywhere.
    bits = np.random.Philox(key=stream_key(0, "noise tables")).random_raw(2 * _TABLE // 4)
    drawn = quantiles[bits.astype("<u8", copy=False).view("<u2").reshape(2, _TABLE)]
    drawn -= np.rint(drawn.mean(axis=1, keepdims=True)).astype(np.int64)
    for k, excess in enumerate(drawn.sum(axis=1).tolist()):  # less than one per number
        drawn[k, : abs(excess)] -= np.sign(excess)
    one, other = drawn.astype(np.int16)
    step = (_TABLE / int((drawn * drawn).sum())) ** 0.5
    return _Tables(np.append(one, one[:_BLOCK]), np.append(other, other[:_BLOCK]), step)


@lru_cache(maxsize=64)
def _rows(stride: int, phase: int) -> tuple[Heights, Heights]:
    """Each ``stride``-th number from ``phase`` on of the block that begins at each place of the tables; a view."""
    one, other = (sliding_window_view(table, _BLOCK)[:_TABLE, phase::stride] for table in _tables()[:2])
    return one, other
