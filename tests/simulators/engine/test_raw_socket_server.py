"""The raw SCPI socket, with bare sockets and with PyVISA."""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import pyvisa
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.servers import RawSocketServer
from aimdlab_simulators.servers.framing import Framer, MessageTooLargeError
from aimdlab_simulators.timebase import Timebase
from patience import LIMIT_S, wait_for, wait_until_hung_up

BIG = random.Random(1).randbytes(20_000_000)


class Memory(ScpiInstrument):
    def __init__(self) -> None:
        super().__init__(name="memory", maker="M", model="Mem", serial="7", firmware="1", timebase=Timebase())
        self.data = b""
        self.waiting = threading.Event()

    @command("DATA")
    def set_data(self, call: Call) -> None:
        self.data = call.argument().block()

    @command("DATA?")
    def get_data(self, call: Call) -> bytes:
        return f"#8{len(self.data):08d}".encode() + self.data

    def pending_until_s(self) -> float | None:
        if self.timebase.is_virtual:
            self.waiting.set()
        return float("inf") if self.timebase.is_virtual else None


@pytest.fixture
def server() -> Iterator[RawSocketServer]:
    listener = RawSocketServer(Memory())
    listener.start()
    yield listener
    listener.close()


def connect(server: RawSocketServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)


def ask(sock: socket.socket, message: bytes) -> bytes:
    sock.sendall(message + b"\n")
    with sock.makefile("rb") as lines:
        return lines.readline()


def test_a_visa_client_talks_to_it(server: RawSocketServer) -> None:
    manager = pyvisa.ResourceManager("@py")
    with manager.open_resource(server.resource, read_termination="\n", write_termination="\n") as client:
        assert client.query("*IDN?") == "M,Mem,7,1"
        client.write_raw(b"DATA #15\n;\n\0,\n")
        assert client.query("SYST:ERR?") == '+0,"No error"'
    manager.close()
    assert server.instrument.data == b"\n;\n\0,"  # type: ignore[attr-defined]


def test_twenty_megabytes_both_ways(server: RawSocketServer) -> None:
    with connect(server) as sock:
        assert ask(sock, b"DATA #8%08d" % len(BIG) + BIG + b"\n*OPC?") == b"1\n"
        sock.sendall(b"DATA?\n")
        with sock.makefile("rb") as stream:
            assert stream.read(len(BIG) + 11) == b"#8%08d" % len(BIG) + BIG + b"\n"


def test_several_clients_and_several_messages_at_once(server: RawSocketServer) -> None:
    with connect(server) as first, connect(server) as second:
        first.sendall(b"*IDN?\r\n*OPC?\nDATA #1")
        assert ask(second, b"*OPC?") == b"1\n"
        with first.makefile("rb") as lines:
            assert [lines.readline(), lines.readline()] == [b"M,Mem,7,1\n", b"1\n"]
            first.sendall(b"2\n\r\n")
            first.sendall(b"DATA?\n")
            assert lines.read(13) == b"#800000002\n\r\n"
        assert server.connections == 2


def test_answers_are_not_held_back(server: RawSocketServer) -> None:
    with connect(server) as sock:
        assert ask(sock, b"*OPC?") == b"1\n"
        (connection,) = server._connections
        # Nagle's algorithm would hold back the second of two answers for 40 ms, until the first is acknowledged.
        assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00\xff\xfe\n" * 100,
        b"DATA #8000",
        b"DATA #800000100half a block",
        b"'lost quote",
        b"#9999999999 more than anybody wants",
        b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n",
        b"*IDN?",
        b"",
    ],
)
@pytest.mark.parametrize("reset", [False, True], ids=["hang up", "reset"])
def test_a_hostile_client_harms_only_itself(server: RawSocketServer, rubbish: bytes, reset: bool) -> None:
    with connect(server) as good:
        bad = connect(server)
        bad.sendall(rubbish)
        if reset:
            bad.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bad.close()
        assert ask(good, b"*CLS;*IDN?") == b"M,Mem,7,1\n"
        wait_for(lambda: server.connections == 1)
        assert ask(good, b"*CLS;*IDN?") == b"M,Mem,7,1\n"


def test_a_message_that_says_it_is_too_large_is_hung_up_on() -> None:
    small = RawSocketServer(Memory(), limit_bytes=1000)
    small.start()
    try:
        for message in (b"DATA #41000", b"x" * 1001):
            with connect(small) as sock:
                sock.sendall(message)
                wait_until_hung_up(sock)
        with connect(small) as sock:
            assert ask(sock, b"DATA #3900" + b"y" * 900 + b";*OPC?") == b"1\n"
    finally:
        small.close()


def test_a_client_that_leaves_while_it_waits_is_noticed(server: RawSocketServer) -> None:
    server.instrument.timebase.claim()
    with connect(server) as sock:
        sock.sendall(b"*OPC?\n")
        assert server.instrument.waiting.wait(LIMIT_S)  # type: ignore[attr-defined]
        assert server.connections == 1
    wait_for(lambda: server.connections == 0)


def test_closing_hangs_up_even_on_clients_that_wait(server: RawSocketServer) -> None:
    server.instrument.timebase.claim()
    with connect(server) as waiting, connect(server) as idle:
        waiting.sendall(b"*OPC?\n")
        assert server.instrument.waiting.wait(LIMIT_S)  # type: ignore[attr-defined]
        wait_for(lambda: server.connections == 2)
        server.close()
        wait_until_hung_up(idle)
        wait_until_hung_up(waiting)
    assert server.connections == 0


def test_closing_frees_the_port() -> None:
    for last in (False, False, False, False, True):
        first = RawSocketServer(Memory())
        first.start()
        first.close()
        try:
            RawSocketServer(Memory(), port=first.port).close()
        except OSError:  # any program on this machine may have been given the number meanwhile, but not each time
            if last:
                raise
        else:
            return


def test_two_servers_cannot_share_a_port(server: RawSocketServer) -> None:
    with pytest.raises(OSError):
        RawSocketServer(Memory(), port=server.port)


MESSAGES = st.lists(
    st.one_of(
        st.binary(max_size=200).map(lambda data: b"DATA #3%03d" % len(data) + data),
        st.sampled_from([b"*IDN?", b"A;B '#3';C", b"X #H1F", b"Y #", b"Z #3", b'T "lost', b"", b"\r", b"S 'it''s #9'"]),
    ),
    max_size=8,
)


@given(MESSAGES, st.lists(st.integers(1, 40), max_size=60))
def test_messages_are_cut_the_same_way_however_the_stream_arrives(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(message + b"\n" for message in messages)
    framer = Framer()
    found: list[bytes] = []
    for size in cuts:
        found += framer.feed(stream[:size])
        stream = stream[size:]
    found += framer.feed(stream)
    assert found == messages


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_no_stream_breaks_the_framer(chunks: list[bytes]) -> None:
    framer = Framer(1000)
    with contextlib.suppress(MessageTooLargeError):
        for chunk in chunks:
            list(framer.feed(chunk))
