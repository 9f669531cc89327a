"""Whether everything in an HDF5 file may be read: looked at before anything is.

A file from elsewhere may lead out of itself (links, external and virtual data), promise more than it holds (shapes,
compressed bombs) or hold types that no session has. What :func:`find` gives is a group or a dataset of a plain type
whose data lie in the file and unpack to what they say they are.
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5f, h5l, h5s, h5t
from numpy.typing import NDArray

from aimdlab.errors import RecordError
from aimdlab.session import chunk_index, chunks

LARGEST_ARRAY_BYTES = 256 << 20
"""A capture, which is one chunk and in memory as a whole: 1e8 samples of 16 bits and some room."""

LARGEST_TEXT_BYTES = 32 << 20
"""A header: six times that of a full gradient campaign; nothing else comes near."""

LARGEST_ROW_BYTES = 1 << 20
"""A row of a table: the texts of its columns, each as wide as its longest."""

_MOST_OBJECTS = 200_000
_MOST_ATTRIBUTES = 64
_MOST_TEXTS = 4_000_000  # of a column: events of a hundred thousand steps, with room
_MOST_ELEMENTS = 64  # of an attribute
_MOST_COLUMNS = 64
_FIXED_TEXT_BYTES = 64 << 10
_COMPACT_BYTES = 64 << 10

DAMAGE = (ArithmeticError, AttributeError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises for a file with changed bytes: HDF5's own errors, and those of meeting another kind of object."""

IN_MEMORY = "memory"
"""What the name of a file in memory begins with, and no absolute path."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUPERBLOCK_BYTES = 48
_NOWHERE = 2**64 - 1
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
_NUMBERS = {
    size: [getattr(h5t, f"STD_{sign}{8 * size}{order}") for sign in "IU" for order in ("LE", "BE")]
    for size in (1, 2, 4, 8)
}
_FLOATS = [h5t.IEEE_F64LE, h5t.IEEE_F32LE, h5t.IEEE_F64BE, h5t.IEEE_F32BE]


def check_superblock(path: Path) -> None:
    """Look at the first bytes, before HDF5 does; RecordError if this is no file as sessions are written.

    Older kinds of file have no checksums: HDF5 does not survive every wrong byte in them.
    """
    with path.open("rb") as stream:
        start = stream.read(_SUPERBLOCK_BYTES)
        stream.seek(0, 2)
        size = stream.tell()
    if not start.startswith(_SIGNATURE) or len(start) < _SUPERBLOCK_BYTES:
        raise RecordError(f"{path} cannot be read as HDF5: it does not begin like one")
    version, *widths = start[8:11]
    base, extension, end = np.frombuffer(start, "<u8", 3, 12).tolist()
    if version not in (2, 3) or widths != [8, 8] or base != 0 or extension != _NOWHERE:
        raise RecordError(f"{path} is HDF5, but not a sealed session or a part of one as aimdlab writes it")
    if end != size:
        what = "was cut short" if size < end else "has bytes after its end"
        raise RecordError(f"{path} was altered: it {what} ({size} bytes, {end} expected)")


def find(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    """What lies at ``path`` below ``group``, looked at; KeyError if nothing does, ValueError if no session has such."""
    item = group
    for name in path.split("/"):
        item = _member(item, name)
        check_object(item)
    return item


def address(item: h5py.Group | h5py.Dataset) -> int:
    """Where an object lies in its file: one with two names has one address."""
    return chunk_index.address_of(item.id)


def names(group: h5py.Group) -> list[str]:
    """The names in a group, sorted; ValueError if they are more than any session has."""
    found: list[bytes] = []
    # A number from the callback ends the iteration, whatever the file says of how many there are.
    group.id.links.iterate(lambda name: found.append(name) if len(found) <= _MOST_OBJECTS else 1, order=h5.ITER_NATIVE)
    if len(found) > _MOST_OBJECTS:
        raise ValueError("it holds more objects than any session")
    return sorted(name.decode() for name in found)


def check_object(item: h5py.Group | h5py.Dataset) -> None:
    """Look at one object; ValueError says why no session has such. What was made in memory is not looked at."""
    if _is_in_memory(item):
        return
    with stream_of(item) as stream:
        chunk_index.check_messages(stream, chunk_index.address_of(item.id))
    _check_attributes(item.id)
    if isinstance(item, h5py.Dataset):
        _check_dataset(item)


def chunked_rows(dataset: h5py.Dataset, stream: BinaryIO) -> chunks.ChunkedRows | None:
    """What looks at the chunks of a dataset's rows in its file, open as ``stream``; None if none need be looked at."""
    return chunks.ChunkedRows(dataset.id, stream) if dataset.chunks and not _is_in_memory(dataset) else None


