"""Settings and questions through a VISA link against the same messages through a bare socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figure import Measure, in_turns
from benchmarks.floor_server import EMPTY_QUEUE, serving
from benchmarks.transfer import bare, link

_SETTINGS = ";:".join(f"CHAN{channel}:RANG 0.8" for channel in range(1, 5))


@contextmanager
def question(interface: str, repeats: int) -> Iterator[Measure]:
    """One question, one line."""
    with serving() as ports, link(ports, interface) as own, bare(ports.stream) as floor:
        yield lambda: in_turns(lambda: own.query("*IDN?"), lambda: _ask(floor, b"*IDN?\n"), repeats)


@contextmanager
def settings(interface: str, repeats: int) -> Iterator[Measure]:
    """A chain of settings, and the question for errors, as one job of the link: how drivers set something."""
    with serving() as ports, link(ports, interface) as own, bare(ports.stream) as floor:

        def apply() -> None:
            own.write(_SETTINGS)
            own.query("SYST:ERR?")

        def plainly() -> None:
            floor.sendall(_SETTINGS.encode() + b"\n")
            _ask(floor, b"SYST:ERR?\n")

        yield lambda: in_turns(lambda: own.run(apply), plainly, repeats)


def _ask(connection: socket.socket, question: bytes) -> None:
    connection.sendall(question)
    got = 0
    while got < len(EMPTY_QUEUE):
        got += len(connection.recv(4096))
