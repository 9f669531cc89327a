"""Blocks through a VISA link, and through PyVISA's own way, against the same bytes through a bare socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import numpy as np
import pyvisa

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from benchmarks.figure import Measure, Round, in_turns
from benchmarks.floor_server import Ports, block, plain, serving


def resource(ports: Ports, interface: str) -> str:
    """The VISA resource of the floor server's "stream" or "hislip"."""
    if interface == "stream":
        return f"TCPIP::127.0.0.1::{ports.stream}::SOCKET"
    return f"TCPIP::127.0.0.1::hislip0,{ports.hislip}::INSTR"


@contextmanager
def link(ports: Ports, interface: str) -> Iterator[VisaLink]:
    """A link to the floor server."""
    with closing(VisaLink.open("bench", resource(ports, interface), RealClock(), timeout_s=10)) as opened:
        yield opened


@contextmanager
def bare(port: int) -> Iterator[socket.socket]:
    """A bare socket to the floor server."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


@contextmanager
def through_link(interface: str, size: int, repeats: int) -> Iterator[Measure]:
    """``query_block`` against the bare socket."""
    with serving(size) as ports, link(ports, interface) as own, receiving(ports, size) as floor:
        yield lambda: in_turns(lambda: own.query_block("DATA?"), floor, repeats)


@contextmanager
def inside_a_job(interface: str, size: int, repeats: int) -> Iterator[Measure]:
    """The same in the thread of the link, where a call changes no thread: what is left is the transfer itself."""
    with serving(size) as ports, link(ports, interface) as own, receiving(ports, size) as floor:

        def job() -> Round:
            return in_turns(lambda: own.query_block("DATA?"), floor, repeats)

        yield lambda: own.submit(job).result()


@contextmanager
def through_pyvisa(interface: str, size: int, repeats: int) -> Iterator[Measure]:
    """``query_binary_values`` of PyVISA with its defaults, the peer, against the bare socket."""
    with (
        serving(size) as ports,
        closing(pyvisa.ResourceManager("@py").open_resource(resource(ports, interface))) as peer,
        receiving(ports, size) as floor,
    ):
        assert isinstance(peer, pyvisa.resources.MessageBasedResource)
        peer.timeout, peer.write_termination, peer.read_termination, message = 10_000, "\n", "\n", peer

        def ask() -> None:
            message.query_binary_values("DATA?", datatype="B", container=np.ndarray)

        yield lambda: in_turns(ask, floor, repeats)


@contextmanager
def receiving(ports: Ports, size: int) -> Iterator[Callable[[], memoryview]]:
    """Asks a bare socket for one block, into one buffer over and over."""
    buffer = memoryview(bytearray(len(block(plain(size)))))
    with bare(ports.stream) as connection:

        def receive() -> memoryview:
            connection.sendall(b"DATA?\n")
            got = 0
            while got < len(buffer):
                got += connection.recv_into(buffer[got:])
            return buffer

        yield receive
