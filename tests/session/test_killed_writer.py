from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal
from killed_writer import kill_seals, kill_writers


def test_killing_the_writer_loses_no_committed_attempt(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("figure", f"killed writers: {kill_writers(tmp_path, count=6)}")


def test_killing_a_seal_leaves_the_folder_or_the_whole_file(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("figure", f"killed seals: {kill_seals(tmp_path, count=3)}")


@pytest.mark.parametrize("stage", ["writing", "renamed", "removing"])
def test_a_seal_that_stopped_half_way_is_finished(
    make_session: Callable[..., SessionFolder], tmp_path: Path, stage: str
) -> None:
    make_session().close()
    path, copy = tmp_path / "session", tmp_path / "copy"
    shutil.copytree(path, copy)
    sealed = seal(SessionFolder.open(path))
    if stage == "writing":
        sealed.rename(tmp_path / ".session.h5.sealing")
        copy.rename(path)
    elif stage == "renamed":
        copy.rename(path)
    else:
        copy.rename(tmp_path / ".session.sealed")
    finish_interrupted_seal(path)
    if path.exists():
        assert stage == "writing"
        seal(SessionFolder.open(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.h5"]
    with open_session(path) as session:
        session.verify()
