"""A command that was killed while it sealed: the next one finishes it, wherever it stood."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from command_line import Lab
from resumed import committed, events, held


@pytest.fixture(scope="module")
def all_done(stopped: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose run was gone on with, and killed when it began to seal."""
    lab = Lab(tmp_path_factory.mktemp("done"))
    shutil.copytree(stopped.session, lab.session)
    with held(lab, "sealing", 1, "resume", lab.session):
        pass
    return lab


@pytest.mark.parametrize(
    ("place", "command", "did"),
    [
        ("unnamed", "resume", "sealed"),
        ("named", "resume", "finished the seal"),
        ("removing", "seal", "finished the seal"),
    ],
)
def test_an_interrupted_seal_is_finished_by_the_next_command(
    all_done: Lab, lab: Lab, place: str, command: str, did: str
) -> None:
    shutil.copytree(all_done.session, lab.session)
    attempts = committed(lab.session)
    with held(lab, place, 1, "seal", lab.session):
        pass
    assert lab.session.exists() == (place != "removing")
    done = lab.cli(command, lab.session, "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["did"]) == (0, did)
    sealed = Path(result["session"])
    assert committed(sealed) == attempts
    events(sealed)
    assert [path.name for path in lab.folder.iterdir() if "session" in path.name] == ["session.h5"]
