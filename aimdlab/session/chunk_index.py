"""Whether the index of a dataset's chunks is a tree, looked at in the file's own bytes before HDF5 follows it.

It is the one structure of these files that points on without a checksum; HDF5 dies of one that leads in circles, and
has no function that says where the index lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import h5py
from h5py import h5g

_LAYOUT, _ATTRIBUTE, _COMMENT, _CONTINUATION = 8, 12, 13, 16
_NAMES = {0x02: 8, 0x15: 2}
"""Messages that say where the names of links and of attributes are indexed: bytes of their optional counter."""
_DEEPEST_NAMES = 8
_VARIABLE = 9
_LONGEST_ATTRIBUTE_BYTES = 64 << 10
_NOWHERE = 2**64 - 1
_HEAP_HEAD = 16  # bytes of the head of a collection, and of an object
_MOST_HEAP_OBJECTS = 1 << 16
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


def check_messages(stream: BinaryIO, header: int) -> None:
    """Raise ValueError if an object has a comment, or its links or attributes a deeper index than any session's.

    HDF5 walks down such a tree (III.A.2, version 2) by calling itself, and dies of one that is deep enough.
    """
    for kind, message in _messages(stream, header):
        if kind == _COMMENT:
            raise ValueError("it has a comment, which no object of a session has")
        if kind == _ATTRIBUTE:
            _check_attribute(message)
        if kind not in _NAMES:
            continue
        flags, at = message[1], 2 + (_NAMES[kind] if message[1] & 1 else 0)
        # The heap, the tree by name and, if there is one, by order of creation.
        for start in range(at + 8, at + (24 if flags & 2 else 16), 8):
            address = int.from_bytes(message[start : start + 8], "little")
            if address == _NOWHERE:
                continue
            tree = _read(stream, address, 14)
            if not tree.startswith(b"BTHD") or int.from_bytes(tree[12:14], "little") > _DEEPEST_NAMES:
                raise ValueError("the index of its names is none of a session")


def _check_attribute(message: bytes) -> None:
    """Raise ValueError if a text of variable length in an attribute (IV.A.2.m, version 3) says that it is very long."""
    if message[0] != 3 or message[1] & 3:  # a shared type or shape, or an older version: no session has one
        return
    name, kind, shape = (int.from_bytes(message[start : start + 2], "little") for start in (2, 4, 6))
    data = 9 + name + kind + shape
    if message[9 + name] & 15 != _VARIABLE:
        return
    for start in range(data, len(message) - 15, 16):
        if int.from_bytes(message[start : start + 4], "little") > _LONGEST_ATTRIBUTE_BYTES:
            raise ValueError("a text of its attributes is longer than any of a session")


def _index_address(stream: BinaryIO, header: int) -> int:
    """Where the index of the chunks begins, from the layout message of the dataset's object header."""
    if not _read(stream, header, 5).startswith(b"OHDR\x02"):
        raise ValueError("its header is none of a session")
    for kind, message in _messages(stream, header):
        if kind == _LAYOUT:
            if message[:2] != b"\x03\x02":
                raise ValueError("its chunks are not indexed as those of a session")
            return int.from_bytes(message[3:11], "little")
    raise ValueError("its header says nothing of its chunks")


def _messages(stream: BinaryIO, header: int) -> Iterator[tuple[int, bytes]]:
    """(type, content) of the messages of an object header of version 2; none of an older one."""
    prefix = _read(stream, header, 34)
    if not prefix.startswith(b"OHDR\x02"):
        return
    flags = prefix[5]
    start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    blocks = [(header + start + width, int.from_bytes(prefix[start : start + width], "little"))]
    head_bytes = 6 if flags & 4 else 4
    for address, size in blocks:
        block, at = _read(stream, address, size), 0
        while at + head_bytes <= len(block):
            kind, length = block[at], int.from_bytes(block[at + 1 : at + 3], "little")
            message = block[at + head_bytes : at + head_bytes + length]
            at += head_bytes + length
            yield kind, message
            if kind == _CONTINUATION and len(blocks) < _MOST_BLOCKS:
                more, length = (int.from_bytes(message[i : i + 8], "little") for i in (0, 8))
                blocks.append((more + 4, length - 8))  # between its signature and its checksum


def heap_object(stream: BinaryIO, address: int, index: int, size: int) -> bytes:
    """An object of ``size`` bytes in the global heap collection at ``address`` (III.E); ValueError if there is none.

    HDF5 takes the last of several that have one number, so that none of them would be what every viewer shows.
    """
    head = _read(stream, address, _HEAP_HEAD)
    if not head.startswith(b"GCOL\x01"):
        raise ValueError("its text does not lie in a heap")
    at, end = address + _HEAP_HEAD, address + int.from_bytes(head[8:], "little")
    places: dict[int, tuple[int, int]] = {}
    while end - at >= _HEAP_HEAD and len(places) < _MOST_HEAP_OBJECTS:
        head = _read(stream, at, _HEAP_HEAD)
        number, length = int.from_bytes(head[:2], "little"), int.from_bytes(head[8:], "little")
        if number == 0 and at + length == end:  # what is left free
            break
        if number == 0 or number in places:
            raise ValueError("the heap of its text is none of a session")
        places[number] = at + _HEAP_HEAD, length
        at += _HEAP_HEAD + length + -length % 8
    if index not in places or sum(places[index]) > end:
        raise ValueError("its text is not in its heap")
    if places[index][1] != size:
        raise ValueError("its text has another length than it says")
    stream.seek(places[index][0])
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("its text has another length than it says")
    return content


def _read(stream: BinaryIO, address: int, size: int) -> bytes:
    if not 0 <= size <= _LARGEST_BLOCK_BYTES:
        raise ValueError(f"a block of {size} bytes is none of a session")
    stream.seek(min(address, 1 << 62))
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("it leads beyond the end of the file")
    return content
