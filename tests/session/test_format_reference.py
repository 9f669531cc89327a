"""docs/session-format.md against the writer: what is in a file is on the page, and what is on the page is in a file."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aimdlab.session.folder import SessionFolder
from aimdlab.session.inbox import send
from aimdlab.session.seal import seal
from command_line import Lab

PAGE = Path(__file__).parents[2] / "docs" / "session-format.md"
HEADER, ATTEMPT, SEALED, COLUMNS = (
    "`session.h5`",
    "`attempts/SSSSSS-NN.h5`",
    "Groups and datasets",
    "Columns of the tables",
)
PLACEHOLDERS = {"NNNN": r"\d{4}", "CHANNEL": r"\w+?", "KIND": r"\w+?(_\d+)?", "NAME": r"\w+?"}
COMMON = {"attempts", "events", "parameters", "features", "outcomes", "notes", "steps", "captures", "readings"}
"""Names of numbers that are the same in a whole file; any other is the same in a group."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a layout: what may stand at a path."""

    path: str
    types: frozenset[str]
    shape: tuple[str, ...] | None
    unit: str
    attributes: dict[str, str | None]
    optional: frozenset[str]

    @property
    def pattern(self) -> str:
        return re.sub("|".join(PLACEHOLDERS), lambda found: PLACEHOLDERS[found[0]], self.path)


def tables_below(heading: str) -> list[list[str]]:
    """The cells of the table rows between a heading and the next one."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def layout(heading: str) -> list[Row]:
    rows = []
    for path, types, shape, unit, attributes, _holds in tables_below(heading):
        values: dict[str, str | None] = {}
        optional = set()
        for item in filter(None, (part.strip() for part in attributes.split(";"))):
            found = re.fullmatch(r"`(\w+)`(?: = (\S+))?( \(where .+\))?", item)
            assert found, f"{path}: {item!r} is no attribute"
            values[found[1]] = found[2]
            if found[3]:
                optional.add(found[1])
        names = tuple(part.strip() for part in shape.strip("()").split(",") if part.strip()) if shape else None
        kinds = frozenset(re.split(r", | or ", types))
        rows.append(Row(path.strip("`"), kinds, names, unit, values, frozenset(optional)))
    return rows


def columns() -> dict[str, list[tuple[str, str]]]:
    return {
        name.strip("`"): re.findall(r"`(\w+)` (int32|float64|text)", cells) for name, cells in tables_below(COLUMNS)
    }


def type_of(item: h5py.Group | h5py.Dataset) -> str:
    if isinstance(item, h5py.Group):
        return str(item.attrs.get("NX_class", "group"))
    if item.dtype.names is not None:
        return "table"
    text = h5py.check_string_dtype(item.dtype)
    if text is not None:
        assert text.encoding == "utf-8", item.name
        return "text" if text.length is None else f"text of {text.length}"
    return str(item.dtype)


def objects(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    found: list[tuple[str, Any]] = [("/", file)]
    file.visititems(lambda name, item: found.append((f"/{name}", item)))
    yield from found


def check_file(path: Path, rows: list[Row], seen: set[str]) -> None:
    """Every object and attribute of a file is on the page as it is; what was met of the page goes into ``seen``."""
    numbers: dict[tuple[str, str], object] = {}

    def same(key: tuple[str, str], value: object) -> None:
        assert numbers.setdefault(key, value) == value, f"{path.name}: {key} is {value} here, {numbers[key]} elsewhere"

    with h5py.File(path) as file:
        for name, item in objects(file):
            found = [row for row in rows if row.path == name]
            found = found or [row for row in rows if re.fullmatch(row.pattern, name)]
            assert len(found) == 1, f"{path.name}: {name} stands {len(found)} times on the page"
            (row,) = found
            seen.add(row.path)
            assert type_of(item) in row.types, f"{name} is {type_of(item)}, the page says {set(row.types)}"
            attributes = dict(item.attrs)
            attributes.pop("NX_class", None)
            parent = name.rpartition("/")[0]
            assert ("units" in attributes) == bool(row.unit), f"{name}: units {attributes.get('units')!r}"
            if row.unit:
                units = re.fullmatch(re.escape(row.unit).replace("UNIT", "(.+)"), attributes.pop("units"))
                assert units, f"{name}: the unit is not {row.unit}"
                if units.groups():
                    same((parent, "UNIT"), units[1])
            assert row.attributes.keys() - row.optional <= attributes.keys() <= row.attributes.keys(), name
            for key, value in attributes.items():
                seen.add(f"{row.path}@{key}")
                said = row.attributes[key]
                assert said is None or " ".join(np.atleast_1d(value).astype(str)) == said, f"{name}@{key} is {value}"
            assert isinstance(item, h5py.Dataset) == (row.shape is not None), name
            if isinstance(item, h5py.Dataset) and row.shape is not None:
                assert len(item.shape) == len(row.shape), f"{name} has shape {item.shape}, the page says {row.shape}"
                for size, symbol in zip(item.shape, row.shape, strict=True):
                    if symbol.isdigit():
                        assert size == int(symbol), name
                    else:
                        own = name if row.path.endswith("NNNN") else parent
                        same(("" if symbol in COMMON else own, symbol), size)
                if item.dtype.names is not None:
                    check_columns(item, seen)


def check_columns(table: h5py.Dataset, seen: set[str]) -> None:
    name = table.name.rpartition("/")[2]
    found = [
        (column, "text" if h5py.check_string_dtype(table.dtype[column]) else str(table.dtype[column]))
        for column in table.dtype.names
    ]
    assert found == columns()[name], f"{table.name} has other columns than the page says"
    seen.add(f"table {name}")


@pytest.fixture
def sessions(
    make_session: Callable[..., SessionFolder],
    make_header: Callable[..., Any],
    make_attempt: Callable[..., Any],
    tmp_path: Path,
) -> list[SessionFolder]:
    """One of everything, one without an attempt, one whose captures share no time, one of readings alone."""
    mixed = SessionFolder.create(tmp_path / "mixed", make_header(3), compression="gzip")
    for step, samples in ((0, 10), (1, 0), (2, 10)):
        capture = make_attempt(step).captures[step]
        capture = dataclasses.replace(capture, codes=capture.codes[:samples], t0_s=float(step), channel="µ V/1")
        mixed.commit(
            make_attempt(step, captures=(capture, dataclasses.replace(capture, codes=capture.codes.astype(np.uint8))))
        )
    read = SessionFolder.create(tmp_path / "read", make_header(1))
    read.commit(make_attempt(0, captures=()))
    return [make_session("all"), SessionFolder.create(tmp_path / "empty", make_header(2)), mixed, read]


@pytest.fixture
def signed(lab: Lab) -> Path:
    """A session as the command line makes it: signed, with a campaign's tests in the header."""
    lab.fewer_steps()
    lab.change(lab.campaign, "# record: {compression: gzip}", "record: {compression: gzip}")
    status, result = lab.run()
    assert status == 0, result
    return Path(result["session"])


