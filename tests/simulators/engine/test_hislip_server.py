"""HiSLIP, with PyVISA, with its protocol client and with bytes of our own."""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyvisa_py.protocols import hislip

from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.servers import HislipServer
from aimdlab_simulators.servers.hislip_locks import LockAnswer, LockTable
from aimdlab_simulators.timebase import Timebase
from patience import LIMIT_S, receive_exactly, wait_for, wait_until_hung_up

BIG = random.Random(2).randbytes(20_000_000)
HEADER = struct.Struct("!2sBBIQ")


class Memory(ScpiInstrument):
    def __init__(self) -> None:
        super().__init__(name="memory", maker="M", model="Mem", serial="7", firmware="1", timebase=Timebase())
        self.data = b""
        self.triggered = 0
        self.holding, self.gate = threading.Event(), threading.Event()

    def trigger(self) -> None:
        self.triggered += 1

    def pending_until_s(self) -> float | None:
        return float("inf") if self.timebase.is_virtual else None

    @command("HOLD")
    def hold(self, call: Call) -> None:
        self.holding.set()
        self.gate.wait(LIMIT_S)

    @command("DATA")
    def set_data(self, call: Call) -> None:
        self.data = call.argument().block()

    @command("DATA?")
    def get_data(self, call: Call) -> bytes:
        return f"#8{len(self.data):08d}".encode() + self.data


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def server(memory: Memory) -> Iterator[HislipServer]:
    listener = HislipServer(memory)
    listener.start()
    yield listener
    listener.close()


@pytest.fixture
def visa(server: HislipServer) -> Iterator[pyvisa.resources.MessageBasedResource]:
    manager = pyvisa.ResourceManager("@py")
    client = manager.open_resource(server.resource, read_termination="\n", write_termination="\n")
    client.timeout = 1000 * LIMIT_S
    yield client
    client.close()
    manager.close()


def low_level(server: HislipServer) -> contextlib.closing[hislip.Instrument]:
    return contextlib.closing(hislip.Instrument("127.0.0.1", port=server.port, timeout=LIMIT_S))


def text(client: hislip.Instrument, message: bytes) -> bytes:
    client.send(message)
    return bytes(client.receive())


def test_queries(visa: pyvisa.resources.MessageBasedResource) -> None:
    assert visa.query("*IDN?") == "M,Mem,7,1"
    assert visa.query("*CLS;*ESR?;*OPC?") == "0;1"
    visa.write("NONSENSE")
    assert visa.query("SYST:ERR?") == '-113,"Undefined header"'


def test_twenty_megabytes_both_ways(visa: pyvisa.resources.MessageBasedResource, memory: Memory) -> None:
    visa.write_raw(b"DATA #8%08d" % len(BIG) + BIG + b"\n")
    assert visa.query("*OPC?") == "1"
    assert memory.data == BIG
    visa.write("DATA?")
    assert visa.read_raw() == b"#8%08d" % len(BIG) + BIG + b"\n"


def test_status_byte(visa: pyvisa.resources.MessageBasedResource) -> None:
    visa.write("*CLS;*ESE 32;*SRE 32")
    assert visa.query("*OPC?") == "1"
    assert visa.read_stb() == 0
    visa.write("NONSENSE")
    wait_for(lambda: visa.read_stb() == 4 + 32 + 64)
    visa.write("*IDN?")
    wait_for(lambda: visa.read_stb() == 4 + 16 + 32 + 64)  # a message is available until it is read
    assert visa.read() == "M,Mem,7,1"
    assert visa.read_stb() == 4 + 32 + 64


def test_device_clear_frees_a_client_that_waits(visa: pyvisa.resources.MessageBasedResource, memory: Memory) -> None:
    memory.timebase.claim()
    visa.write("*OPC?")
    visa.clear()
    assert visa.query("*IDN?") == "M,Mem,7,1"
    assert visa.read_stb() == 0


def test_device_clear_drops_half_a_message(server: HislipServer) -> None:
    with low_level(server) as client:
        client._send_data_packet(b"DATA #800")
        client.device_clear()
        assert text(client, b"*CLS;*IDN?\n") == b"M,Mem,7,1\n"


def test_trigger(server: HislipServer, memory: Memory) -> None:
    with low_level(server) as client:
        client.trigger()
        assert text(client, b"*OPC?") == b"1\n"
    assert memory.triggered == 1


