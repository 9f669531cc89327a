"""What a link needs of VISA: open, send a message, read a line or an exact number of bytes, close.

Two ways through PyVISA, chosen when the resource is opened:

* :class:`_StreamPort` for ``TCPIP::host::port::SOCKET`` over PyVISA-py. VISA opens and closes the connection, but
  messages go through the socket of its session object (``resource.visalib.sessions[resource.session].interface``):
  PyVISA-py 0.8.1 cannot switch Nagle's algorithm off, reads at most 4096 bytes at a time, ends a block at every LF in
  it, sends 4096 bytes per ``select``, takes a refused connection for a success and spins when the peer has gone.
* :class:`_MessagePort` for everything else (HiSLIP, VXI-11, USB, serial, any other VISA library): ``viRead`` and
  ``viWrite``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Protocol, cast

import pyvisa
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.resources import MessageBasedResource

_LINE_LIMIT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 18
_MESSAGE_BYTES = 20 << 10
# A transfer slower than this is taken for dead; USB 1 and GPIB are ten times faster.
SLOWEST_BYTES_PER_S = 100e3

# What VISA libraries are known to raise while reading and writing. PyVISA-py lets exceptions of its protocol code
# through: RuntimeError (connection dropped, out of step), AssertionError and struct.error (not HiSLIP at all).
_VISA_FAULTS = (
    VisaIOError,
    OSError,
    RuntimeError,
    AssertionError,
    struct.error,
    InvalidSession,
    ValueError,
    MemoryError,
)

_manager_lock = threading.Lock()
_managers: dict[str, pyvisa.ResourceManager] = {}


class PortFault(Exception):  # noqa: N818 - becomes a LinkError, which names the instrument and the command
    """The connection failed; the message says how, for a technician."""


class Port(Protocol):
    """One open connection, used by one thread."""

    def send(self, message: bytes) -> None:
        """Send one whole message, terminator included."""
        ...

    def receive_line(self) -> bytes:
        """Read one reply up to its terminator, without it."""
        ...

    def begin_block(self) -> None:
        """A block will be read: LF is a byte like any other from now on."""
        ...

    def receive_exactly(self, count: int) -> bytearray:
        """Read ``count`` bytes."""
        ...

    def end_block(self) -> None:
        """Read the terminator after a block."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def shared_manager(backend: str) -> pyvisa.ResourceManager:
    """The process-wide resource manager of a VISA back end ("@py", "@ivi"); no link ever closes it."""
    with _manager_lock:
        manager = _managers.get(backend)
        if manager is None or not _is_open(manager):
            manager = _managers[backend] = pyvisa.ResourceManager(backend)
        return manager


def open_port(manager: pyvisa.ResourceManager, resource_name: str, timeout_s: float) -> Port:
    """Open ``resource_name``; PortFault if nobody answers there.

    Args:
        manager: an open resource manager of any back end.
        resource_name: VISA resource string.
        timeout_s: longest wait for a connection, for a reply and for progress within a message.
    """
    timeout_ms = max(1, round(timeout_s * 1000))
    try:
        resource = cast(MessageBasedResource, manager.open_resource(resource_name, open_timeout=timeout_ms))
    # PyVISA-py raises a bare Exception for a socket that does not connect.
    except Exception as error:
        _close_leftovers(error)
        raise PortFault(_not_opened(resource_name, error)) from error
    session_socket = _session_socket(resource)
    try:
        if session_socket is not None:
            return _StreamPort(resource, session_socket, timeout_s)
        return _MessagePort(resource, timeout_ms)
    except _VISA_FAULTS as error:
        resource.close()
        raise PortFault(_not_opened(resource_name, error)) from error


