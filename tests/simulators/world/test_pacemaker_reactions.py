"""Every reaction of the shipped devices, seen at the oscilloscope's node; thresholds come from the world files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.config.units import to_si
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.pacemaker import Pacemaker, PacemakerSettings
from aimdlab_simulators.world.pacemaker_sensing import Detector
from aimdlab_simulators.world.pacemaker_settings import AlteredPulses, ClampDiodes, NoiseReversion, Reset, SensingBand
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.waveforms import Bursts, Constant

WORLDS = Path(__file__).parents[3] / "configs" / "worlds"
SIMULATORS = {"keysight_33500b": Simulated33500B, "keysight_infiniivision": SimulatedInfiniiVision}
DT_S = 5e-5
BESIDE_S = 2.3e-5  # no sample lies on an edge
PORT_PER_V = 2.0  # volts at the port per volt of the generator: amplifier 4, network 0.5


class Bench:
    """A shipped world; ``pulse_s`` long pulses go in at the generator, device pulses come out at K."""

    def __init__(self, name: str) -> None:
        text = (WORLDS / f"{name}.yaml").read_text(encoding="utf-8")
        self.device = yaml.safe_load(text)["nodes"]["pacemaker"]
        self.world = load_world(WORLDS / f"{name}.yaml", Timebase(), SIMULATORS)
        self.output = self.world.instruments["generator"].outputs[1]  # type: ignore[attr-defined]
        self.node = self.world.instruments["oscilloscope"].inputs[2].signal  # type: ignore[attr-defined]

    def si(self, key: str, unit: str, part: str = "") -> float:
        return to_si((self.device[part] if part else self.device)[key], unit, "1 V")

    def inject(self, at_s: float, until_s: float, port_v: float, pulse_s: float, period_s: float) -> None:
        train = Bursts(Constant(port_v / PORT_PER_V), pulse_s, period_s, 0.0)
        self.output.play(at_s, (at_s, train, at_s), (until_s, Constant(), until_s))

    def injected(self, start_s: float, n: int) -> np.ndarray:
        return np.asarray(self.output.samples(start_s + BESIDE_S, DT_S, n)) * PORT_PER_V

    def port(self, start_s: float, end_s: float) -> np.ndarray:
        return np.asarray(self.node.samples(start_s + BESIDE_S, DT_S, round((end_s - start_s) / DT_S))) * 2.0

    def beats(self, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times, amplitudes and widths of the device's pulses: what is at the port beyond what is injected."""
        volts = self.port(start_s, end_s)
        volts = volts - self.injected(start_s, volts.size)
        above = np.abs(volts) > 1.0
        rises, falls = np.flatnonzero(~above[:-1] & above[1:]) + 1, np.flatnonzero(above[:-1] & ~above[1:]) + 1
        peaks = np.array([volts[i : i + 4].max() for i in rises])
        return start_s + rises * DT_S, peaks, (falls[: rises.size] - rises[: falls.size]) * DT_S

    def peak_of_filtered_pulse(self, pulse_s: float) -> float:
        """The largest answer of the sensing filter to a pulse of 1 V, stepped."""
        low, high = self.si("sensing_high_pass", "Hz"), self.si("sensing_low_pass", "Hz")
        h_s, mean, out, peak = 2e-6, 0.0, 0.0, 0.0
        for i in range(round(5e-3 / h_s)):
            v = 1.0 if i * h_s < pulse_s else 0.0
            mean += 2 * math.pi * low * h_s * (v - mean)
            out += 2 * math.pi * high * h_s * ((v - mean) * (low + high) / high - out)
            peak = max(peak, abs(out))
        return peak

    def threshold(self, pulse_s: float) -> float:
        """Amplitude at the port at which a pulse is just sensed."""
        return self.si("sensing_threshold", "V") / self.peak_of_filtered_pulse(pulse_s)


