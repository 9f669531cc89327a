"""A burst started by the device's own pulse: oscilloscope to generator, in the order of world time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world
from aimdlab_simulators.world.generator_output import GeneratorOutput

SIMULATORS = {"g": Simulated33500B, "s": SimulatedInfiniiVision}
LATENCY_S = 0.15e-6
WORLD = """
aimdlab: world/1
seed: 5
instruments:
  generator: {{model: g, variant: 33522B, serial: MY1, firmware: "1", transport: socket}}
  oscilloscope: {{model: s, variant: DSOX3024A, serial: MY2, firmware: "1", transport: hislip}}
nodes:
  network:
    kind: resistive_network
    input: generator.1
    device: pacemaker
    source_resistance: "0 ohm"
    series_resistance: "500 ohm"
    load_resistance: "500 ohm"
    monitor_upper_resistance: "1 Mohm"
    monitor_lower_resistance: "1 Mohm"
  pacemaker: {{kind: pacemaker, mode: VVI, rate: "60 1/min", amplitude: "3.5 V", pulse_width: "0.5 ms"{more}}}
wires: {{oscilloscope.1: network.D, oscilloscope.2: network.K{wire}}}
"""
WIRE = ", generator.ext_trig: oscilloscope.trig_out"


class Bench:
    """A burst of 0.8 ms at 4 V, 0.2 ms after its trigger; the oscilloscope looks for the device's pulse at K."""

    def __init__(self, folder: Path, wire: str = WIRE, more: str = "") -> None:
        path = folder / "world.yaml"
        path.write_text(WORLD.format(wire=wire, more=more), encoding="utf-8")
        self.time = Timebase()
        self.time.claim()
        self.world = load_world(path, self.time, SIMULATORS)
        self.generator, self.scope = self.world.instruments["generator"], self.world.instruments["oscilloscope"]
        self.output: GeneratorOutput = self.generator.outputs[1]  # type: ignore[attr-defined]
        self.ask(
            self.generator,
            "OUTP1:LOAD INF;:SOUR1:DATA:ARB step,0,1,1,1,1,1,1,1,1,0;:SOUR1:FUNC:ARB step;:SOUR1:FUNC:ARB:SRAT 10000"
            ";:SOUR1:FUNC ARB;:SOUR1:VOLT 8;:SOUR1:BURS:MODE TRIG;:SOUR1:BURS:NCYC 1"
            ";:TRIG1:DEL 0.0001;:TRIG1:SOUR EXT;:SOUR1:BURS:STAT ON;:OUTP1 ON",
        )
        self.ask(
            self.scope,
            "STOP;:CHAN1:DISP ON;:CHAN1:RANG 20;:CHAN2:DISP ON;:CHAN2:RANG 8;:TIM:RANG 0.01"
            ";:TRIG:EDGE:SOUR CHAN2;:TRIG:EDGE:LEV 0.875;:TRIG:SWE NORM",
        )

    def ask(self, instrument: ScpiInstrument, message: str) -> str:
        answer = instrument.handle(message.encode())
        return "" if answer is None else answer.decode()

    def wait(self, until_s: float) -> None:
        self.time.advance_to(until_s)

    def bursts(self, until_s: float) -> list[float]:
        """Starts of what was played so far, to 10 us, after everybody has looked."""
        self.ask(self.scope, "AER?")
        volts = np.asarray(self.output.samples(0.0, 1e-5, round(until_s / 1e-5)))
        return [float(i) * 1e-5 for i in np.flatnonzero((volts[1:] > 2) & (volts[:-1] <= 2)) + 1]


def test_the_first_pulse_after_arming_starts_one_burst(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wait(1.5)
    bench.ask(bench.scope, "SING")
    bench.wait(4.5)  # the pulses at 2, 3 and 4 s
    starts_s = bench.bursts(4.5)
    assert starts_s == pytest.approx([2.0 + 0.0002 + LATENCY_S], abs=1.1e-5)
    assert bench.ask(bench.scope, "RST?") in ("STOP", "")
    bench.ask(bench.scope, "SING")
    bench.wait(7.5)
    assert bench.bursts(7.5) == pytest.approx([2.0002, 5.0002], abs=1.1e-5)
    # Left alone, nothing more is played: what is not armed again starts nothing.
    bench.wait(60.0)
    assert len(bench.bursts(60.0)) == 2


def test_a_command_that_comes_later_does_not_undo_what_came_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wait(1.5)
    bench.ask(bench.scope, "SING")
    bench.wait(2.0005)  # within the burst that nobody has looked at yet
    bench.ask(bench.generator, "OUTP1 OFF")
    bench.wait(3.0)
    volts = np.asarray(bench.output.samples(2.0, 1e-5, 100))
    played = np.flatnonzero(volts > 2)
    assert played[0] == pytest.approx(20, abs=1.1)
    assert played[-1] == pytest.approx(50, abs=1.1), "off from the moment of the command"


@pytest.mark.parametrize(
    ("wire", "generator", "scope"),
    [
        ("", "", ""),
        (WIRE, "TRIG1:SLOP NEG", ""),
        (WIRE, "TRIG1:SOUR BUS", ""),
        (WIRE, "SOUR1:BURS:STAT OFF;:TRIG1:SOUR EXT;:OUTP1 OFF", ""),
        (WIRE, "", "CAL:OUTP MASK"),
        (WIRE, "", "TRIG:EDGE:SOUR CHAN1"),
        (WIRE, "", "TRIG:EDGE:LEV 3"),
    ],
)
def test_without_a_trigger_that_arrives_nothing_is_played(
    tmp_path: Path, wire: str, generator: str, scope: str
) -> None:
    bench = Bench(tmp_path, wire)
    bench.ask(bench.generator, generator or "*OPC")
    bench.ask(bench.scope, scope or "*OPC")
    bench.wait(1.5)
    bench.ask(bench.scope, "SING")
    bench.wait(4.5)
    assert bench.bursts(4.5) == []


def test_a_device_feels_the_burst_that_its_own_pulse_started(tmp_path: Path) -> None:
    reset = ', reset: {level: "1.5 V", pause: "0.5 s", rate: "65 1/min", amplitude: "5 V", pulse_width: "0.6 ms"}'
    bench = Bench(tmp_path, more=reset)
    bench.wait(1.5)
    bench.ask(bench.scope, "SING")
    # Nobody looks for three seconds, in which the device would have paced at 3 and 4 s.
    bench.wait(4.9)
    bench.ask(bench.scope, "AER?")
    bench.world.instruments["oscilloscope"].inputs[2].signal.samples(1.9, 1e-4, 30_000)  # type: ignore[attr-defined]
    state = bench.world.observe()["pacemaker"]
    assert isinstance(state, dict)
    assert state["reset_at_s"] == pytest.approx(2.0002, abs=1e-5)


def test_a_burst_in_hand_ignores_further_triggers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.ask(bench.generator, "SOUR1:FUNC:ARB:SRAT 5")  # 2 s long
    bench.ask(bench.scope, "RUN")
    bench.wait(3.1)
    # The pulse at 2 s comes within the burst that the pulse at 1 s started.
    assert bench.bursts(3.1) == pytest.approx([1.0 + 0.0001 + 0.2], abs=1.1e-5)


def test_a_wire_from_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"wires.*generator.ext_trig.*no trigger output 'oscilloscope.out'"):
        Bench(tmp_path, ", generator.ext_trig: oscilloscope.out")
