"""An instrument that accepts one connection, as many do: whoever comes second is hung up on."""

from __future__ import annotations

import contextlib
import socket
import threading


class OneConnection:
    """Stands before a raw SCPI socket of a simulated instrument and lets one client through at a time."""

    def __init__(self, resource: str) -> None:
        _, host, port, kind = resource.split("::")
        assert kind == "SOCKET"
        self._behind = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.resource = f"TCPIP::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        self.served = 0
        self.refused = 0
        self._busy = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._busy.acquire(blocking=False):
                self.refused += 1
                client.close()
                continue
            self.served += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, socket.create_connection(self._behind) as instrument:
                for one in (client, instrument):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_pour, args=(instrument, client), daemon=True)
                back.start()
                _pour(client, instrument)
                back.join()
        finally:
            self._busy.release()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
