"""Whether the chunks of a dataset may be unpacked: all there, inside the file, and no larger than they say.

HDF5 hands a chunk to its filters as it is found, and each unpacks as much as the bytes tell it to.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from h5py import h5d, h5z

from aimdlab.session.chunk_index import address_of, check_index

SHUFFLE, DEFLATE, FLETCHER32 = h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE, h5z.FILTER_FLETCHER32
ZSTANDARD = 32015
BITSHUFFLE = 32008
_KNOWN: tuple[list[int], ...] = (
    [],
    [SHUFFLE, DEFLATE],
    [SHUFFLE, DEFLATE, FLETCHER32],
    [SHUFFLE, ZSTANDARD, FLETCHER32],
    [BITSHUFFLE, FLETCHER32],  # before Zstandard
)

CHECKSUM_BYTES = 4
_DEFLATE_RATIO = 1032  # deflate makes no more than this of a byte
_HARMLESS_BYTES = 256 << 20
_INFLATE_BLOCK_BYTES = 1 << 20


def check_chunks(
    dataset: h5d.DatasetID,
    stream: BinaryIO,
    *,
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    filters: list[int],
) -> None:
    """Look where every chunk lies; ValueError says what is wrong. :class:`ChunkedRows` looks what is in them.

    Args:
        dataset: chunked.
        stream: its file.
        shape: of the dataset.
        chunk: of a chunk.
        filters: by HDF5's numbers, in the order of writing.
    """
    if filters not in _KNOWN:
        raise ValueError(f"its filters {filters} are none of a session")
    size = stream.seek(0, 2)
    expected = math.prod(-(-n // step) for n, step in zip(shape, chunk, strict=True))
    if expected > size:
        raise ValueError(f"its {expected} chunks are not in the file")
    check_index(stream, address_of(dataset), len(shape), expected)
    found: list[h5d.StoreInfo] = []
    # Anything but None ends the iteration: an index that leads in circles must not keep it going.
    dataset.chunk_iter(lambda info: found.append(info) if len(found) <= expected else True)
    if len(found) != expected or len({info.chunk_offset for info in found}) != expected:
        raise ValueError(f"it has {len(found)} chunks, {expected} expected")
    for info in found:
        if any(at % step or at >= n for at, step, n in zip(info.chunk_offset, chunk, shape, strict=True)):
            raise ValueError(f"the chunk at {info.chunk_offset} lies outside")
    _check_apart(found, size)


class ChunkedRows:
    """Looks at the chunks that hold some rows of a chunked dataset, before they are unpacked.

    Where they lie is found out once: HDF5 looks for each of them from the first on.

    Args:
        dataset: chunked, and looked at by :func:`check_chunks`.
        stream: its file, open for as long as this is asked.
    """

    def __init__(self, dataset: h5d.DatasetID, stream: BinaryIO) -> None:
        creation = dataset.get_create_plist()
        self._stream = stream
        self._filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
        self._chunk = tuple(int(n) for n in creation.get_chunk())
        self._unpacked = int(dataset.get_type().get_size()) * math.prod(self._chunk)
        self._beside = math.prod(-(-n // step) for n, step in zip(dataset.shape[1:], self._chunk[1:], strict=True))
        # By position in the grid of chunks, row by row: address, bytes and the filters that were left out.
        grid = [-(-n // step) for n, step in zip(dataset.shape, self._chunk, strict=True)]
        self._places = np.zeros((math.prod(grid), 3), np.int64)

        def found(info: h5d.StoreInfo) -> None:
            where = 0
            for at, step, n in zip(info.chunk_offset, self._chunk, grid, strict=True):
                where = where * n + at // step
            self._places[where] = info.byte_offset, info.size, info.filter_mask

        dataset.chunk_iter(found)

    def packed(self, row: int) -> bytes:
        """What lies in the file of a row that is one chunk, looked at; b"" if it is none, or has not been through all
        filters. ValueError says what is wrong."""
        self.check(row, row + 1)
        address, size, mask = self._places[row].tolist() if self._beside == self._chunk[0] == 1 else (0, 0, 0)
        if mask:
            return b""
        self._stream.seek(address)
        return self._stream.read(size)

    def check(self, start: int, stop: int) -> None:
        """Look at the rows from ``start`` to before ``stop``; ValueError says what is wrong."""
        first, last = start // self._chunk[0], -(-stop // self._chunk[0])
        for where in range(first * self._beside, last * self._beside):
            address, size, mask = self._places[where].tolist()
            called = f"the chunk at {address}"
            _check_unpacked(self._stream, called, (address, size, mask), self._filters, self._unpacked)


def check_ends(dataset: h5d.DatasetID, stream: BinaryIO) -> None:
    """Look whether every chunk is as long as its compressed stream; ValueError. Those with a checksum are."""
    creation = dataset.get_create_plist()
    filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
    if creation.get_layout() == h5d.CHUNKED and DEFLATE in filters and FLETCHER32 not in filters:
        found: list[h5d.StoreInfo] = []
        dataset.chunk_iter(found.append)
        unpacked = int(dataset.get_type().get_size()) * math.prod(creation.get_chunk())
        for info in found:
            stream.seek(info.byte_offset)
            if not info.filter_mask and _inflated_bytes(stream, info.size, unpacked) != unpacked:
                raise ValueError(f"the chunk at {info.chunk_offset} is not as long as its content")


def _check_apart(found: Iterable[h5d.StoreInfo], size: int) -> None:
    """Every chunk has a place of its own in the file."""
    end = 0
    for info in sorted(found, key=lambda info: info.byte_offset):
        if info.byte_offset < end:
            raise ValueError(f"the chunk at {info.chunk_offset} lies in another one")
        end = info.byte_offset + info.size
    if end > size:
        raise ValueError("a chunk lies beyond the end of the file")


def _check_unpacked(
    stream: BinaryIO, called: str, place: tuple[int, int, int], filters: list[int], unpacked: int
) -> None:
    """ValueError unless the chunk at ``place`` (address, bytes, mask of filters) unpacks to ``unpacked`` bytes."""
    address, size, mask = place
    if mask >> len(filters):
        raise ValueError(f"{called} leaves out filters that there are not")
    used = [number for index, number in enumerate(filters) if not mask >> index & 1]
    packed = size - CHECKSUM_BYTES * (FLETCHER32 in used)
    if ZSTANDARD in used:
        stream.seek(address)
        becomes = zstandard_content_bytes(stream.read(18))
    elif BITSHUFFLE in used:
        stream.seek(address)
        becomes = int.from_bytes(stream.read(8), "big")
    elif DEFLATE in used:
        if packed * _DEFLATE_RATIO <= _HARMLESS_BYTES:
            return
        stream.seek(address)
        becomes = _inflated_bytes(stream, packed, unpacked)
    else:
        becomes = packed
    if becomes != unpacked:
        raise ValueError(f"{called} would unpack to {becomes} bytes, not {unpacked}")


def zstandard_content_bytes(frame: bytes) -> int:
    """How many bytes a frame says it unpacks to (RFC 8878, 3.1.1), from its first 18; -1 if it does not say."""
    if len(frame) < 6 or not frame.startswith(b"\x28\xb5\x2f\xfd"):
        return -1
    descriptor = frame[4]
    single = descriptor >> 5 & 1
    width = (single, 2, 4, 8)[descriptor >> 6]
    start = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    if width == 0 or len(frame) < start + width:
        return -1
    return int.from_bytes(frame[start : start + width], "little") + (256 if width == 2 else 0)


def _inflated_bytes(stream: BinaryIO, packed: int, limit: int) -> int:
    """How many bytes a zlib stream of ``packed`` bytes unpacks to; beyond ``limit`` they are not counted to the end.

    -1 if it is no such stream, or if it ends before or after those bytes.
    """
    inflate = zlib.decompressobj()
    count = 0
    try:
        while count <= limit and not inflate.eof:
            block = inflate.unconsumed_tail or stream.read(min(packed, _INFLATE_BLOCK_BYTES))
            packed -= 0 if inflate.unconsumed_tail else len(block)
            made = inflate.decompress(block, _INFLATE_BLOCK_BYTES)
            count += len(made)
            if not made and not block:
                return -1
    except zlib.error:
        return -1
    return -1 if inflate.eof and (packed or inflate.unused_data) else count
