"""Seven settings with their errors read and two captures of 10 000 samples: what is left of a step if nothing is long.

The product's part: links with their workers, errors matched as a driver does it, captures hashed and compressed, an
attempt committed durably in a file of its own, its events. The floors have the same exchange with the same server and
store the captures in one HDF5 file, flushed: nothing is hashed, and nothing is on the medium when the step is over. One
floor brings its file to the medium too, as the product does four times (attempt, its folder, two events).
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from aimdlab.bench.roles import Role
from aimdlab.capture import Capture
from aimdlab.scoring.codes import clipped_at
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.base import BEGUN
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt
from aimdlab_drivers.scpi import ScpiDriver
from benchmarks.figure import Measure, in_turns
from benchmarks.floor_server import block, plain, serving
from benchmarks.peers import Opening
from benchmarks.transfer import bare, link, resource

_SAMPLES = 10_000
_SETTINGS = tuple(f"CHAN1:RANG {volts}" for volts in range(1, 8))
_INPUTS = ("injection_monitor", "device_monitor")
_MOST_STEPS = 10_000
Step = Callable[[], None]


@contextmanager
def bare_and_h5py(repeats: int) -> Iterator[Measure]:
    """Against bare sockets and h5py."""
    with (
        _server() as (own, ports, folder),
        bare(ports.stream) as connection,
        h5py.File(folder / "floor.h5", "w") as file,
    ):
        buffer = memoryview(bytearray(len(block(plain(2 * _SAMPLES)))))
        steps = iter(range(_MOST_STEPS))

        def step() -> None:
            for setting in _SETTINGS:
                connection.sendall(f"{setting}\n".encode())
                connection.sendall(b"SYST:ERR?\n")
                _line(connection)
            group = file.create_group(str(next(steps)))
            for name in _INPUTS:
                connection.sendall(b"DATA?\n")
                _fill(connection, buffer)
                header = 2 + int(buffer[1:2].tobytes())
                group[name] = np.frombuffer(buffer[header:-1], "<u2")
            file.flush()

        yield lambda: in_turns(own, step, repeats)


@contextmanager
def another(opening: Opening, repeats: int, *, durable: bool = False) -> Iterator[Measure]:
    """Against another program and h5py; with ``durable`` a file per step, on the medium."""
    with (
        _server() as (own, ports, folder),
        opening(resource(ports, "stream")) as client,
        h5py.File(folder / "floor.h5", "w") as one_file,
    ):
        steps = iter(range(_MOST_STEPS))

        def step() -> None:
            for setting in _SETTINGS:
                client.set(setting)
            captures, number = [client.fetch() for _ in _INPUTS], str(next(steps))
            if durable:
                path = folder / f"floor-{number}.h5"
                with h5py.File(path, "w") as file:
                    _store(file, captures)
                with path.open("r+b") as stream:
                    os.fsync(stream.fileno())
            else:
                _store(one_file.create_group(number), captures)
                one_file.flush()

        yield lambda: in_turns(own, step, repeats)


class _Driver(ScpiDriver):
    """Settings as every driver makes them."""

    ROLES: ClassVar[frozenset[Role]] = frozenset()
    MODELS: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[BaseModel]] = BaseModel

    def set(self, setting: str) -> None:
        self._apply(setting)

    def fetch(self) -> NDArray[np.uint16]:
        codes = np.frombuffer(self._link.query_block("DATA?"), "<u2")
        codes.flags.writeable = False
        return codes


@contextmanager
def _server() -> Iterator[tuple[Step, Any, Path]]:
    """The product's step, ports for the floor's, and a folder on the disk at hand."""
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as name,
        serving(2 * _SAMPLES) as ports,
        link(ports, "stream") as opened,
    ):
        driver, steps = _Driver("bench", opened), iter(range(_MOST_STEPS))
        plan = tuple({"step_id": str(number)} for number in range(_MOST_STEPS))
        session = SessionFolder.create(
            Path(name) / "session", new_header(title="benchmark", plan=plan, configuration={})
        )

        def step() -> None:
            number = next(steps)
            session.events.record(BEGUN, "begins", source="sequencer", durable=True, step=str(number), attempt=1)
            for setting in _SETTINGS:
                driver.set(setting)
            captures = tuple(_shown(session, name, driver.fetch()) for name in _INPUTS)
            score = _score(captures)
            session.commit(
                Attempt(
                    number, str(number), 1, "sequence", {}, {}, "", "", 0.0, 0.0, 0.0, 0.0, 0.0, captures, (), score
                )
            )
            session.events.record("attempt.scored", score.verdict.value, source="sequencer", step=str(number))

        with session:
            yield step, ports, Path(name)


def _shown(session: SessionFolder, name: str, codes: NDArray[np.uint16]) -> Capture:
    capture = Capture(name, "exposure", codes, 1e-4, 0.0, "V", 1e-6, 0.0, 1, 65534)
    session.prepare(capture)
    return capture


def _score(captures: tuple[Capture, ...]) -> Score:
    clipped = any(clipped_at(capture).size for capture in captures)
    return Score(Verdict.FAIL if clipped else Verdict.PASS, "", (), ())


def _store(group: h5py.Group, captures: list[NDArray[Any]]) -> None:
    for name, codes in zip(_INPUTS, captures, strict=True):
        group[name] = codes


def _line(connection: socket.socket) -> None:
    while not connection.recv(4096).endswith(b"\n"):
        pass


def _fill(connection: socket.socket, buffer: memoryview) -> None:
    got = 0
    while got < len(buffer):
        got += connection.recv_into(buffer[got:])
