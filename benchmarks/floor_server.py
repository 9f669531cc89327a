"""The other end of transfers and exchanges: plain sockets in a process of its own.

A bare stream answers ``DATA?`` with a block of the size given (one byte again and again, or codes as an oscilloscope
gives them), and every other line with a question mark with the entry of an empty error queue. HiSLIP does the same in
messages of 1 MiB at most, as PyVISA-py asks for. Ports are printed as JSON; the process ends when its standard input
does.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

EMPTY_QUEUE = b'+0,"No error"\n'
_HISLIP = struct.Struct("!2sBBIQ")
_INITIALIZE, _DATA, _DATA_END, _ASYNC_INITIALIZE, _ASYNC_MAX_MSG_SIZE = 0, 6, 7, 17, 15
_MOST_BYTES = (1 << 20) - _HISLIP.size
_JOINED_BYTES = 1 << 16  # up to here a copy costs less than a call


@dataclass(frozen=True)
class Ports:
    """Where it listens on this machine."""

    stream: int
    hislip: int


@contextmanager
def serving(block_bytes: int = 0, *, codes: bool = False) -> Iterator[Ports]:
    """Run the server with blocks of ``block_bytes``, which hold :func:`recorded` codes or one byte again and again."""
    command = [sys.executable, "-m", __name__, str(block_bytes), *(["codes"] if codes else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Ports(**json.loads(process.stdout.readline()))
        process.stdin.close()


def block(payload: bytes) -> bytes:
    """A definite-length block with its terminator."""
    length = str(len(payload))
    return f"#{len(length)}{length}".encode() + payload + b"\n"


def plain(size: int) -> bytes:
    """A payload without line feeds, at which PyVISA would end."""
    return b"\x55" * size


def recorded(size: int) -> bytes:
    """A payload of codes of 14 bits, left-aligned in 16: pulses of 0.2 ms every 25 ms at 1 MSa/s, with noise."""
    samples = np.arange(size // 2)
    noise = np.random.default_rng(1).normal(0, 2, samples.size)
    pulses = np.where(samples % 25_000 < 200, 2000, 0)
    return ((8192 + pulses + np.rint(noise)).astype("<u2") << 2).astype("<u2").tobytes()


def _answer(line: bytes, data: bytes) -> bytes:
    if line == b"DATA?\n":
        return data
    return EMPTY_QUEUE if b"?" in line else b""


def _stream(connection: socket.socket, data: bytes) -> None:
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline():
            connection.sendall(_answer(line, data))


def _hislip(connection: socket.socket, data: bytes) -> None:
    with connection, connection.makefile("rb") as messages:
        while header := messages.read(_HISLIP.size):
            _, kind, _, parameter, length = _HISLIP.unpack(header)
            payload = messages.read(length)
            if kind == _DATA_END:
                _say(connection, parameter, _answer(payload, data))
            elif kind == _INITIALIZE:
                connection.sendall(_HISLIP.pack(b"HS", kind + 1, 0, 0x0100_0001, 0))
            elif kind == _ASYNC_INITIALIZE:
                connection.sendall(_HISLIP.pack(b"HS", kind + 1, 0, 0, 0))
            elif kind == _ASYNC_MAX_MSG_SIZE:
                connection.sendall(_HISLIP.pack(b"HS", kind + 1, 0, 0, 8) + payload)


def _say(connection: socket.socket, message_id: int, answer: bytes) -> None:
    view = memoryview(answer)
    while view:
        kind = _DATA_END if len(view) <= _MOST_BYTES else _DATA
        piece, view = view[:_MOST_BYTES], view[_MOST_BYTES:]
        header = _HISLIP.pack(b"HS", kind, 0, message_id, len(piece))
        if len(piece) <= _JOINED_BYTES:
            connection.sendall(b"".join((header, piece)))
        else:
            connection.sendall(header)
            connection.sendall(piece)


def _listen(serve: Callable[[socket.socket, bytes], None], data: bytes) -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection, data), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _main() -> None:
    size, *kind = sys.argv[1:]
    data = block(recorded(int(size)) if kind else plain(int(size)))
    print(json.dumps({"stream": _listen(_stream, data), "hislip": _listen(_hislip, data)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _main()
