"""Changes single bytes of a session and asks a process of its own what it says of them: HDF5 may die of one.

Where a byte lies says what the message must name. What the format does not let be told apart is told as well as it can:
texts of variable length share heaps, whose own words belong to all the texts in them; the texts of attributes cannot be
found from their attributes, so that for them any message will do, as for the words by which HDF5 finds its way.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import numpy as np

from patience import LIMIT_S

ANY = "."  # any message
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])


@dataclass
class Owners:
    """What the bytes of a file belong to: stretches that do not overlap, each with the pattern of its message."""

    size: int
    stretches: list[tuple[int, int, str, str]] = field(default_factory=list)

    def add(self, start: int, stop: int, owner: str, pattern: str) -> None:
        self.stretches.append((start, stop, owner, pattern))

    def of(self, position: int) -> tuple[str, str]:
        """(owner, pattern) of the byte at ``position``; those of HDF5 itself if it is nobody's."""
        at = bisect_right(self.stretches, position, key=lambda stretch: stretch[0]) - 1
        if at >= 0 and self.stretches[at][1] > position:
            return self.stretches[at][2:]
        return "structure", ANY

    def done(self) -> Owners:
        self.stretches.sort()
        for one, other in zip(self.stretches, self.stretches[1:], strict=False):
            assert one[1] <= other[0], (one, other)
        return self


def owners_of_sealed(path: Path) -> Owners:
    content = path.read_bytes()
    owners, texts = Owners(len(content)), _Texts(content)
    with h5py.File(path) as file:
        entry = file["entry"]
        names = [_attempt_name(json.loads(text)["attempt"]) for text in entry["records"]]
        rows = {"records": [rf"{name}|record {i}\b" for i, name in enumerate(names)]}
        rows["events"] = [rf"event {n}\b|events were removed" for n in range(len(entry["events"]))]
        for dataset in _datasets(file):
            name = dataset.name.removeprefix("/entry/")
            if h5py.check_string_dtype(dataset.dtype) and dataset.dtype.kind == "O":
                texts.add(dataset, rows.get(name) or [_TEXTS.get(name, rf"{re.escape(name)}|configuration")])
            elif name.endswith("/codes") and dataset.chunks:
                attempts = dataset.parent["attempt"][:]
                for info in _chunks(dataset):
                    row = info.chunk_offset[0]
                    owners.add(info.byte_offset, info.byte_offset + info.size, "codes", names[attempts[row]])
            else:
                pattern = re.escape(name) + "|" + ("attempt|index of captures" if name in _INDICES else "$^")
                if name.startswith("reading_") and "/" in name:
                    pattern += "|" + "|".join({names[i] for i in dataset.parent["attempt"][:]})
                for start, stop in _places(dataset):
                    owners.add(start, stop, "table or vector", pattern)
    texts.stake(owners)
    return owners.done()


def owners_of_attempt(path: Path) -> Owners:
    """Of an attempt's file in a folder: whatever changes in it, the attempt is named, or its file."""
    with h5py.File(path) as file:
        name = _attempt_name(json.loads(file["record"][()])["attempt"])
    owners = Owners(path.stat().st_size)
    owners.add(0, owners.size, "attempt", f"{name}|{re.escape(path.name)}")
    return owners.done()


def owners_of_header(path: Path) -> Owners:
    owners = Owners(path.stat().st_size)
    owners.add(0, owners.size, "header", rf"header|configuration|{re.escape(path.name)}")
    return owners.done()


def owners_of_events(path: Path) -> Owners:
    content = path.read_bytes()
    owners, start = Owners(len(content)), 0
    for n, line in enumerate(content.splitlines(keepends=True)):
        # A newline belongs to both lines that it keeps apart.
        owner = "event" if start + len(line) < len(content) else "last event"
        owners.add(start, start + len(line), owner, rf"event {n}\b|event {n + 1}\b|event number {n}\b|event log")
        start += len(line)
    return owners.done()


_TEXTS = {
    "header": "header was altered",
    "integrity/root": "root record",
    "integrity/root_sha256": "root record",
    "integrity/tree": "list of the file's contents",
    "integrity/signature": "signature",
    "integrity/signing_key": "signing.key",
}
_INDICES = ("attempts", "capture_index", "reading_index")


def _attempt_name(attempt: dict[str, Any]) -> str:
    return re.escape(f"attempt {attempt['number']} at step {attempt['step']} ")


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found


def _chunks(dataset: h5py.Dataset) -> list[Any]:
    found: list[Any] = []
    dataset.id.chunk_iter(found.append)
    return found


def _places(dataset: h5py.Dataset) -> Iterator[tuple[int, int]]:
    if dataset.chunks:
        for info in _chunks(dataset):
            yield info.byte_offset, info.byte_offset + info.size
    elif (offset := dataset.id.get_offset()) is not None:
        yield offset, offset + dataset.nbytes


