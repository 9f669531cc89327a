"""A scripted instrument: the exact exchange that a driver must produce, over real TCP and real PyVISA."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from patience import LIMIT_S

Exchange = Sequence[tuple[str | bytes, str | bytes | None]]


class ScriptedInstrument:
    """Expects the messages of ``exchange`` in order and answers each as it says; notes the first that differs.

    An answer of None is silence: a question (``?``), or the last message, finds it without a long wait. Text is ended
    with LF; bytes are sent as they are.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.problem: str | None = None
        self._reached = threading.Event()
        self._exchange = list(exchange)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.resource = f"TCPIP::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            self.problem = "nobody connected"
            return
        self._reached.set()
        with connection, connection.makefile("rb") as file:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                self.problem = self._converse(connection, file)

    def _converse(self, connection: socket.socket, file: Any) -> str | None:
        for expected, answer in self._exchange:
            message = file.read(len(expected) + 1) if isinstance(expected, bytes) else file.readline()
            wanted = (expected if isinstance(expected, bytes) else expected.encode()) + b"\n"
            if message != wanted:
                return f"expected {wanted!r}\n     got {message!r}"
            if answer is not None:
                connection.sendall(answer if isinstance(answer, bytes) else answer.encode() + b"\n")
        rest = file.read()
        return f"sent too much: {rest!r}" if rest else None

    def wait_until_reached(self) -> None:
        """Return once the client's connection was taken: it counts as open before that, in the system's backlog."""
        if not self._reached.wait(LIMIT_S):
            self.problem = f"nobody connected within {LIMIT_S:g} s"

    def is_silent_to(self, number: int) -> bool:
        """Whether message ``number`` of the exchange may ask and is not answered."""
        if number >= len(self._exchange):
            return True
        message, answer = self._exchange[number]
        asks = isinstance(message, str) and message.endswith("?")
        return answer is None and (asks or number == len(self._exchange) - 1)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_S)


@contextlib.contextmanager
def _played(driver_class: Any, exchange: Exchange, options: dict[str, Any]) -> Iterator[Any]:
    instrument = ScriptedInstrument(exchange)
    sent: list[str] = []

    def about_to(direction: str, message: str) -> None:
        # A short time-out for all messages would hold for answers too, and a busy machine may take longer.
        if direction == ">":
            if instrument.is_silent_to(len(sent)):
                link._port._timeout_s = 0.05  # type: ignore[union-attr]
            sent.append(message)

    try:
        link = VisaLink.open("bench name", instrument.resource, RealClock(), timeout_s=LIMIT_S, trace=about_to)
        try:
            instrument.wait_until_reached()
            yield driver_class("bench name", link, driver_class.Options.model_validate(options))
        finally:
            link.close()
    finally:
        instrument.stop()
        if instrument.problem is not None:
            pytest.fail(instrument.problem)


@pytest.fixture
def play() -> Callable[..., Any]:
    """``with play(Driver, exchange) as driver``: every message of the exchange must be sent, and no other."""

    def start(driver_class: Any, exchange: Exchange, **options: Any) -> Any:
        return _played(driver_class, exchange, options)

    return start
