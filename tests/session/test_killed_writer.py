from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import aimdlab
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal

PROGRAM = Path(__file__).with_name("session_process.py")


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(aimdlab.__file__).parents[1])}
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_killing_the_writer_loses_no_committed_attempt(tmp_path: Path) -> None:
    path, rng = tmp_path / "killed", np.random.default_rng(7)
    promised: list[str] = []
    for _ in range(10):
        with start("commit", str(path), "1000") as writer:
            assert writer.stdout is not None
            # Fewer if this process was held up so long that the writer came to the end.
            told = [writer.stdout.readline() for _ in range(int(rng.integers(1, 12)))]
            writer.kill()
            told += list(writer.stdout)
        promised += [line.split()[1] for line in told if line.endswith("\n")]
        session = open_session(path)
        session.verify()
        found = [record.sha256 for record in session.records()]
        assert found[: len(promised)] == promised
        assert len(found) <= len(promised) + 1  # written, but killed before it could say so
        promised = found
    sealed = seal(SessionFolder.open(path))
    with open_session(sealed) as session:
        session.verify()
        assert [record.sha256 for record in session.records()] == promised


def test_killing_a_seal_leaves_the_folder_or_the_whole_file(tmp_path: Path) -> None:
    original = tmp_path / "original"
    with start("commit", str(original), "40") as writer:
        writer.communicate()
    hashes = [record.sha256 for record in open_session(original).records()]
    rng = np.random.default_rng(3)
    for number in range(6):
        path = tmp_path / f"copy{number}"
        shutil.copytree(original, path)
        with start("seal", str(path)) as sealer:
            assert sealer.stdout is not None
            sealer.stdout.readline()
            try:
                sealer.wait(timeout=float(rng.uniform(0, 0.3)))
            except subprocess.TimeoutExpired:
                sealer.kill()
        with open_session(path) as session:
            session.verify()
            assert [record.sha256 for record in session.records()] == hashes
        finish_interrupted_seal(path)
        if path.exists():
            seal(SessionFolder.open(path))
        with open_session(path) as session:
            session.verify()
        assert sorted(entry.name for entry in tmp_path.glob("*copy*")) == [
            f"copy{done}.h5" for done in range(number + 1)
        ]


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
