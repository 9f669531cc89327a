"""Messages over a HiSLIP session of PyVISA-py, with payloads received where they belong.

PyVISA-py speaks the protocol: it opens the session, numbers the messages and drops what answers an older one. Only the
payload of a response is received here, through the session's protocol object: its ``receive`` fills a fresh buffer with
zeros, and a caller that wants the bytes elsewhere copies them once more, four calls through ``viRead`` for one block.
"""

# ruff: noqa: SLF001 - the protocol object has no public way to its payload
from __future__ import annotations

import socket
from typing import Any

from pyvisa.resources import MessageBasedResource

from aimdlab.bench._message_port import VISA_FAULTS, MessagePort
from aimdlab.bench._patience import Patience, deadline_s
from aimdlab.bench._port import LINE_LIMIT_BYTES, PortFault, endless, too_long

# What is used of pyvisa_py.protocols.hislip.Instrument beside `send`; without all of them viRead it is.
_USED = ("_sync", "_next_data_header", "_payload_remaining", "_msg_type", "_rmt")
_BUFFER_BYTES = 1 << 15


class HislipPort(MessagePort):
    """One message of the instrument, of any number of messages of the protocol, for one of ours."""

    def __init__(self, resource: MessageBasedResource, interface: Any, timeout_ms: int) -> None:
        super().__init__(resource, timeout_ms)
        self._interface = interface
        self._sync: socket.socket = interface._sync
        self._patience = Patience(self._sync)
        self._view = memoryview(bytearray(_BUFFER_BYTES))
        self._begin = self._end = 0  # what of the buffer was received and not taken yet

    def send(self, message: bytes) -> None:
        if self._begin < self._end:
            raise PortFault(f"out of step: {bytes(self._view[self._begin : self._end][:40])!r} was never read")
        try:
            self._patience.until(deadline_s(len(message), self._timeout_s), self._timeout_s)
            self._interface.send(message)
        except VISA_FAULTS as error:
            raise self._fault("sending", error) from error

    def receive_few(self, count: int) -> bytes:
        if self._begin == self._end:
            self._fill(deadline_s(count, self._timeout_s))
        if self._end - self._begin >= count:
            self._begin += count
            return bytes(self._view[self._begin - count : self._begin])
        return super().receive_few(count)

    def receive_into(self, target: memoryview) -> None:
        count, taken = len(target), self._take(target)
        until_s = deadline_s(count, self._timeout_s)
        while taken < count:
            if count - taken < _BUFFER_BYTES:
                received = self._fill(until_s)
                taken += self._take(target[taken:])
            else:
                received = self._receive(target[taken:], until_s)
                taken += received
            if not received:
                raise PortFault(f"the reply ended after {taken} of {count} bytes")

    def end_block(self) -> None:
        rest = self.receive_line()
        if rest:
            raise too_long(rest)

    def _receive_message(self) -> bytes:
        reply = bytearray(self._view[self._begin : self._end])
        self._begin = self._end = 0
        until_s = deadline_s(LINE_LIMIT_BYTES, self._timeout_s)
        while self._fill(until_s):
            reply += self._view[: self._end]
            self._begin = self._end
            if len(reply) > LINE_LIMIT_BYTES:
                raise endless(reply)
        return bytes(reply)

    def _take(self, target: memoryview) -> int:
        taken = min(len(target), self._end - self._begin)
        target[:taken] = self._view[self._begin : self._begin + taken]
        self._begin += taken
        return taken

    def _fill(self, until_s: float) -> int:
        self._begin = self._end = 0
        self._end = self._receive(self._view, until_s)
        return self._end

    def _receive(self, target: memoryview, until_s: float) -> int:
        """Receive at least one byte of the message; 0 if it has come to its end."""
        interface = self._interface
        try:
            self._patience.until(until_s, self._timeout_s)
            while interface._payload_remaining <= 0:
                if interface._msg_type == "DataEnd":
                    interface._rmt = 1  # the next message says that this one was read to its end
                    return 0
                interface._msg_type, interface._payload_remaining = interface._next_data_header()
            received = self._sync.recv_into(target[: interface._payload_remaining])
        except VISA_FAULTS as error:
            raise self._fault("reading", error) from error
        if not received:
            raise PortFault("the instrument closed the connection in the middle of its reply")
        interface._payload_remaining -= received
        return received


def can_receive_into(interface: object) -> bool:
    """Whether ``interface`` of a PyVISA-py session is what :class:`HislipPort` knows how to use."""
    return type(interface).__module__ == "pyvisa_py.protocols.hislip" and all(
        hasattr(interface, name) for name in _USED
    )
