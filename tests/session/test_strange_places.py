"""What may stand in the place of a file of a session's folder: links, folders, pipes. None is followed or waited for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from aimdlab.session.folder import SessionFolder
from read_everything import Reader, assert_refused


def _link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this user may make no links")


STRANGE_PLACES = ("session.h5", "events.jsonl", "attempts/000000-01.h5", "attempts", "attempts/000009-09.h5")


@pytest.mark.parametrize("place", STRANGE_PLACES)
def test_a_link_out_of_the_folder_is_not_followed(running: Path, tmp_path: Path, reader: Reader, place: str) -> None:
    outside = tmp_path / "outside"
    if (running / place).exists():
        shutil.move(running / place, outside)
    else:
        shutil.copy(running / "attempts" / "000000-01.h5", outside)
    before = sorted(outside.rglob("*")) if outside.is_dir() else outside.read_bytes()
    _link(running / place, outside)
    answers = reader.read(running, write=True)
    assert "a link to somewhere else" in assert_refused(answers)
    assert "seal" in answers.errors
    assert before == (sorted(outside.rglob("*")) if outside.is_dir() else outside.read_bytes())


@pytest.mark.parametrize("place", [*STRANGE_PLACES, "attempts/a.tmp", "inbox", "inbox/a.json", "inbox/done"])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_an_error(running: Path, reader: Reader, place: str) -> None:
    path = running / place
    for pipe in (False, True):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if pipe and sys.platform != "win32":
            os.mkfifo(path)
        else:
            path.mkdir()
        assert not reader.read(running, write=True).surprises
        if not running.exists():  # it was sealed: what stood there was in nobody's way
            return


def test_a_command_that_is_a_link_is_refused(running: Path, tmp_path: Path, reader: Reader) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"command": "note", "text": "secret", "sender": "", "utc": ""}))
    _link(running / "inbox" / "0.json", secret)
    with SessionFolder.open(running) as folder:
        assert folder.inbox.poll() == []
    assert secret.exists()
