"""Opening a VISA resource, and which way its messages take.

* :class:`StreamPort` for ``TCPIP::host::port::SOCKET`` over PyVISA-py.
* :class:`HislipPort` for ``TCPIP::host::hislip0::INSTR`` over PyVISA-py.
* :class:`MessagePort` for everything else (VXI-11, USB, serial, any other VISA library): ``viRead`` and ``viWrite``.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, cast

import pyvisa
from pyvisa.errors import InvalidSession
from pyvisa.resources import MessageBasedResource

from aimdlab.bench._hislip_port import HislipPort, can_receive_into
from aimdlab.bench._message_port import VISA_FAULTS, MessagePort, chain, reason
from aimdlab.bench._port import Port, PortFault
from aimdlab.bench._stream_port import StreamPort

_manager_lock = threading.Lock()
_managers: dict[str, pyvisa.ResourceManager] = {}


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
    try:
        interface = _interface(resource)
        if isinstance(interface, socket.socket):
            return StreamPort(resource, interface, timeout_s)
        if can_receive_into(interface):
            return HislipPort(resource, interface, timeout_ms)
        return MessagePort(resource, timeout_ms)
    except VISA_FAULTS as error:
        resource.close()
        raise PortFault(_not_opened(resource_name, error)) from error


def _is_open(manager: pyvisa.ResourceManager) -> bool:
    try:
        return manager.session is not None
    except InvalidSession:
        return False


def _interface(resource: MessageBasedResource) -> object:
    """What the session object of PyVISA-py talks through; None for every other library."""
    sessions: dict[Any, Any] = getattr(resource.visalib, "sessions", {})
    return getattr(sessions.get(resource.session), "interface", None)


def _not_opened(resource_name: str, error: BaseException) -> str:
    unreachable = any(isinstance(link, OSError) for link in chain(error))
    return f"{'nobody answers at' if unreachable else 'VISA cannot open'} {resource_name} ({reason(error)})"


def _frames(error: BaseException) -> Iterator[FrameType]:
    for link in chain(error):
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
