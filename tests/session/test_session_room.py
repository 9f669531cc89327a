"""A session where there is no room, or no place, for it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aimdlab.errors import ConfigurationError, RecordError
from aimdlab.session import room
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from aimdlab.session.place import refuse_taken_path, refuse_without_room
from aimdlab.session.reader import open_session
from aimdlab.session.room import bytes_at_start
from aimdlab.session.seal import seal
from small_disk import run_on_small_disk


def test_a_full_disk_is_told_before_anything_is_written(
    make_session: Callable[[], SessionFolder], make_attempt: Callable[..., Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_session()
    before = sorted(folder.path.rglob("*"))
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
        with pytest.raises(
            RecordError, match=r"disk full: 1 MB free .* MB needed to measure at gradient_injected/0002"
        ):
            folder.require_room(2)
        assert sorted(folder.path.rglob("*")) == before
        folder.commit(make_attempt(2, 2))  # what was measured is kept as long as there is any room for it
        with pytest.raises(RecordError, match=r"disk full: 1 MB free .* to seal"):
            seal(folder)
    with open_session(seal(SessionFolder.open(folder.path))) as session:
        session.verify()


@pytest.mark.parametrize("path", ["", ".", "/", "..", "a/..", "x" * 300, "x" * 5000, "x" * 300 + "/s", "a\0b"])
def test_a_path_that_names_no_session_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError):
        refuse_taken_path(Path(path))


def test_a_session_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file is not a folder"):
        refuse_taken_path(tmp_path / "file" / "deep" / "session")


MakeSession = Callable[..., SessionFolder]


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=count))


def test_a_campaign_that_does_not_fit_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 % of the raw bytes for folder and sealed copy, five times the largest attempt, and 16 MiB."""
    path, captures = tmp_path / "deep" / "session", [1_000_000] * 1000
    free(monkeypatch, 328_000_000)
    refuse_without_room(path, captures)
    free(monkeypatch, 327_000_000)
    with pytest.raises(ConfigurationError, match=r"take 327 MB .*1.0 GB of captures.* 327 MB are free.*another disk"):
        refuse_without_room(path, captures)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("captures", [[0], [10**6], [3 * 10**7] * 2, [10**6, 4 * 10**8], [10**8] * 300])
def test_a_disk_that_is_good_enough_for_the_start_is_good_enough_for_the_first_attempt(
    make_header: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, captures: list[int]
) -> None:
    plan = tuple({"step_id": f"1/{step:04d}", "storage_bytes": raw} for step, raw in enumerate(captures))
    path = tmp_path / "session"
    free(monkeypatch, bytes_at_start(captures))
    refuse_without_room(path, captures)
    monkeypatch.setattr(room.Room, "_hold", lambda _self, _amount, _purpose: None)  # random bytes take their time
    with SessionFolder.create(path, make_header(len(captures), plan=plan)) as folder:
        free(monkeypatch, bytes_at_start(captures) - room.folder_bytes(path))
        for step in range(len(captures)):
            folder.require_room(step)


def test_a_full_disk_under_a_session_that_is_there_asks_for_room_not_for_another_path(
    make_header: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session"
    with SessionFolder.create(path, make_header(1)):
        pass
    (path / "reserve").write_bytes(bytes(5_000_000))
    free(monkeypatch, bytes_at_start([10**6]))
    refuse_without_room(path, [10**6])
    free(monkeypatch, 1_000_000)
    with pytest.raises(
        ConfigurationError, match=r"what is left of it.*Make room on its disk; what was measured is safe"
    ):
        refuse_without_room(path, [10**6])

    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ConfigurationError, match=r"takes no files: .*Make room on the disk") as caught:
        refuse_without_room(path, [10**6])
    assert "another" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="/sys takes no files, not even root's")
def test_a_place_that_takes_no_files_is_refused_before_it_starts() -> None:
    with pytest.raises(ConfigurationError, match=r"no session can be written at /sys/.*Choose another path"):
        refuse_without_room(Path("/sys/lab/session"), [])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root, and Windows, write to it all the same")
def test_a_read_only_folder_is_refused_before_it_starts(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ConfigurationError, match="takes no files"):
            refuse_without_room(tmp_path / "session", [])
    finally:
        tmp_path.chmod(0o755)


