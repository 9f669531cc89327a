"""Both drivers against the simulated instruments, over both transports: what one plays, the other records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.bench.roles import ScopeChannel, ScopeSetup, Waveform
from aimdlab.errors import InstrumentError, InstrumentRefusal
from aimdlab.signals.injected import InjectedSignal
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision
from aimdlab_drivers.keysight.waveform_33500b import Keysight33500B
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.servers.hislip import HislipServer
from aimdlab_simulators.servers.raw_socket import RawSocketServer
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.past import Past
from patience import LIMIT_S

SIGNAL = InjectedSignal(tbpw_s=0.5e-3, t_dwell_s=1e-3, cycles=2, t_off_s=20e-3)
RATE_HZ = 1e6
PEAK_V = 2.5


@dataclass
class Pair:
    """A generator and an oscilloscope whose input 1 looks at the generator's output 1."""

    generator: Keysight33500B
    oscilloscope: KeysightInfiniiVision
    simulated: Simulated33500B
    timebase: Timebase
    resource: str  # of the oscilloscope

    def output_on(self) -> bool:
        return bool(self.simulated.observe()["channels"]["1"]["output"])  # type: ignore[index]

    def record(self, setup: ScopeSetup) -> Waveform:
        self.oscilloscope.configure(setup)
        self.oscilloscope.arm()
        assert not self.oscilloscope.is_armed()
        before_s, after_s = self.oscilloscope.window_s(setup)
        self.wait(before_s + 1e-3)
        assert self.oscilloscope.is_armed()
        self.generator.trigger(1)
        assert not self.oscilloscope.is_complete()
        self.wait(after_s + 1e-3)
        assert self.oscilloscope.is_complete()
        return self.oscilloscope.fetch(1)

    def wait(self, duration_s: float) -> None:
        self.timebase.advance_to(self.timebase.now_s() + duration_s)


@pytest.fixture(params=[RawSocketServer, HislipServer], ids=["socket", "hislip"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    timebase, past = Timebase(), Past()
    timebase.claim()

    def setting(name: str, variant: str) -> Setting:
        return Setting(name=name, variant=variant, serial="MY1", firmware="1.0", timebase=timebase, past=past)

    generator = Simulated33500B(setting("generator", "33522B"))
    oscilloscope = SimulatedInfiniiVision(setting("oscilloscope", "DSOX3024A"))
    oscilloscope.inputs[1].connect(generator.outputs[1])
    oscilloscope.external.connect(generator.sync.output)
    servers = [request.param(generator), request.param(oscilloscope)]
    for server in servers:
        server.start()
    links = [
        VisaLink.open(server.instrument.name, server.resource, RealClock(), timeout_s=LIMIT_S) for server in servers
    ]
    drivers = (
        Keysight33500B("generator", links[0], Keysight33500B.Options()),
        KeysightInfiniiVision("oscilloscope", links[1], KeysightInfiniiVision.Options()),
    )
    for driver in drivers:
        assert driver.identify().model in driver.MODELS
        driver.initialise()
    yield Pair(*drivers, generator, timebase, servers[1].resource)
    for link in links:
        assert link.query("SYST:ERR?") == '+0,"No error"'
        link.close()
    for server in servers:
        server.close()


def volts(waveform: Waveform, t_s: float) -> float:
    i = round((t_s - waveform.t0_s) / waveform.dt_s)
    return float(waveform.codes[i]) * waveform.scale_v + waveform.offset_v


def test_burst_is_recorded_at_level_and_time(pair: Pair) -> None:
    setup = ScopeSetup((ScopeChannel(1, PEAK_V),), SIGNAL.period_s, 1e-3, 2e6, 1, PEAK_V / 2)
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, SIGNAL.period_s), PEAK_V)
    assert not pair.output_on()
    pair.generator.set_output(1, True)
    waveform = pair.record(setup)
    step_v = waveform.scale_v * 256
    t_s = SIGNAL.tapw_s / 2
    assert volts(waveform, -0.5e-3) == pytest.approx(0.0, abs=step_v)  # at rest before
    assert volts(waveform, t_s) == pytest.approx(PEAK_V, abs=step_v)  # pulse A
    for start_s in SIGNAL.pulse_b_starts_s():
        assert volts(waveform, start_s + SIGNAL.tbpw_s / 2) == pytest.approx(-PEAK_V, abs=step_v)
    assert volts(waveform, SIGNAL.burst_s + 5e-3) == pytest.approx(0.0, abs=step_v)
    assert int(waveform.codes.min()) >= waveform.code_min
    assert int(waveform.codes.max()) <= waveform.code_max
    assert waveform.t0_s <= -setup.pre_trigger_s + waveform.dt_s
    assert waveform.t0_s + (waveform.codes.size - 1) * waveform.dt_s >= setup.span_s - waveform.dt_s