def test_a_tracking_device_runs_at_its_upper_rate() -> None:
    bench = Bench("tracking_pacemaker")
    bench.inject(10.0, 30.0, 1.05 * bench.threshold(1e-3), 1e-3, 0.1)
    upper_s = 1.0 / bench.si("upper_rate", "1/s")
    assert np.diff(bench.beats(0.0, 10.0)[0]) == pytest.approx(1.0, rel=0.01)
    fast = np.diff(bench.beats(10.9, 30.0)[0])
    assert fast.min() >= upper_s - 2 * DT_S
    assert fast == pytest.approx(upper_s, abs=0.1)
    assert np.diff(bench.beats(31.2, 40.0)[0]) == pytest.approx(1.0, rel=0.01)


def test_a_tracking_device_follows_slow_events_one_by_one() -> None:
    bench = Bench("tracking_pacemaker")
    bench.inject(10.0, 30.0, 1.5 * bench.threshold(1e-3), 1e-3, 0.7)
    assert np.diff(bench.beats(11.5, 30.0)[0]) == pytest.approx(0.7, abs=2 * DT_S)


@pytest.mark.parametrize("name", ["tracking_pacemaker", "noise_reverting_pacemaker"])
@pytest.mark.parametrize("pulse_s", [0.2e-3, 1e-3])
def test_below_the_threshold_of_its_filter_nothing_happens(name: str, pulse_s: float) -> None:
    bench = Bench(name)
    # 1 s apart, so that nothing is left of one pulse when the next one comes.
    bench.inject(9.55, 30.0, 0.97 * bench.threshold(pulse_s), pulse_s, 1.0)
    assert len(bench.beats(0.5, 30.5)[0]) == 30
    sensed: object = bench.world.observe()["pacemaker"]["sensed_events"]  # type: ignore[index]
    assert sensed == 0
    bench.inject(31.55, 50.0, 1.03 * bench.threshold(pulse_s), pulse_s, 0.6)
    bench.beats(31.0, 50.0)
    assert bench.world.observe()["pacemaker"]["sensed_events"] > 10  # type: ignore[index]


def test_a_noise_reverting_device_paces_asynchronously_while_it_hears_noise() -> None:
    bench = Bench("noise_reverting_pacemaker")
    window_s = bench.si("window", "s", "noise_reversion")
    reversion_s = 1.0 / bench.si("rate", "1/s", "noise_reversion")
    bench.inject(10.0, 30.0, 3.0 * bench.threshold(1e-3), 1e-3, 0.5 * window_s)
    assert np.diff(bench.beats(12.0, 30.0)[0]) == pytest.approx(reversion_s, rel=0.01)
    assert np.diff(bench.beats(31.5, 45.0)[0]) == pytest.approx(1.0, rel=0.01)


def test_slower_pulses_are_no_noise_to_it_but_beats() -> None:
    bench = Bench("noise_reverting_pacemaker")
    bench.inject(10.0, 30.0, 3.0 * bench.threshold(1e-3), 1e-3, 0.4)
    assert bench.beats(11.0, 30.0)[0].size == 0
    assert bench.world.observe()["pacemaker"]["noisy_cycles"] == 0  # type: ignore[index]


def test_diodes_limit_the_port_and_leave_an_offset_that_decays() -> None:
    bench = Bench("clamping_pacemaker")
    level_v, decay_s = bench.si("level", "V", "clamp"), bench.si("decay_time_constant", "s", "clamp")
    series, source = bench.si("series_resistance", "ohm", "clamp"), bench.si("source_resistance", "ohm", "clamp")
    for sign in (1.0, -1.0):
        at_s = 10.5 if sign > 0 else 19.97  # the second decays across a window's end
        bench.inject(at_s, at_s + 1.0, sign * (level_v + 2.0), 1e-3, 2.0)
        port = bench.port(at_s - 1e-3, at_s + 0.3)
        beyond = (sign * port[22] - level_v) * sign
        assert beyond * sign == pytest.approx(2.0 * series / (series + source), abs=0.05)
        offset = port[round(2.5e-3 / DT_S) :]
        gained_v = 2.0 * 1e-3 / bench.si("charge_time_constant", "s", "clamp")
        assert offset[0] == pytest.approx(gained_v, rel=0.05)
        later = round(decay_s / DT_S)
        assert offset[later] == pytest.approx(offset[0] / math.e, rel=1e-3)


