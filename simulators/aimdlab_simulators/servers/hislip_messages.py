"""The messages of HiSLIP 1.0 (IVI-6.1): a header of 16 bytes and a payload."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from aimdlab_simulators.servers.listener import Connection

_HEADER = struct.Struct("!2sBBIQ")
PROTOCOL_VERSION = 0x0100
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # one message of the protocol; a program message may take many
HEADER_BYTES = _HEADER.size


class Kind(IntEnum):
    """Message types, IVI-6.1 table 4."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL_CONTROL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    ASYNC_MAX_MSG_SIZE = 15
    ASYNC_MAX_MSG_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


class Fatal(IntEnum):
    """Codes of FatalError, after which the connection is closed."""

    UNIDENTIFIED = 0
    POOR_HEADER = 1
    BOTH_CHANNELS_NEEDED = 2
    INVALID_INITIALIZATION = 3


class Fault(IntEnum):
    """Codes of Error, after which the connection goes on."""

    UNIDENTIFIED = 0
    UNKNOWN_TYPE = 1
    UNKNOWN_CONTROL_CODE = 2
    TOO_LARGE = 4


class FatalHislipError(Exception):
    """The connection cannot go on; ``code`` and text go to the client first."""

    def __init__(self, code: Fatal, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Header:
    """What comes before a payload of ``length`` bytes."""

    kind: int
    control: int
    parameter: int
    length: int


def receive_header(connection: Connection) -> Header:
    """The next header; FatalHislipError if it does not begin with the prologue."""
    prologue, kind, control, parameter, length = _HEADER.unpack(connection.receive_exactly(HEADER_BYTES))
    if prologue != b"HS":
        raise FatalHislipError(Fatal.POOR_HEADER, "The header does not begin with HS")
    return Header(kind, control, parameter, length)


def receive_payload(connection: Connection, header: Header, limit_bytes: int = MAX_MESSAGE_BYTES) -> bytearray | None:
    """The payload; None if it was larger than the limit: then it has been read and dropped."""
    if header.length <= limit_bytes:
        return connection.receive_exactly(header.length)
    left = header.length
    while left:
        left -= len(connection.receive_exactly(min(left, 1 << 20)))
    return None


def send(connection: Connection, kind: Kind, control: int, parameter: int, payload: bytes | memoryview = b"") -> None:
    """Send one message in one piece."""
    connection.send(header_of(kind, control, parameter, len(payload)), payload)


def header_of(kind: Kind, control: int, parameter: int, length: int) -> bytes:
    """The header of a message whose payload has ``length`` bytes."""
    return _HEADER.pack(b"HS", kind, control, parameter, length)
