"""Writers and seals that are killed (kill -9, TerminateProcess) at moments that nobody chose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import aimdlab
from aimdlab.errors import SessionExistsError
from aimdlab.session.folder import SessionFolder
from aimdlab.session.place import refuse_taken_path
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal

PROGRAM = Path(__file__).parents[1] / "session" / "session_process.py"


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(aimdlab.__file__).parents[1])}
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


_KILLS = 10
"""After so many kills a session is sealed, and the next one begun."""


def kill_writers(tmp_path: Path, count: int) -> str:
    """Kill a writer ``count`` times: every other while it begins or opens a session, the others while it commits."""
    chance, attempts = np.random.default_rng(7), 0
    for first in range(0, count, _KILLS):
        attempts += _kill_writers_of(tmp_path / str(first), range(first, min(first + _KILLS, count)), chance)
    return f"{count}, {attempts} attempts, none lost"


def _kill_writers_of(path: Path, numbers: range, chance: np.random.Generator) -> int:
    """Kill the writers of one session; how many attempts it holds in the end."""
    promised: list[str] = []
    for number in numbers:
        with start("begin", str(path), "1000") as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline()]
            if number % 2:
                threading.Event().wait(float(chance.uniform(0, 0.02)))  # somewhere in making or opening the folder
            else:
                told += [writer.stdout.readline() for _ in range(int(chance.integers(1, 12)))]
            writer.kill()
            told += list(writer.stdout)
        promised += [line.split()[1] for line in told if line.endswith("\n") and line[0].isdigit()]
        if not (path / "session.h5").exists():
            assert not promised
            _check_unfinished(path)
            continue
        session = open_session(path)
        session.verify()
        found = [record.sha256 for record in session.records()]
        assert found[: len(promised)] == promised
        assert len(found) <= len(promised) + 1  # written, but killed before it could say so
        promised = found
    if path.exists():
        sealed = seal(SessionFolder.open(path))
        with open_session(sealed) as session:
            session.verify()
            assert [record.sha256 for record in session.records()] == promised
    return len(promised)


def _check_unfinished(path: Path) -> None:
    """A start that was cut short is told from a session, and can be removed."""
    if path.exists():
        with pytest.raises(SessionExistsError, match="it holds nothing"):
            refuse_taken_path(path)
        shutil.rmtree(path)


_SEEN = ("session.h5", ".session.h5.sealing", "session")
"""What there is at the end of a seal, while it is written, and before."""


def _kill_within(process: subprocess.Popen[str], seen: Path, delay_s: float) -> None:
    """Kill a process some time after something is there; at once if that is the sealed file, for little is left then."""
    while not seen.exists() and process.poll() is None:
        pass
    if seen.name != "session.h5":
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=delay_s)
    process.kill()


def kill_seals(tmp_path: Path, count: int) -> str:
    """Kill a seal ``count`` times; what it left is finished, or undone and done again."""
    original = tmp_path / "original"
    with start("commit", str(original), "12") as writer:
        writer.communicate()
    hashes = [record.sha256 for record in open_session(original).records()]
    assert len(hashes) == 12
    chance = np.random.default_rng(3)
    finished = 0
    for number in range(count):
        path = tmp_path / str(number) / "session"
        shutil.copytree(original, path)
        with start("seal", str(path)) as sealer:
            assert sealer.stdout is not None
            sealer.stdout.readline()
            _kill_within(sealer, path.parent / _SEEN[number % len(_SEEN)], float(chance.uniform(0, 0.1)))
        with open_session(path) as session:
            session.verify()
            assert [record.sha256 for record in session.records()] == hashes
        finish_interrupted_seal(path)
        finished += not path.exists()
        if path.exists():
            seal(SessionFolder.open(path))
        with open_session(path) as session:
            session.verify()
        assert [entry.name for entry in path.parent.iterdir()] == ["session.h5"]
        shutil.rmtree(path.parent)
    return f"{count}, {finished} had come so far that the file was there, none lost"