def test_diodes_do_nothing_below_their_level() -> None:
    bench, plain = Bench("clamping_pacemaker"), Bench("robust_pacemaker")
    level_v = bench.si("level", "V", "clamp")
    for one in (bench, plain):
        one.inject(10.5, 12.5, 0.99 * level_v, 1e-3, 0.5)
    seen, expected = (one.port(10.5, 10.9) for one in (bench, plain))
    assert seen == pytest.approx(expected, abs=1e-12)


def test_pulses_shrink_while_the_port_is_disturbed_and_recover() -> None:
    bench = Bench("resetting_pacemaker")
    level_v, hold_s = bench.si("level", "V", "altered_pulses"), bench.si("hold", "s", "altered_pulses")
    bench.inject(10.0, 20.5, 1.01 * level_v, 1e-3, hold_s * 0.9)
    times, amplitudes, widths = bench.beats(5.0, 30.0)
    during, after = (times > 10.2) & (times < 20.4), times > 20.5 + hold_s
    factor = bench.device["altered_pulses"]["amplitude_factor"]
    assert amplitudes[during] == pytest.approx(3.5 * factor, rel=0.02)
    assert widths[during] == pytest.approx(0.5e-3 * bench.device["altered_pulses"]["width_factor"], abs=DT_S)
    assert amplitudes[after] == pytest.approx(3.5, rel=0.02)
    assert np.diff(times) == pytest.approx(1.0, rel=0.01)


def test_a_level_just_below_alters_nothing() -> None:
    bench = Bench("resetting_pacemaker")
    bench.inject(10.0, 20.5, 0.99 * bench.si("level", "V", "altered_pulses"), 1e-3, 0.05)
    assert bench.beats(5.0, 30.0)[1] == pytest.approx(3.5, rel=0.02)


def test_a_reset_is_a_pause_and_then_another_device_for_good() -> None:
    bench = Bench("resetting_pacemaker")
    level_v, pause_s = bench.si("level", "V", "reset"), bench.si("pause", "s", "reset")
    bench.inject(10.3, 10.4, 1.01 * level_v, 1e-3, 1.0)
    times, amplitudes, widths = bench.beats(5.0, 60.0)
    after = times > 10.3
    assert times[after][0] == pytest.approx(10.3 + pause_s, abs=2 * DT_S)
    assert np.diff(times[after]) == pytest.approx(1.0 / bench.si("rate", "1/s", "reset"), rel=0.01)
    assert amplitudes[after] == pytest.approx(bench.si("amplitude", "V", "reset"), rel=0.02)
    assert widths[after] == pytest.approx(bench.si("pulse_width", "s", "reset"), abs=1.1 * DT_S)
    assert bench.world.observe()["pacemaker"]["reset_at_s"] == pytest.approx(10.3)  # type: ignore[index]


def test_the_susceptible_device_is_inhibited_above_its_threshold_alone() -> None:
    bench = Bench("susceptible_pacemaker")
    threshold_v = bench.si("sensing_threshold", "V")
    bench.inject(10.0, 20.0, 0.99 * threshold_v, 1e-4, 0.02)
    bench.inject(20.2, 30.0, 1.01 * threshold_v, 1e-4, 0.02)
    assert len(bench.beats(9.5, 20.3)[0]) == 11
    assert len(bench.beats(20.3, 30.0)[0]) == 0


# Whatever is injected


def device(past: Past, **settings: object) -> tuple[Pacemaker, GeneratorOutput]:
    port = GeneratorOutput(past)
    made = Pacemaker(PacemakerSettings(**settings), past, seed=3, name="device")  # type: ignore[arg-type]
    made.sense_from(port)
    port.before_change(made.advance)
    return made, port


