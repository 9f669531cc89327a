"""The shipped devices behind the injection network of Annex D: at which level what happens, and what the world's file says."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.config.units import to_si
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import Interface
from aimdlab.standard.annex_d import TABLE_D_1, values
from aimdlab.standard.gradient_levels import tier_1
from aimdlab_simulators.keysight.arb_sequence import SequenceTable
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.annex_d_network import FilteredPoint, annex_d_points
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.pacemaker import Pacemaker, PacemakerSettings
from aimdlab_simulators.world.pacemaker_settings import AlteredPulses, ClampDiodes, NoiseReversion, Reset, SensingBand
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.waveforms import Arbitrary, Constant, SampleTable

CONFIGS = Path(__file__).parents[3] / "configs"
DOC = Path(__file__).parents[3] / "docs" / "simulated-pacemaker.md"
SIMULATORS = {"keysight_33500b": Simulated33500B, "keysight_infiniivision": SimulatedInfiniiVision}
GAIN = 4.0
RATE_HZ = 100e3
DT_S = 5e-5


def sequenced(signal: InjectedSignal, c_v: float) -> Arbitrary:
    """As the 33500B driver plays it: the burst and a repeated stretch of zeros."""
    waveform = signal.sequenced(RATE_HZ, 15.0)
    played = [
        (SampleTable(np.rint(segment.samples * 32767).astype(np.int16)), segment.repeats)
        for segment in waveform.segments
    ]
    return Arbitrary(SequenceTable(played), RATE_HZ, c_v / GAIN / 32767, 0.0)


class Bench:
    """A shipped world, or one that differs from it."""

    def __init__(self, name: str) -> None:
        self.path = CONFIGS / "worlds" / f"{name}.yaml"
        self.nodes = yaml.safe_load(self.path.read_text(encoding="utf-8"))["nodes"]
        self.device = self.nodes.get("pacemaker", {})
        self.world: World = load_world(self.path, Timebase(held=True), SIMULATORS)
        self.output = self.world.instruments["generator"].outputs[1]  # type: ignore[attr-defined]
        self.d, self.k = (self.world.instruments["oscilloscope"].inputs[n].signal for n in (1, 2))  # type: ignore[attr-defined]

    def si(self, key: str, unit: str, part: str = "") -> float:
        return to_si((self.device[part] if part else self.device)[key], unit, "1 V")

    @property
    def interface(self) -> Interface:
        """Table D.1 with the world file's deviations, and its load and monitor."""
        real = values(TABLE_D_1)
        for name, text in self.nodes["network"]["deviations"].items():
            real[name] *= 1 + to_si(text, "", "1 %")
        return Interface(real, load_ohm=20e3, load_f=1e-9, monitor_f=15e-12)

    @property
    def port_per_c(self) -> float:
        """Settled volts at the port per volt at C."""
        return self.interface.injected.transfer("F").dc

    def inject(self, at_s: float, until_s: float, c_v: float, signal: InjectedSignal) -> None:
        waveform = sequenced(signal, c_v)
        self.output.play(at_s, (at_s, waveform, at_s), (until_s, Constant(), until_s))

    def beats(self, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times, heights and widths of the device's pulses, from K: twice what is there less what is injected."""
        n = round((end_s - start_s) / DT_S)
        injected, paced = self.k._parts
        volts = 2.0 * paced.samples(start_s, DT_S, n)
        assert np.allclose(2.0 * self.k.samples(start_s, DT_S, n), volts + 2.0 * injected.samples(start_s, DT_S, n))
        above = volts > 1.0
        rises, falls = np.flatnonzero(~above[:-1] & above[1:]) + 1, np.flatnonzero(above[:-1] & ~above[1:]) + 1
        heights = np.array([volts[i : i + 14].max() for i in rises])
        return start_s + rises * DT_S, heights, (falls[: rises.size] - rises[: falls.size]) * DT_S

    def observe(self) -> dict[str, object]:
        self.k.samples(self.output.programs(0, 1e9)[-1].start_s, 1.0, 1)
        return self.world.observe()["pacemaker"]  # type: ignore[return-value]


# A dense burst and long off times; an exposure plays hundreds of them.
SIGNALS = [
    InjectedSignal(0.2e-3, 0.0, 20, 0.2e-3),
    InjectedSignal(0.4e-3, 5e-3, 2, 20e-3),
    InjectedSignal(0.2e-3, 0.5e-3, 1, 0.5),
]


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_susceptible_device_is_inhibited_from_its_threshold_on(signal: InjectedSignal) -> None:
    bench = Bench("annex_d_susceptible")
    # The port is within 1e-5 of its settled value at the end of a pulse of 0.1 ms.
    at_c = bench.si("sensing_threshold", "V") / bench.port_per_c
    bench.inject(10.05, 20.0, 0.999 * at_c, signal)
    assert bench.beats(9.5, 20.3)[0].size == 11
    bench.inject(20.35, 30.0, 1.002 * at_c, signal)
    assert bench.beats(20.4, 30.0)[0].size <= (0 if signal.t_off_s < 0.3 else 1)
    assert bench.observe()["sensed_events"] > 10  # type: ignore[operator]


def test_it_senses_the_first_pulse_that_is_high_enough() -> None:
    """To the nanosecond: the edge at C, the pole of the amplifier and what the network makes of it."""
    bench = Bench("annex_d_susceptible")
    bench.inject(10.5, 10.6, 20.0, InjectedSignal(0.2e-3, 0.5e-3, 1, 0.05))
    bench.k.samples(11.0, 1.0, 1)
    event_s = bench.world._pacemakers["pacemaker"]._timing.event_s
    port = annex_d_points(bench.interface, bench.k._parts[0]._source)[0]["port"]
    # Pulse A begins one sample of the generator after the trigger.
    begin_s, step_s = 10.5 + 1 / RATE_HZ, 1e-10
    seen = np.argmax(port.samples(begin_s, step_s, 4000) > bench.si("sensing_threshold", "V"))
    assert event_s == pytest.approx(begin_s + seen * step_s, abs=2e-10, rel=0)


@pytest.mark.parametrize("signal", SIGNALS)
def test_pulses_shrink_and_the_device_restarts_at_its_levels(signal: InjectedSignal) -> None:
    bench = Bench("annex_d_resetting")
    shrinks, resets = (bench.si("level", "V", part) / bench.port_per_c for part in ("altered_pulses", "reset"))
    bench.inject(5.05, 10.0, 0.999 * shrinks, signal)
    bench.inject(10.05, 19.5, 1.002 * shrinks, signal)
    bench.inject(20.05, 29.5, 0.999 * resets, signal)
    bench.inject(30.05, 35.0, 1.002 * resets, signal)
    times, heights, _ = bench.beats(5.0, 45.0)
    in_order = [heights[(times > start) & (times < end)] for start, end in ((5, 10), (11, 19), (31, 45))]
    # At the end of 0.5 ms, seen through 105 us and with the droop of 10 ms.
    whole = 3.5 * math.exp(-0.05)
    assert in_order[0] == pytest.approx(whole, rel=0.03)
    if signal.t_off_s < 0.1:  # each beat comes within the hold time of a pulse
        assert in_order[1] == pytest.approx(0.75 * whole, rel=0.05)
    assert in_order[2] == pytest.approx(5.0 * math.exp(-0.06), rel=0.03) or signal.t_off_s < 0.1
    after = times[times > 30.05]
    assert after[0] == pytest.approx(30.05 + 2.0, abs=0.51)
    assert np.diff(after) == pytest.approx(60 / 65, rel=0.01)
    assert bench.observe()["reset_at_s"] == pytest.approx(30.05, abs=1e-3)


def test_diodes_limit_the_port_and_rectify() -> None:
    bench, plain = Bench("annex_d_clamping"), Bench("annex_d_pacemaker")
    level_v, c_v = bench.si("level", "V", "clamp"), 30.0
    series, source = bench.si("series_resistance", "ohm", "clamp"), bench.si("source_resistance", "ohm", "clamp")
    signal = InjectedSignal(2e-3, 5e-3, 1, 1.0)
    for one in (bench, plain):
        one.inject(10.5, 10.6, c_v, signal)
    expected = plain.k.samples(10.5, 1e-5, 4000) * 2.0
    port = bench.k.samples(10.5, 1e-5, 4000) * 2.0
    injected_v = c_v * bench.port_per_c
    begin = 100 + 500 + 100  # into pulse B: pulse A, dwell, 1 ms
    assert expected[begin] == pytest.approx(-injected_v, rel=0.01)
    over = injected_v - level_v
    gained = over * 2e-3 / bench.si("charge_time_constant", "s", "clamp")
    limited = -level_v - over * series / (series + source)
    assert port[begin] == pytest.approx(limited + gained * math.exp(-5 / 40), rel=0.1)
    rest = port[2000:]
    assert rest[0] > 1.0
    decay_s = bench.si("decay_time_constant", "s", "clamp")
    assert rest[1500] == pytest.approx(rest[0] * math.exp(-1500e-5 / decay_s), rel=1e-3)
    # The network gives the offset back to D: 8 % of it.
    assert bench.d.samples(10.6, 1e-5, 1)[0] == pytest.approx(
        2.0 * 0.0799 * bench.k.samples(10.6, 1e-5, 1)[0], rel=0.02
    )


def test_a_dummy_load_shows_the_injected_signal_alone() -> None:
    bench, plain = Bench("annex_d_dummy_load"), Bench("annex_d_pacemaker")
    for one in (bench, plain):
        one.inject(10.25, 10.5, 10.0, SIGNALS[1])
    assert bench.k.samples(10.25, 1e-5, 50_000) == pytest.approx(plain.k.samples(10.25, 1e-5, 50_000), abs=1e-9)
    assert np.abs(bench.k.samples(0.0, 1e-3, 10_000)).max() == 0.0
    assert "pacemaker" not in bench.world.observe()


@pytest.mark.parametrize(
    ("name", "port_v"),
    [
        ("annex_d_susceptible", {"sensing_threshold": ""}),
        ("annex_d_clamping", {"level": "clamp"}),
        ("annex_d_resetting", {"level": "altered_pulses"}),
        ("annex_d_resetting", {"level": "reset"}),
    ],
)
def test_the_levels_that_are_told_are_those_of_the_shipped_device(name: str, port_v: dict[str, str]) -> None:
    """In the world's comment and in the doc: the threshold at C, and the first level of each tbpw above it."""
    bench = Bench(name)
    ((key, part),) = port_v.items()
    device = yaml.safe_load((CONFIGS / "devices" / "pacemaker.yaml").read_text(encoding="utf-8"))
    lead_m = to_si(device["lead"]["length"], "m", "1 m")
    levels = tier_1(device["lead"]["volume"], lead_m)
    threshold_v = bench.si(key, "V", part) / bench.port_per_c
    firsts = []
    for row in levels.levels_v:
        above = [(b_g, v) for b_g, v in zip(levels.b_g_mt, row, strict=True) if v > threshold_v]
        # No level is so near that small deviations would decide.
        assert all(abs(v / threshold_v - 1) > 0.02 for v in row)
        firsts.append(f"{above[0][1]:g} V ({above[0][0]:g} mT)" if above else "never")
    text = DOC.read_text(encoding="utf-8")
    label = f"`{name}`" + (", reset" if part == "reset" else ", pulses" if part == "altered_pulses" else "")
    row_text = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    cells = [cell.strip() for cell in row_text.strip("|").split("|")]
    assert cells[1:] == [f"{bench.si(key, 'V', part):g} V", f"{threshold_v:.1f} V", *firsts]
    comment = " ".join(
        line[1:].strip() for line in bench.path.read_text(encoding="utf-8").splitlines() if line[:1] == "#"
    )
    assert f"{threshold_v:.1f} V at C" in comment
    for first in firsts:
        volts, _, field = first.partition(" V (")
        assert first == "never" or (f"{volts} V" in comment and re.search(rf"\b{field.rstrip(')')}\b", comment))


# Whatever is injected, whoever looks


KINDS = {
    "level": {"mode": "VVI", "sensing_threshold_v": 2.0},
    "band": {"mode": "VVI", "sensing_threshold_v": 0.2, "sensing_band": SensingBand(20.0, 100.0), "jitter": 0.01},
    "noise": {"mode": "VVI", "sensing_threshold_v": 0.1, "sensing_band": SensingBand(20.0, 100.0), "blanking_s": 0.05, "noise_reversion": NoiseReversion(0.1, 0.8)},
    "faults": {
        "mode": "VVI", "sensing_threshold_v": 1.0, "altered": AlteredPulses(3.0, 0.2, 0.5, 0.5),
        "reset": Reset(8.0, 1.5, 0.9, 5.0, 1e-3), "clamp": ClampDiodes(7.5, 0.5, 5e-3, 0.03),
    },
}  # fmt: skip
BURSTS = st.lists(
    st.tuples(
        st.floats(0.1, 3.0),  # for how long
        st.floats(0.5, 40.0),  # volts at C
        st.sampled_from([0.2e-3, 1e-3]),
        st.sampled_from([0.0, 5e-3]),
        st.sampled_from([1, 5]),
        st.sampled_from([0.2e-3, 20e-3, 0.5, 2.0]),
    ),
    max_size=4,
)


def behind_the_network(kind: str, cx_f: float | None) -> tuple[Pacemaker, GeneratorOutput, FilteredPoint]:
    past = Past()
    output = GeneratorOutput(past)
    interface = Interface(values(TABLE_D_1), cx_f=cx_f, load_ohm=20e3, load_f=1e-9)
    amplifier = VoltageAmplifier(output, gain=GAIN, bandwidth_hz=1e6, clip_v=40.0)
    injected, paced = annex_d_points(interface, amplifier)
    made = Pacemaker(PacemakerSettings(**KINDS[kind]), past, seed=3, name="device")  # type: ignore[arg-type]
    made.sense_from(injected["port"])
    output.before_change(made.advance)
    return made, output, FilteredPoint(made, paced["K"])


def play(output: GeneratorOutput, at_s: float, burst: tuple[float, ...]) -> float:
    length_s, volts, tbpw_s, dwell_s, cycles, off_s = burst
    signal = InjectedSignal(tbpw_s, dwell_s, int(cycles), off_s)
    output.play(at_s, (at_s, sequenced(signal, volts), at_s))
    return at_s + length_s


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(
    bursts=BURSTS,
    looks=st.lists(st.tuples(st.floats(0.0, 12.0), st.sampled_from(["advance", "samples", "bounds"])), max_size=6),
    cx_f=st.sampled_from([None, 100e-9]),
)
def test_the_same_happens_whoever_asks_what_and_when(
    kind: str, bursts: list[tuple[float, ...]], looks: list[tuple[float, str]], cx_f: float | None
) -> None:
    (calm, one, seen_calm), (watched, other, seen) = behind_the_network(kind, cx_f), behind_the_network(kind, cx_f)
    at_s, todo = 1.25, sorted(looks)
    for burst in bursts:
        end_s = play(one, at_s, burst)
        assert play(other, at_s, burst) == end_s
        while todo and todo[0][0] < end_s:
            look_s, how = todo.pop(0)
            if how == "advance":
                watched.advance(look_s)
            elif how == "samples":
                seen.samples(max(0.0, look_s - 0.3), 1e-3, 300)
            else:
                seen.bounds(max(0.0, look_s - 1.0), look_s)
        at_s = end_s
    for output in (one, other):
        output.play(at_s, (at_s, Constant(), at_s))
    for device in (calm, watched):
        device.advance(at_s + 3.0)
    assert list(watched._pulses) == list(calm._pulses)
    assert watched.observe() == calm.observe()
    assert seen.samples(0.0, 1e-3, 2000).tolist() == seen_calm.samples(0.0, 1e-3, 2000).tolist()


@settings(max_examples=20, deadline=None)
@given(bursts=BURSTS, start_s=st.floats(0.0, 8.0), length_s=st.floats(1e-3, 1.0))
def test_what_a_clamping_device_gives_back_is_the_same_in_pieces_and_in_samples(
    bursts: list[tuple[float, ...]], start_s: float, length_s: float
) -> None:
    device, output, _ = behind_the_network("faults", None)
    at_s = 1.25
    for burst in bursts:
        at_s = play(output, at_s, burst)
    output.play(at_s, (at_s, Constant(), at_s))
    pieces = device.pieces(start_s, start_s + length_s, near=False)
    assert pieces is not None
    dt_s = length_s / 499
    volts = device.samples(start_s, dt_s, 500)
    # A sample on an edge may fall to either side of it.
    apart = np.abs(pieces.samples(0.0, dt_s, 500) - volts) > 1e-6
    assert apart.sum() <= 5
