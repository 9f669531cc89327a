"""The guardian's log: nothing waits for it, nothing but it is written, and what a power cut leaves can be read."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from aimdlab.bench.guardian.log import FILE, Log, read_log
from aimdlab.bench.guardian.outlet import Outlet, to_descriptor
from patience import LIMIT_S


def finish(log: Log) -> None:
    log.finish(time.monotonic() + LIMIT_S)


def test_what_happened_before_the_session_was_known_is_there_too(tmp_path: Path) -> None:
    said: list[str] = []
    log = Log(said.append)
    log.record("ready", "it can reach generator", run=7)
    log.follow(tmp_path)
    log.record("made_safe", "generator is safe", aloud=True, instrument="generator", took_s=0.01)
    finish(log)
    ready, made_safe = read_log(tmp_path)
    assert (ready.kind, ready.message, ready.data["run"]) == ("guardian.ready", "it can reach generator", 7)
    assert ready.data["guardian"] == os.getpid()
    assert (made_safe.kind, made_safe.data["instrument"]) == ("guardian.made_safe", "generator")
    assert ready.utc <= made_safe.utc
    assert ready.monotonic_s <= made_safe.monotonic_s
    assert said == ["guardian: generator is safe"]


def test_a_session_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    log = Log(lambda _: None)
    log.follow(folder)
    log.record("ready", "it can reach generator")
    finish(log)
    (folder / FILE).unlink()
    folder.rmdir()
    late = Log(lambda _: None)
    late.follow(folder)
    late.record("dismissed", "the run ends")
    finish(late)
    assert list(tmp_path.iterdir()) == []
    assert read_log(folder) == []


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"utc": "2026-01-01T00:00:00.000000Z", "mono')
    assert read_log(tmp_path) == []
    log = Log(lambda _: None)
    log.follow(tmp_path)
    log.record("ready", "it can reach generator")
    finish(log)
    cut, ready = read_log(tmp_path)
    assert cut.kind == "guardian.unreadable"
    assert ready.message == "it can reach generator"


@pytest.mark.parametrize(
    "line",
    [
        b"[]\n", b"7\n", b"\xff\xfe\n", b"{}\n", b"[" * 100_000 + b"\n", b"x" * 200_000,
        json.dumps({"utc": 1, "monotonic_s": "x", "kind": [], "message": {}}).encode() + b"\n",
    ],
    ids=["list", "number", "bytes", "empty", "deep", "endless", "kinds"],
)  # fmt: skip
def test_whatever_else_lies_there_is_named_and_nothing_worse(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE).write_bytes(line)
    kinds = {entry.kind for entry in read_log(tmp_path)}
    assert kinds == {"guardian.unreadable"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_its_place_leads_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (tmp_path / FILE).symlink_to(elsewhere)
    log = Log(lambda _: None)
    log.follow(tmp_path)
    log.record("ready", "it can reach generator")
    finish(log)
    assert elsewhere.read_text() == "untouched"
    with pytest.raises(OSError, match="symbolic links"):
        read_log(tmp_path)


def test_nobody_who_reads_can_hold_the_guardian_up() -> None:
    """A pipe that is full blocks its writer for ever: the one who says something goes on all the same."""
    receiving, sending = os.pipe()
    outlet = Outlet("full", to_descriptor(sending))
    for _ in range(100):
        outlet.put("x" * 10_000)
    began_s = time.monotonic()
    outlet.finish(began_s)  # nothing is waited for any more
    got = 0
    while got < 100 * 10_001:  # it was only held up, nothing is lost
        got += len(os.read(receiving, 1 << 20))
    os.close(receiving)
    finished = threading.Thread(target=outlet.finish, args=(time.monotonic() + LIMIT_S,))
    finished.start()
    finished.join(LIMIT_S)
    assert not finished.is_alive()
    os.close(sending)


def test_a_reader_that_is_gone_does_no_harm() -> None:
    receiving, sending = os.pipe()
    os.close(receiving)
    outlet = Outlet("dead", to_descriptor(sending))
    for _ in range(3):
        outlet.put("the terminal is closed")
    outlet.finish(time.monotonic() + LIMIT_S)
    os.close(sending)
