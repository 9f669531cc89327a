from __future__ import annotations

import dataclasses
import errno
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import pytest

from aimdlab import _platform
from aimdlab.errors import ConfigurationError, NoSessionError, RecordAlteredError, RecordError, SessionExistsError
from aimdlab.scoring.results import Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.inbox import send
from aimdlab.session.model import Attempt
from aimdlab.session.place import refuse_taken_path
from aimdlab.session.reader import open_session, verify_session

MakeSession = Callable[..., SessionFolder]
MakeAttempt = Callable[..., Attempt]


def test_a_running_session_is_read_while_it_is_written(make_session: MakeSession) -> None:
    with make_session() as folder, open_session(folder.path) as session:
        assert [(attempt.step, attempt.number) for attempt in session.attempts()] == [
            (0, 1),
            (1, 1),
            (1, 2),
            (2, 1),
            (0, 2),
        ]
        assert [attempt.number for attempt in session.attempts(step=1)] == [1, 2]
        results = session.steps()
        assert [result.verdict for result in results] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.OMITTED]
        assert [result.attempts for result in results] == [(0, 4), (1, 2), (3,), ()]
        assert [result.decided_by for result in results] == [0, 2, 3, None]
        assert results[3].reason == "the lead is too short for it"
        kinds = [event.kind for event in session.events()]
        assert kinds == ["session.created"] + ["attempt.committed"] * 5
        session.verify()


