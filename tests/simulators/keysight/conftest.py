"""Simulated Keysight instruments in a world of virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world

WORLD = """
aimdlab: world/1
seed: 3
instruments:
  generator: {model: g, variant: 33522B, serial: MY1, firmware: "1", transport: socket}
  oscilloscope:
    {model: s, variant: DSOX3024A, serial: MY2, firmware: "1", transport: hislip, channels: {2: {noise: "20 mV"}}}
wires: {oscilloscope.1: generator.1, oscilloscope.2: generator.2, oscilloscope.ext: generator.sync}
"""


class Lab:
    """Generator channels 1 and 2 on oscilloscope inputs 1 and 2; input 2 is noisy."""

    def __init__(self, folder: Path, oscilloscope: str = "DSOX3024A") -> None:
        path = folder / "world.yaml"
        path.write_text(WORLD.replace("DSOX3024A", oscilloscope), encoding="utf-8")
        self.time = Timebase()
        self.time.claim()
        self.time.advance_to(100.0)
        self.world = load_world(path, self.time, {"g": Simulated33500B, "s": SimulatedInfiniiVision})
        self.generator = self.world.instruments["generator"]
        self.scope = self.world.instruments["oscilloscope"]

    def wait(self, seconds: float) -> float:
        return self.time.advance_to(self.time.now_s() + seconds)

    def gen(self, message: str | bytes) -> str:
        return ask(self.generator, message)

    def osc(self, message: str | bytes) -> str:
        return ask(self.scope, message)

    def errors(self) -> list[str]:
        found = [self.gen("SYST:ERR?"), self.osc("SYST:ERR?")]
        return [error for error in found if error != '+0,"No error"']


def ask(instrument: ScpiInstrument, message: str | bytes) -> str:
    answer = instrument.handle(message if isinstance(message, bytes) else message.encode())
    return "" if answer is None else answer.decode("latin-1")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def deep_lab(tmp_path: Path) -> Lab:
    """With an oscilloscope of the HD3 series."""
    return Lab(tmp_path, "HD304MSO")
