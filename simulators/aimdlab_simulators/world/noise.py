"""Random numbers by counter: the same for the same question, whatever was asked before."""

from __future__ import annotations

import hashlib
import threading
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Words = NDArray[np.uint64]
Heights = NDArray[np.int16]
Places = NDArray[np.int64]

_BLOCK_BITS = 13
_BLOCK = 1 << _BLOCK_BITS  # numbers that follow one another in both tables
_TABLE_BITS = 18
_TABLE = 1 << _TABLE_BITS
_WITHIN = _TABLE - 1
_ROWS = _TABLE // 4  # to read fewer numbers than that, the tables are not laid out anew
_WORDS_PER_COUNT = 4  # of 64 bits, of Philox
_WORD = (1 << 64) - 1
_NO_WORDS = np.zeros(_WORDS_PER_COUNT, np.uint64)
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
    begin, other_begin, minus = _places(_words(key, counter, block, (first + (n - 1) * stride) // _BLOCK))
    in_rows = n >= _ROWS and stride * 2 <= _BLOCK
    heights = (_in_rows if in_rows else _here_and_there)(begin, other_begin, minus, within, stride, n)
    return np.multiply(heights, np.float32(scale * _tables().step), dtype=np.float32)


def one(key: int, counter: tuple[int, int]) -> float:
    """The first number of a stream, of standard deviation 1: what ``gaussian`` gives, for whoever wants no more."""
    begin, other_begin, minus = (int(each[0]) for each in _places(_words(key, counter, 0, 0)))
    tables = _tables()
    height = int(tables.one[begin]) + (-1 if minus else 1) * int(tables.other[other_begin])
    return float(np.float32(height) * np.float32(tables.step))


def _in_rows(begin: Places, other_begin: Places, minus: Places, within: int, stride: int, n: int) -> Heights:
    """Block by block; few calls, as threads meet at the end of each."""
    tables = _laid_out(stride)
    most = tables.rows.shape[1]
    phase = (within - _BLOCK * np.arange(begin.size)) % stride  # of the first number of each block
    phase[0] = within
    counts = (_BLOCK - 1 - phase) // stride + 1
    counts[-1] = n - int(counts[:-1].sum())
    heights = tables.rows[tables.at(begin + phase)]
    heights += tables.other_rows[tables.at(other_begin + phase, minus)]
    if (counts[:-1] == most).all():
        return heights.reshape(-1)[:n]
    chosen: Heights = heights[np.arange(most) < counts[:, np.newaxis]]
    return chosen


def _here_and_there(begin: Places, other_begin: Places, minus: Places, within: int, stride: int, n: int) -> Heights:
    """Number by number."""
    tables = _laid_out(1)
    at = within + stride * np.arange(n)
    block = at >> _BLOCK_BITS
    at &= _BLOCK - 1
    heights: Heights = tables.one.take(begin.take(block) + at)
    heights += tables.other.take(tables.at(other_begin, minus).take(block) + at)
    return heights


def _places(words: Words) -> tuple[Places, Places, Places]:
    """Where each block begins in the two tables, and whether the other one is subtracted (1) or added (0)."""
    places = words.astype(np.int64)
    return places & _WITHIN, places >> _TABLE_BITS & _WITHIN, places >> 2 * _TABLE_BITS & 1


_own = threading.local()


def _words(key: int, counter: tuple[int, int], first: int, last: int) -> Words:
    """64 random bits for each of the blocks ``first`` to ``last``."""
    count = first // _WORDS_PER_COUNT
    # Made once per thread and put where it is wanted: to make one, NumPy asks the system for entropy each time.
    philox: Any = getattr(_own, "philox", None)
    if philox is None:
        philox = _own.philox = np.random.Philox(key=0)
    philox.state = {
        "bit_generator": "Philox",
        "state": {
            "counter": np.array([count, 0, *counter], np.uint64),
            "key": np.array([key & _WORD, key >> 64], np.uint64),
        },
        "buffer": _NO_WORDS,
        "buffer_pos": _WORDS_PER_COUNT,
        "has_uint32": 0,
        "uinteger": 0,
    }
    words: Words = philox.random_raw(_WORDS_PER_COUNT * (last // _WORDS_PER_COUNT - count + 1))
    return words[first % _WORDS_PER_COUNT :][: last - first + 1]


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


class _LaidOut(NamedTuple):
    """The tables for one stride: every ``stride``-th number, from each of the first ones on, side by side.

    Attributes:
        one: stride times ``columns`` numbers, and as many again as a block may have.
        other: the same, then all of it with the other sign.
        rows: what a block may have of ``one``, from each place on; a view.
        other_rows: the same of ``other``.
    """

    one: Heights
    other: Heights
    rows: Heights
    other_rows: Heights
    stride: int
    columns: int

    def at(self, place: Places, minus: Places | int = 0) -> Places:
        """Where the number at ``place`` of a table is here, and behind it every ``stride``-th of the table."""
        found: Places = place % self.stride * self.columns + place // self.stride + minus * self.one.size
        return found


@lru_cache(maxsize=8)
def _laid_out(stride: int) -> _LaidOut:
    tables, columns = _tables(), -(-(_TABLE + _BLOCK) // stride)
    laid = []
    for table in (tables.one, tables.other):
        whole = np.resize(table, (columns, stride)).T.reshape(-1)
        laid.append(np.append(whole, whole[: _BLOCK // stride + 1]))
    one, other = laid[0], np.append(laid[1], -laid[1])
    rows, other_rows = (sliding_window_view(table, -(-_BLOCK // stride)) for table in (one, other))
    return _LaidOut(one, other, rows, other_rows, stride, columns)
