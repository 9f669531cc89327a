"""Instruments that are slow on purpose."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.process import ServedBench, serve
from aimdlab_simulators.scpi import delays
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world
from patience import LIMIT_S

WORLD = """\
aimdlab: world/1
seed: 1
instruments:
  generator: {model: g, variant: 33522B, serial: MY1, firmware: "1", transport: socket, GENERATOR}
  oscilloscope: {model: s, variant: DSOX3024A, serial: MY2, firmware: "1", transport: socket, OSCILLOSCOPE}
wires: {oscilloscope.1: generator.1}
"""


def load(tmp_path: Path, *, generator: str = "", oscilloscope: str = "") -> tuple[World, Timebase]:
    time = Timebase(held=True)
    time.claim()
    path = tmp_path / "world.yaml"
    text = WORLD.replace(", GENERATOR", f", delays: {{{generator}}}" if generator else "")
    path.write_text(text.replace(", OSCILLOSCOPE", f", delays: {{{oscilloscope}}}" if oscilloscope else ""), "utf-8")
    return load_world(path, time, {"g": Simulated33500B, "s": SimulatedInfiniiVision}), time


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every wait, instead of waiting; a wait ends at once, as if it had taken no time."""
    found: list[float] = []
    monkeypatch.setattr(delays.time, "sleep", found.append)
    monkeypatch.setattr(delays.time, "monotonic", lambda: 0.0)
    return found


def test_each_command_of_a_chain_takes_its_time(tmp_path: Path, waits: list[float]) -> None:
    world, _ = load(tmp_path, generator='command: "20 ms"')
    assert world.instruments["generator"].handle(b"FREQ 1000;VOLT 1;:OUTP?") == b"0"
    assert waits == [0.02] * 3
    world.instruments["oscilloscope"].handle(b"*CLS;*OPC?")
    assert waits == [0.02] * 3


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_a_link_carries_so_many_bytes_a_second_both_ways(tmp_path: Path, waits: list[float], transport: str) -> None:
    world, time = load(tmp_path, oscilloscope='transfer: "1 MB/s"')
    world.transports["oscilloscope"] = transport
    with serve(world, time) as bench, one_client(bench) as client:
        answer = client.query("*IDN?")
    assert sum(waits) == pytest.approx((len("*IDN?\n") + len(answer)) / 1e6, abs=2e-6)  # but for terminators


@contextlib.contextmanager
def one_client(bench: ServedBench) -> Iterator[MessageBasedResource]:
    manager = pyvisa.ResourceManager("@py")
    resource = bench.hello()["instruments"]["oscilloscope"]["resource"]  # type: ignore[index]
    client = manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=LIMIT_S * 1e3)
    assert isinstance(client, MessageBasedResource)
    with contextlib.closing(client):
        yield client
    manager.close()


def test_arming_takes_bench_time(tmp_path: Path) -> None:
    ready = {}
    for name, given in (("slow", 'arming: "50 ms"'), ("ideal", "")):
        world, time = load(tmp_path, oscilloscope=given)
        scope = world.instruments["oscilloscope"]
        scope.handle(b":STOP;:TIM:RANG 0.02;:TRIG:SWE NORM;*CLS;:AER?;:SING")  # 10 ms before the trigger
        ready[name] = []
        for at_s in (0.009, 0.011, 0.059, 0.061):
            time.advance_to(at_s)
            ready[name].append(scope.handle(b":AER?"))
    assert ready == {"ideal": [b"0", b"1", b"0", b"0"], "slow": [b"0", b"0", b"0", b"1"]}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ('arming: "50 ms"', "never armed"),
        ("command: 0.02", "unit is missing"),
        ('transfer: "100 MHz"', "expected a speed like '100 MB/s'"),
        ('transfer: "0 MB/s"', "greater than or equal"),
        ('wait: "1 s"', "unknown key"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, given: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        load(tmp_path, generator=given)
