"""HiSLIP 1.0 server in synchronized mode (IVI-6.1 High-Speed LAN Instrument Protocol)."""

from __future__ import annotations

import contextlib
import itertools
import struct
import threading
from collections.abc import Callable

from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.servers.framing import LIMIT_BYTES
from aimdlab_simulators.servers.hislip_locks import LockTable
from aimdlab_simulators.servers.hislip_messages import (
    MAX_MESSAGE_BYTES,
    PROTOCOL_VERSION,
    Fatal,
    FatalHislipError,
    Fault,
    Header,
    Kind,
    receive_header,
    receive_payload,
    send,
)
from aimdlab_simulators.servers.hislip_session import Session
from aimdlab_simulators.servers.hislip_wire import SessionWire
from aimdlab_simulators.servers.listener import Connection, Listener
from aimdlab_simulators.servers.wire import Gate, exchange

_SUB_ADDRESSES = (b"", b"hislip0")
_NAME_BYTES = 256  # sub-addresses and lock strings
_LAST_REMOTE_LOCAL_CODE = 6


class HislipServer(Listener):
    """Two TCP connections per client: program messages on one, locks, status and clear on the other.

    Responses end with a line feed inside DataEnd, as Keysight instruments send them. The exclusive lock shuts out
    other HiSLIP clients of this server.

    Not modelled: overlapped mode, Interrupted (a late response is told by its message id and dropped by the client),
    service requests, encryption.

    Attributes:
        instrument: who answers.
        gate: where faults strike; None if none can.
    """

    def __init__(self, instrument: ScpiInstrument, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port, name=instrument.name)
        self.instrument = instrument
        self.gate: Gate | None = None
        self._locks = LockTable()
        self._sessions: dict[int, Session] = {}
        self._ids = itertools.count(1)
        self._register = threading.Lock()

    @property
    def resource(self) -> str:
        """The VISA resource under which a client on this machine opens it."""
        return f"TCPIP::{self.reachable_host}::hislip0,{self.port}::INSTR"

    def serve(self, connection: Connection) -> None:
        """Talk on one of a client's two connections until it ends."""
        with contextlib.ExitStack() as ending:  # after the last word to the client
            try:
                self._talk(connection, receive_header(connection), ending)
            except FatalHislipError as error:
                send(connection, Kind.FATAL_ERROR, error.code, 0, str(error).encode())

    def _talk(self, connection: Connection, header: Header, ending: contextlib.ExitStack) -> None:
        if header.kind == Kind.INITIALIZE:
            session = self._open_session(connection, header, ending)
            wire = SessionWire(self.instrument, session)
            while True:
                self._synchronous_message(wire, receive_header(connection))
        elif header.kind == Kind.ASYNC_INITIALIZE:
            session = self._join_session(connection, header, ending)
            while True:
                self._asynchronous_message(session, connection, receive_header(connection))
        raise FatalHislipError(Fatal.INVALID_INITIALIZATION, "Initialize or AsyncInitialize must come first")

    def _open_session(self, connection: Connection, header: Header, ending: contextlib.ExitStack) -> Session:
        address = receive_payload(connection, header, _NAME_BYTES) if header.length <= _NAME_BYTES else None
        if address is None or bytes(address).lower() not in _SUB_ADDRESSES:
            raise FatalHislipError(Fatal.UNIDENTIFIED, "There is no such device here, only hislip0")
        with self._register:
            number = next(n for n in self._ids if n & 0xFFFF and n & 0xFFFF not in self._sessions) & 0xFFFF
            session = self._sessions[number] = Session(connection)
        ending.callback(self._end_session, number)
        send(connection, Kind.INITIALIZE_RESPONSE, 0, PROTOCOL_VERSION << 16 | number)
        return session

    def _join_session(self, connection: Connection, header: Header, ending: contextlib.ExitStack) -> Session:
        receive_payload(connection, header)
        with self._register:
            session = self._sessions.get(header.parameter)
            if session is None or session.asynchronous is not None:
                raise FatalHislipError(Fatal.INVALID_INITIALIZATION, "There is no session that waits for this channel")
            session.asynchronous = connection
        ending.callback(session.close)
        send(connection, Kind.ASYNC_INITIALIZE_RESPONSE, 0, 0)
        return session

    def _end_session(self, number: int) -> None:
        with self._register:
            session = self._sessions.pop(number)
        session.close()
        self._locks.drop(session)

    # -- the synchronous channel

    def _synchronous_message(self, wire: SessionWire, header: Header) -> None:
        session = wire.session
        if session.asynchronous is None:
            raise FatalHislipError(Fatal.BOTH_CHANNELS_NEEDED, "The asynchronous channel is missing")
        if header.kind in (Kind.DATA, Kind.DATA_END):
            self._data(wire, header)
        elif header.kind == Kind.TRIGGER:
            receive_payload(session.synchronous, header)
            session.delivered_if(header.control)
            self._execute(wire, b"*TRG", header.parameter)
        elif header.kind == Kind.DEVICE_CLEAR_COMPLETE:
            receive_payload(session.synchronous, header)
            session.end_clear()
            send(session.synchronous, Kind.DEVICE_CLEAR_ACKNOWLEDGE, 0, 0)
        else:
            _common_message(session.synchronous, header)

    def _data(self, wire: SessionWire, header: Header) -> None:
        session = wire.session
        payload = receive_payload(session.synchronous, header)
        if payload is None:
            session.received.clear()
            send(session.synchronous, Kind.ERROR, Fault.TOO_LARGE, 0, b"The message is too large")
            return
        if session.clearing:
            return
        session.delivered_if(header.control)
        session.received += payload
        if len(session.received) > LIMIT_BYTES:
            raise FatalHislipError(Fatal.UNIDENTIFIED, "The program message is too large")
        if header.kind == Kind.DATA_END:
            message = bytes(session.received)
            session.received.clear()
            self._execute(wire, message, header.parameter)

    def _execute(self, wire: SessionWire, message: bytes, message_id: int) -> None:
        session = wire.session
        if not session.clearing and self._locks.wait_for_access(session, session):
            wire.message_id = message_id
            exchange(message, wire, self.gate)
        session.done(message_id)

    # -- the asynchronous channel

    def _asynchronous_message(self, session: Session, connection: Connection, header: Header) -> None:
        answers: dict[int, Callable[[Session, Connection, Header], None]] = {
            Kind.ASYNC_MAX_MSG_SIZE: self._max_message_size,
            Kind.ASYNC_LOCK: self._lock,
            Kind.ASYNC_LOCK_INFO: self._lock_info,
            Kind.ASYNC_STATUS_QUERY: self._status,
            Kind.ASYNC_DEVICE_CLEAR: self._clear,
            Kind.ASYNC_REMOTE_LOCAL_CONTROL: self._remote_local,
        }
        answer = answers.get(header.kind)
        if answer is None:
            _common_message(connection, header)
        else:
            answer(session, connection, header)

    @staticmethod
    def _max_message_size(session: Session, connection: Connection, header: Header) -> None:
        payload = receive_payload(connection, header)
        if payload is None or len(payload) != 8:
            send(connection, Kind.ERROR, Fault.UNIDENTIFIED, 0, b"AsyncMaxMsgSize needs a payload of eight bytes")
            return
        (session.client_max_bytes,) = struct.unpack("!Q", payload)
        send(connection, Kind.ASYNC_MAX_MSG_SIZE_RESPONSE, 0, 0, struct.pack("!Q", MAX_MESSAGE_BYTES))

    def _lock(self, session: Session, connection: Connection, header: Header) -> None:
        key = receive_payload(connection, header, _NAME_BYTES)
        if key is None or header.control not in (0, 1):
            send(connection, Kind.ERROR, Fault.UNKNOWN_CONTROL_CODE, 0, b"AsyncLock is neither request nor release")
            return
        if header.control:
            answer = self._locks.request(session, bytes(key), header.parameter / 1e3, connection)
        else:
            session.wait_until_done(header.parameter)
            answer = self._locks.release(session)
        if connection.is_set():  # gone while it waited: it must not keep what it was given
            self._locks.drop(session)
        send(connection, Kind.ASYNC_LOCK_RESPONSE, answer, 0)

    def _lock_info(self, _session: Session, connection: Connection, header: Header) -> None:
        receive_payload(connection, header)
        exclusive, holders = self._locks.holders()
        send(connection, Kind.ASYNC_LOCK_INFO_RESPONSE, int(exclusive), holders)

    def _status(self, session: Session, connection: Connection, header: Header) -> None:
        receive_payload(connection, header)
        session.delivered_if(header.control)
        byte = self.instrument.status_byte(message_available=session.response_waits)
        send(connection, Kind.ASYNC_STATUS_RESPONSE, byte, 0)

    def _clear(self, session: Session, connection: Connection, header: Header) -> None:
        receive_payload(connection, header)
        session.begin_clear()
        self.instrument.device_clear()
        send(connection, Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, 0, 0)

    @staticmethod
    def _remote_local(_session: Session, connection: Connection, header: Header) -> None:
        receive_payload(connection, header)
        if header.control > _LAST_REMOTE_LOCAL_CODE:
            send(connection, Kind.ERROR, Fault.UNKNOWN_CONTROL_CODE, 0, b"There is no such remote/local request")
        else:
            send(connection, Kind.ASYNC_REMOTE_LOCAL_RESPONSE, 0, 0)


def _common_message(connection: Connection, header: Header) -> None:
    """What may come on either channel: the client's own errors, and what does not belong there."""
    if header.kind == Kind.FATAL_ERROR:
        raise ConnectionAbortedError("the client reports a fatal error")
    receive_payload(connection, header)
    if header.kind == Kind.ERROR:
        return
    if header.kind in (Kind.INITIALIZE, Kind.ASYNC_INITIALIZE):
        raise FatalHislipError(Fatal.INVALID_INITIALIZATION, "The session is initialized already")
    send(connection, Kind.ERROR, Fault.UNKNOWN_TYPE, 0, b"Unrecognized message type")
