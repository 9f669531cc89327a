"""What a file from elsewhere may hold: none of it is more than an error."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from aimdlab.capture import Capture
from aimdlab.errors import RecordError
from aimdlab.session import canonical, hdf5, inspection
from aimdlab.session.chunks import zstandard_content_bytes
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import LARGEST_LINE_BYTES
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from read_everything import Answers, Reader

CODES = "capture_device_monitor_exposure/codes"
MEMORY_BYTES = 1 << 30

Change = Callable[[h5py.Group], object]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, make_attempt: Any, make_header: Any) -> Path:
    """A running session of one attempt and a sealed one of three, to be copied."""
    path = tmp_path_factory.mktemp("base")
    with SessionFolder.create(path / "running", make_header(4)) as folder:
        folder.commit(make_attempt(0))
    with SessionFolder.create(path / "sealed", make_header(4)) as folder:
        for step in range(3):
            folder.commit(make_attempt(step))
        seal(folder)
    return path


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as process:
        yield process


@pytest.fixture
def sealed(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(base / "sealed.h5", tmp_path))


def assert_refused(answers: Answers, way: str = "verify") -> str:
    assert not answers.surprises
    assert answers.peak_bytes < MEMORY_BYTES
    assert way in answers.errors
    return answers.errors[way]


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
    _overwrite(Path(name), records.id.get_offset(), reference * 10_000)


def long_text(entry: h5py.Group) -> None:
    """A record that says it has four gigabytes."""
    entry.file.flush()
    _overwrite(Path(entry.file.filename), entry["records"].id.get_offset(), b"\xf0\xff\xff\xff")


def _overwrite(path: Path, offset: int, content: bytes) -> None:
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
    _overwrite(sealed, node + 5, bytes([level]))
    _overwrite(sealed, child, node.to_bytes(8, "little"))
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


def _changed(record: dict[str, Any], path: str, value: Any) -> str:
    *above, last = path.split(".")
    target: Any = record
    for key in above:
        target = target[int(key) if key.isdigit() else key]
    if value is _GONE:
        del target[last]
    else:
        target[last] = value
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_GONE = object()
_ABSURD: list[tuple[str, Any]] = [
    ("index", "0"),
    ("index", True),
    ("index", -1),
    ("previous", 5),
    ("attempt", []),
    ("attempt", None),
    ("attempt.step", 2**40),
    ("attempt.step", -1),
    ("attempt.step", {"$float": "inf"}),
    ("attempt.step", "0"),
    ("attempt.number", True),
    ("attempt.number", 10**4000),
    ("attempt.step_id", 5),
    ("attempt.kind", None),
    ("attempt.parameters", []),
    ("attempt.parameters", {"a": {"b": 1}}),
    ("attempt.scoring", "none"),
    ("attempt.exposure_s", "long"),
    ("attempt.exposure_s", 10**400),
    ("attempt.started_bench_s", None),
    ("attempt.started_utc", 1),
    ("attempt.captures", {}),
    ("attempt.captures", [1]),
    ("attempt.captures", [{}]),
    ("attempt.captures.0.channel", 1),
    ("attempt.captures.0.code_min", 10**30),
    ("attempt.captures.0.hole_code", "none"),
    ("attempt.captures.0.scale", "1"),
    ("attempt.captures.0.codes", 5),
    ("attempt.captures.0.codes.shape", [2**60]),
    ("attempt.captures.0.codes.shape", [-1]),
    ("attempt.captures.0.codes.shape", [1.5]),
    ("attempt.captures.0.codes.shape", []),
    ("attempt.captures.0.codes.dtype", "|O"),
    ("attempt.captures.0.codes.dtype", ["<i2"]),
    ("attempt.captures.0.codes.sha256", 0),
    ("attempt.captures.0.more", 0),
    ("attempt.readings", [5]),
    ("attempt.readings.0.t_s.shape", [2**40]),
    ("attempt.readings.0.values", None),
    ("attempt.readings.0.name", ["a"]),
    ("attempt.score", []),
    ("attempt.score.verdict", "MAYBE"),
    ("attempt.score.verdict", ["PASS"]),
    ("attempt.score.reason", None),
    ("attempt.score.features", {}),
    ("attempt.score.features", [5]),
    ("attempt.score.features.0.value", "much"),
    ("attempt.score.features.0.value", 10**400),
    ("attempt.score.features.0.name", 5),
    ("attempt.score.features.0.u", _GONE),
    ("attempt.score.outcomes", [None]),
    ("attempt.score.outcomes.0.criterion", 5),
    ("attempt.score.outcomes.0.criterion.rule", "any"),
    ("attempt.score.outcomes.0.criterion.lower", "low"),
    ("attempt.score.outcomes.0.verdict", "GOOD"),
    ("attempt.notes", [5]),
    ("attempt.notes", "x"),
    ("attempt.more", 1),
    ("attempt.score", _GONE),
]


def forge_attempt(folder: Path, text: str) -> None:
    """Put ``text`` in the place of the record of the only attempt, with every hash and the log made to fit."""
    digest = canonical.sha256(text.encode(errors="replace"))
    with h5py.File(folder / "attempts" / "000000-01.h5", "r+", libver=("v108", "v108")) as file:
        del file["record"]
        hdf5.write_text(file, "record", text).attrs["sha256"] = digest
    with open_session(folder) as session:
        anchor = session.header_sha256
    (folder / "events.jsonl").unlink()
    log = EventLog(folder / "events.jsonl", anchor=anchor)
    facts: dict[str, Any] = {"index": 0, "step": 0, "number": 1, "verdict": "PASS", "sha256": digest}
    log.record("attempt.committed", "done", source="session", step_id="gradient_injected/0000", **facts)
    log.close()


@pytest.fixture
def running(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base / "running", tmp_path / "running"))


def record_of(folder: Path) -> dict[str, Any]:
    with open_session(folder) as session:
        (record,) = session.records()
    decoded: dict[str, Any] = json.loads(record.text)
    return decoded


@pytest.mark.parametrize(("path", "value"), _ABSURD, ids=[f"{path} {str(value)[:20]}" for path, value in _ABSURD])
def test_a_forged_record_is_an_error_wherever_it_is_used(running: Path, reader: Reader, path: str, value: Any) -> None:
    forge_attempt(running, _changed(record_of(running), path, value))
    answers = reader.read(running, write=True)
    assert_refused(answers)
    assert {"attempts", "seal"} <= answers.errors.keys()
    assert running.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"index":' + "9" * 100_000 + "}",
        '{"index":0,"previous":"","attempt":{"step":' + "[{}," * 3_000_000 + "0" + "]" * 3_000_000 + "}}",
        '{"index":0,"previous":"\\ud800","attempt":{}}',
        '{"index":0,"previous":"","attempt":{},"attempt":5}',
    ],
    ids=["empty", "null", "list", "deep", "deep objects", "long number", "millions", "half a character", "twice"],
)
def test_a_text_that_is_no_record_is_an_error(running: Path, reader: Reader, text: str) -> None:
    forge_attempt(running, text)
    assert_refused(reader.read(running, write=True))


def forge_events(folder: Path, changes: dict[str, Any]) -> None:
    """The only event of the log becomes another one, whose hash is right."""
    with open_session(folder) as session:
        event = {"n": 0, "previous": session.header_sha256}
    event |= {"utc": "", "monotonic_s": 1.0, "bench_s": None, "source": "", "kind": "note", "message": "", "data": {}}
    event |= changes
    digest = canonical.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")))
    event["sha256"] = digest
    line = json.dumps(event, sort_keys=True, separators=(",", ":"))
    (folder / "events.jsonl").write_text(line + "\n", encoding="utf-8")


_COMMIT = {"index": 0, "step": 0, "step_id": "a", "number": 1, "verdict": "PASS", "sha256": "0" * 64}


@pytest.mark.parametrize(
    "changes",
    [
        {"n": "0"},
        {"n": -1},
        {"n": 0.0},
        {"n": True},
        {"kind": 5},
        {"message": None},
        {"data": []},
        {"data": None},
        {"bench_s": "late"},
        {"monotonic_s": []},
        {"previous": 0},
        {"more": 1},
        {"kind": "attempt.committed"},
        {"kind": "attempt.committed", "data": {**_COMMIT, "step": 2**70}},
        {"kind": "attempt.committed", "data": {**_COMMIT, "step": -5}},
        {"kind": "attempt.committed", "data": {**_COMMIT, "number": "../../../etc/passwd"}},
        {"kind": "attempt.found", "data": {**_COMMIT, "sha256": None}},
        {"kind": "attempt.found", "data": {**_COMMIT, "step_id": "a" * 100_000}},
    ],
    ids=str,
)
def test_a_forged_event_is_an_error(running: Path, reader: Reader, changes: dict[str, Any]) -> None:
    forge_events(running, changes)
    assert_refused(reader.read(running, write=True))


def test_a_line_of_any_length_is_an_error(running: Path, reader: Reader) -> None:
    with (running / "events.jsonl").open("ab") as log:
        for _ in range(40):
            log.write(b"a" * (1 << 20))
    answers = reader.read(running, write=True)
    assert "more than" in assert_refused(answers)
    assert "seal" in answers.errors


def test_megabytes_of_nothing_at_the_end_of_the_log_are_not_read(running: Path, reader: Reader) -> None:
    os.truncate(running / "events.jsonl", 128 << 20)  # a hole: no disk is used
    answers = reader.read(running, write=True)
    assert "are no event" in assert_refused(answers, "seal")


def test_an_event_too_long_to_be_read_again_is_not_written(running: Path) -> None:
    with SessionFolder.open(running) as folder:
        with pytest.raises(RecordError, match="too long"):
            folder.events.record("note", "x" * LARGEST_LINE_BYTES, source="test")
        folder.events.record("note", "x", source="test")
    open_session(running).verify()


def _link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this user may make no links")


STRANGE_PLACES = ("session.h5", "events.jsonl", "attempts/000000-01.h5", "attempts", "attempts/000009-09.h5")


@pytest.mark.parametrize("place", STRANGE_PLACES)
def test_a_link_out_of_the_folder_is_not_followed(running: Path, tmp_path: Path, reader: Reader, place: str) -> None:
    outside = tmp_path / "outside"
    if (running / place).exists():
        shutil.move(running / place, outside)
    else:
        shutil.copy(running / "attempts" / "000000-01.h5", outside)
    before = sorted(outside.rglob("*")) if outside.is_dir() else outside.read_bytes()
    _link(running / place, outside)
    answers = reader.read(running, write=True)
    assert "a link to somewhere else" in assert_refused(answers)
    assert "seal" in answers.errors
    assert before == (sorted(outside.rglob("*")) if outside.is_dir() else outside.read_bytes())


@pytest.mark.parametrize("place", [*STRANGE_PLACES, "attempts/a.tmp", "inbox", "inbox/a.json", "inbox/done"])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_an_error(running: Path, reader: Reader, place: str) -> None:
    path = running / place
    for pipe in (False, True):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if pipe and sys.platform != "win32":
            os.mkfifo(path)
        else:
            path.mkdir()
        assert not reader.read(running, write=True).surprises
        if not running.exists():  # it was sealed: what stood there was in nobody's way
            return


def test_a_command_that_is_a_link_is_refused(running: Path, tmp_path: Path, reader: Reader) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"command": "note", "text": "secret", "sender": "", "utc": ""}))
    _link(running / "inbox" / "0.json", secret)
    with SessionFolder.open(running) as folder:
        assert folder.inbox.poll() == []
    assert secret.exists()


def test_a_capture_too_large_to_be_read_again_is_not_committed(running: Path, make_attempt: Any) -> None:
    codes = np.broadcast_to(np.int8(0), (inspection.LARGEST_ARRAY_BYTES + 1,))
    large = Capture("a", "exposure", codes, 1.0, 0.0, "V", 1.0, 0.0, -1, 1)
    with SessionFolder.open(running) as folder, pytest.raises(RecordError, match="Take fewer samples"):
        folder.commit(make_attempt(1, captures=(large,)))


def test_the_size_of_a_frame_is_read_from_its_head() -> None:
    for n in (0, 1, 255, 256, 257, 65_791, 65_792, 1 << 20):
        with h5py.File("frame", "w", driver="core", backing_store=False) as file:
            if n:
                one = file.create_dataset("a", data=np.zeros(n, "u1"), chunks=(n,), **hdf5plugin.Zstd())
                _, frame = one.id.read_direct_chunk((0,))
                assert zstandard_content_bytes(frame) == n
    assert zstandard_content_bytes(b"") == zstandard_content_bytes(b"\x28\xb5\x2f\xfd") == -1
    assert zstandard_content_bytes(b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00") == -1  # a frame need not say it
