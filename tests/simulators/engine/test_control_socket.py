"""The control socket: who owns time, what can be asked, and what a broken client cannot do."""

import json
import math
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.process import ServedBench, serve
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.timebase import SimulatorError, Timebase
from patience import LIMIT_S, wait_for


class Source(ScpiInstrument):
    def observe(self) -> dict[str, object]:
        return super().observe() | {"output": np.bool_(True), "until_s": math.inf, "volts": np.float64(1.5)}


class World:
    def __init__(self, timebase: Timebase) -> None:
        def source(name: str) -> Source:
            return Source(name=name, maker="M", model="S-1", serial="5", firmware="0", timebase=timebase)

        self.instruments = {"generator": source("generator"), "scope": source("scope")}
        self.transports = {"generator": "socket", "scope": "hislip"}
        self.marks: list[tuple[int, int]] = []
        self.disturbances: dict[str, tuple[str, ...]] = {}

    def mark(self, step: int, attempt: int) -> None:
        self.marks.append((step, attempt))

    def observe(self) -> dict[str, object]:
        return {"beats": np.int64(3)}


class Client:
    def __init__(self, bench: ServedBench) -> None:
        host, port = bench.control.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")

    def send(self, line: bytes) -> dict[str, Any]:
        self.socket.sendall(line + b"\n")
        reply = json.loads(self.lines.readline())
        assert isinstance(reply, dict)
        return reply

    def ask(self, op: str, **arguments: object) -> dict[str, Any]:
        return self.send(json.dumps({"op": op, **arguments}).encode())

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def bench() -> Iterator[ServedBench]:
    timebase = Timebase()
    with serve(World(timebase), timebase, world_file="there.yaml") as served:
        yield served


@pytest.fixture
def client(bench: ServedBench) -> Iterator[Client]:
    one = Client(bench)
    yield one
    one.close()


@pytest.fixture
def other(bench: ServedBench) -> Iterator[Client]:
    one = Client(bench)
    yield one
    one.close()


def test_hello_names_every_instrument(bench: ServedBench, client: Client) -> None:
    hello = client.ask("hello")
    assert hello["ok"] is True
    assert hello["protocol"] == 1
    assert hello["world"] == "there.yaml"
    assert hello["control"] == bench.control
    assert list(hello["instruments"]) == ["generator", "scope"]
    assert hello["instruments"]["generator"] == {
        "resource": f"TCPIP::127.0.0.1::{bench._servers['generator'].port}::SOCKET",
        "model": "S-1",
        "serial": "5",
        "transport": "socket",
    }
    assert hello["instruments"]["scope"]["resource"].startswith("TCPIP::127.0.0.1::hislip0,")


def test_only_the_owner_moves_time(bench: ServedBench, client: Client, other: Client) -> None:
    assert client.ask("advance", to_s=5)["ok"] is False
    start = client.ask("claim_time")["now_s"]
    assert other.ask("claim_time") == {
        "ok": False,
        "error": "World time is already claimed by another client; wait until that run has ended.",
    }
    assert other.ask("advance", to_s=start + 5)["ok"] is False
    assert other.ask("release_time")["ok"] is False
    assert client.ask("now") == {"ok": True, "now_s": start}
    assert client.ask("advance", to_s=start + 5) == {"ok": True, "now_s": start + 5}
    assert client.ask("advance", to_s=start) == {"ok": True, "now_s": start + 5}
    assert other.ask("now") == {"ok": True, "now_s": start + 5}
    assert client.ask("release_time")["ok"] is True
    assert other.ask("claim_time")["now_s"] >= start + 5


def test_time_runs_on_when_its_owner_drops_dead(bench: ServedBench, client: Client, other: Client) -> None:
    start = client.ask("claim_time")["now_s"]
    client.ask("advance", to_s=start + 1000)
    client.close()
    wait_for(lambda: not other.ask("state")["virtual"])
    assert other.ask("now")["now_s"] >= start + 1000
    wait_for(lambda: other.ask("now")["now_s"] > start + 1000.01)


