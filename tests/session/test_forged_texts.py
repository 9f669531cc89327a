"""Texts that somebody made up, with every hash right: none of them is more than an error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aimdlab.capture import Capture
from aimdlab.errors import RecordError
from aimdlab.session import canonical, hdf5, inspection
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import LARGEST_LINE_BYTES
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from read_everything import Reader, assert_refused


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


def test_a_capture_too_large_to_be_read_again_is_not_committed(running: Path, make_attempt: Any) -> None:
    codes = np.broadcast_to(np.int8(0), (inspection.LARGEST_ARRAY_BYTES + 1,))
    large = Capture("a", "exposure", codes, 1.0, 0.0, "V", 1.0, 0.0, -1, 1)
    with SessionFolder.open(running) as folder, pytest.raises(RecordError, match="Take fewer samples"):
        folder.commit(make_attempt(1, captures=(large,)))
