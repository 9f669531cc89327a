"""The wall clock decides nothing: that it jumped, and whether it is kept to UTC, is recorded."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import jumping_clock
from aimdlab import _platform
from aimdlab._platform import TimeSynchronisation
from aimdlab._platform._pc_clock import read_w32tm
from aimdlab.session import pc_clock
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import Event, read_events
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.inbox import Inbox, send, waiting
from aimdlab.session.pc_clock import LastStamp, Stamp, utc_now
from patience import LIMIT_S

DAY_S = 86_400.0
Set = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set the wall clock of this process: so many seconds off what it really is."""
    real_ns = time.time_ns

    def set_to(offset_s: float) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + round(offset_s * 1e9))

    return set_to


def log(folder: Path) -> EventLog:
    return EventLog(folder / "events.jsonl")


def events(folder: Path) -> list[Event]:
    return list(read_events(folder / "events.jsonl", "0" * 64))


def jumps(folder: Path) -> list[Any]:
    return [event.data["jumped_s"] for event in events(folder) if event.kind == "clock.jumped"]


def test_stamps_are_utc_with_microseconds() -> None:
    before = datetime.now(UTC)
    stamp = utc_now()
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-01-01T00:00:00.000000Z")
    assert abs((datetime.fromisoformat(stamp) - before).total_seconds()) < LIMIT_S


def test_a_wall_clock_that_is_set_during_a_run_is_an_event(tmp_path: Path, set_clock: Set) -> None:
    written = log(tmp_path)
    for offset_s in (0.0, 0.4, -3 * DAY_S, -3 * DAY_S, 2.0):
        set_clock(offset_s)
        written.record("step", "x", source="test")
    written.close()
    assert jumps(tmp_path) == pytest.approx([-3 * DAY_S, 3 * DAY_S + 2], abs=1)
    back, forward = (event.message for event in events(tmp_path) if event.kind == "clock.jumped")
    assert "went back by 2592" in back
    assert "went forward by 2592" in forward
    monotonic_s = [event.monotonic_s for event in events(tmp_path)]
    assert monotonic_s == sorted(monotonic_s)


def test_a_wall_clock_that_was_set_between_two_runs_is_an_event(tmp_path: Path, set_clock: Set) -> None:
    for offset_s in (0.0, 5 * DAY_S, 5 * DAY_S, 0.0):
        set_clock(offset_s)
        written = log(tmp_path)
        written.record("step", "x", source="test")
        written.close()
    assert jumps(tmp_path) == pytest.approx([5 * DAY_S, -5 * DAY_S], abs=1)
    told = [event.data["pc_clock"]["boot"] for event in events(tmp_path) if "pc_clock" in event.data]
    assert told == [_platform.boot_id()] * 4, "the first event of each, be it the jump"


def test_after_a_restart_only_a_clock_behind_the_last_event_is_known(
    tmp_path: Path, set_clock: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    for boot, offset_s in (("a", 0.0), ("b", 9 * DAY_S), ("c", 0.0)):
        monkeypatch.setattr(_platform, "boot_id", lambda boot=boot: boot)
        set_clock(offset_s)
        written = log(tmp_path)
        written.record("step", "x", source="test")
        written.close()
    assert jumps(tmp_path) == pytest.approx([-9 * DAY_S], abs=1)


@pytest.mark.parametrize("utc", ["", "yesterday", "2026-01-01T00:00:00", "9" * 40])
def test_a_stamp_that_is_none_says_nothing(utc: str) -> None:
    assert pc_clock.JumpWatch(LastStamp(utc, 0.0, "")).jumped_s(Stamp.now()) == 0


def test_a_change_of_time_synchronisation_is_told_at_the_next_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pc_clock, "_asked", pc_clock._Asked())
    answers = iter([TimeSynchronisation("yes", "kept", 0.02), TimeSynchronisation("no", "lost", None)])
    monkeypatch.setattr(_platform, "time_synchronisation", lambda: next(answers))
    with SessionFolder.create(tmp_path / "monday", new_header(title="x", plan=(), configuration={})) as folder:
        folder._notices.tell_of_clock()
        pc_clock._asked.again_s = 0.0  # a minute later
        folder._notices.tell_of_clock()
        folder._notices.tell_of_clock()
        host = folder.header.host
        told = list(read_events(folder.path / "events.jsonl", folder.header_sha256))
    assert (host["utc_synchronised"], host["utc_max_error_s"], host["boot"]) == ("yes", "0.02", _platform.boot_id())
    assert float(host["created_monotonic_s"]) <= told[0].monotonic_s
    assert [event.data["pc_clock"]["synchronised"] for event in told] == ["yes", "no"]
    assert told[1].message == "the PC's clock is kept to UTC: no (lost)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="adjtimex")