def test_marks_and_state_reach_the_world(bench: ServedBench, client: Client) -> None:
    assert client.ask("mark", step=3, attempt=2)["ok"] is True
    assert isinstance(bench.world, World)
    assert bench.world.marks == [(3, 2)]
    state = client.ask("state")
    assert state["world"] == {"beats": 3}
    assert state["instruments"]["generator"] == {
        "model": "S-1", "serial": "5", "errors": [], "output": True, "until_s": None, "volts": 1.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"5", b'{"op": "explode"}', b'{"op": 5}', b'{"op": "mark"}', b'{"op": "mark", "step": "x"}',
     b'{"op": "advance"}', b"\xff\xfe", b"[" * 10_000, b'{"op": null}'],
)  # fmt: skip
def test_bad_requests_are_refused_and_the_connection_goes_on(client: Client, line: bytes) -> None:
    reply = client.send(line)
    assert reply["ok"] is False
    assert reply["error"]
    assert client.ask("now")["ok"] is True


@pytest.mark.parametrize("to_s", ["x", None, [], "nan", "inf"])
def test_time_is_not_put_to_nonsense(client: Client, to_s: object) -> None:
    client.ask("claim_time")
    assert client.ask("advance", to_s=to_s)["ok"] is False


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_garbage_harms_nobody_else(bench: ServedBench, client: Client, data: bytes) -> None:
    bad = Client(bench)
    bad.socket.sendall(data)
    bad.close()
    assert client.ask("now")["ok"] is True


def test_an_endless_line_is_hung_up_on(bench: ServedBench, client: Client) -> None:
    bad = Client(bench)
    with pytest.raises(ConnectionError):  # noqa: PT012 - how much is taken before the reset is not ours to say
        while True:
            bad.socket.sendall(b"x" * 65536)
    bad.close()
    assert client.ask("now")["ok"] is True


def test_shutdown_is_answered_before_the_end(bench: ServedBench, client: Client) -> None:
    assert client.ask("shutdown")["ok"] is True
    bench.wait()


def test_nobody_connected_for_a_while_is_the_end(bench: ServedBench) -> None:
    client = Client(bench)
    assert client.ask("now")["ok"] is True
    assert bench.idle_s == 0
    client.close()
    wait_for(lambda: bench.idle_s > 0)
    bench.wait(linger_s=0.05)


def test_it_does_not_end_while_somebody_is_there(bench: ServedBench, client: Client) -> None:
    begin = client.ask("now")["now_s"]
    waiting = threading.Thread(target=bench.wait, args=(0.05,), daemon=True)
    waiting.start()
    while client.ask("now")["now_s"] < begin + 0.3:
        assert waiting.is_alive()
    client.close()
    waiting.join(LIMIT_S)
    assert not waiting.is_alive()


def test_ports_in_a_row_or_a_clear_refusal(bench: ServedBench) -> None:
    taken = bench._servers["scope"].port
    timebase = Timebase()
    with pytest.raises(SimulatorError, match=r"not free.*--base-port") as refusal:
        serve(World(timebase), timebase, base_port=taken)
    assert refusal.value.exit_status == 3
    for base in range(20_000, 30_000, 7):
        try:
            served = serve(World(timebase), timebase, base_port=base)
        except SimulatorError:
            continue
        with served:
            assert [served._servers[name].port for name in ("generator", "scope")] == [base, base + 1]
            assert served.control == f"127.0.0.1:{base + 2}"
        return
    pytest.fail("no three ports in a row are free")


@pytest.mark.parametrize(
    ("host", "base_port"), [("no such host", 0), ("127.0.0.1", 65_536), ("127.0.0.1", -5), ("192.0.2.1", 0)]
)
def test_addresses_that_cannot_be(host: str, base_port: int) -> None:
    timebase = Timebase()
    with pytest.raises(ConfigurationError):
        serve(World(timebase), timebase, host=host, base_port=base_port)


def test_an_unknown_transport_is_a_configuration_error() -> None:
    timebase = Timebase()
    world = World(timebase)
    world.transports["scope"] = "pigeon"
    with pytest.raises(ConfigurationError, match=r"w\.yaml: instrument scope: unknown transport 'pigeon'"):
        serve(world, timebase, world_file="w.yaml")