def test_remote_local(server: HislipServer) -> None:
    with low_level(server) as client:
        client.send(b"*CLS")
        for request in hislip.REMOTELOCALCONTROLCODE:
            client.async_remote_local_control(request)
        hislip.send_msg(client._async, "AsyncRemoteLocalControl", 7, 0)
        assert hislip.Error(client._async).error_code == "Unrecognized control code"


def test_the_clients_size_limit_is_honoured_and_ids_are_echoed(server: HislipServer, memory: Memory) -> None:
    memory.data = bytes(range(256)) * 4
    with low_level(server) as client:
        client.max_msg_size = 116
        client.send(b"DATA?")
        headers, payload = [], b""
        while not headers or headers[-1].msg_type == "Data":
            header = hislip.RxHeader(client._sync)
            headers.append(header)
            payload += hislip.receive_exact(client._sync, header.payload_length)
        assert payload == b"#800001024" + memory.data + b"\n"
        assert max(header.payload_length for header in headers) == 100
        assert {header.message_parameter for header in headers} == {client.last_message_id}


def test_an_exclusive_lock_shuts_everybody_else_out(server: HislipServer) -> None:
    with low_level(server) as owner, low_level(server) as other:
        assert owner.async_lock_request(0.0) == "success"
        assert owner.async_lock_request(0.0) == "error", "it has it already"
        assert other.async_lock_info() == 1
        assert other.async_lock_request(0.05) == "failure"
        assert other.async_lock_release() == "error"
        other.timeout = 0.2
        with pytest.raises(TimeoutError):
            text(other, b"*IDN?")
        assert text(owner, b"*OPC?") == b"1\n"
        assert owner.async_lock_release() == "success"
        other.timeout = LIMIT_S
        assert bytes(other.receive()) == b"M,Mem,7,1\n", "what was held back is answered now"
        assert other.async_lock_info() == 0


def test_a_lock_is_kept_until_what_was_sent_under_it_is_done(server: HislipServer, memory: Memory) -> None:
    with low_level(server) as owner, low_level(server) as other:
        assert owner.async_lock_request(0.0) == "success"
        owner.send(b"HOLD")
        hislip.send_msg(owner._async, "AsyncLock", 0, owner.last_message_id)
        assert {other.async_lock_info() for _ in range(100)} == {1}
        memory.gate.set()
        assert hislip.AsyncLockResponse(owner._async).lock_response == "success"
        assert other.async_lock_info() == 0


def test_a_lock_dies_with_its_session_and_wakes_who_waits(server: HislipServer) -> None:
    with low_level(server) as other:
        with low_level(server) as owner:
            assert owner.async_lock_request(0.0) == "success"
            answers: list[str] = []
            waiter = threading.Thread(target=lambda: answers.append(other.async_lock_request(LIMIT_S)), daemon=True)
            waiter.start()
        waiter.join(LIMIT_S)
        assert answers == ["success"]


def test_shared_locks(server: HislipServer) -> None:
    with low_level(server) as first, low_level(server) as second, low_level(server) as third:
        assert first.async_lock_request(0.0, "lab") == "success"
        assert second.async_lock_request(0.0, "lab") == "success"
        assert third.async_lock_request(0.0, "other") == "failure"
        assert third.async_lock_request(0.0) == "failure"
        assert text(second, b"*OPC?") == b"1\n"
        assert first.async_lock_request(0.0) == "success"
        assert first.async_lock_release() == "success"
        assert first.async_lock_release() == "success shared"
        assert second.async_lock_release() == "success shared"
        assert third.async_lock_request(0.0, "other") == "success"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["exclusive", "lab", "home", "release", "drop"]))))
def test_locks_never_let_two_in_that_exclude_each_other(steps: list[tuple[str, str]]) -> None:
    table, never = LockTable(), threading.Event()
    exclusive: set[str] = set()
    shared: dict[str, str] = {}
    for who, what in steps:
        if what == "release":
            answer = table.release(who)
            if answer is LockAnswer.SUCCESS:
                exclusive.remove(who)
            elif answer is LockAnswer.SHARED_RELEASED:
                del shared[who]
        elif what == "drop":
            table.drop(who)
            exclusive.discard(who)
            shared.pop(who, None)
        elif table.request(who, b"" if what == "exclusive" else what.encode(), 0.0, never) is LockAnswer.SUCCESS:
            if what == "exclusive":
                exclusive.add(who)
            else:
                shared[who] = what
        assert len(exclusive) <= 1
        assert len(set(shared.values())) <= 1
        assert table.holders() == (bool(exclusive), len(exclusive | set(shared)))


# -- what no well-behaved client sends


def raw(server: HislipServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)


