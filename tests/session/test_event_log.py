from __future__ import annotations

import dis
import errno
import functools
import hashlib
import itertools
import json
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab import _platform
from aimdlab.errors import BenchError, RecordAlteredError, RecordError
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events

ANCHOR = "a" * 64


def written(path: Path, count: int = 5) -> list[bytes]:
    log = EventLog(path, anchor=ANCHOR, bench_clock=lambda: 1.5)
    for number in range(count):
        log.record("step.started", f"step {number}\u2028 begins\n", source="sequencer", step=number)
    log.close()
    return path.read_bytes().splitlines(keepends=True)


def test_events_come_back_in_order_with_their_clocks(tmp_path: Path) -> None:
    written(tmp_path / "events.jsonl")
    events = list(read_events(tmp_path / "events.jsonl", ANCHOR))
    assert [event.n for event in events] == [0, 1, 2, 3, 4]
    first, *others = [event.data for event in events]
    assert others == [{"step": number} for number in range(1, 5)]
    assert first.keys() == {"step", "pc_clock"}, "the first one that a process writes tells what its stamps mean"
    assert first["pc_clock"]["boot"] == _platform.boot_id()
    assert first["pc_clock"]["synchronised"] in ("yes", "no", "unknown")
    assert events[3].message == "step 3\u2028 begins\n"
    assert events[0].previous == ANCHOR
    assert events[0].bench_s == 1.5
    assert [event.monotonic_s for event in events] == sorted(event.monotonic_s for event in events)


payloads = st.dictionaries(st.text(), st.floats() | st.text() | st.lists(st.integers()))


@given(st.lists(st.tuples(st.text(), st.text(), payloads)))
@settings(max_examples=50, deadline=None)
def test_whatever_is_reported_is_read_back(tmp_path_factory: pytest.TempPathFactory, reports: list[Any]) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(path, anchor=ANCHOR)
    for kind, message, data in reports:
        log.record(kind, message, source="test", payload=data)
    log.close()
    found = [(event.kind, event.message, event.data["payload"]) for event in read_events(path, ANCHOR)]
    assert json.dumps(found, sort_keys=True) == json.dumps([list(report) for report in reports], sort_keys=True)


def test_threads_share_one_chain(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", anchor=ANCHOR)

    def report(name: str) -> None:
        for number in range(200):
            log.record("tick", name, source=name, number=number)

    threads = [threading.Thread(target=report, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    events = list(read_events(tmp_path / "events.jsonl", ANCHOR))
    assert len(events) == 800
    for name in {event.source for event in events}:
        assert [event.data["number"] for event in events if event.source == name] == list(range(200))


def test_a_log_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    written(path)
    log = EventLog(path, anchor=ANCHOR)
    log.record("resumed", "on it goes", source="test", durable=True)
    log.close()
    assert [event.kind for event in read_events(path, ANCHOR)][-1] == "resumed"


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_torn_last_line_is_set_aside_and_reported(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "events.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:keep])
    assert len(list(read_events(path, ANCHOR))) == 4
    EventLog(path, anchor=ANCHOR).close()
    *before, torn = read_events(path, ANCHOR)
    assert (len(before), torn.kind) == (4, "log.torn")
    assert torn.data["text"] == lines[4][:keep].decode()
    assert (tmp_path / "events.torn-4").read_bytes() == lines[4][:keep]


def test_what_a_power_cut_left_empty_is_set_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:3]) + b"\0" * 300 + lines[4])
    EventLog(path, anchor=ANCHOR).close()
    assert [event.kind for event in read_events(path, ANCHOR)][3:] == ["log.torn"]


def change(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"step":2', b'"step":7') for line in lines]


def recompute(lines: list[bytes]) -> list[bytes]:
    event = json.loads(lines[2])
    event["message"] = "nothing happened"
    del event["sha256"]
    spelled: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    event["sha256"] = hashlib.sha256(json.dumps(event, **spelled).encode()).hexdigest()
    return [*lines[:2], json.dumps(event, **spelled).encode() + b"\n", *lines[3:]]


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (change, r"event 2 \(step.started\) was altered"),
        (recompute, r"event 2 \(step.started\) was altered"),
        (lambda lines: [line.replace(b'"step":2', b'"step": 2') for line in lines], r"event 2 .* altered"),
        (lambda lines: [line.replace(b"step 2", b"step \xff") for line in lines], r"event 2 .* altered"),
        (lambda lines: [*lines[:2], *lines[3:]], r"event number 2 was removed"),
        (lambda lines: lines[1:], r"event number 0 was removed"),
        (lambda lines: [*lines[:2], lines[3], lines[2], lines[4]], r"event 3 .* was moved"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], r"event 1 .* was added"),
        (lambda lines: [*lines[:3], b"{}\n", *lines[3:]], r"event 3 of the log was altered"),
        (lambda lines: [*lines[:3], b"[" * 100_000 + b"\n", *lines[3:]], r"event 3 of the log was altered"),
    ],
)
def test_tampering_is_named(tmp_path: Path, tamper: Any, named: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(tamper(written(path))))
    with pytest.raises(RecordAlteredError, match=named):
        list(read_events(path, ANCHOR))
    with pytest.raises(RecordAlteredError, match=named):
        EventLog(path, anchor=ANCHOR)


