"""Verifying a sealed session against SHA-256 of the same raw codes, on as many cores."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from aimdlab._platform import usable_cores
from aimdlab.session.reader import verify_session
from aimdlab.session.seal import seal
from benchmarks.commit import captures_of, session_of
from benchmarks.figure import Measure, Round, in_turns


@contextmanager
def sealed(samples: int, attempts: int) -> Iterator[Measure]:
    """A sealed session of attempts with two captures; a round verifies all of it, and hashes as many codes."""
    captures = captures_of(samples)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, ThreadPoolExecutor(usable_cores()) as pool:
        session, _ = session_of(Path(folder) / "session", captures, attempts)
        path = seal(session)
        codes = [capture.codes for capture in captures] * attempts

        def floor() -> None:
            list(pool.map(lambda one: hashlib.sha256(one.data).digest(), codes))

        def measure() -> Round:
            return in_turns(lambda: verify_session(path), floor, 1)

        yield measure
