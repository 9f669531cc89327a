"""What a sealed file from elsewhere may hold: none of it is more than an error."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from aimdlab.session.chunks import zstandard_content_bytes
from hostile_hdf5 import CODES, HOSTILE, Change, overwrite
from read_everything import Reader, assert_refused


@pytest.mark.parametrize(("change", "named"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_session_holds_is_an_error(sealed: Path, reader: Reader, change: Change, named: str) -> None:
    with h5py.File(sealed, "r+", libver=("v108", "latest")) as file:
        change(file["entry"])
    error = assert_refused(reader.read(sealed))
    assert re.search(named, error)


def _index_of(path: Path, name: str) -> tuple[int, int]:
    """Where the index of a dataset's chunks lies, and where in it the address of its first chunk."""
    content = path.read_bytes()
    with h5py.File(path) as file:
        first = file[name].id.get_chunk_info(0).byte_offset
        key_bytes = 8 + 8 * (file[name].ndim + 1)
    place = content.index(first.to_bytes(8, "little"), content.index(b"TREE\x01"))
    while content[place - key_bytes - 24 : place - key_bytes - 19] != b"TREE\x01":
        place = content.index(first.to_bytes(8, "little"), place + 1)
    return place - key_bytes - 24, place


@pytest.mark.parametrize("level", [0, 1, 255])
def test_an_index_of_chunks_that_leads_in_circles_is_an_error(sealed: Path, reader: Reader, level: int) -> None:
    node, child = _index_of(sealed, f"entry/{CODES}")
    overwrite(sealed, node + 5, bytes([level]))
    overwrite(sealed, child, node.to_bytes(8, "little"))
    assert "attempt 1 at step 0" in assert_refused(reader.read(sealed))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_another_kind_of_hdf5_is_refused_unread(sealed: Path, tmp_path: Path, reader: Reader, libver: str) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(sealed) as source, h5py.File(other, "w", libver=libver) as file:
        file.attrs.update(dict(source.attrs))
        source.copy("entry", file)
    if libver == "earliest":
        assert "not a sealed session" in assert_refused(reader.read(other))
    else:  # its tree is as good as the sealed one
        assert not reader.read(other).surprises


def test_a_user_block_is_refused(sealed: Path, tmp_path: Path, reader: Reader) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w", userblock_size=512) as file:
        file.attrs["format"] = "aimdlab-session"
    assert_refused(reader.read(other))


def test_bytes_after_the_end_are_an_error(sealed: Path, reader: Reader) -> None:
    with sealed.open("ab") as stream:
        stream.write(b"more")
    assert "after its end" in assert_refused(reader.read(sealed))


def test_the_size_of_a_frame_is_read_from_its_head() -> None:
    for n in (0, 1, 255, 256, 257, 65_791, 65_792, 1 << 20):
        with h5py.File("frame", "w", driver="core", backing_store=False) as file:
            if n:
                one = file.create_dataset("a", data=np.zeros(n, "u1"), chunks=(n,), **hdf5plugin.Zstd())
                _, frame = one.id.read_direct_chunk((0,))
                assert zstandard_content_bytes(frame) == n
    assert zstandard_content_bytes(b"") == zstandard_content_bytes(b"\x28\xb5\x2f\xfd") == -1
    assert zstandard_content_bytes(b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00") == -1  # a frame need not say it
