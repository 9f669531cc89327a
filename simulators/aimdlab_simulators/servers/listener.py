"""A TCP port that serves each client in a thread of its own."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import sys
import threading
import time
from typing import NoReturn

_JOIN_S = 5.0
_BACKLOG = 64
_COPIED_BYTES = 8192
_MORE = getattr(socket, "MSG_MORE", 0)  # more comes at once: one packet, where the system knows how
# The structure "linger", switched on with no time: closing resets the connection.
_RESET = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)


class Connection:
    """One client's socket; also the Cancellation that says that this client has gone.

    Any thread may hang up; only the thread that serves it closes the socket. Else the number of the closed descriptor
    could already be another client's when a thread that was about to read or write there comes to it.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._closed = False
        self._broken_off = False

    def is_set(self) -> bool:
        """Whether the peer has hung up or this end is being closed; data that wait unread hide a hang-up."""
        if self._closed:
            return True
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ)
                return bool(selector.select(0)) and not self.socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):  # ValueError: closed by another thread meanwhile
            return True

    def receive_exactly(self, n: int) -> bytearray:
        """The next ``n`` bytes; ConnectionResetError if the client hangs up before."""
        data = bytearray(n)
        view = memoryview(data)
        while view:
            count = self.socket.recv_into(view)
            if not count:
                raise ConnectionResetError("the client has hung up")
            view = view[count:]
        return data

    def send(self, head: bytes, body: bytes | memoryview) -> None:
        """Send both; together if it is short, without a copy if it is long."""
        if len(body) > _COPIED_BYTES:
            if head:
                self.socket.sendall(head, _MORE)
            self.socket.sendall(body)
        else:
            self.socket.sendall(b"".join((head, body)))

    def hang_up(self) -> None:
        """End the conversation; any thread that reads or writes here is released."""
        self._closed = True
        if self._broken_off:  # shutting down would end it in good order
            return
        with contextlib.suppress(OSError):  # the peer may have been quicker
            self.socket.shutdown(socket.SHUT_RDWR)

    def break_off(self) -> NoReturn:
        """End the conversation so that the client sees a reset; for the thread that serves it, which ends with it."""
        self._closed = self._broken_off = True
        _reset_when_closed(self.socket)
        raise ConnectionAbortedError("broken off")


class Listener:
    """Base of the servers: subclasses say in ``serve`` what happens on a connection.

    A client that breaks off, or sends what cannot be understood, ends its own connection and nothing else.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, name: str = "server") -> None:
        """Bind at once; OSError if the port is taken. Port 0 takes a free one.

        Args:
            host: address to listen on.
            port: TCP port.
            name: for the threads' names.
        """
        self.name = name
        self._guard = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._last_left_s = time.monotonic()
        self._shut_until_s = 0.0
        self._closing = False
        self._listener = _bound(host, port)
        self.host, self.port = self._listener.getsockname()[:2]
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._thread = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    @property
    def reachable_host(self) -> str:
        """The address under which a client on this machine finds it."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else str(self.host)  # noqa: S104 - it is read, not bound

    @property
    def connections(self) -> int:
        """How many sockets are connected now."""
        with self._guard:
            return len(self._connections)

    @property
    def idle_s(self) -> float:
        """For how long nobody has been connected; 0 while somebody is."""
        with self._guard:
            return 0.0 if self._connections else time.monotonic() - self._last_left_s

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """Stop accepting, hang up on everybody, wait for the threads."""
        with self._guard:
            if self._closing:
                return
            self._closing = True
        self._wake_writer.send(b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for end in (self._listener, self._wake_reader, self._wake_writer):
            end.close()
        with self._guard:
            threads = dict(self._connections)
        for connection in threads:
            connection.hang_up()
        for thread in threads.values():
            if thread is not threading.current_thread():
                thread.join(_JOIN_S)

    def shut(self, for_s: float) -> None:
        """Hang up on everybody now, and on whoever comes within ``for_s`` real seconds."""
        with self._guard:
            self._shut_until_s = max(self._shut_until_s, time.monotonic() + for_s)
            connections = list(self._connections)
        for connection in connections:
            connection.hang_up()

    def serve(self, connection: Connection) -> None:
        """Talk to one client until it hangs up; OSError means that it has."""
        raise NotImplementedError

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                selector.select()
                if self._closing:
                    return
                try:
                    sock, _ = self._listener.accept()
                except OSError:  # gone before it was accepted
                    continue
                self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(True)
            connection = Connection(sock)
        except OSError:  # gone already
            sock.close()
            return
        thread = threading.Thread(target=self._run, args=(connection,), name=f"{self.name}-client", daemon=True)
        with self._guard:
            is_shut = time.monotonic() < self._shut_until_s
            if not is_shut:
                self._connections[connection] = thread
        if is_shut:
            _reset_when_closed(sock)
            sock.close()
            return
        thread.start()

    def _run(self, connection: Connection) -> None:
        try:
            self.serve(connection)
        except OSError:
            pass  # the client has hung up, or this end was closed
        finally:
            connection.hang_up()
            connection.socket.close()
            with self._guard:
                del self._connections[connection]
                self._last_left_s = time.monotonic()


def _reset_when_closed(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # gone already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