def test_the_acquisition_of_before_is_never_taken_for_one_that_somebody_stopped(pair: Pair) -> None:
    setup = ScopeSetup((ScopeChannel(1, PEAK_V),), SIGNAL.period_s, 1e-3, 2e6, 1, PEAK_V / 2)
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, SIGNAL.period_s), PEAK_V)
    pair.generator.set_output(1, True)
    pair.record(setup)
    pair.oscilloscope.arm()
    pair.wait(0.1)
    assert pair.oscilloscope.is_armed()
    with closing(VisaLink.open("elsewhere", pair.resource, RealClock(), timeout_s=LIMIT_S)) as another_program:
        another_program.write("STOP")
        another_program.query("*OPC?")
    with pytest.raises(InstrumentRefusal, match="stopped before a trigger came"):
        pair.oscilloscope.is_complete()
    with pytest.raises(InstrumentError):
        pair.oscilloscope.fetch(1)


def test_a_sequence_is_recorded_with_its_off_time(pair: Pair) -> None:
    signal = InjectedSignal(tbpw_s=2e-3, t_dwell_s=1e-3, cycles=1, t_off_s=2.0)
    sequence = signal.sequenced(100e3, 5.0)
    assert (sequence.stored, sequence.n, sequence.repeats) == (2100, 200_600, 3)
    pair.generator.load(1, sequence, PEAK_V)
    pair.generator.set_output(1, True)
    setup = ScopeSetup((ScopeChannel(1, PEAK_V),), 3 * signal.period_s + 0.5, 1.0, 10e3, 1, PEAK_V / 2)
    waveform = pair.record(setup)
    assert len(pair.simulated.observe()["channels"]["1"]["sequence"]) == 2  # type: ignore[index]
    step_v = waveform.scale_v * 256
    v = waveform.codes.astype(float) * waveform.scale_v + waveform.offset_v
    t_s = waveform.t0_s + np.arange(v.size) * waveform.dt_s
    falls_s = t_s[1:][(v[1:] < -PEAK_V / 2) & (v[:-1] >= -PEAK_V / 2)]
    expected_s = [signal.pulse_b_starts_s()[0] + k * signal.period_s for k in range(3)]
    assert falls_s.tolist() == pytest.approx(expected_s, abs=2 * waveform.dt_s)  # three whole sequences, then none
    resting = (t_s > signal.burst_s + 1e-3) & (t_s < signal.period_s - 1e-3)
    assert np.abs(v[resting]).max() <= step_v


def test_bursts_of_a_sequence_trigger_at_the_external_input(pair: Pair) -> None:
    signal = InjectedSignal(tbpw_s=2e-3, t_dwell_s=1e-3, cycles=1, t_off_s=0.2)
    pair.generator.load(1, signal.sequenced(100e3, 0.5), PEAK_V)
    pair.generator.set_output(1, True)
    setup = ScopeSetup((ScopeChannel(1, PEAK_V),), 1.5 * signal.period_s, 0.05, 20e3, "external", 1.5)
    waveform = pair.record(setup)
    v = waveform.codes.astype(float) * waveform.scale_v + waveform.offset_v
    t_s = waveform.t0_s + np.arange(v.size) * waveform.dt_s
    falls_s = t_s[1:][(v[1:] < -PEAK_V / 2) & (v[:-1] >= -PEAK_V / 2)]
    expected_s = [signal.pulse_b_starts_s()[0] + k * signal.period_s for k in range(2)]
    assert falls_s.tolist() == pytest.approx(expected_s, abs=2 * waveform.dt_s)


def test_overdriven_input_shows_as_clipped(pair: Pair) -> None:
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, SIGNAL.period_s), 2 * PEAK_V)
    pair.generator.set_output(1, True)
    waveform = pair.record(ScopeSetup((ScopeChannel(1, PEAK_V),), SIGNAL.period_s, 1e-3, 2e6, 1, PEAK_V / 2))
    assert int(waveform.codes.min()) < waveform.code_min
    assert int(waveform.codes.max()) > waveform.code_max


def test_switched_off_and_on_is_told_though_no_connection_broke(pair: Pair) -> None:
    """A gateway keeps the connection; what the driver believes to be in the memory is gone."""
    for driver in (pair.generator, pair.oscilloscope):
        assert not driver.was_restarted(), "initialised since it was switched on"
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, SIGNAL.period_s), PEAK_V)
    pair.simulated.power_cycle()
    pair.generator.make_safe()  # clears the register
    assert not pair.oscilloscope.was_restarted()
    assert pair.generator.was_restarted()
    pair.generator.initialise()
    assert not pair.generator.was_restarted()
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, SIGNAL.period_s), PEAK_V)
    pair.generator.set_output(1, True)
    assert pair.output_on()


def test_stop_and_make_safe_switch_off(pair: Pair) -> None:
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, 10.0), PEAK_V)
    for off in (lambda: pair.generator.stop(1), pair.generator.make_safe):
        pair.generator.set_output(1, True)
        pair.generator.trigger(1)
        assert pair.output_on()
        off()
        assert not pair.output_on()


def test_error_that_somebody_else_left_in_the_queue_is_not_lost(pair: Pair) -> None:
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, 10.0), PEAK_V)
    pair.generator._link.write("SOUR1:NO:SUCH:THING 0")
    with pytest.raises(InstrumentRefusal, match="-113"):
        pair.generator.set_repeats(1, 5)
    pair.generator.load(1, SIGNAL.sampled(RATE_HZ, 10.0), PEAK_V)  # the queue is empty again
