"""TCP peers for a VISA link to talk to: they answer, err, dawdle and vanish as a test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import pyvisa
from pyvisa.constants import ResourceAttribute, StatusCode

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from patience import LIMIT_S

Handler = Callable[["Conversation"], None]


class Conversation:
    """The instrument's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")

    def line(self) -> bytes:
        return self._file.readline().removesuffix(b"\n")

    def exactly(self, count: int) -> bytes:
        return self._file.read(count)

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.sendall(part)

    def until_closed(self) -> None:
        while self._file.read(1 << 20):
            pass

    def close(self) -> None:
        self._file.close()
        self.connection.close()


class Peer:
    """A TCP server that has one conversation per connection."""

    def __init__(self, *handlers: Handler) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.failures: list[Exception] = []
        self._handlers = handlers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def resource(self) -> str:
        return f"TCPIP::127.0.0.1::{self.port}::SOCKET"

    def _serve(self) -> None:
        for handler in self._handlers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(connection)
            try:
                handler(conversation)
            except OSError:
                pass  # the link hung up, which many tests want
            except (AssertionError, ValueError) as failure:
                self.failures.append(failure)
            finally:
                conversation.close()

    def stop(self) -> None:
        # shutdown wakes accept on Linux, close on Windows
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        assert self.failures == []


@contextlib.contextmanager
def linked(resource: str, timeout_s: float = LIMIT_S, **options: object) -> Iterator[VisaLink]:
    link = VisaLink.open("scope", resource, RealClock(), timeout_s=timeout_s, **options)  # type: ignore[arg-type]
    try:
        yield link
    finally:
        link.close()


def answering(**answers: str) -> Handler:
    def handler(conversation: Conversation) -> None:
        while command := conversation.line():
            answer = answers.get(command.decode().strip("*?"))
            if answer is not None:
                conversation.say(answer.encode() + b"\n")

    return handler


class OtherLibrary:
    """Stands for a VISA library without PyVISA-py's session objects: the link has to do with viRead and viWrite."""

    def open_resource(self, *args: object, **kwargs: object) -> object:
        resource = pyvisa.ResourceManager("@py").open_resource(*args, **kwargs)  # type: ignore[arg-type]
        resource.visalib = OtherVisalib(resource.visalib)  # type: ignore[assignment]
        return resource


class OtherVisalib:
    def __init__(self, visalib: pyvisa.highlevel.VisaLibraryBase) -> None:
        self._visalib = visalib

    def __getattr__(self, name: str) -> object:
        if name == "sessions":
            raise AttributeError(name)
        return getattr(self._visalib, name)

    def set_attribute(self, session: object, attribute: object, state: object) -> object:
        if attribute == ResourceAttribute.tcpip_nodelay:  # PyVISA-py alone raises something of its own here
            return StatusCode.success
        return self._visalib.set_attribute(session, attribute, state)  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize("options", [{}, {"resource_manager": OtherLibrary()}], ids=["stream", "message"])
BOTH_HISLIP: dict[str, dict[str, object]] = {"session": {}, "viRead": {"resource_manager": OtherLibrary()}}