class _Texts:
    """The texts of variable length of a file's datasets and where they lie in its heaps."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._objects: dict[tuple[int, int], str] = {}
        self._references: list[tuple[int, str]] = []

    def add(self, dataset: h5py.Dataset, patterns: list[str]) -> None:
        offset = dataset.id.get_offset()
        if offset is None:
            return
        for i, (_, address, index) in enumerate(
            np.frombuffer(self._content, _REFERENCE, dataset.size, offset).tolist()
        ):
            self._references.append((offset + i * _REFERENCE.itemsize, patterns[i]))
            self._objects[address, index] = patterns[i]

    def stake(self, owners: Owners) -> None:
        for offset, pattern in self._references:
            owners.add(offset, offset + _REFERENCE.itemsize, "text", pattern)
        for heap in re.finditer(b"GCOL\x01\0\0\0", self._content):
            start = heap.start()
            size = int.from_bytes(self._content[start + 8 : start + 16], "little")
            inside = "|".join({pattern for (address, _), pattern in self._objects.items() if address == start})
            if not inside:
                continue  # texts of attributes alone
            at = start + 16
            while at + 16 <= start + size and (index := int.from_bytes(self._content[at : at + 2], "little")):
                length = int.from_bytes(self._content[at + 8 : at + 16], "little")
                pattern = self._objects.get((start, index))
                if pattern is not None:
                    owners.add(at + 16, at + 16 + length, "text", pattern)
                at += 16 + -(-length // 8) * 8


@dataclass
class Tally:
    """What came of the changes."""

    noticed: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.noticed.total()} changes noticed {dict(self.noticed)}, "
            f"{self.unused.total()} in unused bytes {dict(self.unused)}, {len(self.wrong)} wrong"
        )


def change_bytes(session: Path, files: dict[Path, Owners], changes: Iterable[tuple[Path, int, int]]) -> Tally:
    """Make each change (file, position, bits to turn) alone, verify ``session``, and sort what is said of it.

    ``session`` is changed and mended; nobody else may use it.
    """
    tally, reader = Tally(), _Reader(session)
    for path, position, bits in changes:
        owner, pattern = files[path].of(position)
        content = path.read_bytes()
        # A line without its newline, or with a NUL, is one that was being written: so the last event can go unseen.
        torn = owner == "last event" and (content[position] == bits or position == len(content) - 1)
        where = f"{path.name}, byte {position} (^{bits:#04x}, {owner})"
        answer = reader.ask(path, position, bits)
        if answer is None:
            tally.wrong.append(f"{where}: the process died")
            reader = _Reader(session)
        elif answer["error"] is None and (answer["same"] or torn):
            tally.unused[owner] += 1
        elif answer["error"] is None:
            tally.wrong.append(f"{where}: what can be read changed, and nobody noticed")
        elif not answer["expected"]:
            tally.wrong.append(f"{where}: {answer['error']}")
        elif not re.search(pattern, answer["error"]):
            tally.wrong.append(f"{where}: {pattern!r} expected, got {answer['error']}")
        else:
            tally.noticed[owner] += 1
    reader.close()
    return tally


def random_changes(files: dict[Path, Owners], count: int, *, seed: int) -> list[tuple[Path, int, int]]:
    """(file, position, bits to turn) of ``count`` changes, as many in each file; positions are drawn evenly."""
    rng = np.random.default_rng(seed)
    paths = [path for _ in range(-(-count // len(files))) for path in files]
    return [(path, int(rng.integers(files[path].size)), int(rng.integers(1, 256))) for path in paths[:count]]


class _Reader:
    """A process that makes a change, verifies the session, and takes the change back."""

    def __init__(self, session: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(session)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, path: Path, position: int, bits: int) -> dict[str, Any] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with path.open("r+b") as stream:
            stream.seek(position)
            (old,) = stream.read(1)
            stream.seek(position)
            stream.write(bytes([old ^ bits]))
        try:
            self._process.stdin.write("verify\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        finally:
            with path.open("r+b") as stream:
                stream.seek(position)
                stream.write(bytes([old]))
        if not answer:
            self.close()
        return json.loads(answer) if answer else None

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=LIMIT_S)


def everything(session: Path) -> list[Any]:
    """All that can be read in a session, by h5py and by whoever reads its log."""
    if session.is_file():
        return everything_in(session)
    files = sorted(path for path in session.rglob("*") if path.is_file())
    return [(path.name, everything_in(path) if path.suffix == ".h5" else path.read_bytes()) for path in files]


def everything_in(path: Path) -> list[Any]:
    found: list[Any] = []

    def take(name: str, item: h5py.HLObject) -> None:
        attributes = [
            (key, np.asarray(value).dtype.str, np.asarray(value).tolist()) for key, value in item.attrs.items()
        ]
        found.append((name, repr(sorted(attributes, key=repr))))
        if isinstance(item, h5py.Dataset):
            storage = (item.dtype, item.shape, item.maxshape, item.chunks, item._filters, item.fillvalue)
            places = [tuple(info) for info in _chunks(item)] if item.chunks else item.id.get_offset()
            found.append((repr(storage), repr(places), np.asarray(item[()]).tolist()))

    with h5py.File(path) as file:
        take("/", file)
        file.visititems(take)
    return [repr(what) for what in found]


def _serve(session: Path) -> None:
    from aimdlab.errors import RecordError
    from aimdlab.session.reader import open_session

    original = everything(session)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        answer: dict[str, Any] = {"error": None, "expected": True, "same": None}
        try:
            with open_session(session) as opened:
                opened.verify()
        except RecordError as error:
            answer["error"] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the test
            answer.update(error=repr(error), expected=False)
        else:
            try:
                answer["same"] = everything(session) == original
            except Exception:  # noqa: BLE001 - what cannot be read any more has changed
                answer["same"] = False
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _serve(Path(sys.argv[1]))
