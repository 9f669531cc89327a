"""The responses of one HiSLIP client's synchronous channel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.servers.hislip_messages import HEADER_BYTES, MAX_MESSAGE_BYTES, Kind, send
from aimdlab_simulators.servers.hislip_session import Session
from aimdlab_simulators.servers.wire import Wire


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

    def carry_out(self, message: bytes) -> bytes | None:
        """Let the instrument do ``message``."""
        self._instrument.delays.wait_for_transfer(len(message))
        answer = self._instrument.handle(message, self.session)
        if answer is None:
            return None
        self._instrument.delays.wait_for_transfer(len(answer))
        return answer + b"\n"

    def say(self, *responses: bytes, end: bool = True) -> None:
        """Send responses; without ``end`` the last message of the protocol is missing."""
        for response in responses:
            _respond(self.session, response, self.message_id, end=end)

    def spill(self, data: bytes) -> None:
        """Bytes that are no message of the protocol."""
        self.session.synchronous.socket.sendall(data)

    def later(self, response: bytes) -> Callable[[], None]:
        """What says ``response`` with the id of the message in hand."""
        return partial(_respond, self.session, response, self.message_id, end=True)

    def break_off(self) -> NoReturn:
        """Reset the synchronous channel."""
        self.session.synchronous.break_off()

    def is_set(self) -> bool:
        """Whether the client has gone or wants to be cleared."""
        return self.session.is_set()


def _respond(session: Session, response: bytes, message_id: int, *, end: bool) -> None:
    """Send a response in pieces that the client takes, unless it clears the device meanwhile."""
    most = max(1, min(session.client_max_bytes, MAX_MESSAGE_BYTES) - HEADER_BYTES)
    view = memoryview(response)
    session.response_waits = True
    while view and not session.clearing:
        kind = Kind.DATA_END if end and len(view) <= most else Kind.DATA
        send(session.synchronous, kind, 0, message_id, view[:most])
        view = view[most:]