def test_another_header_is_named(tmp_path: Path) -> None:
    written(tmp_path / "events.jsonl")
    with pytest.raises(RecordAlteredError, match="session's header"):
        list(read_events(tmp_path / "events.jsonl", "b" * 64))


def test_the_death_of_the_bench_clock_is_reported_all_the_same(tmp_path: Path) -> None:
    def dead() -> float:
        raise BenchError("the simulated bench does not answer")

    log = EventLog(tmp_path / "events.jsonl", anchor=ANCHOR, bench_clock=dead)
    log.record("fault", "the bench is gone", source="bench")
    log.close()
    (event,) = read_events(tmp_path / "events.jsonl", ANCHOR)
    assert event.bench_s is None


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.close()
    log.close()
    with pytest.raises(RecordError, match="closed"):
        log.record("late", "too late", source="test")


# Python looks for signals after these instructions, and nowhere else: not while it leaves a ``with``, for one.
LOOKS_FOR_SIGNALS = {"RESUME", "JUMP_BACKWARD", "CALL", "CALL_KW", "CALL_FUNCTION_EX"}


@functools.cache
def places_of_interrupts(code: CodeType) -> set[int]:
    instructions = list(dis.get_instructions(code))
    return {after.offset for before, after in itertools.pairwise(instructions) if before.opname in LOOKS_FOR_SIGNALS}


def interrupted_at(log: EventLog, place: int) -> bool:
    """Record an event, with a Ctrl-C at the given place of it where one can come; False if it has no such place."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in places_of_interrupts(frame.f_code):
            count += 1
            if count == place:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    # Python 3.12 looks only here whether anybody wants to see single instructions.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        log.record("interrupted", "perhaps", source="test")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_ctrl_c_at_any_moment_leaves_an_event_written_and_counted_or_neither(tmp_path: Path) -> None:
    written = set()
    for place in range(1, 100_000, 3):
        path = tmp_path / f"{place}.jsonl"
        log = EventLog(path, anchor=ANCHOR)
        log.record("first", "", source="test")
        interrupted = interrupted_at(log, place)
        log.record("last", "", source="test")
        log.close()
        kinds = [event.kind for event in read_events(path, ANCHOR)]
        assert [kind for kind in kinds if kind != "interrupted"] == ["first", "last"]
        written.add(len(kinds))
        if not interrupted:
            break
    assert written == {2, 3}


def test_half_a_line_of_an_interrupted_write_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, anchor=ANCHOR)
    log.record("first", "", source="test")
    with path.open("ab") as other:
        other.write(b'{"bench_s":nu')
    log.record("last", "", source="test")
    log.close()
    assert [event.kind for event in read_events(path, ANCHOR)] == ["first", "last"]


def test_what_was_set_aside_is_never_overwritten(tmp_path: Path) -> None:
    """The log is torn, and the event that reports it is torn again."""
    path = tmp_path / "events.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:4]) + b"first")
    EventLog(path, anchor=ANCHOR).close()
    path.write_bytes(path.read_bytes()[:-40])
    second = path.read_bytes().removeprefix(b"".join(lines[:4]))
    EventLog(path, anchor=ANCHOR).close()
    assert (tmp_path / "events.torn-4").read_bytes() == b"first"
    assert (tmp_path / "events.torn-4-2").read_bytes() == second
    assert [event.kind for event in read_events(path, ANCHOR)][4:] == ["log.torn"]


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"events.jsonl: the event log cannot be gone on with"):
        EventLog(tmp_path / "nowhere" / "events.jsonl", anchor=ANCHOR)


def test_room_is_made_for_an_event_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def make_room() -> bool:
        asked.append(len(asked))
        return len(asked) == 1

    log = EventLog(tmp_path / "events.jsonl", anchor=ANCHOR, make_room=make_room)
    real, full = _platform.fsync_file, [True]

    def flush(stream: Any) -> None:
        if full and full.pop():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(stream)

    monkeypatch.setattr(_platform, "fsync_file", flush)
    log.record("first", "", source="test", durable=True)
    full.append(True)
    with pytest.raises(RecordError, match="No space left"):
        log.record("second", "", source="test", durable=True)
    log.record("third", "", source="test", durable=True)
    log.close()
    assert asked == [0, 1]
    assert [event.kind for event in read_events(tmp_path / "events.jsonl", ANCHOR)] == ["first", "third"]
