"""A small bench under a scenario: an instrument with a settable level, a number and a block to ask for."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab_simulators.faults import load_scenario
from aimdlab_simulators.process import ServedBench, places_of, serve
from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.timebase import Timebase
from patience import LIMIT_S

BLOCK = b"#216" + bytes(range(16))


class Source(ScpiInstrument):
    """Its level is lost with the power, as its memory is."""

    def __init__(self, name: str, timebase: Timebase) -> None:
        super().__init__(name=name, maker="M", model="S-1", serial="5", firmware="0", timebase=timebase)
        self.level = 0
        self.memory = 0

    def reset(self) -> None:
        super().reset()
        self.level = 0

    def lose_memory(self) -> None:
        self.memory = 0

    @command("LEVel", "LEVel?")
    def set_level(self, call: Call) -> int | None:
        if call.query:
            return self.level
        self.level = call.argument().integer(0, 1000)
        return None

    @command("MEMory", "MEMory?")
    def set_memory(self, call: Call) -> int | None:
        if call.query:
            return self.memory
        self.memory = call.argument().integer(0, 1000)
        return None

    @command("DATA?")
    def data(self, _call: Call) -> bytes:
        return BLOCK


class FaultyWorld:
    def __init__(self, timebase: Timebase, transport: str) -> None:
        self.instruments = {name: Source(name, timebase) for name in ("source", "other")}
        self.transports = dict.fromkeys(self.instruments, transport)
        self.disturbances = {"amplifier": ("drift", "trip", "reset"), "source.1": ("unplug",), "old": ("trip",)}
        self.disturbed: list[tuple[float, str, str, dict[str, float]]] = []
        self.marks: list[tuple[int, int]] = []
        self._timebase = timebase

    def disturb(self, name: str, kind: str, **parameters: float) -> None:
        self.disturbed.append((self._timebase.now_s(), name, kind, parameters))

    def mark(self, step: int, attempt: int) -> None:
        self.marks.append((step, attempt))

    def observe(self) -> dict[str, object]:
        return {}

    def program(self, mode: str, device: str | None) -> list[str]:
        return []

    def interrogate(self) -> dict[str, dict[str, str | float | bool]]:
        return {}


class FaultyBench:
    """What is served, and a client of its control socket."""

    def __init__(self, served: ServedBench, world: FaultyWorld) -> None:
        self.world = world
        self.source, self.other = world.instruments.values()
        self.resources = {name: str(one["resource"]) for name, one in served.hello()["instruments"].items()}  # type: ignore[attr-defined]
        self.address = served.control
        host, _, port = served.control.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=LIMIT_S)
        self._lines = self._socket.makefile("rb")

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        self._socket.sendall((json.dumps({"op": op, **arguments}) + "\n").encode())
        reply: dict[str, Any] = json.loads(self._lines.readline())
        return reply

    @property
    def struck(self) -> list[tuple[str, str, int, int]]:
        """What struck: kind, where, step, attempt."""
        faults = self.ask("state")["faults"]
        return [(one["fault"], one["where"], one["step"], one["attempt"]) for one in faults]

    @contextlib.contextmanager
    def link(self, name: str = "source") -> Iterator[VisaLink]:
        link = VisaLink.open(name, self.resources[name], RealClock(), timeout_s=LIMIT_S)
        try:
            yield link
        finally:
            link.close()

    @contextlib.contextmanager
    def raw(self, name: str = "source") -> Iterator[socket.socket]:
        """A bare connection; of the raw socket server only."""
        port = int(self.resources[name].split("::")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as sock:
            yield sock

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextlib.contextmanager
def faulty_bench(folder: Path, faults: str, transport: str = "socket", *, held: bool = False) -> Iterator[FaultyBench]:
    """A bench under the scenario whose text, after its first line, is ``faults``; "" for none."""
    timebase = Timebase(held=held)
    world = FaultyWorld(timebase, transport)
    scenario = None
    if faults:
        path = folder / "scenario.yaml"
        path.write_text(f"aimdlab: scenario/1\n{faults}", encoding="utf-8")
        scenario = load_scenario(path, places_of(world))
    with serve(world, timebase, world_file="world.yaml", scenario=scenario) as served:
        bench = FaultyBench(served, world)
        try:
            yield bench
        finally:
            bench.close()