def wanted(rows: list[Row]) -> set[str]:
    return {row.path for row in rows} | {f"{row.path}@{key}" for row in rows for key in row.attributes}


def test_a_folder_is_what_the_page_says(sessions: list[SessionFolder]) -> None:
    header, attempt = layout(HEADER), layout(ATTEMPT)
    seen_in_header: set[str] = set()
    seen_in_attempt: set[str] = set()
    for folder in sessions:
        folder.close()
        check_file(folder.path / "session.h5", header, seen_in_header)
        for path in (folder.path / "attempts").iterdir():
            check_file(path, attempt, seen_in_attempt)
    assert seen_in_header == wanted(header)
    assert seen_in_attempt == wanted(attempt)


def test_a_sealed_file_is_what_the_page_says(sessions: list[SessionFolder], signed: Path) -> None:
    rows = layout(SEALED)
    seen: set[str] = set()
    plan: set[str] = set()
    for path in (*(seal(folder) for folder in sessions), signed):
        check_file(path, rows, seen)
        with h5py.File(path) as file:
            plan = plan.union(*json.loads(file["entry/header"][()])["plan"])
    assert seen == wanted(rows) | {f"table {name}" for name in columns()}
    with h5py.File(signed) as file:
        assert file["entry/capture_device_monitor_exposure/codes"].compression == "gzip"
        check_records(file["entry"], plan)


def check_records(entry: h5py.Group, plan: set[str]) -> None:
    """The fields of header, attempts and events are those that the page names, and none besides."""
    text = PAGE.read_text(encoding="utf-8")
    paragraph = text[text.index("**Header**") : text.index("**Attempt**")]
    named = set(re.findall(r"`(\w+)`", paragraph[: paragraph.index("Version 1 has")]))
    header = json.loads(entry["header"][()])
    assert header.keys() <= named, "the page does not name them"
    test, *_ = header["tests"]
    assert named <= header.keys() | test.keys() | plan
    rows = text[text.index("**Attempt**") : text.index("**Event**")]
    record = json.loads(entry["records"][0])
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == record.keys()
    line = text[text.index("**Event**") :]
    fields = re.findall(r"`(\w+)`", line[: line.index("the hash of the canonical text")])
    for event in entry["events"][:]:
        assert set(fields) == json.loads(event).keys()


FILES = {"SSSSSS-NN": r"\d{6}-\d{2}", "-N": r"-\d+", "*": r"[^/]+", ".": r"\."}


def test_a_folder_holds_no_other_files_than_the_page_says(make_session: Callable[..., SessionFolder]) -> None:
    folder = make_session()
    folder.close()
    with (folder.path / "events.jsonl").open("r+b") as stream:
        number = len(stream.readlines())
        stream.write(b'{"torn')
    (folder.path / f"events.torn-{number}").write_bytes(b"torn before")
    (folder.path / "attempts" / "000003-01.h5.tmp").write_bytes(b"half")
    found = contents(folder.path)
    with SessionFolder.open(folder.path) as again:
        send(folder.path, "note", "gel stirred")
        (folder.path / "inbox" / "000-none.json").write_text("none", encoding="utf-8")
        found |= contents(folder.path)
        again.require_room(2)
        again.inbox.poll()
        found |= contents(folder.path)
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(r"^## The folder\n(.*?)(?=^##)", text, re.DOTALL | re.MULTILINE)
    named = re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)))
    patterns = {
        name: re.sub("|".join(map(re.escape, FILES)), lambda match: FILES[match[0]], name) + "(/.*)?" for name in named
    }
    for name in found:
        base = name.rpartition("/")[2] if name.endswith(".tmp") else name
        assert any(re.fullmatch(pattern, base) for pattern in patterns.values()), f"{name} is not on the page"
    for name, pattern in patterns.items():
        assert any(re.fullmatch(pattern, other.rpartition("/")[2] if "/" not in name else other) for other in found), (
            name
        )


def contents(folder: Path) -> set[str]:
    """Every file, by its path below the folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