def pulses(made: Pacemaker) -> list[tuple[float, float, float]]:
    return [tuple(pulse) for pulse in made._pulses]


TRAINS = st.lists(
    st.tuples(st.floats(0.01, 3.0), st.floats(-9, 9), st.floats(1e-4, 5e-3), st.floats(6e-3, 1.5)), max_size=8
)  # (for how long, volts, pulse width, period)
KINDS = {
    "vvi": {"mode": "VVI", "sensing_threshold_v": 2.0},
    "band": {"mode": "VVI", "sensing_threshold_v": 0.2, "sensing_band": SensingBand(20.0, 100.0), "jitter": 0.01},
    "tracking": {"mode": "VVT", "sensing_threshold_v": 0.2, "sensing_band": SensingBand(20.0, 100.0), "upper_interval_s": 0.5},
    "noise": {"mode": "VVI", "sensing_threshold_v": 0.1, "sensing_band": SensingBand(20.0, 100.0), "blanking_s": 0.05, "noise_reversion": NoiseReversion(0.1, 0.8)},
    "faults": {
        "mode": "VVI", "sensing_threshold_v": 1.0, "altered": AlteredPulses(3.0, 0.2, 0.5, 0.5),
        "reset": Reset(8.0, 1.5, 0.9, 5.0, 1e-3), "clamp": ClampDiodes(7.5, 0.5, 5e-3, 0.03),
    },
}  # fmt: skip


def play(port: GeneratorOutput, trains: list[tuple[float, float, float, float]]) -> float:
    at_s = 1.25
    for length_s, volts, width_s, period_s in trains:
        port.play(at_s, (at_s, Bursts(Constant(volts), width_s, period_s, 0.0), at_s))
        at_s += length_s
    port.play(at_s, (at_s, Constant(), at_s))
    return at_s


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(
    trains=TRAINS,
    looks=st.lists(st.tuples(st.floats(0.0, 20.0), st.sampled_from(["advance", "samples", "bounds"])), max_size=8),
)
def test_the_same_happens_whoever_asks_what_and_when(
    kind: str, trains: list[tuple[float, float, float, float]], looks: list[tuple[float, str]]
) -> None:
    (calm, one), (watched, other) = device(Past(), **KINDS[kind]), device(Past(), **KINDS[kind])
    end_s = play(one, trains) + 5.0
    calm.advance(end_s)
    # The other one is looked at in between: each look comes when its time has been reached by the trains.
    at_s, todo = 1.25, sorted(looks)
    for length_s, volts, width_s, period_s in [*trains, (5.0, 0.0, 1e-3, 1.0)]:
        other.play(at_s, (at_s, Bursts(Constant(volts), width_s, period_s, 0.0) if volts else Constant(), at_s))
        at_s += length_s
        while todo and todo[0][0] < at_s:
            look_s, how = todo.pop(0)
            if how == "advance":
                watched.advance(look_s)
            elif how == "samples":
                watched.samples(max(0.0, look_s - 0.3), 1e-3, 300)
            else:
                watched.bounds(max(0.0, look_s - 1.0), look_s)
    watched.advance(end_s)
    assert pulses(watched) == pulses(calm)
    assert watched.observe() == calm.observe()
    assert watched.samples(0.0, 1e-3, 2000).tolist() == calm.samples(0.0, 1e-3, 2000).tolist()


@settings(max_examples=40, deadline=None)
@given(trains=TRAINS)
def test_windows_that_are_left_out_have_nothing_to_hear(trains: list[tuple[float, float, float, float]]) -> None:
    raw = {"mode": "VVI", "sensing_threshold_v": 1.0, "altered": AlteredPulses(3.0, 0.2, 0.5, 0.5)}
    (made, port), (thorough, other) = device(Past(), **raw), device(Past(), **raw)
    made.advance(play(port, trains) + 5.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Detector, "may_hear", lambda *_: True)
        thorough.advance(play(other, trains) + 5.0)
    assert pulses(made) == pulses(thorough)
    assert made.observe() == thorough.observe()