def test_a_disk_that_will_be_full_is_told_in_good_time_and_once(
    make_header: Callable[..., Any],
    make_attempt: Callable[..., Attempt],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    header = make_header(
        5, plan=tuple({"step_id": f"gradient_injected/{i:04d}", "storage_bytes": 10**9} for i in range(5))
    )
    free(monkeypatch, 10**9)
    with SessionFolder.create(tmp_path / "session", header) as folder:
        free(monkeypatch, 10**12)
        for step in range(3):
            if step == 1:
                free(monkeypatch, 2 * 10**9)
            folder.commit(make_attempt(step))
        free(monkeypatch, 10**12)
        folder.commit(make_attempt(3))
        first, short = [event for event in open_session(folder.path).events() if event.kind == "room.short"]
    # Five steps of 1 GB, noisy ones, in two copies; then four, and random codes of 12 bits do not compress.
    assert first.data["needed_bytes"] == pytest.approx(4e9, rel=0.01)
    assert "if the captures are noisy, 4.0 GB are still needed" in first.message
    assert short.data["needed_bytes"] == pytest.approx(6e9, rel=0.01)
    assert short.data["free_bytes"] == 2 * 10**9
    assert "by what it took so far, 6.0 GB" in short.message


def test_a_sealed_file_is_never_larger_than_was_said(
    make_session: MakeSession, make_attempt: Callable[..., Attempt]
) -> None:
    folder = make_session()
    said = folder.room.sealed_bytes
    folder.close()
    again = SessionFolder.open(folder.path)
    assert again.room.sealed_bytes <= said + (1 << 14)  # nothing but events came
    sealed = seal(again)
    assert sealed.stat().st_size < said + (1 << 20)  # the margin covers what does not grow with the session


def test_the_reserve_is_laid_aside_before_the_first_attempt_and_goes_with_the_folder(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_session()
    said = folder.room.sealed_bytes
    folder.require_room(2)
    assert (folder.path / "reserve").stat().st_size == 1 << 20
    assert folder.room.sealed_bytes == said
    assert folder.room.give_up_reserve()
    assert not folder.room.give_up_reserve()
    folder.require_room(2)
    assert (folder.path / "reserve").exists()
    assert [path.name for path in seal(folder).parent.iterdir()] == ["session.h5"]


SMALL_DISK = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from aimdlab.errors import RecordError
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from small_disk import run_on_small_disk
from crash_recovery import attempt_of, header_of

path, ballast = Path("disk/session"), Path("disk/ballast")
folder = SessionFolder.create(path, header_of(400))
folder.require_room(0)
with ballast.open("wb", buffering=0) as stream:  # another program fills the disk to the last byte
    try:
        while True:
            stream.write(bytes(4096))
    except OSError:
        pass
kept = [folder.commit(attempt_of(0))]
assert not (path / "reserve").exists()
try:
    for step in range(1, 400):
        folder.require_room(step)
        kept.append(folder.commit(attempt_of(step)))
    raise SystemExit("it never became full")
except RecordError as error:
    print(error)
with ballast.open("ab", buffering=0) as stream:
    try:
        while True:
            stream.write(bytes(512))
    except OSError:
        pass
try:
    for step in range(1, 400):
        kept.append(folder.commit(attempt_of(step)))
    raise SystemExit("it never became full")
except RecordError as error:
    print(error)
try:
    folder.close()
    SessionFolder.open(path)
    seal(SessionFolder.open(path))
    raise SystemExit("it was sealed on a full disk")
except RecordError as error:
    print(error)
ballast.unlink()
with SessionFolder.open(path) as folder:
    found = [record.sha256 for record in open_session(path).records()]
    assert found[: len(kept)] == kept and len(found) <= len(kept) + 1, (kept, found)
    folder.require_room(399)
    last = folder.commit(attempt_of(399))
    seal(folder)
with open_session(path) as session:
    session.verify()
    assert [record.sha256 for record in session.records()] == [*found, last]
print("kept", len(found))
"""


def test_a_small_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of 24 MB, where Linux lets us mount one."""
    (tmp_path / "program.py").write_text(SMALL_DISK.format(path=sys.path))
    done = run_on_small_disk(f"exec {sys.executable} -W error::UserWarning program.py", tmp_path, "24m")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("disk full: ")
    assert "No space left on device" in said[1]
    assert said[-1].startswith("kept ")
