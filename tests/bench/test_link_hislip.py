"""The VISA link over HiSLIP, against the simulators' server: PyVISA-py's session taken as it is, and viRead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyvisa.constants import ResourceAttribute

from aimdlab.bench._hislip_port import HislipPort
from aimdlab.bench._message_port import MessagePort
from aimdlab.bench._port import PortFault
from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError
from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.servers.hislip import HislipServer
from aimdlab_simulators.timebase import Timebase
from link_peers import BOTH_HISLIP
from patience import LIMIT_S, cut_patience


class Memory(ScpiInstrument):
    """Keeps a block and gives it back; can be made to dawdle."""

    def __init__(self) -> None:
        super().__init__(name="memory", maker="Test", model="M1", serial="1", firmware="1", timebase=Timebase())
        self.kept = b""
        self.go_on = threading.Event()

    @command("KEEP")
    def keep(self, call: Call) -> None:
        self.kept = call.argument().block()

    @command("GIVE?")
    def give(self, _call: Call) -> bytes:
        return f"#9{len(self.kept):09d}".encode() + self.kept

    @command("SAY?")
    def say(self, _call: Call) -> bytes:
        return self.kept

    @command("SLOW?")
    def slow(self, _call: Call) -> str:
        self.go_on.wait(LIMIT_S)
        return "late"


@pytest.fixture
def memory() -> Iterator[tuple[Memory, HislipServer]]:
    instrument = Memory()
    server = HislipServer(instrument)
    server.start()
    yield instrument, server
    instrument.go_on.set()
    server.close()


@pytest.fixture(params=BOTH_HISLIP.values(), ids=BOTH_HISLIP.keys())
def options(request: pytest.FixtureRequest) -> dict[str, object]:
    return dict(request.param)


@pytest.fixture
def link(memory: tuple[Memory, HislipServer], options: dict[str, object]) -> Iterator[VisaLink]:
    link = VisaLink.open("memory", memory[1].resource, RealClock(), timeout_s=LIMIT_S, **options)  # type: ignore[arg-type]
    yield link
    link.close()


def test_pyvisa_py_is_as_this_release_knows_it(link: VisaLink, options: dict[str, object]) -> None:
    # Should a newer PyVISA-py differ inside, the link goes through viRead: slower, and nobody would notice.
    assert type(link._port) is (MessagePort if options else HislipPort)


@given(payload=st.binary(max_size=3000))
@settings(deadline=None, max_examples=30)
def test_any_payload_survives_both_ways(link: VisaLink, payload: bytes) -> None:
    link.write_block("KEEP ", payload)
    assert link.query_block("GIVE?") == payload
    assert link.query("*IDN?") == "Test,M1,1,1"


@pytest.mark.parametrize("size", [0, 1, 32_750, 32_768, 40_000, 5_000_000])
def test_block_of_line_feeds_survives_both_ways(link: VisaLink, size: int) -> None:
    payload = b"\n#" * (size // 2) + b"\n" * (size % 2)
    link.write_block("KEEP ", payload)
    assert link.query_block("GIVE?") == payload
    assert link.query("*IDN?") == "Test,M1,1,1"


def test_reply_in_many_small_messages_of_the_protocol(memory: tuple[Memory, HislipServer], link: VisaLink) -> None:
    def take_little() -> None:
        port = link._port
        assert isinstance(port, MessagePort)
        port._resource.set_visa_attribute(ResourceAttribute.tcpip_hislip_max_message_kb, 1)

    payload = bytes(range(256)) * 400
    memory[0].kept = payload
    link.submit(take_little).result(LIMIT_S)
    assert link.query_block("GIVE?") == payload
    memory[0].kept = b"x" * 200_000
    assert link.query("SAY?") == "x" * 200_000
    assert link.query("*IDN?") == "Test,M1,1,1"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"ERROR", "a block was expected, but the reply begins b'ER'"),
        (b"#", r"a block was expected, but the reply begins b'#\\n'"),
        (b"", "the reply ended after 1 of 2 bytes"),
        (b"#3x10", "a block was expected"),
        (b"#6100000" + b"x" * 60_000, r"the reply ended after \d+ of 100000 bytes"),
        (b"#12abc", "longer than its header says"),
        (b"#220" + b"x" * 50_000, "longer than its header says"),
    ],
    ids=["text", "sharp", "nothing", "no number", "short", "long", "much too long"],
)
def test_block_that_is_not_as_long_as_it_says_breaks_the_link(
    memory: tuple[Memory, HislipServer], link: VisaLink, reply: bytes, message: str
) -> None:
    memory[0].kept = reply
    with pytest.raises(LinkError, match=message):
        link.query_block("SAY?")
    with pytest.raises(LinkError, match="not sent"):
        link.query("*IDN?")
    link.reconnect()
    assert link.query("*IDN?") == "Test,M1,1,1"


def test_two_replies_in_one_are_none(memory: tuple[Memory, HislipServer], link: VisaLink) -> None:
    memory[0].kept = b"1\n2"
    with pytest.raises(LinkError, match="out of step: more than one reply came"):
        link.query("SAY?")


def test_what_was_not_read_is_never_taken_for_the_next_reply(memory: tuple[Memory, HislipServer]) -> None:
    link = VisaLink.open("memory", memory[1].resource, RealClock(), timeout_s=LIMIT_S)

    def ask_and_ask_again() -> None:
        port = link._port
        assert port is not None
        port.send(b"*IDN?\n")
        assert port.receive_few(4) == b"Test"
        port.send(b"*IDN?\n")

    try:
        with pytest.raises(PortFault, match=r"out of step: b',M1,1,1\\n' was never read"):
            link.submit(ask_and_ask_again).result(LIMIT_S)
    finally:
        link.close()


def test_instrument_is_told_that_its_reply_was_read(memory: tuple[Memory, HislipServer], link: VisaLink) -> None:
    message_available = 1 << 4  # of the status byte: IEEE 488.2, 11.2.1.2; IVI-6.1 tells it by the RMT-delivered bit

    def status() -> int:
        port = link._port
        assert isinstance(port, MessagePort)
        return port._resource.read_stb()

    memory[0].kept = b"abc"
    for ask in (lambda: link.query("*IDN?"), lambda: link.query_block("GIVE?")):
        ask()
        assert not link.submit(status).result(LIMIT_S) & message_available


def test_every_block_has_memory_of_its_own_and_arrays_stand_on_it(link: VisaLink) -> None:
    link.write_block("KEEP ", b"\1\0" * 50_000)
    first = np.frombuffer(link.query_block("GIVE?"), "<u2")
    link.write_block("KEEP ", b"\2\0" * 50_000)
    second = np.frombuffer(link.query_block("GIVE?"), "<u2")
    assert first.flags.aligned
    assert (first == 1).all()
    assert (second == 2).all()


def test_late_reply_is_never_taken_for_the_next(
    memory: tuple[Memory, HislipServer], options: dict[str, object]
) -> None:
    instrument, server = memory
    link = VisaLink.open("memory", server.resource, RealClock(), timeout_s=LIMIT_S, **options)  # type: ignore[arg-type]
    try:
        cut_patience(link, 0.3)
        with pytest.raises(LinkError, match=r"memory, command 'SLOW\?': .*within 0\.3 s"):
            link.query("SLOW?")
        instrument.go_on.set()
        with pytest.raises(LinkError, match="not sent"):
            link.query("*IDN?")
        link.reconnect()
        assert link.query("*IDN?") == "Test,M1,1,1"
    finally:
        link.close()


def test_server_that_goes_away_is_noticed(memory: tuple[Memory, HislipServer], link: VisaLink) -> None:
    memory[1].close()
    refused: Callable[[], object] = lambda: link.query("*IDN?")  # noqa: E731
    with pytest.raises(LinkError, match="connection broke"):
        refused()
    with pytest.raises(LinkError, match="not sent"):
        refused()


def test_two_links_to_one_instrument(memory: tuple[Memory, HislipServer], link: VisaLink) -> None:
    other = VisaLink.open("other", memory[1].resource, RealClock(), timeout_s=LIMIT_S)
    assert other.query("*IDN?") == link.query("*IDN?")
    other.close()
    assert link.query("*IDN?") == "Test,M1,1,1"
