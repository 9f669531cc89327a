"""Simulators on real sockets for public third-party clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.process import ServedBench, serve
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world

WORLD = """
aimdlab: world/1
seed: 7
instruments:
  generator: {model: generator, variant: 33522B, serial: MY1, firmware: 5.03-3.15-2.00-58-00, transport: socket}
  oscilloscope: {model: scope, variant: DSOX1102G, serial: CN1, firmware: 01.20.2019061038, transport: hislip}
  by_socket: {model: scope, variant: DSOX1102G, serial: CN2, firmware: 01.20.2019061038, transport: socket}
wires: {oscilloscope.1: generator.1, oscilloscope.2: generator.2}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ServedBench]:
    """A generator whose outputs are on the inputs of an oscilloscope, in real time."""
    path = tmp_path / "world.yaml"
    path.write_text(WORLD, encoding="utf-8")
    timebase = Timebase()
    world = load_world(path, timebase, {"generator": Simulated33500B, "scope": SimulatedInfiniiVision})
    with serve(world, timebase) as served:
        yield served


@pytest.fixture
def resource(bench: ServedBench) -> Callable[[str], str]:
    """The VISA resource of an instrument."""
    hello = bench.hello()["instruments"]
    assert isinstance(hello, dict)
    return lambda name: str(hello[name]["resource"])


@pytest.fixture
def no_errors(bench: ServedBench) -> Iterator[None]:
    """The error queues are empty at the end."""
    yield
    for instrument in bench.world.instruments.values():
        assert instrument.handle(b"SYST:ERR?") == b'+0,"No error"'
