"""The codes of captures in HDF5: compressed once, when an attempt is committed, and copied as they are from then on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import canonical, hdf5

Compression = Literal["zstandard", "gzip"]
"""Zstandard is small and fast and needs hdf5plugin to read; gzip opens wherever HDF5 does."""

DEFAULT_COMPRESSION: Compression = "zstandard"

_GZIP_LEVEL = 4


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


def pack(codes: NDArray[Any], compression: Compression = DEFAULT_COMPRESSION) -> PackedCodes:
    """Hash and compress the codes of a capture, shape (n,), without loss."""
    stored = canonical.little_endian(codes)
    description = canonical.describe_array(stored)
    if stored.size == 0:
        return PackedCodes(description, stored.dtype, 0, b"", 0, compression)
    # Through HDF5 itself, whose filters are the only ones that are known to fit each other.
    with hdf5.in_memory(rdcc_nbytes=0) as file:
        dataset = file.create_dataset("codes", data=stored, chunks=stored.shape, **_storage(compression))
        mask, chunk = dataset.id.read_direct_chunk((0,))
    return PackedCodes(description, stored.dtype, stored.size, chunk, mask, compression)


def write_codes(group: h5py.Group, name: str, packed: PackedCodes) -> h5py.Dataset:
    """A capture's codes, shape (n,), in one chunk, so that sealing can copy it verbatim."""
    if packed.n == 0:
        return group.create_dataset(name, shape=(0,), dtype=packed.dtype)
    dataset = group.create_dataset(
        name, shape=(packed.n,), dtype=packed.dtype, chunks=(packed.n,), **_storage(packed.compression)
    )
    dataset.id.write_direct_chunk((0,), packed.chunk, packed.mask)
    return dataset


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
        self._filters: list[Any] = []
        self._dataset: h5py.Dataset | None = None

    def __len__(self) -> int:
        return self._count

    def append(self, source: h5py.Dataset) -> None:
        """Put the compressed chunk of one capture into the next row, byte for byte."""
        row = self._count
        self._count += 1
        if source.shape == (0,) == (self._n,):
            return
        creation = source.id.get_create_plist()  # once: h5py would make another at each look
        whole = creation.get_layout() == h5py.h5d.CHUNKED and creation.get_chunk() == source.shape == (self._n,)
        if not whole or source.dtype != self._dtype:
            raise RecordError(f"{source.file.filename}: {source.name} is not stored as one chunk of the expected kind")
        dataset = self._dataset or self._create(known_compression(source.compression))
        if self._count > self._room:
            self._room *= 2  # setting the extent for every row costs as much as copying it
            dataset.resize(self._room, axis=0)
        verbatim = _filters(creation) == self._filters
        try:
            mask, chunk = source.id.read_direct_chunk((0,)) if verbatim else (0, hdf5.read_array(source))
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{source.file.filename}: {source.name} cannot be read: {error}") from error
        if verbatim:
            dataset.id.write_direct_chunk((row, 0), chunk, mask)
        else:  # another compression, or another version of it
            dataset[row] = chunk

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
        packing = dict(hdf5plugin.Zstd(clevel=1))
    return {"shuffle": True, "fletcher32": True, **packing}


def _filters(creation: h5py.h5p.PropDCID) -> list[Any]:
    # The third value of a filter is its settings; the fourth, its name, says nothing of the bytes.
    return [creation.get_filter(index)[:3] for index in range(creation.get_nfilters())]
