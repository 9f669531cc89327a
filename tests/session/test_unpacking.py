"""Codes that are unpacked outside HDF5 are those that it reads, and what is wrong with them is for it to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aimdlab.session import canonical, hdf5, inspection
from aimdlab.session.unpacking import StoredRow, fletcher32

_TYPES = ("|i1", "|u1", "<i2", "<u2")
_BORDERS = (1 << 15, 1 << 16, 1 << 19)
_lengths = st.one_of(
    st.integers(1, 70), st.builds(lambda border, beside: border + beside, st.sampled_from(_BORDERS), st.integers(-2, 2))
)


def _store(path: Path, rows: NDArray[Any], **options: Any) -> None:
    packing = {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd(clevel=1), **options}
    with h5py.File(path, "w") as file:
        file.create_dataset("codes", data=rows, chunks=(1, rows.shape[1]), **packing)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.Dataset, hdf5.RowReader]]:
    with h5py.File(path) as file, inspection.stream_of(file["codes"]) as stream:
        yield file["codes"], hdf5.RowReader(file["codes"], stream)


class AskedHdf5Error(Exception):
    """The codes were to be read through HDF5."""


def _alone(stored: StoredRow) -> StoredRow:
    """The same where HDF5 must not be asked."""

    def ask() -> NDArray[Any]:
        raise AskedHdf5Error

    return replace(stored, through_hdf5=ask)


@given(_lengths, st.sampled_from(_TYPES), st.integers(0, 8), st.integers(0, 2**32))
@example(2 * (1 << 19) + 1, "<i2", 4, 1)
@example(1 << 19, "<u2", 0, 2)
def test_unpacked_codes_are_those_that_hdf5_reads(
    tmp_path_factory: pytest.TempPathFactory, n: int, dtype: str, bits: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("codes") / "codes.h5"
    noise = np.random.default_rng(seed).integers(0, 1 << bits, (2, n))
    rows = ((np.arange(n) // 100 + noise) << 4).astype(dtype)
    _store(path, rows)
    with _opened(path) as (dataset, reader):
        for row in range(2):
            stored = reader.stored(row)
            if stored.chunk:  # a compression that gained nothing was left out
                stored = _alone(stored)
            codes = stored.codes()
            assert codes.dtype.str == dtype
            assert np.array_equal(codes, dataset[row])
            assert np.array_equal(codes, rows[row])
            assert stored.description() == canonical.describe_array(rows[row])


def test_codes_are_unpacked_without_hdf5(tmp_path: Path) -> None:
    for dtype in _TYPES:
        _store(tmp_path / "codes.h5", np.arange(6000).astype(dtype).reshape(2, 3000))
        with _opened(tmp_path / "codes.h5") as (dataset, reader):
            assert np.array_equal(_alone(reader.stored(1)).codes(), dataset[1])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "compression_opts": 4},
        {"shuffle": False},
        {"fletcher32": False},
        {**hdf5plugin.Bitshuffle(nelems=0, cname="lz4"), "shuffle": False},
    ],
    ids=["gzip", "unshuffled", "no checksum", "bitshuffle"],
)
def test_what_was_packed_in_another_way_is_read_by_hdf5(tmp_path: Path, options: dict[str, Any]) -> None:
    rows = np.arange(6000, dtype="<i2").reshape(2, 3000)
    _store(tmp_path / "codes.h5", rows, **options)
    with _opened(tmp_path / "codes.h5") as (_, reader):
        stored = reader.stored(1)
        assert not stored.chunk
        assert np.array_equal(stored.codes(), rows[1])
        assert stored.description() == canonical.describe_array(rows[1])


def test_a_width_of_shuffling_that_is_not_that_of_the_type_is_the_one_that_counts(tmp_path: Path) -> None:
    path, rows = tmp_path / "codes.h5", np.arange(6000, dtype="<i2").reshape(2, 3000)
    _store(path, rows)  # an object's header of the oldest kind has no checksum
    content = path.read_bytes()
    setting = b"shuffle\0" + (2).to_bytes(4, "little")
    assert content.count(setting) == 1
    path.write_bytes(content.replace(setting, setting[:-4] + (4).to_bytes(4, "little")))
    with _opened(path) as (dataset, reader):
        assert not np.array_equal(dataset[0], rows[0])
        assert np.array_equal(reader.stored(0).codes(), dataset[0])


@pytest.mark.parametrize("row", [-1, -2, 2, 2**31 - 1, -(2**31)])
def test_a_row_that_an_index_makes_up_is_not_read(tmp_path: Path, row: int) -> None:
    _store(tmp_path / "codes.h5", np.arange(6000, dtype="<i2").reshape(2, 3000))
    with _opened(tmp_path / "codes.h5") as (_, reader):
        for read in (reader.read, reader.stored):
            with pytest.raises(IndexError, match=f"no row {row}"):
                read(row)


@given(st.data())
def test_a_damaged_chunk_is_for_hdf5_to_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("codes") / "codes.h5"
    _store(path, np.random.default_rng(3).integers(0, 20, (1, 500)).astype("<i2"))
    with _opened(path) as (_, reader):
        stored = _alone(reader.stored(0))
    chunk = bytearray(stored.chunk)
    chunk[data.draw(st.integers(0, len(chunk) - 1))] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(chunk), stored.chunk[: data.draw(st.integers(1, len(chunk) - 1))]):
        with pytest.raises(AskedHdf5Error):
            replace(stored, chunk=damaged).codes()
        with pytest.raises(AskedHdf5Error):
            replace(stored, chunk=damaged).description()
    # Whoever mends the checksum has a stream that is shorter, longer or none, or the codes are others.
    mended = bytes(chunk[:-4]) + fletcher32(bytes(chunk[:-4]))
    try:
        description = replace(stored, chunk=mended).description()
    except AskedHdf5Error:
        return
    assert (description == stored.description()) == np.array_equal(
        replace(stored, chunk=mended).codes(), stored.codes()
    )


@given(
    st.one_of(
        st.binary(min_size=1, max_size=3000),
        st.builds(lambda one, n: one * n, st.binary(min_size=1, max_size=2), st.integers(1, 140_000)),
    )
)
@example(b"\xff" * 131_070)
@example(b"\0" * 100)
@example(b"\0\1" * 65_535)
def test_the_checksum_is_hdf5s(data: bytes) -> None:
    with h5py.File("checksum", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("a", data=np.frombuffer(data, "u1"), chunks=(len(data),), fletcher32=True)
        _, chunk = dataset.id.read_direct_chunk((0,))
    assert chunk == data + fletcher32(data)
