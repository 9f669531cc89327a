"""Blocks through a VISA link against the same bytes through a bare socket."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        while self.rfile.readline():
            self.request.sendall(self.server.reply)


@contextmanager
def _serving(size: int) -> Iterator[int]:
    length = str(size)
    with _Server(f"#{len(length)}{length}".encode() + b"\n" * size + b"\n") as server:  # every byte a line feed
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _bare(port: int, size: int, repeats: int) -> float:
    total = size + 2 + len(str(size)) + 1
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = memoryview(bytearray(total))
        started_s = time.perf_counter()
        for _ in range(repeats):
            link.sendall(b"DATA?\n")
            got = 0
            while got < total:
                got += link.recv_into(buffer[got:])
        return (time.perf_counter() - started_s) / repeats


def _link(port: int, repeats: int) -> float:
    link = VisaLink.open("bench", f"TCPIP::127.0.0.1::{port}::SOCKET", RealClock(), timeout_s=10)
    try:
        started_s = time.perf_counter()
        for _ in range(repeats):
            link.query_block("DATA?")
        return (time.perf_counter() - started_s) / repeats
    finally:
        link.close()


def measure(size: int, repeats: int) -> tuple[float, float]:
    """Seconds per block through the link, and through a bare socket."""
    with _serving(size) as port:
        return _link(port, repeats), _bare(port, size, repeats)