class _StreamPort:
    """Messages over the socket of a PyVISA-py session."""

    def __init__(self, resource: MessageBasedResource, sock: socket.socket, timeout_s: float) -> None:
        refused = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if refused:
            raise OSError(refused, os.strerror(refused))
        sock.getpeername()  # raises if the connection was never made
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._resource = resource
        self._sock = sock
        self._timeout_s = timeout_s
        self._pending = bytearray()

    def send(self, message: bytes) -> None:
        self._require_silence()
        view = memoryview(message)
        deadline_s = self._deadline_s(len(message))
        sent = 0
        try:
            while sent < len(view):
                self._sock.settimeout(self._patience_s(deadline_s))
                sent += self._sock.send(view[sent : sent + _CHUNK_BYTES])
        except TimeoutError:
            raise PortFault(
                f"the instrument took only {sent} of {len(view)} bytes within {self._timeout_s:g} s"
            ) from None
        except OSError as error:
            raise PortFault(f"the connection broke while sending ({error})") from error

    def receive_line(self) -> bytes:
        deadline_s = self._deadline_s(0)
        searched = 0
        while (end := self._pending.find(b"\n", searched)) < 0:
            searched = len(self._pending)
            if searched > _LINE_LIMIT_BYTES:
                raise PortFault(f"the reply has no end after {searched} bytes; it begins {bytes(self._pending[:40])!r}")
            self._pending += self._receive(deadline_s)
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line.removesuffix(b"\r")

    def begin_block(self) -> None:
        """Nothing to do: this port finds the end of a line itself."""

    def receive_exactly(self, count: int) -> bytearray:
        block = bytearray(count)
        view = memoryview(block)
        taken = min(count, len(self._pending))
        view[:taken] = self._pending[:taken]
        del self._pending[:taken]
        deadline_s = self._deadline_s(count)
        while taken < count:
            try:
                self._sock.settimeout(self._patience_s(deadline_s))
                got = self._sock.recv_into(view[taken:])
            except TimeoutError:
                raise self._silent(taken, count) from None
            except OSError as error:
                raise PortFault(f"the connection broke while reading ({error})") from error
            if got == 0:
                raise PortFault(f"the instrument closed the connection after {taken} of {count} bytes")
            taken += got
        return block

    def end_block(self) -> None:
        rest = self.receive_line()
        if rest:
            raise PortFault(f"the block is longer than its header says; after it came {rest[:40]!r}")

    def close(self) -> None:
        self._resource.close()

    def _require_silence(self) -> None:
        """Nothing may have come unasked: it would be taken for the answer to the message about to go out."""
        if not self._pending:
            try:
                self._sock.settimeout(0)
                self._pending += self._sock.recv(_CHUNK_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                raise PortFault(f"the connection is broken ({error})") from error
            if not self._pending:
                raise PortFault("the instrument has closed the connection")
        raise PortFault(f"out of step: it sent {bytes(self._pending[:40])!r} without being asked")

    def _receive(self, deadline_s: float) -> bytes:
        try:
            self._sock.settimeout(self._patience_s(deadline_s))
            received = self._sock.recv(_CHUNK_BYTES)
        except TimeoutError:
            raise self._silent(len(self._pending), None) from None
        except OSError as error:
            raise PortFault(f"the connection broke while reading ({error})") from error
        if not received:
            raise PortFault("the instrument closed the connection instead of answering")
        return received

    def _silent(self, got: int, count: int | None) -> PortFault:
        if got == 0:
            return PortFault(f"no reply within {self._timeout_s:g} s")
        whole = "" if count is None else f" of {count}"
        return PortFault(f"the reply broke off after {got}{whole} bytes ({self._timeout_s:g} s without the rest)")

    def _deadline_s(self, size: int) -> float:
        return time.monotonic() + self._timeout_s + size / SLOWEST_BYTES_PER_S

    def _patience_s(self, deadline_s: float) -> float:
        # Not 0, which would mean "do not block" instead of "time is up".
        return max(1e-6, min(self._timeout_s, deadline_s - time.monotonic()))


class _MessagePort:
    """Messages over viRead and viWrite of any VISA library."""

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
        deadline_s = time.monotonic() + self._timeout_s + _LINE_LIMIT_BYTES / SLOWEST_BYTES_PER_S
        while True:
            with self._faults("reading"), self._resource.ignore_warning(StatusCode.success_max_count_read):
                received, status = self._resource.visalib.read(self._resource.session, _MESSAGE_BYTES)
            reply += received
            if status != StatusCode.success_max_count_read:
                return bytes(reply)
            if len(reply) > _LINE_LIMIT_BYTES or time.monotonic() > deadline_s:
                raise PortFault(f"the reply has no end after {len(reply)} bytes; it begins {bytes(reply[:40])!r}")

    def _require_silence(self) -> None:
        """As :meth:`_StreamPort._require_silence`, where nothing marks which message a reply belongs to."""
        self._resource.timeout = 0
        try:
            with self._resource.ignore_warning(StatusCode.success_max_count_read):
                unasked, _ = self._resource.visalib.read(self._resource.session, 1)
        except VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                raise PortFault(f"the connection is broken ({_reason(error)})") from error
        except _VISA_FAULTS as error:
            raise PortFault(f"the connection is broken ({_reason(error)})") from error
        else:
            if unasked:
                raise PortFault(f"out of step: it sent {bytes(unasked)!r} without being asked")
        finally:
            self._resource.timeout = round(self._timeout_s * 1000)

    def begin_block(self) -> None:
        if self._is_stream:
            with self._faults("reading"):
                self._set_line_mode(False)

    def receive_exactly(self, count: int) -> bytearray:
        block = bytearray()
        deadline_s = time.monotonic() + self._timeout_s + count / SLOWEST_BYTES_PER_S
        visalib, session = self._resource.visalib, self._resource.session
        while len(block) < count:
            if time.monotonic() > deadline_s:
                raise PortFault(f"the reply is too slow: {len(block)} of {count} bytes so far")
            with self._faults("reading"), self._resource.ignore_warning(StatusCode.success_max_count_read):
                received, status = visalib.read(session, count - len(block))
            if not received:
                raise PortFault(f"the reply ended after {len(block)} of {count} bytes")
            self._ended = status != StatusCode.success_max_count_read
            block += received
        return block

    def end_block(self) -> None:
        if self._is_stream:
            with self._faults("reading"):
                self._set_line_mode(True)
        if self._ended:
            return
        rest = self.receive_line()
        if rest:
            raise PortFault(f"the block is longer than its header says; after it came {rest[:40]!r}")

    def close(self) -> None:
        self._resource.close()

    def _set_line_mode(self, on: bool) -> None:
        self._resource.set_visa_attribute(ResourceAttribute.termchar_enabled, on)

    @contextlib.contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _VISA_FAULTS as error:
            late = isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout
            if late or isinstance(error, TimeoutError):
                raise PortFault(f"no end of {doing} within {self._timeout_s:g} s") from error
            raise PortFault(f"the connection broke while {doing} ({_reason(error)})") from error


def _is_open(manager: pyvisa.ResourceManager) -> bool:
    try:
        return manager.session is not None
    except InvalidSession:
        return False


def _session_socket(resource: MessageBasedResource) -> socket.socket | None:
    """The socket of a PyVISA-py SOCKET session; None for every other resource and library."""
    if resource.get_visa_attribute(ResourceAttribute.resource_class) != "SOCKET":
        return None
    sessions: dict[Any, Any] = getattr(resource.visalib, "sessions", {})
    interface = getattr(sessions.get(resource.session), "interface", None)
    return interface if isinstance(interface, socket.socket) else None


def _not_opened(resource_name: str, error: BaseException) -> str:
    unreachable = any(isinstance(link, OSError) for link in _chain(error))
    return f"{'nobody answers at' if unreachable else 'VISA cannot open'} {resource_name} ({_reason(error)})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """The operating system's word for it if there is one, else the last library's."""
    for link in _chain(error):
        if isinstance(link, OSError):
            return link.strerror or str(link) or type(link).__name__
    return str(error) or type(error).__name__


def _frames(error: BaseException) -> Iterator[FrameType]:
    for link in _chain(error):
        traceback = link.__traceback__
        while traceback is not None:
            yield traceback.tb_frame
            traceback = traceback.tb_next


def _close_leftovers(error: BaseException) -> None:
    """Close the sockets that PyVISA-py leaves open when a resource fails to open.

    They would stay until the garbage is collected, and an instrument that accepts one connection would count them.
    """
    for frame in _frames(error):
        owner = frame.f_locals.get("self")
        for attribute in ("interface", "_sync", "_async"):
            leftover = getattr(owner, attribute, None)
            if isinstance(leftover, socket.socket):
                leftover.close()
