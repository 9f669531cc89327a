from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimdlab.errors import ConfigurationError
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events
from aimdlab.session.inbox import Inbox, send


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    events = EventLog(tmp_path / "events.jsonl")
    yield Inbox(tmp_path, events)
    events.close()


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in read_events(folder / "events.jsonl", "0" * 64)]


def test_commands_arrive_once_and_in_order(inbox: Inbox, tmp_path: Path) -> None:
    for number in range(20):
        send(tmp_path, "note", f"note {number} ü", sender="terminal")
    send(tmp_path, "stop")
    commands = inbox.poll()
    assert [command.text for command in commands] == [f"note {number} ü" for number in range(20)] + [""]
    assert (commands[-1].word, commands[0].sender) == ("stop", "terminal")
    assert inbox.poll() == []
    assert len(list((tmp_path / "inbox" / "done").iterdir())) == 21
    assert kinds(tmp_path) == ["command.received"] * 21


def test_a_command_sent_while_polling_is_never_lost(inbox: Inbox, tmp_path: Path) -> None:
    def send_all() -> None:
        for number in range(100):
            send(tmp_path, "answer", str(number))

    sender = threading.Thread(target=send_all)
    sender.start()
    texts = []
    while sender.is_alive():
        texts += [command.text for command in inbox.poll()]
    texts += [command.text for command in inbox.poll()]
    assert texts == [str(number) for number in range(100)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"command":"stop"}',
        b"[" * 60_000,
        b" " * 100_000,
        json.dumps({"command": "explode", "text": "", "sender": "", "utc": ""}).encode(),
        json.dumps({"command": "note", "text": 7, "sender": "", "utc": ""}).encode(),
    ],
)
def test_a_malformed_file_is_set_aside_and_reported(inbox: Inbox, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "inbox" / "0.json").write_bytes(content)
    send(tmp_path, "pause")
    assert [command.word for command in inbox.poll()] == ["pause"]
    assert (tmp_path / "inbox" / "refused" / "0.json").read_bytes() == content
    assert kinds(tmp_path) == ["command.refused", "command.received"]


def test_half_written_files_are_not_seen(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "1.tmp").write_bytes(b'{"command":')
    assert inbox.poll() == []


def test_a_folder_in_the_inbox_is_set_aside(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "1.json").mkdir()
    assert inbox.poll() == []
    assert kinds(tmp_path) == ["command.refused"]


def test_unknown_commands_and_missing_sessions_are_refused(inbox: Inbox, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pause, continue, stop, abort, note, answer"):
        send(tmp_path, "explode")
    with pytest.raises(ConfigurationError, match="no session runs"):
        send(tmp_path / "nowhere", "stop")
    with pytest.raises(ConfigurationError, match="too long"):
        send(tmp_path, "note", "x" * 100_000)