def test_the_path_of_a_session_is_never_taken_twice(
    make_session: MakeSession, make_header: Callable[..., Any], tmp_path: Path
) -> None:
    make_session("taken").close()
    (tmp_path / "sealed.h5").touch()
    for name in ("taken", "sealed"):
        with pytest.raises(SessionExistsError, match=name):
            SessionFolder.create(tmp_path / name, make_header(1))
    with pytest.raises(ConfigurationError, match=r"without \.h5"):
        SessionFolder.create(tmp_path / "new.h5", make_header(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sealed.h5", "taken"]


def test_an_attempt_is_never_overwritten(make_session: MakeSession, make_attempt: MakeAttempt) -> None:
    with make_session() as folder:
        before = (folder.path / "attempts" / "000001-02.h5").read_bytes()
        with pytest.raises(RecordError, match="committed before"):
            folder.commit(make_attempt(1, 2))
        assert (folder.path / "attempts" / "000001-02.h5").read_bytes() == before
        folder.commit(make_attempt(1, 3))
        open_session(folder.path).verify()


def test_an_attempt_that_cannot_be_written_leaves_the_chain_whole(
    make_session: MakeSession, make_attempt: MakeAttempt
) -> None:
    with make_session() as folder:
        last = folder.last_sha256
        obstacle = folder.path / "attempts" / "000002-02.h5.tmp"
        obstacle.mkdir()
        with pytest.raises(RecordError, match="cannot be written"):
            folder.commit(make_attempt(2, 2))
        assert folder.last_sha256 == last
        obstacle.rmdir()
        folder.commit(make_attempt(2, 2))
        open_session(folder.path).verify()


def test_an_interrupted_session_goes_on(make_session: MakeSession, make_attempt: MakeAttempt) -> None:
    with make_session() as folder:
        last = folder.last_sha256
    log = folder.path / "events.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))  # died between attempt and event
    (folder.path / "attempts" / "000002-02.h5.tmp").write_bytes(b"half")
    open_session(folder.path).verify()
    with SessionFolder.open(folder.path) as again:
        assert again.last_sha256 == last
        assert again.header == folder.header
        again.commit(make_attempt(2, 2))
    session = open_session(folder.path)
    session.verify()
    assert [event.kind for event in session.events()][-2:] == ["attempt.found", "attempt.committed"]
    assert not list((folder.path / "attempts").glob("*.tmp"))


def test_no_session_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no session at"):
        open_session(tmp_path / "nothing")
    with pytest.raises(RecordError, match="holds no session"):
        open_session(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(RecordError, match="cannot be read as HDF5"):
        open_session(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(RecordError, match="not a sealed session"):
        open_session(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("R.txt", b"a report \xc2\xb5", "a text file"),
        ("cut.txt", b"a" * 4095 + "µ".encode(), "a text file"),
        ("fail.png", b"\x89PNG\r\n\x1a\nmore", "a picture"),
        ("nothing", b"", "an empty file"),
        ("latin.txt", b"\xb5\xb5\xb5\xb5", "a file of another kind"),
        ("zeros.bin", bytes(100), "a file of another kind"),
        ("s.pacemaker.rescored.jsonl", b"{}", "the record of a scoring under other limits: prove it with"),
    ],
)
def test_a_file_that_is_no_session_is_said_to_be_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (open_session, verify_session):
        with pytest.raises(NoSessionError, match=rf"{name} is no session, but {said}.*give") as caught:
            read(tmp_path / name)
        assert caught.value.exit_status == 2


def test_a_file_of_a_session_folder_leads_to_the_folder(running: Path) -> None:
    with pytest.raises(NoSessionError, match=r"a file of the session folder .*running: give that folder"):
        open_session(running / "events.jsonl")


def test_a_sealed_file_is_read_by_any_name(sealed: Path, tmp_path: Path) -> None:
    verify_session(sealed.rename(tmp_path / "renamed.bin"))


def edit(relative: str, change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        with h5py.File(path / relative, "r+") as file:
            change(file)

    return tamper


def add_one(dataset: str, index: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[dataset][index] += 1

    return change


def forge_verdict(file: h5py.File) -> None:
    """Change the text and its own hash along with it."""
    text = file["record"].asstr()[()].replace('"FAIL"', '"PASS"')
    file["record"][()] = text
    file["record"].attrs["sha256"] = hashlib.sha256(text.encode()).hexdigest()


def change_verdict(file: h5py.File) -> None:
    file["record"][()] = file["record"].asstr()[()].replace('"FAIL"', '"PASS"')


def swap(path: Path) -> None:
    one, other, spare = (path / "attempts" / name for name in ("000001-01.h5", "000001-02.h5", "spare"))
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


def flip_byte(path: Path) -> None:
    target = path / "attempts" / "000001-02.h5"
    content = bytearray(target.read_bytes())
    content[len(content) // 2 :: 97] = bytes(byte ^ 255 for byte in content[len(content) // 2 :: 97])
    target.write_bytes(content)


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (
            edit("attempts/000001-02.h5", add_one("codes/0002", 17)),
            r"attempt 2 at step 1 .*'injection_monitor', exposure",
        ),
        (edit("attempts/000001-02.h5", add_one("readings/0000", (1, 3))), "attempt 2 at step 1 .*ambient_temperature"),
        (edit("attempts/000001-02.h5", change_verdict), "attempt 2 at step 1 .* was altered"),
        (edit("attempts/000001-02.h5", forge_verdict), "attempt 2 at step 1 .* was altered"),
        (edit("attempts/000001-02.h5", lambda file: file.pop("codes/0001")), "attempt 2 at step 1 .* removed"),
        (flip_byte, "(attempt 2 at step 1|000001-02.h5)"),
        (lambda path: (path / "attempts/000001-02.h5").unlink(), "attempt 2 at step 1 .* was removed"),
        (lambda path: (path / "attempts/000000-02.h5").unlink(), r"attempt 2 at step 0 .* was removed"),
        (lambda path: (path / "attempts/000001-02.h5").write_bytes(b""), "000001-02.h5 was altered"),
        (swap, "attempt . at step 1 .* was moved"),
        (
            lambda path: shutil.copy(path / "attempts/000001-02.h5", path / "attempts/000001-03.h5"),
            "attempt 2 at step 1 .* was moved",
        ),
        (
            edit("session.h5", lambda file: file["header"].__setitem__((), "{}")),
            "header was altered",
        ),
        (
            edit("session.h5", lambda file: file["configuration/0001"].pop("data")),
            "configuration file number 0001 was altered",
        ),
        (edit("session.h5", lambda file: file.pop("configuration/0001")), r"devices/x.yaml was removed"),
    ],
)
def test_tampering_with_a_folder_is_named(
    make_session: MakeSession, tamper: Callable[[Path], None], named: str
) -> None:
    folder = make_session()
    folder.close()
    open_session(folder.path).verify()
    tamper(folder.path)
    with pytest.raises(RecordAlteredError, match=named):
        open_session(folder.path).verify()


def test_a_session_of_a_newer_format_is_refused(make_header: Callable[..., Any], tmp_path: Path) -> None:
    header = dataclasses.replace(make_header(1), format_version=99)
    SessionFolder.create(tmp_path / "future", header, bench_clock=None).close()
    with pytest.raises(RecordError, match="newer than this aimdlab"):
        open_session(tmp_path / "future")


def test_no_attempt_stands_on_one_that_the_disk_did_not_confirm(
    make_session: MakeSession, make_attempt: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its name, and nobody knows whether the medium does: whoever opens the session next finds out."""
    with make_session() as folder:
        with monkeypatch.context() as failing:
            failing.setattr(_platform, "fsync_folder", _fail)
            with pytest.raises(RecordError, match="the disk does not confirm that it will keep it"):
                folder.commit(make_attempt(2, 2))
        with pytest.raises(RecordError, match="the disk failed at the attempt before"):
            folder.commit(make_attempt(2, 3))
        open_session(folder.path).verify()
    with SessionFolder.open(folder.path) as again:
        again.commit(make_attempt(2, 3))
    session = open_session(folder.path)
    session.verify()
    assert [(record.step, record.number) for record in session.records()][-2:] == [(2, 2), (2, 3)]


def _fail(_: Path) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_a_command_that_was_reported_and_not_put_away_is_not_obeyed_again(make_session: MakeSession) -> None:
    with make_session() as folder:
        send(folder.path, "stop")
        (waiting,) = (folder.path / "inbox").glob("*.json")
        content = waiting.read_bytes()
        assert [command.word for command in folder.inbox.poll()] == ["stop"]
    waiting.write_bytes(content)  # the power went before the move was on the medium
    with SessionFolder.open(folder.path) as again:
        assert again.inbox.poll() == []
        assert not list((folder.path / "inbox").glob("*.json"))
        kinds = [event.kind for event in open_session(folder.path).events()]
    assert kinds.count("command.received") == 1


def test_a_start_that_was_interrupted_is_told_from_a_session(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    with SessionFolder.create(tmp_path / "session", make_header(3)) as folder:
        pass
    (folder.path / "session.h5").rename(folder.path / "session.h5.tmp")
    log = folder.path / "events.jsonl"
    content = log.read_bytes()
    log.write_bytes(b"")
    with pytest.raises(RecordError, match="holds no session"):
        SessionFolder.open(folder.path)
    with pytest.raises(SessionExistsError, match=r"it holds nothing; perhaps an interrupted start left it. Remove it"):
        refuse_taken_path(folder.path)
    (folder.path / "session.h5.tmp").rename(folder.path / "session.h5")
    log.write_bytes(content[:-9])
    with SessionFolder.open(folder.path) as again:
        again.commit(make_attempt(0))
    kinds = [event.kind for event in open_session(folder.path).events()]
    assert kinds == ["log.torn", "session.created", "attempt.committed"]
    with pytest.raises(SessionExistsError, match=rf"aimdlab resume {re.escape(str(folder.path))}.*aimdlab seal"):
        refuse_taken_path(folder.path)


def test_an_attempt_at_a_step_beyond_the_plan_is_none(make_session: MakeSession, make_attempt: MakeAttempt) -> None:
    with make_session() as session, patch.object(SessionFolder, "_check_planned", autospec=True):
        session.commit(make_attempt(9))
    with (
        open_session(session.path) as found,
        pytest.raises(RecordAlteredError, match=r"step 9 .* was added: the plan has . steps"),
    ):
        found.verify()
