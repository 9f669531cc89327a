"""Messages over the socket of a PyVISA-py session of the kind ``TCPIP::host::port::SOCKET``.

VISA opens and closes the connection, but messages go through the socket of its session object: PyVISA-py 0.8.1 cannot
switch Nagle's algorithm off, reads at most 4096 bytes at a time, ends a block at every LF in it, sends 4096 bytes per
``select``, takes a refused connection for a success and spins when the peer has gone.
"""

from __future__ import annotations

import contextlib
import os
import socket

from pyvisa.resources import MessageBasedResource

from aimdlab.bench._patience import Patience, deadline_s
from aimdlab.bench._port import LINE_LIMIT_BYTES, PortFault, endless, silent, too_long

_CHUNK_BYTES = 1 << 18
# A short reply comes with one call; what is longer goes where it belongs without passing through the buffer.
_BUFFER_BYTES = 1 << 15


class StreamPort:
    """Lines and blocks cut out of a stream."""

    def __init__(self, resource: MessageBasedResource, sock: socket.socket, timeout_s: float) -> None:
        refused = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if refused:
            raise OSError(refused, os.strerror(refused))
        sock.getpeername()  # raises if the connection was never made
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._resource = resource
        self._sock = sock
        self._timeout_s = timeout_s
        self._patience = Patience(sock)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0  # what of the buffer was received and not taken yet

    def send(self, message: bytes) -> None:
        self._require_silence()
        view = memoryview(message)
        until_s = deadline_s(len(message), self._timeout_s)
        sent = 0
        try:
            while sent < len(view):
                with contextlib.suppress(BlockingIOError):
                    sent += self._sock.send(view[sent : sent + _CHUNK_BYTES])
                if sent < len(view):
                    self._patience.until(until_s, self._timeout_s)
        except TimeoutError:
            raise PortFault(
                f"the instrument took only {sent} of {len(view)} bytes within {self._timeout_s:g} s"
            ) from None
        except OSError as error:
            raise PortFault(f"the connection broke while sending ({error})") from error

    def receive_line(self) -> bytes:
        until_s = deadline_s(0, self._timeout_s)
        before = bytearray()  # of a line that is longer than the buffer
        while (end := self._buffer.find(b"\n", self._begin, self._end)) < 0:
            before += self._view[self._begin : self._end]
            if len(before) > LINE_LIMIT_BYTES:
                raise endless(before)
            self._fill(until_s, len(before), None)
        line = bytes(self._view[self._begin : end])
        self._begin = end + 1
        return (bytes(before) + line).removesuffix(b"\r")

    def begin_block(self) -> None:
        """Nothing to do: this port finds the end of a line itself."""

    def receive_few(self, count: int) -> bytes:
        if self._begin == self._end:
            self._fill(deadline_s(count, self._timeout_s), 0, count)
        if self._end - self._begin >= count:
            self._begin += count
            return bytes(self._view[self._begin - count : self._begin])
        few = bytearray(count)
        self.receive_into(memoryview(few))
        return bytes(few)

    def receive_into(self, target: memoryview) -> None:
        count = len(target)
        taken = self._take(target)
        until_s = deadline_s(count, self._timeout_s)
        while taken < count:
            if count - taken < _BUFFER_BYTES:  # with what follows, which is a terminator or a whole short block
                self._fill(until_s, taken, count)
                taken += self._take(target[taken:])
            else:
                taken += self._receive(target[taken:], until_s, taken, count)

    def end_block(self) -> None:
        rest = self.receive_line()
        if rest:
            raise too_long(rest)

    def close(self) -> None:
        self._resource.close()

    def _require_silence(self) -> None:
        """Nothing may have come unasked: it would be taken for the answer to the message about to go out."""
        self._patience.none()
        if self._begin == self._end:
            try:
                self._begin, self._end = 0, self._sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                raise PortFault(f"the connection is broken ({error})") from error
            if not self._end:
                raise PortFault("the instrument has closed the connection")
        unasked = bytes(self._view[self._begin : self._end][:40])
        raise PortFault(f"out of step: it sent {unasked!r} without being asked")

    def _take(self, target: memoryview) -> int:
        """Move what is in the buffer, as much as ``target`` holds; how much that was."""
        taken = min(len(target), self._end - self._begin)
        target[:taken] = self._view[self._begin : self._begin + taken]
        self._begin += taken
        return taken

    def _fill(self, until_s: float, got: int, count: int | None) -> None:
        """Receive into the buffer, from which everything was taken."""
        self._begin = self._end = 0
        self._end = self._receive(self._view, until_s, got, count)

    def _receive(self, target: memoryview, until_s: float, got: int, count: int | None) -> int:
        """Receive at least one byte; ``got`` bytes came before, of ``count`` (None: of a line)."""
        try:
            self._patience.until(until_s, self._timeout_s)
            received = self._sock.recv_into(target)
        except TimeoutError:
            raise silent(got, count, self._timeout_s) from None
        except OSError as error:
            raise PortFault(f"the connection broke while reading ({error})") from error
        if received:
            return received
        if count is None:
            raise PortFault("the instrument closed the connection instead of answering")
        raise PortFault(f"the instrument closed the connection after {got} of {count} bytes")
