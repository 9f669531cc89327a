"""The few things a session does with HDF5, with types; h5py itself has none.

Files are written in the format of HDF5 1.8 (``libver`` "v108"), which every HDF5 tool opens: it is the oldest whose
object headers carry checksums, so that a changed byte is an error and not a crash. Codes carry checksums for the same
reason: the decompressor does not survive every wrong byte.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordError
from aimdlab.session import inspection, unpacking

Built = TypeVar("Built")

_LIBVER = ("v108", "v108")
_SLAB_BYTES = 8 << 20
# Per open dataset. HDF5 2.0 takes 8 MB unasked: half a gigabyte for a campaign, and no code is read twice.
_CHUNK_CACHE_BYTES = 256 << 10
_COLUMN_BLOCK = 1 << 17
_MOST_ROWS = 1 << 20
_LONG_TEXT_BYTES = 64 << 10
_numbers = itertools.count(1)
_TEXT = h5py.h5t.py_create(h5py.string_dtype(), logical=True)

DAMAGE = inspection.DAMAGE
"""What h5py raises for a file with changed bytes."""


def in_memory(**options: Any) -> h5py.File:
    """A new HDF5 file in memory, which goes when it is closed.

    Each has a name of its own: HDF5 takes two of one name for the same file, and refuses the second while another
    thread still has the first.
    """
    return h5py.File(f"{inspection.IN_MEMORY}-{next(_numbers)}", "w", driver="core", backing_store=False, **options)


def build_image(build: Callable[[h5py.Group], Built]) -> tuple[bytes, Built]:
    """The bytes of a whole HDF5 file made in memory, for small files that are written in one go, and what ``build``
    returned."""
    with in_memory(libver=_LIBVER) as file:
        built = build(file)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image, built


def create_file(path: Path) -> h5py.File:
    """A new HDF5 file; OSError if it exists or cannot be made."""
    return h5py.File(path, "x", libver=_LIBVER, rdcc_nbytes=_CHUNK_CACHE_BYTES)


def open_file(path: Path) -> h5py.File:
    """An HDF5 file for reading, its first bytes looked at; :func:`find` looks at what is in it.

    Raises RecordError if it is none or may not be read.
    """
    try:
        inspection.check_superblock(path)
        # No lock: reading must work on read-only media and network shares, and files of a session are never rewritten.
        file = h5py.File(path.absolute(), "r", locking=False, rdcc_nbytes=_CHUNK_CACHE_BYTES)
    except DAMAGE as error:
        raise RecordError(f"{path} cannot be read as HDF5: {error}") from error
    try:
        inspection.check_object(file)
    except DAMAGE as error:
        file.close()
        raise RecordError(f"{path} was altered or is no session: {error}") from error
    return file


def write_text(group: h5py.Group, name: str, text: str) -> h5py.Dataset:
    """One text as a scalar dataset of variable length, UTF-8.

    ValueError for a text with a NUL, which HDF5 cuts, or one that is longer than what is read again.
    """
    if "\0" in text:
        raise ValueError(f"{name} holds a NUL character, which HDF5 text cannot carry")
    if len(text.encode()) > inspection.LARGEST_TEXT_BYTES:
        raise ValueError(f"{name} is longer than {inspection.LARGEST_TEXT_BYTES} bytes")
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    dataset = h5py.h5d.create(group.id, name.encode(), _TEXT, h5py.h5s.create(h5py.h5s.SCALAR), creation)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(text, h5py.string_dtype()))
    return h5py.Dataset(dataset)


def write_attribute(holder: h5py.Group | h5py.Dataset, name: str, text: str) -> None:
    """A text as a new attribute; as ``holder.attrs[name]`` would, in a third of the time."""
    attribute = h5py.h5a.create(holder.id, name.encode(), _TEXT, h5py.h5s.create(h5py.h5s.SCALAR))
    attribute.write(np.array(text, h5py.string_dtype()))


def create_text(group: h5py.Group, name: str) -> h5py.Dataset:
    """A scalar text dataset whose text is written later."""
    return group.create_dataset(name, shape=(), dtype=h5py.string_dtype())


def read_text(group: h5py.Group, name: str) -> str:
    """The text of a scalar dataset; ValueError or KeyError if there is none."""
    dataset = inspection.find(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != () or h5py.check_string_dtype(dataset.dtype) is None:
        raise ValueError(f"no text {name!r}")
    return read_scalar(dataset)


def read_scalar(dataset: h5py.Dataset) -> str:
    """The text of a dataset that is one; ValueError if it is longer than any of a session."""
    ends, readable = inspection.texts_to_read(dataset)
    if not readable:
        raise ValueError(f"it holds a text of {ends[-1]} bytes")
    value: bytes = inspection.long_text(dataset) if ends[-1] > _LONG_TEXT_BYTES else dataset[()]
    return value.decode()


def create_texts(group: h5py.Group, name: str, count: int) -> h5py.Dataset:
    """An empty column of ``count`` texts of variable length, UTF-8; :class:`TextColumn` fills it."""
    return group.create_dataset(name, shape=(count,), dtype=h5py.string_dtype())


class TextColumn:
    """Fills a column of texts from the front, a slab at a time: one by one is many times slower."""

    def __init__(self, dataset: h5py.Dataset, slab_bytes: int = 1 << 20) -> None:
        self._dataset = dataset
        self._slab_bytes = slab_bytes
        self._waiting: list[str] = []
        self._waiting_bytes = 0
        self._written = 0

    def add(self, text: str) -> None:
        """The next text."""
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        if self._waiting_bytes >= self._slab_bytes:
            self.flush()

    def passing(self, texts: Iterable[str]) -> Iterator[str]:
        """Add the texts as they pass by."""
        for text in texts:
            self.add(text)
            yield text

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            stop = self._written + len(self._waiting)
            self._dataset[self._written : stop] = self._waiting
            self._written, self._waiting, self._waiting_bytes = stop, [], 0


def read_texts(dataset: h5py.Dataset, slab: int = 512) -> Iterator[str]:
    """The texts of a column, a slab of at most about 8 MB at a time; ValueError if it is none.

    All that can be read before one that cannot are given. Bytes that are no UTF-8 become lone surrogates, which no
    canonical text can hold.
    """
    if dataset.ndim != 1 or h5py.check_string_dtype(dataset.dtype) is None:
        raise ValueError(f"{dataset.name} is no column of texts")
    ends, readable = inspection.texts_to_read(dataset)
    start = 0
    while start < readable:
        fit = int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _SLAB_BYTES, side="right"))
        stop = min(max(fit, start + 1), start + slab, readable)
        try:
            values = dataset[start:stop]
        except DAMAGE:
            if stop - start == 1:
                raise
            slab = 1  # so that the texts before the damaged one are still given
            continue
        for value in values:
            yield value.decode(errors="surrogateescape")
        start = stop
    if readable < len(dataset):
        raise ValueError("the next text is longer than any of a session, or than the file")


def read_table(group: h5py.Group, name: str) -> NDArray[Any]:
    """All rows of a small table; ValueError or KeyError if there is none."""
    return read_array(_table(group, name))


def read_column(group: h5py.Group, name: str, column: str) -> NDArray[Any]:
    """One column of a table; ValueError or KeyError if there is none."""
    table = _table(group, name)
    if len(table) > _MOST_ROWS:
        raise ValueError(f"{len(table)} rows are more than a session holds")
    with inspection.stream_of(table) as stream:
        if rows := inspection.chunked_rows(table, stream):
            rows.check(0, len(table))
    values: NDArray[Any] = table.fields(column)[:]
    return values


def _table(group: h5py.Group, name: str) -> h5py.Dataset:
    table = inspection.find(group, name)
    if not isinstance(table, h5py.Dataset) or table.ndim != 1 or table.dtype.names is None:
        raise ValueError(f"no table {name!r}")
    return table


class RowReader:
    """Reads rows of one dataset again and again; what is asked of it once is not asked of HDF5 for every row.

    Raises ValueError if it is no array.

    Args:
        dataset: open.
        stream: its file, open as well (:func:`aimdlab.session.inspection.stream_of`).
    """

    def __init__(self, dataset: h5py.Dataset, stream: BinaryIO) -> None:
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim == 0:
            raise ValueError(f"{dataset!r} is not an array")
        self._dataset = dataset
        self._n = len(dataset)
        self._row_bytes = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
        self._chunks = inspection.chunked_rows(dataset, stream)
        self._holds_codes = unpacking.holds_codes(dataset)

    def stored(self, row: int) -> unpacking.StoredRow:
        """One row of codes, to be unpacked later, or in another thread; errors as of :meth:`read`."""
        small = self._row_bytes <= inspection.LARGEST_ARRAY_BYTES
        if self._chunks is None or not self._holds_codes or not small or not 0 <= row < self._n:
            return unpacking.StoredRow.of(self.read(row))
        chunk, dataset = self._chunks.packed(row), self._dataset
        return unpacking.StoredRow(chunk, dataset.dtype, dataset.shape[1], lambda: dataset[row])

    def read(self, rows: int | slice) -> NDArray[Any]:
        """One row or a stretch of rows; IndexError for a row that is not there, ValueError if it is more than a session
        holds in one array."""
        if isinstance(rows, int) and not 0 <= rows < self._n:  # NumPy counts from the end, past the look at the chunk
            raise IndexError(f"there is no row {rows}")
        start, stop, _ = (slice(rows, rows + 1) if isinstance(rows, int) else rows).indices(self._n)
        nbytes = max(stop - start, 0) * self._row_bytes
        if nbytes > inspection.LARGEST_ARRAY_BYTES:
            raise ValueError(f"{nbytes} bytes are more than a session holds in one array")
        if self._chunks is not None:
            self._chunks.check(start, stop)
        array: NDArray[Any] = self._dataset[start:stop] if isinstance(rows, slice) else self._dataset[rows]
        return array


def read_array(dataset: h5py.Dataset) -> NDArray[Any]:
    """A whole dataset; ValueError if it is no array, or more than a session holds in one."""
    with inspection.stream_of(dataset) as stream:
        return RowReader(dataset, stream).read(slice(None))


def write_array(group: h5py.Group, name: str, array: NDArray[Any]) -> h5py.Dataset:
    """An array, compressed with gzip where that is worth it, so that tables open without any plugin."""
    if array.nbytes < 4096 or array.ndim == 0:
        return group.create_dataset(name, data=array)
    return group.create_dataset(name, data=array, chunks=True, compression="gzip", compression_opts=1, shuffle=True)


def create_column(group: h5py.Group, name: str, n: int) -> h5py.Dataset:
    """An empty float column of ``n`` > 0 values, compressed, to be filled block by block (:func:`blocks`)."""
    return group.create_dataset(
        name,
        shape=(n,),
        dtype="<f8",
        chunks=(min(n, _COLUMN_BLOCK),),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )


def blocks(n: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the blocks of a column, aligned with its chunks."""
    for start in range(0, n, _COLUMN_BLOCK):
        yield start, min(start + _COLUMN_BLOCK, n)


def slabs(dataset: h5py.Dataset) -> Iterator[NDArray[Any]]:
    """A dataset's content along its first axis, at most about 8 MB at a time."""
    if dataset.ndim == 0:
        yield np.asarray(dataset[()])
        return
    row_bytes = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])))
    step = max(1, _SLAB_BYTES // row_bytes)
    with inspection.stream_of(dataset) as stream:
        rows = RowReader(dataset, stream)
        for start in range(0, dataset.shape[0], step):
            yield rows.read(slice(start, start + step))


def without_nul(text: str) -> str:
    """A text as a view of it can carry it: HDF5 ends a text at a NUL, which becomes U+FFFD."""
    return text.replace("\0", "\ufffd")
