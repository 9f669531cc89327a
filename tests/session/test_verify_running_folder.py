"""Verifying a folder: what was done to it is named, and a run that writes to it or seals it meanwhile is no alarm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aimdlab.errors import NoSessionError, RecordAlteredError, RecordError
from aimdlab.session import canonical
from aimdlab.session.events import Event
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession
from aimdlab.session.reader import verify_session
from aimdlab.session.seal import seal
from patience import LIMIT_S

MakeSession = Callable[..., SessionFolder]
MakeAttempt = Callable[..., Any]
WRITER = Path(__file__).with_name("session_process.py")

EVENTS = "events.jsonl"


def lines_of(path: Path) -> list[bytes]:
    return (path / EVENTS).read_bytes().splitlines(keepends=True)


def change_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda path: (path / EVENTS).write_bytes(b"".join(change(lines_of(path)))) and None


def swap_lines(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def invent_event(lines: list[bytes]) -> list[bytes]:
    """One more event behind the last, which fits the chain but for its own hash."""
    event = json.loads(lines[-1])
    event.update(n=event["n"] + 1, previous=event["sha256"], message="all is well")
    return [*lines, canonical.encode(event).encode() + b"\n"]


def lose_bytes(lines: list[bytes]) -> list[bytes]:
    """NUL bytes where an event was, as a power cut leaves them, but before an event that had reached the medium."""
    return [*lines[:3], b"\0" * len(lines[3]), *lines[4:]]


def lose_last_but_one(lines: list[bytes]) -> list[bytes]:
    """The same, where only one attempt is then unreported, as after a crash."""
    event = json.loads(lines[-1])
    del event["sha256"]
    event.update(n=6, previous=json.loads(lines[-1])["sha256"])
    event["sha256"] = canonical.sha256(canonical.encode(event))
    return [*lines[:-1], b"\0" * 100 + b"\n", canonical.encode(event).encode() + b"\n", b"and more"]


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (change_lines(lambda lines: [lines[0].replace(b"begins", b"began"), *lines[1:]]), r"event 0 .* was altered"),
        (change_lines(lambda lines: lines[:2] + lines[3:]), "event number 2 was removed: event 3 "),
        (change_lines(swap_lines), r"event 3 .* was moved"),
        (change_lines(lambda lines: [*lines[:3], lines[1], *lines[3:]]), r"event 1 .* was added"),
        (change_lines(invent_event), r"event 6 .* was altered"),
        (change_lines(lose_bytes), "attempt 1 at step 2 .* or the end of the event log was cut off"),
        (change_lines(lose_last_but_one), "event number 5 was removed or altered: event 6"),
        (change_lines(lambda lines: lines[:-2]), "attempt 2 at step 0 .* or the end of the event log was cut off"),
        (change_lines(lambda lines: []), "attempt 1 at step 1 .* or the end of the event log was cut off"),
        (lambda path: (path / EVENTS).unlink(), "attempt 1 at step 1 .* or the end of the event log was cut off"),
        (lambda path: (path / "session.h5").unlink(), "header was removed"),
    ],
    ids=range(11),
)
def test_what_was_done_to_a_folder_is_named(
    make_session: MakeSession, tamper: Callable[[Path], None], named: str
) -> None:
    folder = make_session()
    folder.close()
    found = verify_session(folder.path).found
    assert (found.attempts.count, found.events.count, found.unreported, found.seal) == (5, 6, "", None)
    tamper(folder.path)
    with pytest.raises(RecordError, match=named):
        verify_session(folder.path)


def test_a_single_attempt_does_not_pass_for_unreported_without_a_log(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    with SessionFolder.create(tmp_path / "one", make_header(1)) as folder:
        folder.commit(make_attempt(0))
    (folder.path / EVENTS).unlink()
    with pytest.raises(RecordAlteredError, match="the event log was removed"):
        verify_session(folder.path)


def test_what_a_cut_at_both_ends_leaves_is_whole_and_shorter(make_session: MakeSession) -> None:
    """As docs/session-format.md says: only a seal ends that."""
    folder = make_session()
    folder.close()
    (folder.path / "attempts" / "000000-02.h5").unlink()
    change_lines(lambda lines: lines[:-1])(folder.path)
    assert verify_session(folder.path).found.attempts.count == 4


def test_an_attempt_that_is_not_reported_yet_is_told(make_session: MakeSession) -> None:
    folder = make_session()
    folder.close()
    change_lines(lambda lines: lines[:-1])(folder.path)
    found = verify_session(folder.path).found
    assert (found.attempts.count, found.unreported) == (5, "attempt 2 at step 0 (gradient_injected/0000)")


def meanwhile(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object], after: Callable[[], object]) -> None:
    """Let something happen just before and just after the event log of a folder is read."""
    events = FolderSession.events

    def read(self: FolderSession) -> Iterator[Event]:
        before()
        yield from events(self)
        after()

    monkeypatch.setattr(FolderSession, "events", read)


def test_commits_while_a_folder_is_verified_are_no_alarm(
    make_session: MakeSession, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_session() as folder:
        numbers = iter(range(2, 100))

        def commit_three() -> None:
            for _ in range(3):
                folder.commit(make_attempt(2, next(numbers), captures=(), readings=()))

        meanwhile(monkeypatch, commit_three, commit_three)
        assert verify_session(folder.path).found.attempts.count == 8
        assert verify_session(folder.path).found.attempts.count == 14


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_seal_while_a_folder_is_verified_is_no_alarm(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    folder = make_session()
    events, waiting = FolderSession.events, [folder]

    def seal_once() -> None:
        if waiting:
            session = waiting.pop()
            with monkeypatch.context() as patch:
                patch.setattr(FolderSession, "events", events)
                seal(session)

    meanwhile(monkeypatch, *((seal_once, int) if when == "before" else (int, seal_once)))
    verified = verify_session(folder.path)
    assert not folder.path.exists()
    assert verified.path == folder.path.with_name("session.h5")
    assert verified.found.seal is not None


def test_what_a_power_cut_took_from_the_last_flush_is_no_alarm(make_session: MakeSession) -> None:
    folder = make_session()
    folder.close()
    change_lines(lambda lines: lose_last_but_one(lines)[:-1])(folder.path)
    assert verify_session(folder.path).found.unreported == "attempt 2 at step 0 (gradient_injected/0000)"


def test_a_folder_that_went_away_unsealed_is_an_error(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_session()
    folder.close()
    meanwhile(monkeypatch, lambda: folder.path.rename(tmp_path / "elsewhere"), int)
    with pytest.raises(RecordError, match="was moved away while it was read"):
        verify_session(folder.path)
    with pytest.raises(NoSessionError, match="there is no session at"):
        verify_session(folder.path)


def test_no_false_alarm_while_another_process_writes_and_seals(tmp_path: Path) -> None:
    path = tmp_path / "running"
    counts = [0]
    for arguments in (["commit", str(path), "60"], ["seal", str(path)]):
        with subprocess.Popen([sys.executable, str(WRITER), *arguments], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline()  # the first commit was made; the seal begins
            running = True
            while running:
                running = writer.poll() is None
                counts.append(verify_session(path).found.attempts.count)
            writer.communicate(timeout=LIMIT_S)
        assert writer.returncode == 0
    assert counts == sorted(counts)
    assert counts[-1] == 60
    assert verify_session(path).path == tmp_path / "running.h5"
