"""The responses of one HiSLIP client's synchronous channel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from aimdlab_simulators.scpi import Response, ScpiInstrument
from aimdlab_simulators.servers.hislip_messages import HEADER_BYTES, MAX_MESSAGE_BYTES, Kind, header_of
from aimdlab_simulators.servers.hislip_session import Session
from aimdlab_simulators.servers.wire import Wire, ask


class SessionWire(Wire):
    """Responses in messages of the protocol, each with the id of the message that it answers.

    Attributes:
        session: whose.
        message_id: of the message in hand.
    """

    def __init__(self, instrument: ScpiInstrument, session: Session) -> None:
        super().__init__()
        self.session = session
        self.message_id = 0
        self._instrument = instrument

    def carry_out(self, message: bytes) -> Response | None:
        """Let the instrument do ``message``."""
        return ask(self._instrument, message, self.session)

    def say(self, *responses: Response, end: bool = True) -> None:
        """Send responses; without ``end`` the last message of the protocol is missing."""
        for response in responses:
            self._respond(response, self.message_id, end=end)

    def spill(self, data: bytes) -> None:
        """Bytes that are no message of the protocol."""
        self.session.synchronous.socket.sendall(data)

    def later(self, response: Response) -> Callable[[], None]:
        """What says ``response`` with the id of the message in hand."""
        return partial(self._respond, response, self.message_id, end=True)

    def break_off(self) -> NoReturn:
        """Reset the synchronous channel."""
        self.session.synchronous.break_off()

    def is_set(self) -> bool:
        """Whether the client has gone or wants to be cleared."""
        return self.session.is_set()

    def _respond(self, response: Response, message_id: int, *, end: bool) -> None:
        """Send a response in messages that the client takes, unless it clears the device meanwhile."""
        session, left = self.session, response.size
        most = max(1, min(session.client_max_bytes, MAX_MESSAGE_BYTES) - HEADER_BYTES)
        session.response_waits = True
        open_bytes = 0  # of the message in hand that are still to come
        for buffer in self._instrument.delays.paced(response.buffers()):
            view = memoryview(buffer)
            while view:
                head = b""
                if not open_bytes:
                    if session.clearing:
                        return
                    open_bytes = min(left, most)
                    kind = Kind.DATA_END if end and open_bytes == left else Kind.DATA
                    head = header_of(kind, 0, message_id, open_bytes)
                part = view[:open_bytes]
                session.synchronous.send(head, part)
                left, open_bytes, view = left - len(part), open_bytes - len(part), view[len(part) :]
