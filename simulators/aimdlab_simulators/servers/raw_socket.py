"""SCPI over a bare TCP socket, as instruments offer it on port 5025."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from aimdlab_simulators.scpi import Response, ScpiInstrument
from aimdlab_simulators.servers.framing import LIMIT_BYTES, Framer, MessageTooLargeError
from aimdlab_simulators.servers.listener import Connection, Listener
from aimdlab_simulators.servers.wire import Gate, Wire, ask, exchange

_CHUNK_BYTES = 1 << 20


class RawSocketServer(Listener):
    """Messages end at a line feed, except inside definite-length blocks; so do responses.

    A message larger than the limit hangs up.

    Attributes:
        instrument: who answers.
        gate: where faults strike; None if none can.
    """

    def __init__(
        self,
        instrument: ScpiInstrument,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        super().__init__(host, port, name=instrument.name)
        self.instrument = instrument
        self.gate: Gate | None = None
        self._limit = limit_bytes

    @property
    def resource(self) -> str:
        """The VISA resource under which a client on this machine opens it."""
        return f"TCPIP::{self.reachable_host}::{self.port}::SOCKET"

    def serve(self, connection: Connection) -> None:
        """Answer until the client hangs up."""
        framer = Framer(self._limit)
        wire = _Stream(self.instrument, connection)
        chunk = bytearray(_CHUNK_BYTES)
        view = memoryview(chunk)
        while count := connection.socket.recv_into(chunk):
            try:
                for message in framer.feed(view[:count]):
                    exchange(message, wire, self.gate)
            except MessageTooLargeError:
                return


class _Stream(Wire):
    """A stream of responses, each ended by a line feed."""

    def __init__(self, instrument: ScpiInstrument, connection: Connection) -> None:
        super().__init__()
        self._instrument = instrument
        self._connection = connection

    def carry_out(self, message: bytes) -> Response | None:
        return ask(self._instrument, message, self._connection)

    def say(self, *responses: Response, end: bool = True) -> None:  # noqa: ARG002 - a stream has no end but the line feed
        for buffer in self._instrument.delays.paced(Response.joined(responses).buffers()):
            self._connection.socket.sendall(buffer)

    def spill(self, data: bytes) -> None:
        self._connection.socket.sendall(data)

    def later(self, response: Response) -> Callable[[], None]:
        return partial(self.say, response)

    def break_off(self) -> NoReturn:
        self._connection.break_off()

    def is_set(self) -> bool:
        return self._connection.is_set()
