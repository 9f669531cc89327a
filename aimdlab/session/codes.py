"""The codes of captures in HDF5: compressed once, when an attempt is committed, and copied as they are from then on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import canonical, hdf5
from aimdlab.session.packing import packed_chunk

Compression = Literal["zstandard", "gzip"]
"""Zstandard is small and fast and needs hdf5plugin to read; gzip opens wherever HDF5 does."""

DEFAULT_COMPRESSION: Compression = "zstandard"

_GZIP_LEVEL = 4
_ZSTANDARD_LEVEL = 1

Filters = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class PackedCodes:
    """The codes of a capture as the record describes them and as they are stored.

    Attributes:
        description: what stands in the record (:func:`aimdlab.session.canonical.describe_array`).
        dtype: of a code, little-endian.
        n: number of codes.
        chunk: compressed; b"" if there are none.
        mask: the filters that were left out because they gained nothing, as HDF5 counts them.
        compression: how it was compressed.
    """

    description: dict[str, canonical.Json]
    dtype: np.dtype[Any]
    n: int
    chunk: bytes
    mask: int
    compression: Compression


def known_compression(name: object) -> Compression:
    """The compression of that name; the default for any other, as that of older sessions is."""
    return "gzip" if isinstance(name, str) and name == "gzip" else DEFAULT_COMPRESSION


@dataclass(frozen=True)
class StoredCodes:
    """The codes of a capture as they lie in a file.

    Attributes:
        dtype: of a code.
        n: number of codes.
        chunk: all of them, compressed; b"" if there are none.
        mask: the filters that were left out.
        filters: number, flags and settings of each filter, as HDF5 counts them.
        compression: which of them compresses.
        unpack: gives the codes, shape (n,).
    """

    dtype: np.dtype[Any]
    n: int
    chunk: bytes
    mask: int
    filters: Filters
    compression: Compression
    unpack: Callable[[], NDArray[Any]]


def pack(codes: NDArray[Any], compression: Compression = DEFAULT_COMPRESSION) -> PackedCodes:
    """Hash and compress the codes of a capture, shape (n,), without loss."""
    stored = canonical.little_endian(codes)
    description = canonical.describe_array(stored)
    if stored.size == 0:
        return PackedCodes(description, stored.dtype, 0, b"", 0, compression)
    chunk = packed_chunk(stored, _ZSTANDARD_LEVEL) if compression == "zstandard" else None
    if chunk is not None:
        return PackedCodes(description, stored.dtype, stored.size, chunk, 0, compression)
    with hdf5.in_memory(rdcc_nbytes=0) as file:
        dataset = _create_row(file, "codes", stored.size, stored.dtype, compression)
        dataset[...] = stored
        mask, chunk = dataset.id.read_direct_chunk((0,))
    return PackedCodes(description, stored.dtype, stored.size, chunk, mask, compression)


def unpack(dtype: np.dtype[Any], n: int, chunk: bytes, mask: int, compression: Compression) -> NDArray[Any]:
    """The codes that :func:`pack` made a chunk of, shape (n,)."""
    with hdf5.in_memory(rdcc_nbytes=0) as file:
        dataset = _create_row(file, "codes", n, dtype, compression)
        dataset.id.write_direct_chunk((0,), chunk, mask)
        return hdf5.read_array(dataset)


def write_codes(group: h5py.Group, name: str, packed: PackedCodes) -> tuple[int, int, int]:
    """A capture's codes, shape (n,), in one chunk, so that sealing can copy it verbatim.

    Returns where the chunk lies: address, bytes, mask of filters; zeros if there is none.
    """
    if packed.n == 0:
        group.create_dataset(name, shape=(0,), dtype=packed.dtype)
        return 0, 0, 0
    dataset = _create_row(group, name, packed.n, packed.dtype, packed.compression)
    dataset.id.write_direct_chunk((0,), packed.chunk, packed.mask)
    info = dataset.id.get_chunk_info(0)
    return info.byte_offset, info.size, info.filter_mask


def codes_of(dataset: h5py.Dataset) -> StoredCodes:
    """The codes of a capture as they lie in the file of an attempt.

    Raises RecordError if they are stored in another way, RecordAlteredError if they cannot be read.
    """
    if dataset.shape == (0,):
        filters: Filters = ()
        chunk, mask = b"", 0
    else:
        creation = dataset.id.get_create_plist()  # once: h5py would make another at each look
        if creation.get_layout() != h5py.h5d.CHUNKED or not creation.get_chunk() == dataset.shape:
            raise RecordError(f"{dataset.file.filename}: {dataset.name} is not stored as one chunk")
        filters = _filters(creation)
        with _read(dataset):
            mask, chunk = dataset.id.read_direct_chunk((0,))
    compression = known_compression(dataset.compression)
    return StoredCodes(dataset.dtype, dataset.size, chunk, mask, filters, compression, partial(_unpacked, dataset))


@functools.cache
def filters_of(compression: Compression, dtype: np.dtype[Any]) -> Filters:
    """The filters that codes of a type are stored with."""
    return _filters(_creation(compression, dtype))


class CodeRows:
    """A dataset for the codes of captures of ``n`` samples: one chunk per row, a row more for each capture.

    The first capture decides how the rows are compressed.

    Args:
        group: where it is made.
        name: its name there.
        n: samples per row.
        dtype: of a code.
    """

    def __init__(self, group: h5py.Group, name: str, n: int, dtype: np.dtype[Any]) -> None:
        self._group = group
        self._name = name
        self._n = n
        self._dtype = dtype
        self._count = 0
        self._room = 1
        self._filters: Filters = ()
        self._dataset: h5py.Dataset | None = None

    def __len__(self) -> int:
        return self._count

    def append(self, source: StoredCodes) -> None:
        """Put the compressed chunk of one capture into the next row, byte for byte; RecordError if it is of no row."""
        row = self._count
        self._count += 1
        if source.n == self._n == 0:
            return
        if source.n != self._n or source.dtype != self._dtype:
            raise RecordError(f"codes of {source.n} samples of {source.dtype} are no row of {self._n} {self._dtype}")
        dataset = self._dataset or self._create(source.compression)
        if self._count > self._room:
            self._room *= 2  # setting the extent for every row costs as much as copying it
            dataset.resize(self._room, axis=0)
        if source.filters == self._filters:
            dataset.id.write_direct_chunk((row, 0), source.chunk, source.mask)
        else:  # another compression, or another version of it
            dataset[row] = source.unpack()

    def finish(self) -> h5py.Dataset:
        """The dataset, with as many rows as there are captures."""
        if self._dataset is None:
            return self._group.create_dataset(self._name, shape=(self._count, 0), dtype=self._dtype)
        self._dataset.resize(self._count, axis=0)
        return self._dataset

    def _create(self, compression: Compression) -> h5py.Dataset:
        self._dataset = self._group.create_dataset(
            self._name,
            shape=(1, self._n),
            maxshape=(None, self._n),
            dtype=self._dtype,
            chunks=(1, self._n),
            **_storage(compression),
        )
        self._filters = _filters(self._dataset.id.get_create_plist())
        return self._dataset


def _storage(compression: Compression) -> dict[str, Any]:
    # Bytes of a kind side by side, then the compression; the checksum is over what is stored.
    if compression == "gzip":
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": _GZIP_LEVEL}
    else:
        packing = dict(hdf5plugin.Zstd(clevel=_ZSTANDARD_LEVEL))
    return {"shuffle": True, "fletcher32": True, **packing}


def _create_row(group: h5py.Group, name: str, n: int, dtype: np.dtype[Any], compression: Compression) -> h5py.Dataset:
    # What is the same for every capture is made once: it takes h5py longer than all else.
    creation = _creation(compression, dtype).copy()
    creation.set_chunk((n,))
    space = h5py.h5s.create_simple((n,))
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(dtype), space, creation))


@functools.cache
def _creation(compression: Compression, dtype: np.dtype[Any]) -> h5py.h5p.PropDCID:
    with hdf5.in_memory() as file:
        return file.create_dataset("codes", (1,), dtype, chunks=(1,), **_storage(compression)).id.get_create_plist()


def _filters(creation: h5py.h5p.PropDCID) -> Filters:
    # The third value of a filter is its settings; the fourth, its name, says nothing of the bytes.
    return tuple(creation.get_filter(index)[:3] for index in range(creation.get_nfilters()))


def _unpacked(dataset: h5py.Dataset) -> NDArray[Any]:
    with _read(dataset):
        return hdf5.read_array(dataset)


@contextmanager
def _read(dataset: h5py.Dataset) -> Iterator[None]:
    try:
        yield
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{dataset.file.filename}: {dataset.name} cannot be read: {error}") from error