def check_ends(dataset: h5py.Dataset) -> None:
    """Look whether what is stored of a dataset ends where HDF5 says; ValueError if not."""
    if not _is_in_memory(dataset):
        with stream_of(dataset) as stream:
            chunks.check_ends(dataset.id, stream)


def texts_to_read(dataset: h5py.Dataset) -> tuple[NDArray[np.int64], int]:
    """Bytes up to the end of each text of a column, and how many of the texts may be read, from the front."""
    lengths = text_lengths(dataset)
    ends = np.cumsum(lengths)
    # Texts are stored one by one; many that share a place would become any size.
    most = np.iinfo(np.int64).max if _is_in_memory(dataset) else _size(dataset)
    wrong = (lengths > LARGEST_TEXT_BYTES) | (ends > most)
    return ends, int(wrong.argmax()) if wrong.any() else len(lengths)


def text_lengths(dataset: h5py.Dataset) -> NDArray[np.int64]:
    """Bytes of each text of a column, without reading the texts."""
    count, offset = dataset.size, dataset.id.get_offset()
    if not count or offset is None or _is_in_memory(dataset):
        return np.zeros(count, np.int64)
    with stream_of(dataset) as stream:
        stream.seek(offset)
        references = np.frombuffer(stream.read(count * _REFERENCE.itemsize), _REFERENCE)
    return references["length"].astype(np.int64)


def long_text(dataset: h5py.Dataset) -> bytes:
    """The text of a scalar dataset on disk, from the bytes of its file; ValueError if it is not there.

    HDF5 takes some five times as much memory as the text for it, and keeps most of that.
    """
    with stream_of(dataset) as stream:
        stream.seek(dataset.id.get_offset())
        length, address, index = np.frombuffer(stream.read(_REFERENCE.itemsize), _REFERENCE)[0].tolist()
        return chunk_index.heap_object(stream, address, index, length)


def stream_of(item: h5py.Group | h5py.Dataset) -> BinaryIO:
    """The bytes of the file that an object lies in; of one in memory there are none."""
    return io.BytesIO() if _is_in_memory(item) else _path(item).open("rb")


def _is_in_memory(item: h5py.Group | h5py.Dataset) -> bool:
    # Its name; to ask for the driver takes longer than all else. Files on disk are opened by their absolute paths.
    return bool(h5f.get_name(item.id).startswith(IN_MEMORY.encode()))


def _path(item: h5py.Group | h5py.Dataset) -> Path:
    return Path(os.fsdecode(h5f.get_name(item.id)))


def _member(group: h5py.Group, name: str) -> Any:
    if not isinstance(group, h5py.Group) or not group.id.links.exists(name.encode()):
        raise KeyError(f"there is no {name}")
    if group.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise ValueError("it is a link to somewhere else")
    item = group[name]
    if not isinstance(item, h5py.Group | h5py.Dataset):
        raise ValueError("it is neither a group nor a dataset")  # noqa: TRY004 - a bad file, not a bad type
    return item


