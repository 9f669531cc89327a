"""Answers that are made while they are sent, among others, over both servers, whole and broken off."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from aimdlab_simulators.scpi import Call, Response, ScpiInstrument, Stream, command
from aimdlab_simulators.servers import HislipServer, RawSocketServer
from aimdlab_simulators.timebase import Timebase
from patience import LIMIT_S

CONTENT = random.Random(2).randbytes(9_000_001)
SIZES = (1, 7, 8191, 8192, 8193, 65_536, 4_194_289, 4_194_288, 300)


def buffers() -> Iterator[memoryview]:
    view = memoryview(CONTENT)
    for size in SIZES:
        yield view[:size]
        view = view[size:]
    yield view


class Streaming(ScpiInstrument):
    def __init__(self) -> None:
        super().__init__(name="streaming", maker="M", model="Str", serial="7", firmware="1", timebase=Timebase())

    @command("STReam?")
    def stream(self, _call: Call) -> Stream:
        head = b"#8%08d" % len(CONTENT)
        return Stream(len(head) + len(CONTENT), lambda: (part for part in (head, *buffers())))


@pytest.fixture(params=[RawSocketServer, HislipServer])
def client(request: pytest.FixtureRequest) -> Iterator[MessageBasedResource]:
    server = request.param(Streaming())
    server.start()
    manager = pyvisa.ResourceManager("@py")
    found = manager.open_resource(server.resource, read_termination="\n", write_termination="\n", timeout=LIMIT_S * 1e3)
    assert isinstance(found, MessageBasedResource)
    with contextlib.closing(found):
        yield found
    manager.close()
    server.close()


def test_it_comes_whole_and_in_step(client: MessageBasedResource) -> None:
    for _ in range(2):
        client.write("STR?")
        assert client.read_bytes(10) == b"#8%08d" % len(CONTENT)
        assert client.read_bytes(len(CONTENT)) == CONTENT
        assert client.read_bytes(1) == b"\n"
        assert client.query("*IDN?") == "M,Str,7,1"


def test_it_stands_among_other_answers(client: MessageBasedResource) -> None:
    client.write("*IDN?;STR?;*OPC?")
    assert client.read_bytes(10) == b"M,Str,7,1;"
    assert client.read_bytes(10) == b"#8%08d" % len(CONTENT)
    assert client.read_bytes(len(CONTENT)) == CONTENT
    assert client.read_bytes(3) == b";1\n"


def test_a_response_knows_its_size_and_has_its_parts_in_order() -> None:
    response = Response.of([b"a", Stream(3, lambda: [b"b", b"cd"]), b"", b"e"]).ended(b"\n")
    assert response.whole() == b"a;bcd;;e\n"
    assert response.size == 9
    assert list(response.buffers()) == [b"a;", b"b", b"cd", b";;e\n"]
    assert Response.joined([response, Response([b"f"])]).whole() == b"a;bcd;;e\nf"


def test_a_simulator_answers_the_same_as_a_whole() -> None:
    answer = Streaming().handle(b"STR?")
    assert answer is not None
    assert answer[10:] == CONTENT
