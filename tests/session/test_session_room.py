"""A session where there is no room, or no place, for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from aimdlab.errors import ConfigurationError, RecordError
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from aimdlab.session.place import refuse_taken_path
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal


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
