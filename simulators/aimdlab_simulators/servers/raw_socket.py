"""SCPI over a bare TCP socket, as instruments offer it on port 5025."""

from __future__ import annotations

from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.servers.framing import LIMIT_BYTES, Framer, MessageTooLargeError
from aimdlab_simulators.servers.listener import Connection, Listener

_CHUNK_BYTES = 1 << 20


class RawSocketServer(Listener):
    """Messages end at a line feed, except inside definite-length blocks; so do responses.

    A message larger than the limit hangs up.
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
        self._limit = limit_bytes

    @property
    def resource(self) -> str:
        """The VISA resource under which a client on this machine opens it."""
        return f"TCPIP::{self.reachable_host}::{self.port}::SOCKET"

    def serve(self, connection: Connection) -> None:
        """Answer until the client hangs up."""
        framer = Framer(self._limit)
        chunk = bytearray(_CHUNK_BYTES)
        view = memoryview(chunk)
        while count := connection.socket.recv_into(chunk):
            try:
                for message in framer.feed(view[:count]):
                    answer = self.instrument.handle(message, connection)
                    if answer is not None:
                        connection.socket.sendall(answer + b"\n")
            except MessageTooLargeError:
                return