def initialized(server: HislipServer, sock: socket.socket) -> int:
    sock.sendall(HEADER.pack(b"HS", 0, 0, 0x01007878, 7) + b"hislip0")
    _, kind, _, parameter, _ = HEADER.unpack(receive_exactly(sock, 16))
    assert kind == 1
    assert parameter >> 16 == 0x0100
    return int(parameter & 0xFFFF)


def reply(sock: socket.socket) -> tuple[int, int]:
    _, kind, control, _, length = HEADER.unpack(receive_exactly(sock, 16))
    receive_exactly(sock, length)
    return kind, control


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1),
        (HEADER.pack(b"HS", 6, 0, 0, 0), 3),
        (HEADER.pack(b"HS", 17, 0, 4711, 0), 3),
        (HEADER.pack(b"HS", 0, 0, 0x01007878, 5) + b"gpib0", 0),
        (HEADER.pack(b"HS", 0, 0, 0x01007878, 1 << 60), 0),
    ],
)
def test_a_wrong_beginning_is_a_fatal_error(server: HislipServer, first: bytes, code: int) -> None:
    with raw(server) as sock:
        sock.sendall(first)
        assert reply(sock) == (2, code)


def test_data_before_the_second_channel_is_a_fatal_error(server: HislipServer) -> None:
    with raw(server) as sock:
        initialized(server, sock)
        sock.sendall(HEADER.pack(b"HS", 7, 0, 0xFFFFFF00, 5) + b"*IDN?")
        assert reply(sock) == (2, 2)
        wait_until_hung_up(sock)


def test_unknown_types_and_large_messages_are_errors_after_which_it_goes_on(server: HislipServer) -> None:
    with low_level(server) as client:
        for sock in (client._sync, client._async):
            sock.sendall(HEADER.pack(b"HS", 99, 0, 0, 3) + b"abc")
            assert reply(sock) == (3, 1)
        client._sync.sendall(HEADER.pack(b"HS", 7, 0, 0, 5_000_000) + bytes(5_000_000))
        assert reply(client._sync) == (3, 4)
        client._async.sendall(HEADER.pack(b"HS", 15, 0, 0, 3) + b"abc")
        assert reply(client._async) == (3, 0)
        assert text(client, b"*IDN?") == b"M,Mem,7,1\n"


def test_a_session_ends_when_either_channel_does(server: HislipServer) -> None:
    for channel in ("_sync", "_async"):
        with low_level(server) as client:
            wait_for(lambda: server.connections == 2)
            getattr(client, channel).close()
            wait_for(lambda: server.connections == 0)


def test_a_descriptor_is_not_freed_under_the_thread_that_uses_it(server: HislipServer, memory: Memory) -> None:
    with low_level(server) as client:
        client.send(b"HOLD")
        assert memory.holding.wait(LIMIT_S)
        (session,) = server._sessions.values()
        client._async.close()
        wait_for(lambda: server.connections == 1)  # the other thread has hung up on both channels and ended
        assert session.is_set()
        assert session.synchronous.socket.fileno() >= 0, "another client could get this number"
        memory.gate.set()
        wait_for(lambda: server.connections == 0)
        assert session.synchronous.socket.fileno() < 0


def framed(kind: int, control: int, parameter: int, payload: bytes) -> bytes:
    return HEADER.pack(b"HS", kind, control, parameter, len(payload)) + payload


MESSAGES = st.builds(
    framed, st.integers(0, 40), st.integers(0, 255), st.integers(0, 0xFFFF_FFFF), st.binary(max_size=20)
)


@settings(max_examples=30)
@given(st.lists(st.one_of(st.binary(max_size=40), MESSAGES), max_size=6), st.booleans())
def test_garbage_harms_nobody_else(server: HislipServer, chunks: list[bytes], after_the_beginning: bool) -> None:
    with low_level(server) as good:
        with raw(server) as bad, contextlib.suppress(OSError):
            if after_the_beginning:
                initialized(server, bad)
            for chunk in chunks:
                bad.sendall(chunk)
        assert text(good, b"*CLS;*IDN?") == b"M,Mem,7,1\n"
    wait_for(lambda: server.connections == 0)


def test_closing_frees_everybody(server: HislipServer, memory: Memory) -> None:
    memory.timebase.claim()
    with low_level(server) as waiting, low_level(server) as locked_out:
        waiting.send(b"*OPC?")
        assert waiting.async_lock_request(0.0) == "success"
        locked_out.send(b"*IDN?")
        server.close()
        assert server.connections == 0
        for client in (waiting, locked_out):
            wait_until_hung_up(client._sync)
