"""The codes of captures in HDF5: compressed once, when an attempt is committed, and copied as they are from then on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordError
from aimdlab.session import canonical, hdf5


@dataclass(frozen=True)
class PackedCodes:
    """The codes of a capture as the record describes them and as they are stored.

    Attributes:
        description: what stands in the record (:func:`aimdlab.session.canonical.describe_array`).
        dtype: of a code, little-endian.
        n: number of codes.
        chunk: compressed; b"" if there are none.
        mask: the filters that were left out because they gained nothing, as HDF5 counts them.
    """

    description: dict[str, canonical.Json]
    dtype: np.dtype[Any]
    n: int
    chunk: bytes
    mask: int


def pack(codes: NDArray[Any]) -> PackedCodes:
    """Hash and compress the codes of a capture, shape (n,), without loss."""
    stored = canonical.little_endian(codes)
    description = canonical.describe_array(stored)
    if stored.size == 0:
        return PackedCodes(description, stored.dtype, 0, b"", 0)
    # Through HDF5 itself, whose filters are the only ones that are known to fit each other.
    with hdf5.in_memory(rdcc_nbytes=0) as file:
        dataset = file.create_dataset("codes", data=stored, chunks=stored.shape, **_storage())
        mask, chunk = dataset.id.read_direct_chunk((0,))
    return PackedCodes(description, stored.dtype, stored.size, chunk, mask)


def write_codes(group: h5py.Group, name: str, packed: PackedCodes) -> h5py.Dataset:
    """A capture's codes, shape (n,), in one chunk, so that sealing can copy it verbatim."""
    if packed.n == 0:
        return group.create_dataset(name, shape=(0,), dtype=packed.dtype)
    dataset = group.create_dataset(name, shape=(packed.n,), dtype=packed.dtype, chunks=(packed.n,), **_storage())
    dataset.id.write_direct_chunk((0,), packed.chunk, packed.mask)
    return dataset


class CodeRows:
    """A dataset for the codes of captures of ``n`` samples: one chunk per row, a row more for each capture.

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
        if n:
            self._dataset = group.create_dataset(
                name, shape=(1, n), maxshape=(None, n), dtype=dtype, chunks=(1, n), **_storage()
            )
            self._filters = _filters(self._dataset)

    def __len__(self) -> int:
        return self._count

    def append(self, source: h5py.Dataset) -> None:
        """Put the compressed chunk of one capture into the next row, byte for byte."""
        row = self._count
        self._count += 1
        if source.shape == (0,) == (self._n,):
            return
        if source.chunks != source.shape or source.shape != (self._n,) or source.dtype != self._dtype:
            raise RecordError(f"{source.file.filename}: {source.name} is not stored as one chunk of the expected kind")
        if self._count > self._room:
            self._room *= 2  # setting the extent for every row costs as much as copying it
            self._dataset.resize(self._room, axis=0)
        if _filters(source) != self._filters:  # written by another version of the filter: decode and encode again
            self._dataset[row] = source[:]
            return
        mask, chunk = source.id.read_direct_chunk((0,))
        self._dataset.id.write_direct_chunk((row, 0), chunk, mask)

    def finish(self) -> h5py.Dataset:
        """The dataset, with as many rows as there are captures."""
        if self._n == 0:
            return self._group.create_dataset(self._name, shape=(self._count, 0), dtype=self._dtype)
        self._dataset.resize(self._count, axis=0)
        return self._dataset


def _storage() -> dict[str, Any]:
    # Bytes of a kind side by side, then Zstandard; the checksum is over what is stored.
    return {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd(clevel=1)}


def _filters(dataset: h5py.Dataset) -> list[Any]:
    creation = dataset.id.get_create_plist()
    # The third value of a filter is its settings; the fourth, its name, says nothing of the bytes.
    return [creation.get_filter(index)[:3] for index in range(creation.get_nfilters())]
