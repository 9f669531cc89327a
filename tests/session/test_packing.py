"""Codes that are packed outside HDF5 are packed as its filters would pack them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aimdlab.session import canonical, zstandard
from aimdlab.session.codes import pack
from aimdlab.session.packing import packed_chunk

_TYPES = ("|i1", "|u1", "<i2", "<u2")


def by_hdf5(codes: NDArray[Any]) -> tuple[int, bytes]:
    with h5py.File("codes", "w", driver="core", backing_store=False) as file:
        packing = {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd(clevel=1)}
        dataset = file.create_dataset("codes", data=codes, chunks=codes.shape, **packing)
        mask, chunk = dataset.id.read_direct_chunk((0,))
        return mask, chunk


@given(
    st.one_of(st.integers(1, 70), st.integers(8_190, 8_194), st.integers(131_070, 131_074)),
    st.sampled_from(_TYPES),
    st.integers(0, 16),
    st.integers(0, 2**32),
)
@example(300_001, "<u2", 16, 1)
@example(300_001, "<i2", 4, 2)
def test_codes_are_packed_as_hdf5_packs_them(n: int, dtype: str, bits: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 1 << bits, n)
    codes = ((np.arange(n) // 100 + noise) << 4).astype(dtype)
    packed = pack(codes)
    assert (packed.mask, packed.chunk) == by_hdf5(codes)
    assert packed.chunk == packed_chunk(codes, 1)
    assert packed.description == canonical.describe_array(codes)


@pytest.mark.parametrize("codes", [np.arange(5000).astype(">i2"), np.arange(10_000, dtype="<i2")[::2]])
def test_codes_in_another_order_are_packed_as_they_are_recorded(codes: NDArray[Any]) -> None:
    assert pack(codes) == pack(np.array(codes, dtype="<i2"))


def test_hdf5_packs_where_its_library_offers_nothing(tmp_path: Path) -> None:
    codes = np.arange(5000, dtype="<i2")
    expected = pack(codes)
    zstandard._library.cache_clear()  # type: ignore[attr-defined]
    try:
        with mock.patch.object(hdf5plugin, "PLUGIN_PATH", str(tmp_path)):
            assert packed_chunk(codes, 1) is None
            assert not zstandard.decompress(expected.chunk, len(expected.chunk), np.empty(10_000, np.uint8))
            assert pack(codes) == expected
    finally:
        zstandard._library.cache_clear()  # type: ignore[attr-defined]