@settings(max_examples=60, deadline=None)
@given(trains=TRAINS, upper_s=st.floats(0.35, 1.0))
def test_no_interval_is_shorter_than_the_upper_rate_allows(
    trains: list[tuple[float, float, float, float]], upper_s: float
) -> None:
    made, port = device(Past(), **(KINDS["tracking"] | {"upper_interval_s": upper_s}))
    made.advance(play(port, trains) + 5.0)
    starts = np.array([start_s for start_s, _, _ in pulses(made)])
    assert np.all(np.diff(starts) >= upper_s - 1e-9)
    assert np.all(np.diff(starts) <= 1.0 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(delays=st.lists(st.floats(0.0, 0.249), min_size=1, max_size=10))
def test_what_comes_in_the_blanking_time_is_not_heard(delays: list[float]) -> None:
    made, port = device(
        Past(), mode="VVI", sensing_threshold_v=1.0, blanking_s=0.25, noise_reversion=NoiseReversion(0.2, 0.5)
    )
    for beat, delay_s in enumerate(delays, start=1):
        at_s = beat + delay_s
        # Two detections that would be noise, were they heard.
        sooner_s = beat + delay_s / 2
        port.play(sooner_s, (sooner_s, Constant(9.0), sooner_s), (sooner_s + 2e-4, Constant(), sooner_s))
        port.play(at_s, (at_s, Constant(9.0), at_s), (at_s + 5e-4, Constant(), at_s))
    made.advance(len(delays) + 1.5)
    assert [start_s for start_s, _, _ in pulses(made)] == [float(k) for k in range(1, len(delays) + 2)]
    assert made.observe()["sensed_events"] == 0
    assert made.observe()["noisy_cycles"] == 0


@settings(max_examples=40, deadline=None)
@given(trains=TRAINS, start_s=st.floats(0.0, 20.0), length_s=st.floats(1e-3, 3.0))
def test_bounds_hold_every_sample_of_a_clamping_device(
    trains: list[tuple[float, float, float, float]], start_s: float, length_s: float
) -> None:
    made, port = device(Past(), **KINDS["faults"])
    play(port, trains)
    low, high = made.bounds(start_s, start_s + length_s)
    volts = made.samples(start_s, length_s / 997, 997)
    assert low - 1e-9 <= volts.min()
    assert volts.max() <= high + 1e-9


def test_a_reset_ends_tracking() -> None:
    made, port = device(
        Past(), mode="VVT", sensing_threshold_v=1.0, upper_interval_s=0.4, reset=Reset(5.0, 1.0, 0.9, 5.0, 1e-3)
    )
    port.play(3.2, (3.2, Bursts(Constant(2.0), 1e-3, 0.5, 0.0), 3.2))
    port.play(10.1, (10.1, Constant(6.0), 10.1), (10.2, Bursts(Constant(2.0), 1e-3, 0.5, 0.0), 10.2))
    made.advance(20.0)
    starts = np.array([start_s for start_s, _, _ in pulses(made)])
    assert np.diff(starts[(starts > 4) & (starts < 10)]) == pytest.approx(0.5)
    # The default mode is VVI: the same events inhibit it now.
    assert starts[starts > 10.1].tolist() == pytest.approx([11.1])


def test_a_device_nobody_looked_at_hears_what_is_about_to_be_forgotten() -> None:
    past = Past()
    made, port = device(past, mode="VVI", reset=Reset(5.0, 1.0, 0.9, 5.0, 1e-3))
    port.play(50.0, (50.0, Constant(9.0), 50.0), (50.1, Constant(), 50.1))
    port._watchers.clear()
    for at_s in range(100, 2000, 100):
        port.play(float(at_s), (float(at_s), Constant(), float(at_s)))
    assert made.observe()["reset_at_s"] == 50.0
