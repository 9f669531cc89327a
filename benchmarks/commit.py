"""Committing an attempt (compressed, hashed, chained, fsynced, renamed) against writing its raw bytes with fsync."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt


def measure(samples: int, attempts: int) -> tuple[float, float]:
    """Seconds per attempt with two captures: committed, and as raw bytes."""
    noise = np.random.default_rng(1).normal(0, 3, samples)
    codes = ((np.arange(samples) % 1000 + 2048 + np.rint(noise)).astype(np.uint16) << 4).astype(np.uint16)
    captures = tuple(Capture(name, "exposure", codes, 1e-4, 0.0, "V", 4e-5, 0.0, 1, 65520) for name in ("one", "two"))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return _commit(Path(folder), captures, attempts), _raw(Path(folder), codes, attempts)


def _commit(folder: Path, captures: tuple[Capture, ...], attempts: int) -> float:
    plan = tuple({"step_id": str(step)} for step in range(attempts))
    header = new_header(title="benchmark", plan=plan, configuration={})
    score = Score(Verdict.PASS, "", (), ())
    with SessionFolder.create(folder / "session", header) as session:
        started_s = time.perf_counter()
        for step in range(attempts):
            session.commit(
                Attempt(step, str(step), 1, "sequence", {}, {}, "", "", 0.0, 0.0, 0.0, 0.0, 15.0, captures, (), score)
            )
        return (time.perf_counter() - started_s) / attempts


def _raw(folder: Path, codes: np.ndarray, attempts: int) -> float:
    started_s = time.perf_counter()
    for number in range(attempts):
        with (folder / f"{number}.raw").open("wb") as file:
            file.write(codes.data)
            file.write(codes.data)
            file.flush()
            os.fsync(file.fileno())
    return (time.perf_counter() - started_s) / attempts
