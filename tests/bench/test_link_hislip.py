"""The VISA link over HiSLIP, against the simulators' server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError
from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.servers.hislip import HislipServer
from aimdlab_simulators.timebase import Timebase
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


@pytest.fixture
def link(memory: tuple[Memory, HislipServer]) -> Iterator[VisaLink]:
    link = VisaLink.open("memory", memory[1].resource, RealClock(), timeout_s=LIMIT_S)
    yield link
    link.close()


@given(payload=st.binary(max_size=3000))
@settings(deadline=None, max_examples=30)
def test_any_payload_survives_both_ways(link: VisaLink, payload: bytes) -> None:
    link.write_block("KEEP ", payload)
    assert link.query_block("GIVE?") == payload
    assert link.query("*IDN?") == "Test,M1,1,1"


def test_large_block_of_line_feeds_survives_both_ways(link: VisaLink) -> None:
    payload = b"\n#" * 2_500_000
    link.write_block("KEEP ", payload)
    assert link.query_block("GIVE?") == payload
    assert link.query("*IDN?") == "Test,M1,1,1"


def test_late_reply_is_never_taken_for_the_next(memory: tuple[Memory, HislipServer]) -> None:
    instrument, server = memory
    link = VisaLink.open("memory", server.resource, RealClock(), timeout_s=LIMIT_S)
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
