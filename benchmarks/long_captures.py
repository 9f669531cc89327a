"""One exposure of 15 s at 1 MSa/s on four inputs, 120 MB: over a link, hashed and packed, and onto the disk.

The codes are those of a converter of 14 bits with noise, so that the compression has to work. As in a run, a capture is
hashed and packed in a thread of its own while the next one is fetched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.codes import pack
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt
from benchmarks.figure import ROUNDS, Measure, in_turns
from benchmarks.floor_server import recorded, serving
from benchmarks.transfer import link, receiving

INPUTS = 4
BLOCK_BYTES = 30_000_000
_MOST_STEPS = 100 * ROUNDS


@contextmanager
def transfer(interface: str, block_bytes: int) -> Iterator[Measure]:
    """The blocks of all inputs against the bare socket; of the product's, all are kept until the last has come."""
    with (
        serving(block_bytes, codes=True) as ports,
        link(ports, interface) as own,
        receiving(ports, block_bytes) as floor,
    ):

        def fetch() -> list[memoryview]:
            return [own.query_block("DATA?") for _ in range(INPUTS)]

        yield lambda: in_turns(fetch, lambda: [floor() for _ in range(INPUTS)], 1)


@contextmanager
def to_disk(interface: str, block_bytes: int) -> Iterator[Measure]:
    """The same, hashed, packed and committed, against a raw write and fsync of what the bare socket gives."""
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as folder,
        serving(block_bytes, codes=True) as ports,
        link(ports, interface) as own,
        receiving(ports, block_bytes) as floor,
    ):
        plan = tuple({"step_id": str(step)} for step in range(_MOST_STEPS))
        header = new_header(title="benchmark", plan=plan, configuration={})
        with SessionFolder.create(Path(folder) / "session", header) as session:
            steps = iter(range(_MOST_STEPS))

            def step() -> None:
                captures = []
                for number in range(INPUTS):
                    captures.append(_capture(number, own.query_block("DATA?")))
                    session.prepare(captures[-1])
                session.commit(_attempt(next(steps), tuple(captures)))

            def plainly() -> None:
                with (Path(folder) / "floor").open("wb", buffering=0) as file:
                    for _ in range(INPUTS):
                        file.write(floor())
                    os.fsync(file.fileno())

            yield lambda: in_turns(step, plainly, 1)


@contextmanager
def packing(block_bytes: int) -> Iterator[Measure]:
    """Hashing and packing one capture against its SHA-256 alone: the difference is what the compression costs."""
    codes = np.frombuffer(recorded(block_bytes), "<u2")
    yield lambda: in_turns(lambda: pack(codes), lambda: hashlib.sha256(codes.data).digest(), 1)


def _capture(number: int, block: memoryview) -> Capture:
    codes = np.frombuffer(block, "<u2")
    return Capture(f"input {number}", "exposure", codes, 1e-4, 0.0, "V", 1e-6, 0.0, 0x0101, 0xFEFF, 0)


def _attempt(step: int, captures: tuple[Capture, ...]) -> Attempt:
    score = Score(Verdict.PASS, "", (), ())
    return Attempt(step, str(step), 1, "sequence", {}, {}, "", "", 0.0, 0.0, 0.0, 0.0, 15.0, captures, (), score)
