"""The shipped worlds over real sockets with PyVISA: an injected burst and the device's pulses, as a bench sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa

from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.process import serve
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world
from patience import LIMIT_S

WORLDS = Path(__file__).parents[3] / "configs" / "worlds"
SIMULATORS = {"keysight_33500b": Simulated33500B, "keysight_infiniivision": SimulatedInfiniiVision}
AMPLITUDE_V = 15.0  # at C; 7.5 V at the port
PERIOD_S = 26e-3


class Bench:
    def __init__(self, world_file: str) -> None:
        self.time = Timebase()
        self.time.claim()
        self.world = load_world(WORLDS / world_file, self.time, SIMULATORS)
        self.served = serve(self.world, self.time)
        hello: Any = self.served.hello()["instruments"]
        self.manager = pyvisa.ResourceManager("@py")
        options = {"read_termination": "\n", "write_termination": "\n", "timeout": 1000 * LIMIT_S}
        self.generator: Any = self.manager.open_resource(hello["generator"]["resource"], **options)
        self.scope: Any = self.manager.open_resource(hello["oscilloscope"]["resource"], timeout=1000 * LIMIT_S)

    def wait(self, seconds: float) -> None:
        self.time.advance_to(self.time.now_s() + seconds)

    def close(self) -> None:
        self.generator.close()
        self.scope.close()
        self.manager.close()
        self.served.close()

    def inject(self) -> None:
        """600 bursts of Fig. 4's shape, 15.6 s."""
        codes = np.zeros(round(PERIOD_S * 1e6), dtype="<i2")
        # The first point is 0: the output rests there before and after.
        codes[10:110], codes[610:810], codes[1310:1410] = 32767, -32767, 32767
        self.generator.write("OUTP OFF;:DATA:VOL:CLE;:FORM:BORD SWAP")
        self.generator.write_binary_values("DATA:ARB:DAC burst,", codes, datatype="h")
        self.generator.write("FUNC:ARB burst;:FUNC:ARB:FILT OFF;:FUNC:ARB:SRAT 1e6;:FUNC ARB;:OUTP:LOAD INF")
        self.generator.write(f"VOLT {AMPLITUDE_V / 4 * 2};:BURS:MODE TRIG;:BURS:NCYC 600;:TRIG:SOUR BUS")
        self.generator.write("BURS:STAT ON;:OUTP ON")
        assert self.generator.query("SYST:ERR?") == '+0,"No error"'

    def acquire(self, span_s: float) -> None:
        self.scope.write(
            ":STOP;:CHAN1:DISP 1;RANG 3.4;:CHAN2:DISP 1;RANG 14;:TIM:REF LEFT;:TIM:POS 0;"
            f":TIM:RANG {span_s};:TRIG:SWE NORM;:TRIG:LEV 0.5,CHAN1;:WAV:FORM WORD;BYT LSBF;UNS 1;"
            ":WAV:POIN 500000;:WAV:POIN:MODE RAW;:SING"
        )
        assert self.scope.query(":SYST:ERR?").strip() == '+0,"No error"'

    def fetch(self, channel: int) -> tuple[np.ndarray, np.ndarray]:
        fields = [float(field) for field in self.scope.query(f":WAV:SOUR CHAN{channel};PRE?").split(",")]
        codes = self.scope.query_binary_values(":WAV:DATA?", datatype="H", container=np.array)
        t_s = (np.arange(len(codes)) - fields[6]) * fields[4] + fields[5]
        return t_s, (codes - fields[9]) * fields[7] + fields[8]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


def pulses_of_the_device(bench: Bench) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bench.wait(5.0)
    bench.inject()
    bench.acquire(15.0)
    bench.wait(1.6)
    assert bench.scope.query(":AER?").strip() == "1"
    bench.generator.write("*TRG")
    assert bench.generator.query("SYST:ERR?") == '+0,"No error"'
    bench.wait(13.6)
    assert int(bench.scope.query(":OPER:COND?")) == 0
    t_s, tip = bench.fetch(1)
    injected = tip * 10  # the probe on D divides by ten
    _, k = bench.fetch(2)
    residual = 2 * k - 0.5 * injected
    rising = np.flatnonzero((residual[:-1] < 1.75) & (residual[1:] >= 1.75))
    return t_s, injected, t_s[rising]


@pytest.mark.parametrize("bench", ["robust_pacemaker.yaml"], indirect=True)
def test_a_robust_device_paces_through(bench: Bench) -> None:
    t_s, injected, beats = pulses_of_the_device(bench)
    assert injected[t_s < -1e-4].max() < 1.0
    assert injected.max() == pytest.approx(AMPLITUDE_V, rel=0.02)
    assert injected.min() == pytest.approx(-AMPLITUDE_V, rel=0.02)
    assert np.diff(beats) == pytest.approx(np.ones(len(beats) - 1), abs=0.01)
    assert len(beats) == 15


@pytest.mark.parametrize("bench", ["susceptible_pacemaker.yaml"], indirect=True)
def test_a_susceptible_device_stops_when_the_bursts_begin(bench: Bench) -> None:
    t_s, injected, beats = pulses_of_the_device(bench)
    assert np.abs(injected[t_s > 0]).max() > 14
    assert (beats < 0.0).sum() >= 1
    assert (beats > 0.0).sum() == 0


@pytest.mark.parametrize("bench", ["inhibited_pacemaker.yaml"], indirect=True)
def test_an_inhibited_device_never_paces(bench: Bench) -> None:
    assert len(pulses_of_the_device(bench)[2]) == 0


@pytest.mark.parametrize("bench", ["robust_pacemaker.yaml"], indirect=True)
def test_the_edges_of_the_injected_pulses(bench: Bench) -> None:
    bench.wait(1.0)
    bench.inject()
    bench.acquire(5e-3)
    bench.wait(1e-3)
    bench.generator.write("*TRG")
    assert bench.generator.query("SYST:ERR?") == '+0,"No error"'
    bench.wait(10e-3)
    t_s, tip = bench.fetch(1)
    volts = tip * 10
    up = t_s[np.flatnonzero((volts[:-1] < 7.5) & (volts[1:] >= 7.5)) + 1]
    down = t_s[np.flatnonzero((volts[:-1] > -7.5) & (volts[1:] <= -7.5)) + 1]
    assert up == pytest.approx([0.0, 1.3e-3], abs=1e-6)
    assert down == pytest.approx([0.6e-3], abs=1e-6)
    rise = t_s[(volts > 1.5) & (volts < 13.5) & (t_s < 5e-6) & (t_s > -1e-6)]
    assert 0.1e-6 < np.ptp(rise) < 0.5e-6  # 10 to 90 % through 1 MHz: 0.35 us