def _check_attributes(item: Any) -> None:
    count = h5a.get_num_attrs(item)
    if count > _MOST_ATTRIBUTES:
        raise ValueError(f"it has {count} attributes")
    for index in range(count):
        attribute = h5a.open(item, index=index)
        kind, space = attribute.get_type(), attribute.get_space()
        small = space.get_simple_extent_npoints() <= _MOST_ELEMENTS and kind.get_size() <= _FIXED_TEXT_BYTES
        if not small or space.get_simple_extent_ndims() > 1 or not (_is_number(kind) or _is_text(kind)):
            raise ValueError(f"its attribute {attribute.name!r} is none of a session")


def _check_dataset(dataset: h5py.Dataset) -> None:
    kind, space = dataset.id.get_type(), dataset.id.get_space()
    if not (_is_number(kind) or _is_text(kind) or _is_table(kind)):
        raise ValueError("its type is none of a session")
    if space.get_simple_extent_type() not in (h5s.SIMPLE, h5s.SCALAR) or space.get_simple_extent_ndims() > 2:
        raise ValueError("its shape is none of a session")
    shape, width = tuple(int(n) for n in space.shape), int(kind.get_size())
    row_bytes = width * math.prod(shape[1:])
    if row_bytes > (LARGEST_ARRAY_BYTES if shape[1:] else LARGEST_ROW_BYTES):
        raise ValueError(f"its rows of {row_bytes} bytes are larger than any of a session")
    creation = dataset.id.get_create_plist()
    if creation.get_external_count():
        raise ValueError("its data lie in another file")
    layout = creation.get_layout()
    variable = _is_text(kind) and bool(kind.is_variable_str())
    if variable and math.prod(shape) > _MOST_TEXTS:
        raise ValueError(f"{math.prod(shape)} texts are more than a session holds")
    if layout == h5d.CONTIGUOUS:
        _check_contiguous(dataset, width * math.prod(shape))
        if variable and dataset.ndim > 1:
            raise ValueError("its shape is none of a session")
    elif layout == h5d.CHUNKED and not variable:
        _check_chunked(dataset, creation, shape, width)
    elif layout != h5d.COMPACT or variable or width * math.prod(shape) > _COMPACT_BYTES:
        raise ValueError("it is stored in a way that no session uses")


def _check_contiguous(dataset: h5py.Dataset, nbytes: int) -> None:
    if nbytes == 0:
        return
    offset = dataset.id.get_offset()
    if offset is None or offset + nbytes > _size(dataset):
        raise ValueError(f"its {nbytes} bytes are not in the file")


def _check_chunked(dataset: h5py.Dataset, creation: Any, shape: tuple[int, ...], width: int) -> None:
    chunk = tuple(int(n) for n in creation.get_chunk())
    if width * math.prod(chunk) > LARGEST_ARRAY_BYTES:
        raise ValueError(f"its chunks of shape {chunk} are larger than any of a session")
    filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
    with stream_of(dataset) as stream:
        chunks.check_chunks(dataset.id, stream, shape=shape, chunk=chunk, filters=filters)


def _size(dataset: h5py.Dataset) -> int:
    return _path(dataset).stat().st_size


def _is_number(kind: h5t.TypeID) -> bool:
    known = _FLOATS if kind.get_class() == h5t.FLOAT else _NUMBERS.get(kind.get_size(), [])
    return kind.get_class() in (h5t.FLOAT, h5t.INTEGER) and any(kind.equal(other) for other in known)


def _is_text(kind: h5t.TypeID) -> bool:
    return bool(kind.get_class() == h5t.STRING)


def _is_table(kind: h5t.TypeID) -> bool:
    if kind.get_class() != h5t.COMPOUND or kind.get_nmembers() > _MOST_COLUMNS:
        return False
    columns = [kind.get_member_type(index) for index in range(kind.get_nmembers())]
    return all(_is_number(column) or (_is_text(column) and not column.is_variable_str()) for column in columns)
