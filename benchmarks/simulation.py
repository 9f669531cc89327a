"""A step of a full campaign in the simulated bench (no sockets) against as many normal numbers from NumPy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from aimdlab.bench.roles import ScopeChannel, ScopeSetup
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_signal import CYCLES, T_DWELL_MS, T_OFF_MS, TAPW_TBPW_MS, milli
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision
from aimdlab_drivers.keysight.waveform_33500b import Keysight33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world

WORLDS = Path(__file__).parents[1] / "configs" / "worlds"
_EXPOSURE_S = 15.0
_MARGIN_S = 1.2
_LARGEST_V = {0.2e-3: 30.0, 0.4e-3: 15.0, 1e-3: 6.0, 2e-3: 3.0}  # at C: Tier 1, lead of 100 cm, implant volume
_LEVELS = (0.025, 0.05, 0.125, 0.25, 0.5, 0.75, 1.0)


def measure(world: str, steps: int) -> tuple[float, float]:
    """Seconds of the processor per step over a stratified sample of Table 2, and for the noise of its samples alone."""
    bench = _bench(world)
    numbers = np.random.Generator(np.random.Philox(1))
    samples, own_s, floor_s = 0, 0.0, 0.0
    for signal, c_v in _sample(steps, bench.done):
        begun_s = time.process_time()
        samples = bench.step(signal, c_v)
        between_s = time.process_time()
        numbers.standard_normal(samples, np.float32)
        own_s, floor_s = own_s + between_s - begun_s, floor_s + time.process_time() - between_s
    return own_s / steps, floor_s / steps


def _sample(steps: int, done: int) -> list[tuple[InjectedSignal, float]]:
    """So many of the 1040 combinations, one of each stretch of the list, others each time."""
    every = list(product([tbpw for _, tbpw in TAPW_TBPW_MS], T_DWELL_MS, CYCLES, T_OFF_MS))
    stretch = len(every) // steps
    chosen = [every[k * stretch + (7 * k + done) % stretch] for k in range(steps)]
    signals = [InjectedSignal(milli(tbpw), milli(dwell), cycles, milli(off)) for tbpw, dwell, cycles, off in chosen]
    return [(signal, _LARGEST_V[signal.tbpw_s] * _LEVELS[(k + done) % 7]) for k, signal in enumerate(signals)]


@cache
def _bench(world: str) -> _Bench:
    return _Bench(WORLDS / f"{world}.yaml")


class _Wire:
    """A link without a network."""

    def __init__(self, instrument: Any) -> None:
        self._instrument = instrument

    def run(self, work: Callable[[], Any]) -> Any:
        return work()

    def write(self, command: str) -> None:
        self._instrument.handle(command.encode("latin-1"))

    def write_block(self, command: str, payload: bytes) -> None:
        length = str(len(payload))
        self._instrument.handle(f"{command}#{len(length)}{length}".encode() + payload)

    def query(self, command: str) -> str:
        return str(self._instrument.handle(command.encode()).decode("latin-1"))

    def query_block(self, command: str) -> bytes:
        reply = self._instrument.handle(command.encode())
        return bytes(memoryview(reply)[2 + int(reply[1:2]) :])


class _Bench:
    """Generator, network, device and oscilloscope, driven as the procedure does."""

    def __init__(self, world: Path) -> None:
        self.done = 0
        self._time = Timebase(held=True)
        self._time.claim()
        self._world = load_world(world, self._time)
        instruments = self._world.instruments
        self._generator = Keysight33500B("generator", _Wire(instruments["generator"]), Keysight33500B.Options())  # type: ignore[arg-type]
        self._scope = KeysightInfiniiVision(
            "oscilloscope",
            _Wire(instruments["oscilloscope"]),  # type: ignore[arg-type]
            KeysightInfiniiVision.Options(),
        )
        self._generator.initialise()
        self._scope.initialise()

    def step(self, signal: InjectedSignal, c_v: float) -> int:
        """One step; how many samples were fetched."""
        self.done += 1
        self._world.mark(self.done, 1)
        base_hz = signal.base_rate_hz()
        rate_hz = float(base_hz * math.ceil(100e3 / base_hz))
        self._generator.load(1, signal.sequenced(rate_hz, _EXPOSURE_S), c_v / 4)
        self._generator.set_output(1, True)
        at_d, looked_at_s = 0.594 * c_v / 10, min(signal.burst_s, 2 * signal.burst_s / signal.cycles)
        d, k = ScopeChannel(1, 1.25 * at_d), ScopeChannel(2, 1.25 * (3.5 + 0.576 * c_v) / 2)
        verify = ScopeSetup(
            channels=(d,),
            span_s=1.1 * looked_at_s,
            pre_trigger_s=0.1 * looked_at_s,
            sample_rate_hz=5e6,
            trigger_source="external",
            trigger_level_v=1.0,
        )
        exposed_s = signal.repeats_for(_EXPOSURE_S) * signal.period_s
        exposure = ScopeSetup(
            channels=(d, k),
            span_s=1.001 * exposed_s + _MARGIN_S,
            pre_trigger_s=_MARGIN_S,
            sample_rate_hz=20e3,
            trigger_source="external",
            trigger_level_v=1.0,
        )
        samples = self._acquire(verify, 1, (1,))
        self._pass(signal.period_s)
        samples += self._acquire(exposure, signal.repeats_for(_EXPOSURE_S), (1, 2))
        self._generator.set_output(1, False)
        return samples

    def _acquire(self, setup: ScopeSetup, repeats: int, inputs: tuple[int, ...]) -> int:
        self._generator.set_repeats(1, repeats)
        self._scope.configure(setup)
        self._scope.arm()
        self._pass(setup.pre_trigger_s)
        while not self._scope.is_armed():
            self._pass(0.02)
        self._generator.trigger(1)
        self._pass(setup.span_s)
        while not self._scope.is_complete():
            self._pass(0.02)
        return sum(self._scope.fetch(number).codes.size for number in inputs)

    def _pass(self, seconds: float) -> None:
        self._time.advance_to(self._time.now_s() + seconds)