def test_linux_says_whether_its_clock_is_kept() -> None:
    state = _platform.time_synchronisation()
    assert state.synchronised in ("yes", "no") or "not permitted" in state.told or "not implemented" in state.told


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ("Leap Indicator: 0(no warning)\r\nStratum: 4 (secondary reference - syncd by (S)NTP)\r\n", "yes"),
        ("Sprungindikator: 0(keine Warnung)\r\nStratum: 3 (Sekund\ufffdrreferenz)\r\n", "yes"),
        ("Leap Indicator: 3(not synchronized)\r\nStratum: 0 (unspecified)\r\n", "no"),
        ("The following error occurred: The service has not been started. (0x80070426)\r\n", "unknown"),
        ("", "unknown"),
    ],
)
def test_windows_says_whether_its_clock_is_kept(output: str, kept: str) -> None:
    assert read_w32tm(output).synchronised == kept


def test_a_boot_has_one_name_in_all_processes() -> None:
    show = "from aimdlab import _platform; print(_platform.boot_id())"
    other = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert other.stdout.strip() == _platform.boot_id()


def test_commands_of_two_processes_keep_their_order_whatever_the_wall_clock_says(tmp_path: Path) -> None:
    with SessionFolder.create(tmp_path / "monday", new_header(title="x", plan=(), configuration={})) as folder:
        for offset_s, word in ((3 * DAY_S, "pause"), (0, "note"), (-3 * DAY_S, "continue")):
            subprocess.run(
                [sys.executable, jumping_clock.__file__, str(offset_s), "tell", str(folder.path), word, word],
                check=True, timeout=LIMIT_S, capture_output=True,
            )  # fmt: skip
        commands = folder.inbox.poll()
    assert [command.word for command in commands] == ["pause", "note", "continue"]
    assert [command.utc for command in commands] == sorted((command.utc for command in commands), reverse=True)
    stamps_s = [command.monotonic_s or 0.0 for command in commands]
    assert stamps_s == sorted(stamps_s)
    assert {command.boot for command in commands} == {_platform.boot_id()}


def test_commands_of_an_earlier_boot_come_before_those_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = log(tmp_path)
    inbox = Inbox(tmp_path, written)
    for boot, word in (("z", "stop"), ("now", "pause"), ("a", "note"), ("now", "continue")):
        monkeypatch.setattr(_platform, "boot_id", lambda boot=boot: boot)
        send(tmp_path, word)
    monkeypatch.setattr(_platform, "boot_id", lambda: "now")
    (tmp_path / "inbox" / "01780000000000000000-17.json").write_text(
        '{"command":"abort","sender":"","text":"","utc":"2026-01-01T00:00:00.000000Z"}', encoding="utf-8"
    )  # as version 0.2 named it
    assert len(waiting(tmp_path)) == 5
    commands = inbox.poll()
    written.close()
    assert [command.word for command in commands[-2:]] == ["pause", "continue"]
    assert {command.word for command in commands[:3]} == {"stop", "note", "abort"}
    assert waiting(tmp_path) == frozenset()
