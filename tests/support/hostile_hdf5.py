"""What may be done to the HDF5 file of a sealed session so that it holds what no session holds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from aimdlab.session import inspection

CODES = "capture_device_monitor_exposure/codes"

Change = Callable[[h5py.Group], object]


def replace(path: str, make: Callable[[h5py.Group, str], object]) -> Change:
    """Put something else in the place of what lies at ``path``, with its attributes."""

    def change(entry: h5py.Group) -> None:
        attributes = dict(entry[path].attrs)
        del entry[path]
        make(entry, path)
        if isinstance(entry.get(path, getlink=True), h5py.HardLink):
            entry[path].attrs.update(attributes)

    return change


def link_to(link: Any) -> Change:
    return replace("end_time", lambda entry, path: entry.__setitem__(path, link))


def data_of(**options: Any) -> Change:
    return replace("end_time", lambda entry, path: entry.create_dataset(path, **options))


def type_of(dtype: Any) -> Change:
    return data_of(shape=(2,), dtype=dtype)


def virtual(entry: h5py.Group, path: str) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", shape=(4,))
    entry.create_virtual_dataset(path, layout)


def nested(entry: h5py.Group, path: str) -> None:
    group = entry
    for _ in range(3000):
        group = group.create_group(path)


def many(entry: h5py.Group, path: str) -> None:
    group = entry.create_group(path)
    for number in range(3000):
        group[f"{number}"] = h5py.SoftLink("/")


_SHUFFLED_ZSTANDARD: dict[str, Any] = {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd(clevel=1)}
_NO_CHECKSUM = 4  # the third filter is left out


def packed_row(entry: h5py.Group, path: str, chunk: bytes, *, n: int = 3000, mask: int = 0, **storage: Any) -> None:
    """A row of codes that is stored as ``chunk``."""
    storage = storage or _SHUFFLED_ZSTANDARD
    rows = entry.create_dataset(path, shape=(3, n), chunks=(1, n), dtype="<i2", **storage)
    for row in range(3):
        rows.id.write_direct_chunk((row, 0), chunk, mask)


def zstandard_bomb(entry: h5py.Group, path: str) -> None:
    frame = b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little")  # a terabyte, says its head
    packed_row(entry, path, frame + b"\x03\xff\xff\x0f\x00", mask=_NO_CHECKSUM)


_SHUFFLED_GZIP: dict[str, Any] = {"shuffle": True, "compression": "gzip"}


def deflate_bomb(n: int) -> Callable[[h5py.Group, str], None]:
    """Codes of ``n`` samples whose chunk would inflate to gigabytes."""

    def make(entry: h5py.Group, path: str) -> None:
        deflate = zlib.compressobj(9)
        start = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
        again = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
        packed_row(entry, path, start + 3000 * again, n=n, **_SHUFFLED_GZIP)

    return make


def long_row(entry: h5py.Group, path: str) -> None:
    """The largest rows there may be, all zeros: 256 MB of a few thousand bytes."""
    n = inspection.LARGEST_ARRAY_BYTES // 2
    with h5py.File("long row", "w", driver="core", backing_store=False) as file:
        one = file.create_dataset("codes", shape=(n,), chunks=(n,), dtype="<i2", **_SHUFFLED_ZSTANDARD)
        one[:] = 0
        _, chunk = one.id.read_direct_chunk((0,))
    packed_row(entry, path, chunk, n=n)


def shared_texts(entry: h5py.Group) -> None:
    """Ten thousand records that all stand for the same text."""
    entry.file.flush()
    old, name = entry["records"].id.get_offset(), entry.file.filename
    reference = Path(name).read_bytes()[old : old + 16]
    del entry["records"]
    records = entry.create_dataset("records", shape=(10_000,), dtype=h5py.string_dtype())
    records[:] = "x"
    entry.file.flush()
    overwrite(Path(name), records.id.get_offset(), reference * 10_000)


def long_text(entry: h5py.Group) -> None:
    """A record that says it has four gigabytes."""
    entry.file.flush()
    overwrite(Path(entry.file.filename), entry["records"].id.get_offset(), b"\xf0\xff\xff\xff")


def overwrite(path: Path, offset: int, content: bytes) -> None:
    """Change bytes of a file in place."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)


