"""Whether the index of a dataset's chunks is a tree, looked at in the file's own bytes before HDF5 follows it.

It is the one structure of these files that points on without a checksum; HDF5 dies of one that leads in circles, and
has no function that says where the index lies.
"""

from __future__ import annotations

from typing import BinaryIO

import h5py
from h5py import h5g

_LAYOUT, _CONTINUATION = 8, 16
_NOWHERE = 2**64 - 1
_MOST_BLOCKS = 64
_LARGEST_BLOCK_BYTES = 1 << 20
_NODE_HEAD_BYTES = 24


def address_of(item: h5py.h5g.GroupID | h5py.h5d.DatasetID) -> int:
    """Where the header of an object lies in the file: one with two names has one address."""
    # Not by ``h5o.get_info``, which measures the index, and so follows it.
    low, high = h5g.get_objinfo(item).objno
    return int(low) | int(high) << 32


def check_index(stream: BinaryIO, header: int, rank: int, chunks: int) -> None:
    """Raise ValueError unless the chunks are indexed by a tree (HDF5 file format, III.A.1, version 1, type 1).

    Args:
        stream: the file.
        header: address of the dataset's object header.
        rank: its number of dimensions.
        chunks: how many there should be.
    """
    root = _index_address(stream, header)
    if root == _NOWHERE:
        return
    key_bytes = 8 + 8 * (rank + 1)
    seen: set[int] = set()
    waiting: list[tuple[int, int | None]] = [(root, None)]
    while waiting:
        address, level = waiting.pop()
        if address in seen or len(seen) > 2 * chunks + _MOST_BLOCKS:
            raise ValueError("the index of its chunks leads in circles")
        seen.add(address)
        head = _read(stream, address, _NODE_HEAD_BYTES)
        if not head.startswith(b"TREE\x01") or (level is not None and head[5] != level):
            raise ValueError("the index of its chunks is none")
        if head[5] == 0:
            continue
        used = int.from_bytes(head[6:8], "little")
        children = _read(stream, address + _NODE_HEAD_BYTES, used * (key_bytes + 8))
        waiting.extend(
            (int.from_bytes(children[start : start + 8], "little"), head[5] - 1)
            for start in range(key_bytes, len(children), key_bytes + 8)
        )


def _index_address(stream: BinaryIO, header: int) -> int:
    """Where the index of the chunks begins, from the layout message of the dataset's object header (version 2)."""
    prefix = _read(stream, header, 34)
    flags = prefix[5]
    start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    if not prefix.startswith(b"OHDR\x02"):
        raise ValueError("its header is none of a session")
    blocks = [(header + start + width, int.from_bytes(prefix[start : start + width], "little"))]
    head_bytes = 6 if flags & 4 else 4
    for address, size in blocks:
        block, at = _read(stream, address, size), 0
        while at + head_bytes <= len(block):
            kind, length = block[at], int.from_bytes(block[at + 1 : at + 3], "little")
            message = block[at + head_bytes : at + head_bytes + length]
            at += head_bytes + length
            if kind == _LAYOUT:
                if message[:2] != b"\x03\x02":
                    raise ValueError("its chunks are not indexed as those of a session")
                return int.from_bytes(message[3:11], "little")
            if kind == _CONTINUATION and len(blocks) < _MOST_BLOCKS:
                more, length = (int.from_bytes(message[i : i + 8], "little") for i in (0, 8))
                blocks.append((more + 4, length - 8))  # between its signature and its checksum
    raise ValueError("its header says nothing of its chunks")


def _read(stream: BinaryIO, address: int, size: int) -> bytes:
    if not 0 <= size <= _LARGEST_BLOCK_BYTES:
        raise ValueError(f"a block of {size} bytes is none of a session")
    stream.seek(min(address, 1 << 62))
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("it leads beyond the end of the file")
    return content
