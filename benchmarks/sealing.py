"""Sealing a session, verification included, against the same codes in one plain HDF5 file, written and read again."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import h5py

from aimdlab.capture import Capture
from aimdlab.session.seal import seal
from benchmarks.commit import PLAIN, captures_of, session_of


def measure(samples: int, attempts: int) -> tuple[float, float]:
    """Seconds per attempt with two captures: sealed and verified, and plainly written, fsynced and read."""
    captures = captures_of(samples)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        session, _ = session_of(Path(folder) / "session", captures, attempts)
        started_s = time.perf_counter()
        seal(session)
        own_s = time.perf_counter() - started_s
        started_s = time.perf_counter()
        _plain(Path(folder) / "plain.h5", captures, attempts)
        return own_s / attempts, (time.perf_counter() - started_s) / attempts


def _plain(path: Path, captures: tuple[Capture, ...], attempts: int) -> None:
    with h5py.File(path, "w") as file:
        for capture in captures:
            shape = (attempts, capture.n)
            rows = file.create_dataset(capture.channel, shape, capture.codes.dtype, chunks=(1, capture.n), **PLAIN)
            for row in range(attempts):
                rows[row] = capture.codes
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
    with h5py.File(path) as file:
        for rows in file.values():
            for row in range(attempts):
                _ = rows[row]