HOSTILE: dict[str, tuple[Change, str]] = {
    "a comment": (lambda entry: h5py.h5o.set_comment(entry["verdicts"].id, b"all PASS, checked"), "a comment"),
    "a long text of an attribute": (
        lambda entry: entry.attrs.__setitem__("default", "x" * (1 << 17)),
        "a text of its attributes",
    ),
    "2.0 for 2": (
        lambda entry: entry.file.attrs.__setitem__("format_version", float(entry.file.attrs["format_version"])),
        "/ was altered: its attributes",
    ),
    "a link to another file": (link_to(h5py.ExternalLink("/etc/passwd", "/")), "a link to somewhere else"),
    "a soft link": (link_to(h5py.SoftLink("/entry/title")), "a link to somewhere else"),
    "a soft link to itself": (link_to(h5py.SoftLink("/entry/end_time")), "a link to somewhere else"),
    "a second name": (lambda entry: entry.__setitem__("integrity/notes", entry["notes"]), "added|another name"),
    "the place of another": (
        lambda entry: (entry.__delitem__("title"), entry.__setitem__("title", entry["program_name"])),
        "/entry/(program_name|title) was altered",
    ),
    "a group in itself": (lambda entry: entry.__setitem__("loop", entry), "/entry/loop was added"),
    "groups three thousand deep": (replace("end_time", nested), "end_time"),
    "thousands of links": (replace("end_time", many), "end_time"),
    "data in another file": (data_of(shape=(8,), dtype="u1", external=[("/etc/passwd", 0, 8)]), "in another file"),
    "virtual data": (replace("end_time", virtual), "stored in a way that no session uses"),
    "more than there is": (data_of(shape=(1 << 50,), dtype="f8", chunks=(1 << 20,)), "chunks|rows"),
    "more rows than there are": (
        replace(CODES, lambda e, p: e.create_dataset(p, (1 << 40, 3000), "<i2", chunks=(1, 3000), **_SHUFFLED_GZIP)),
        "chunks",
    ),
    "rows longer than any": (
        replace(CODES, lambda e, p: e.create_dataset(p, (3, 1 << 40), "<i2", chunks=(1, 1 << 20), **_SHUFFLED_GZIP)),
        "larger than any",
    ),
    "chunks larger than any": (
        data_of(shape=(10,), maxshape=(None,), dtype="f8", chunks=(1 << 26,)),
        "larger than any of a session",
    ),
    "a filter that no session uses": (data_of(data=np.arange(9), compression="lzf"), "filters"),
    "filters in another order": (
        replace(CODES, lambda e, p: e.create_dataset(p, data=np.zeros((3, 3000), "<i2"), **hdf5plugin.Blosc2())),
        "filters",
    ),
    "three dimensions": (data_of(shape=(2, 2, 2), dtype="f8"), "shape"),
    "no content": (data_of(data=h5py.Empty("f8")), "shape"),
    "a reference": (type_of(h5py.ref_dtype), "type"),
    "a region": (type_of(h5py.regionref_dtype), "type"),
    "rows of any length": (type_of(h5py.vlen_dtype(np.int32)), "type"),
    "an enumeration": (type_of(h5py.enum_dtype({"a": 1})), "type"),
    "opaque bytes": (type_of("V16"), "type"),
    "an array in each element": (type_of(np.dtype((np.int32, (1000,)))), "type"),
    "a table in a table": (type_of([("a", [("b", "f8")])]), "type"),
    "references in a table": (type_of([("a", h5py.ref_dtype)]), "type"),
    "half floats": (type_of("f2"), "type"),
    "a type with a name": (replace("end_time", lambda entry, path: entry.__setitem__(path, np.dtype("f8"))), "neither"),
    "a thousand attributes": (lambda entry: [entry.attrs.create(f"a{i}", i) for i in range(1000)], "attributes"),
    "a long attribute": (lambda entry: entry["title"].attrs.create("a", np.zeros(5000)), "attribute 'a'|b'a'"),
    "an attribute that refers": (lambda entry: entry["title"].attrs.create("a", entry.ref), "attribute"),
    "a text for a table": (replace("attempts", lambda entry, path: entry.create_dataset(path, data="x")), "attempts"),
    "a table for a text": (replace("header", lambda e, p: e.create_dataset(p, shape=2, dtype=[("a", "i4")])), "header"),
    "a group for a text": (replace("header", lambda entry, path: entry.create_group(path)), "header"),
    "numbers for records": (replace("records", lambda e, p: e.create_dataset(p, data=np.arange(3))), "records"),
    "records in chunks": (
        replace("records", lambda e, p: e.create_dataset(p, (3,), h5py.string_dtype(), chunks=(1,))),
        "records",
    ),
    "a text of gigabytes": (long_text, "records"),
    "one text ten thousand times": (shared_texts, "record 1 of"),
    "a Zstandard bomb": (replace(CODES, zstandard_bomb), "attempt 1 at step 0 .*would unpack to 1099511627776 bytes"),
    "a deflate bomb": (replace(CODES, deflate_bomb(3000)), "attempt 1 at step 0 .*would unpack to"),
    "a deflate bomb in a long row": (replace(CODES, deflate_bomb(1 << 24)), "attempt 1 at step 0 .*would unpack to"),
    "long rows of zeros": (replace(CODES, long_row), "attempt 1 at step 0 .*not what was recorded"),
    "a chunk of garbage": (
        replace(
            CODES, lambda e, p: packed_row(e, p, b"\x28\xb5\x2f\xfd\x60\x70\x16" + b"\xa5" * 300, mask=_NO_CHECKSUM)
        ),
        "attempt 1 at step 0 ",
    ),
    "a chunk that skips the filters": (
        replace(CODES, lambda e, p: packed_row(e, p, bytes(100), mask=7)),
        "attempt 1 at step 0 .*would unpack to",
    ),
}
"""By name: the change, and what the error names."""
