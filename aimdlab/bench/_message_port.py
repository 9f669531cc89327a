"""Messages over ``viRead`` and ``viWrite`` of any VISA library."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator

from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.resources import MessageBasedResource

from aimdlab.bench._patience import deadline_s
from aimdlab.bench._port import LINE_LIMIT_BYTES, PortFault, endless, too_long

_MESSAGE_BYTES = 20 << 10

# What VISA libraries are known to raise while reading and writing. PyVISA-py lets exceptions of its protocol code
# through: RuntimeError (connection dropped, out of step), AssertionError and struct.error (not HiSLIP at all).
VISA_FAULTS = (
    VisaIOError,
    OSError,
    RuntimeError,
    AssertionError,
    struct.error,
    InvalidSession,
    ValueError,
    MemoryError,
)


class MessagePort:
    """HiSLIP, VXI-11, USB, serial, and sockets of other libraries than PyVISA-py."""

    def __init__(self, resource: MessageBasedResource, timeout_ms: int) -> None:
        resource.timeout = timeout_ms
        self._resource = resource
        self._timeout_s = timeout_ms / 1000
        self._ended = False  # the message's END came with the last viRead
        # Sockets and serial lines have no END of their own: there a line ends at LF.
        self._is_stream = (
            resource.interface_type == InterfaceType.asrl
            or resource.get_visa_attribute(ResourceAttribute.resource_class) == "SOCKET"
        )
        if self._is_stream:
            resource.set_visa_attribute(ResourceAttribute.termchar, ord("\n"))
            self._set_line_mode(True)
            if resource.interface_type == InterfaceType.tcpip:
                # Only speed depends on it, and not every library knows it.
                with contextlib.suppress(VisaIOError):
                    resource.set_visa_attribute(ResourceAttribute.tcpip_nodelay, True)

    def send(self, message: bytes) -> None:
        if self._is_stream:
            self._require_silence()
        with self._faults("sending"):
            sent = self._resource.write_raw(message)
        if sent != len(message):
            raise PortFault(f"the instrument took only {sent} of {len(message)} bytes")

    def receive_line(self) -> bytes:
        reply = self._receive_message()
        line = reply.removesuffix(b"\n").removesuffix(b"\r")
        if b"\n" in line:
            raise PortFault(f"out of step: more than one reply came ({line[:80]!r})")
        if self._is_stream and not reply.endswith(b"\n"):
            raise PortFault(f"the reply broke off after {len(reply)} bytes")
        return line

    def _receive_message(self) -> bytes:
        """One message, as far as the library says that it goes on; bounded, since some peers never come to an end."""
        reply = bytearray()
        until_s = deadline_s(LINE_LIMIT_BYTES, self._timeout_s)
        while True:
            with self._faults("reading"), self._resource.ignore_warning(StatusCode.success_max_count_read):
                received, status = self._resource.visalib.read(self._resource.session, _MESSAGE_BYTES)
            reply += received
            if status != StatusCode.success_max_count_read:
                return bytes(reply)
            if len(reply) > LINE_LIMIT_BYTES or time.monotonic() > until_s:
                raise endless(reply)

    def _require_silence(self) -> None:
        """As of the stream port, where nothing marks which message a reply belongs to."""
        self._resource.timeout = 0
        try:
            with self._resource.ignore_warning(StatusCode.success_max_count_read):
                unasked, _ = self._resource.visalib.read(self._resource.session, 1)
        except VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                raise PortFault(f"the connection is broken ({reason(error)})") from error
        except VISA_FAULTS as error:
            raise PortFault(f"the connection is broken ({reason(error)})") from error
        else:
            if unasked:
                raise PortFault(f"out of step: it sent {bytes(unasked)!r} without being asked")
        finally:
            self._resource.timeout = round(self._timeout_s * 1000)

    def begin_block(self) -> None:
        if self._is_stream:
            with self._faults("reading"):
                self._set_line_mode(False)

    def receive_few(self, count: int) -> bytes:
        few = bytearray(count)
        self.receive_into(memoryview(few))
        return bytes(few)

    def receive_into(self, target: memoryview) -> None:
        count, taken = len(target), 0
        until_s = deadline_s(count, self._timeout_s)
        visalib, session = self._resource.visalib, self._resource.session
        while taken < count:
            if time.monotonic() > until_s:
                raise PortFault(f"the reply is too slow: {taken} of {count} bytes so far")
            with self._faults("reading"), self._resource.ignore_warning(StatusCode.success_max_count_read):
                received, status = visalib.read(session, count - taken)
                if not received:
                    raise PortFault(f"the reply ended after {taken} of {count} bytes")
                self._ended = status != StatusCode.success_max_count_read
                target[taken : taken + len(received)] = received
            taken += len(received)

    def end_block(self) -> None:
        if self._is_stream:
            with self._faults("reading"):
                self._set_line_mode(True)
        if self._ended:
            return
        rest = self.receive_line()
        if rest:
            raise too_long(rest)

    def close(self) -> None:
        self._resource.close()

    def _set_line_mode(self, on: bool) -> None:
        self._resource.set_visa_attribute(ResourceAttribute.termchar_enabled, on)

    @contextlib.contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except VISA_FAULTS as error:
            raise self._fault(doing, error) from error

    def _fault(self, doing: str, error: Exception) -> PortFault:
        late = isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout
        if late or isinstance(error, TimeoutError):
            return PortFault(f"no end of {doing} within {self._timeout_s:g} s")
        return PortFault(f"the connection broke while {doing} ({reason(error)})")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reason(error: BaseException) -> str:
    """The operating system's word for it if there is one, else the last library's."""
    for link in chain(error):
        if isinstance(link, OSError):
            return link.strerror or str(link) or type(link).__name__
    return str(error) or type(error).__name__
