"""Committing an attempt (compressed, hashed, chained, fsynced, renamed) against writing its codes plainly.

Two floors: the raw bytes with fsync, and an HDF5 file of the same codes under the same compression by h5py alone, with
fsync. Nothing is prepared beside a bench here: all the work of a commit is in the figure.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt

PLAIN = {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd(clevel=1)}


def captures_of(samples: int) -> tuple[Capture, ...]:
    """Two captures of 12 bits, left-aligned in 16, with noise."""
    noise = np.random.default_rng(1).normal(0, 3, samples)
    codes = ((np.arange(samples) % 1000 + 2048 + np.rint(noise)).astype(np.uint16) << 4).astype(np.uint16)
    return tuple(Capture(name, "exposure", codes, 1e-4, 0.0, "V", 4e-5, 0.0, 1, 65520) for name in ("one", "two"))


def session_of(folder: Path, captures: tuple[Capture, ...], attempts: int) -> tuple[SessionFolder, float]:
    """A new session with ``attempts`` commits, and the seconds that one took."""
    plan = tuple({"step_id": str(step)} for step in range(attempts))
    session = SessionFolder.create(folder, new_header(title="benchmark", plan=plan, configuration={}))
    score = Score(Verdict.PASS, "", (), ())
    started_s = time.perf_counter()
    for step in range(attempts):
        session.commit(
            Attempt(step, str(step), 1, "sequence", {}, {}, "", "", 0.0, 0.0, 0.0, 0.0, 15.0, captures, (), score)
        )
    return session, (time.perf_counter() - started_s) / attempts


def measure(samples: int, attempts: int, floor: Callable[[Path, tuple[Capture, ...]], None]) -> tuple[float, float]:
    """Seconds per attempt with two captures: committed, and by ``floor``."""
    captures = captures_of(samples)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        session, own_s = session_of(Path(folder) / "session", captures, attempts)
        session.close()
        started_s = time.perf_counter()
        for number in range(attempts):
            floor(Path(folder) / f"{number}.floor", captures)
        return own_s, (time.perf_counter() - started_s) / attempts


def raw(path: Path, captures: tuple[Capture, ...]) -> None:
    """The bytes as they are."""
    with path.open("wb") as file:
        for capture in captures:
            file.write(capture.codes.data)
        file.flush()
        os.fsync(file.fileno())


def plain_hdf5(path: Path, captures: tuple[Capture, ...]) -> None:
    """The codes in an HDF5 file, compressed in the same way."""
    with h5py.File(path, "w") as file:
        for capture in captures:
            file.create_dataset(capture.channel, data=capture.codes, chunks=capture.codes.shape, **PLAIN)
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
