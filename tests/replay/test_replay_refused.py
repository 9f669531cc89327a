"""What was altered without its hashes, or does not say how it was scored, is not replayed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filters
import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session.reader import open_session
from replays import replayed


def test_altered_codes_are_said_to_be_altered(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    path = copy / "attempts/000003-01.h5"
    with h5py.File(path, "r+") as file:
        codes = file["codes/0001"]
        whole = codes[()]
        whole[1000] += 1
        codes[...] = whole
    with pytest.raises(
        RecordAlteredError, match=r"the record itself was altered.*attempt 1 at step 3 .*aimdlab verify"
    ):
        replay(copy, Asked(), as_json=True)


def test_a_removed_attempt_is_said_to_be_removed(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    (copy / "attempts/000001-01.h5").unlink()
    with pytest.raises(RecordAlteredError, match="number 1 was removed"):
        replay(copy, Asked(), as_json=True)


def test_a_session_that_does_not_say_how_it_was_scored_is_refused(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    person = {"1/settings": lambda attempt: attempt}
    unknown = rebuild(injected, person, alone=True, name="unknown", tests=({**test, "procedure": "dowsing"},))
    with pytest.raises(RecordError, match="there is no procedure 'dowsing'"):
        replayed(unknown)
    plain = {key: value for key, value in test.items() if key not in ("criteria", "procedure")}
    nothing = rebuild(
        injected, person, alone=True, name="nothing", tests=(plain,), configuration={"notes.txt": "no YAML: ["}
    )
    with pytest.raises(RecordError, match="no recorded test file has that name"):
        replayed(nothing)
    with pytest.raises(RecordError, match="names no test"):
        replayed(rebuild(injected, person, alone=True, name="testless", tests=()))


def test_criteria_of_the_recorded_text_serve_where_the_header_has_none(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    plain = {key: value for key, value in test.items() if key not in ("criteria", "procedure")}
    result = replayed(rebuild(injected, {"1/0002": lambda attempt: attempt}, alone=True, tests=(plain,)))
    assert (result.identical, result.differing) == (1, 0)


def test_the_last_attempt_cannot_be_cut_off(stopped: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    (copy / "attempts/000003-01.h5").unlink()
    with pytest.raises(RecordAlteredError, match="attempt number 4 was removed"):
        replay(copy, Asked(), as_json=True)
