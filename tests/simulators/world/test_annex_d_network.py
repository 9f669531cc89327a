"""The injection network of Annex D in the world, against its formulas and against fine sampling."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import Interface
from aimdlab.signals.transfer import Transfer
from aimdlab.standard.annex_d import TABLE_D_1, values
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.annex_d_network import FilteredPoint, annex_d_points
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import exact_pieces
from aimdlab_simulators.world.steps import tiled
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, SampleTable, Waveform

WORLD = Path(__file__).parents[3] / "configs" / "worlds" / "annex_d_pacemaker.yaml"
SIMULATORS = {"keysight_33500b": Simulated33500B, "keysight_infiniivision": SimulatedInfiniiVision}
BEGIN_S = 1000.0
INTERFACE = Interface(values(TABLE_D_1), load_ohm=20e3, load_f=1e-9)


def playing(waveform: Waveform, begin_s: float = BEGIN_S) -> GeneratorOutput:
    output = GeneratorOutput(Past())
    output.play(begin_s, (begin_s, waveform, begin_s))
    return output


def injected(signal: InjectedSignal, peak_v: float, rate_hz: float) -> Arbitrary:
    codes = (signal.sampled(rate_hz, 15.0).samples * 32767).astype(np.int16)
    return Arbitrary(SampleTable(codes), rate_hz, peak_v / 32767, 0.0)


SIGNAL = InjectedSignal(0.2e-3, 0.5e-3, 2, 1e-3)


@pytest.mark.parametrize("cx_f", [None, 22e-9])
@pytest.mark.parametrize("point", ["C", "D", "port", "K"])
def test_held_levels_are_answered_exactly(point: str, cx_f: float | None) -> None:
    interface = Interface(values(TABLE_D_1), cx_f=cx_f, load_ohm=20e3, load_f=1e-9)
    signal = annex_d_points(interface, playing(injected(SIGNAL, 1.0, 100e3)))[0][point]
    transfer = interface.injected.transfer({"port": "F"}.get(point, point))
    times_s = 0.2e-6 + np.arange(5000) * 3.1e-6
    # The first sample of a period rests at zero; after it come the segments of Fig. 4.
    edges, level, at_s = [], 0.0, 1e-5
    for _ in range(5):
        for segment in SIGNAL.period_segments():
            edges.append((at_s, segment.value - level))
            level, at_s = segment.value, at_s + segment.duration_s
    expected = sum(jump * transfer.step(times_s - edge_s) for edge_s, jump in edges)
    found = signal.samples(BEGIN_S + times_s[0], 3.1e-6, 5000)
    inside = times_s < SIGNAL.period_s * 5
    # World times of 1000 s are known to 0.1 ps, some 1e-6 of the fastest time constant.
    assert found[inside] == pytest.approx(expected[inside], abs=1e-5)


def test_the_amplifiers_pole_is_in_it() -> None:
    amplifier = VoltageAmplifier(playing(Constant(2.0)), gain=4.0, bandwidth_hz=1e6, clip_v=40.0)
    tau_s = 1 / (2 * math.pi * 1e6)
    volts = annex_d_points(INTERFACE, amplifier)[0]["C"].samples(BEGIN_S, 1e-8, 200)
    assert volts == pytest.approx(8.0 * (1 - np.exp(-np.arange(200) * 1e-8 / tau_s)), abs=1e-6)
    clipped = VoltageAmplifier(playing(Constant(-20.0)), gain=4.0, bandwidth_hz=1e6, clip_v=40.0)
    assert annex_d_points(INTERFACE, clipped)[0]["C"].samples(BEGIN_S + 1.0, 1e-3, 1)[0] == pytest.approx(-40.0)


def test_a_window_does_not_depend_on_its_edge() -> None:
    amplifier = VoltageAmplifier(playing(injected(SIGNAL, 2.0, 100e3)), gain=4.0, bandwidth_hz=1e6, clip_v=40.0)
    k = annex_d_points(INTERFACE, amplifier)[0]["K"]
    whole = k.samples(BEGIN_S + 0.0101234, 1e-6, 4000)
    for first in (1, 17, 700, 3000):
        part = k.samples(BEGIN_S + 0.0101234 + first * 1e-6, 1e-6, 500)
        assert part == pytest.approx(whole[first : first + 500], abs=1e-6)


def sine(phase: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * phase)


@pytest.mark.parametrize("hz", [100.0, 1000.0])
def test_a_sine_comes_out_as_the_frequency_response_says(hz: float) -> None:
    source = playing(Periodic(sine, (0.25, 0.75), hz, 1.0, 0.0), begin_s=BEGIN_S - 10)
    assert exact_pieces(source, BEGIN_S, BEGIN_S + 1) is None
    response = complex(INTERFACE.injected.response(hz, "K"))
    times_s = np.arange(2000) * 2e-5
    expected = np.imag(response * np.exp(2j * np.pi * hz * (times_s + 10)))
    found = annex_d_points(INTERFACE, source)[0]["K"].samples(BEGIN_S, 2e-5, 2000)
    assert found == pytest.approx(expected, abs=5e-3 * abs(response))


rates = st.floats(1e2, 1e6)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(rates, st.floats(-1, 1)), min_size=1, max_size=3),
    st.floats(-1, 1),
    st.floats(0, 0.01),
    st.floats(1e-7, 0.3),
    st.booleans(),
)
def test_bounds_hold(
    modes: list[tuple[float, float]], direct: float, start_s: float, length_s: float, amplified: bool
) -> None:
    source: Signal = playing(injected(SIGNAL, 3.0, 100e3))
    if amplified:
        source = VoltageAmplifier(source, gain=4.0, bandwidth_hz=1e6, clip_v=40.0)
    rate = np.array([-rate for rate, _ in modes])
    point = FilteredPoint(source, Transfer(rate, np.array([share for _, share in modes]) * -rate, direct))
    low, high = point.bounds(BEGIN_S + start_s, BEGIN_S + start_s + length_s)
    volts = point.samples(BEGIN_S + start_s, length_s / 999, 1000)
    # World times of 1000 s are known to 0.1 ps; the fastest mode changes by 12 V in 1 us.
    assert low - 2e-6 <= volts.min()
    assert volts.max() <= high + 2e-6


def test_bounds_of_a_short_window_are_narrow() -> None:
    """Long after a burst nothing is left, whatever was before: a sensing device looks at 20 us at a time."""
    signal = InjectedSignal(0.2e-3, 0.0, 1, 0.1)
    port = annex_d_points(INTERFACE, playing(injected(signal, 10.0, 10e3)))[0]["port"]
    low, high = port.bounds(BEGIN_S + 0.003, BEGIN_S + 0.003 + 20e-6)
    assert (low, high) == pytest.approx((0.0, 0.0), abs=1e-6)
    low, high = port.bounds(BEGIN_S + 0.00025, BEGIN_S + 0.00027)
    assert low == pytest.approx(-5.76, abs=0.05)
    assert high - low < 0.05


@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5),
    st.floats(0, 100),
    st.floats(0.0, 10.0),
)
def test_turns_are_cut_to_the_interval(durations: list[float], left_s: float, length_s: float) -> None:
    starts, period_s = np.concatenate([[0.0], np.cumsum(durations)])[:-1], sum(durations)
    levels = np.arange(len(durations), dtype=float)
    cut = tiled(starts, levels, period_s, left_s, left_s + length_s)
    assert cut is not None
    assert cut[0][0] == 0.0
    assert (np.diff(cut[0]) >= 0).all()
    times_s = np.linspace(0, length_s, 50)
    found = cut[1][np.searchsorted(cut[0], times_s, side="right") - 1]
    phase = np.mod(left_s + times_s, period_s)
    expected = levels[np.searchsorted(starts, phase, side="right") - 1]
    near = np.abs(phase[:, None] - np.append(starts, period_s)).min(axis=1) < 1e-9
    assert (near | (found == expected)).all()


@settings(max_examples=40)
@given(st.floats(0, 0.05), st.floats(1e-4, 0.05), st.integers(0, 3))
def test_pieces_are_what_the_samples_say(start_s: float, length_s: float, kind: int) -> None:
    arbitrary = Arbitrary(SampleTable(np.array([0, 5, 5, -3, 0, 0, 9], np.int16)), 1e3, 0.5, 0.25, first=3)
    waveform = [arbitrary, Bursts(arbitrary, 0.0049, 0.0121, 0.125), Constant(1.5), Bursts(arbitrary, 0.02, 0.01, 9.0)][
        kind
    ]
    output = playing(waveform)
    output.play(BEGIN_S + 0.04, (BEGIN_S + 0.04, Constant(-1.0), BEGIN_S + 0.04))
    # A little longer, so that an edge at the very end is known to be near.
    held = exact_pieces(output, BEGIN_S + start_s, BEGIN_S + start_s + length_s + 1e-6)
    assert held is not None
    times_s = np.arange(200) * (length_s / 199)
    expected = output.samples(BEGIN_S + start_s, length_s / 199, 200)
    near = np.abs(times_s[:, None] - held.begins_s).min(axis=1) < 1e-8
    assert (near | (held.samples(0.0, length_s / 199, 200) == expected)).all()


def test_a_waveform_that_knows_its_steps_is_asked() -> None:
    class Stairs:
        def values(self, tau0_s: float, dt_s: float, n: int) -> np.ndarray:
            return np.floor(tau0_s + np.arange(n) * dt_s)

        def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
            return math.floor(start_s), math.floor(end_s)

        def held(self, left_s: float, right_s: float) -> tuple[np.ndarray, np.ndarray]:
            levels = np.arange(math.floor(left_s), math.floor(right_s) + 1.0)
            return np.maximum(levels - left_s, 0.0), levels

    point = FilteredPoint(playing(Stairs()), Transfer(np.array([-1e3]), np.array([1e3]), 0.0))
    assert point.samples(BEGIN_S + 2.5, 1.0, 3) == pytest.approx([2.0, 3.0, 4.0])


def load(tmp_path: Path, old: str, new: str) -> World:
    text = WORLD.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = tmp_path / "world.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load_world(path, Timebase(), SIMULATORS)


def test_the_shipped_world_paces_into_the_network() -> None:
    world = load_world(WORLD, Timebase(), SIMULATORS)
    scope = world.instruments["oscilloscope"]
    d, k = (scope.inputs[number].signal for number in (1, 2))
    volts = k.samples(0.99, 1e-6, 20_000)
    # 3.5 V with a droop of 10 ms at the port, half of it at K, through 1 Mohm || 1 Mohm and 195 pF.
    assert volts.max() == pytest.approx(3.5 / 2 * math.exp(-0.05) * (1 - math.exp(-5)), rel=0.02)
    during, after = int(np.argmax(volts)), int(np.argmax(volts)) + 500
    assert volts[after] > 1e-3
    assert volts[after + 195] == pytest.approx(volts[after] * math.exp(-2), rel=0.05)
    back = 1 / (1 / 82 + 1 / 120)
    assert d.samples(0.99, 1e-6, 20_000)[during] == pytest.approx(3.5 * math.exp(-0.04) * back / (back + 560), rel=0.03)


def test_the_generator_is_seen_at_all_points(tmp_path: Path) -> None:
    world = load(tmp_path, 'deviations: {R2: "0.6 %", R3: "-0.8 %", R4: "1 %", R6: "-0.5 %", C1: "3 %"}', "")
    generator, scope = world.instruments["generator"], world.instruments["oscilloscope"]
    generator.outputs[1].play(0.1, (0.1, Constant(1.0), 0.1))
    d, k = (scope.inputs[number].signal.samples(0.2, 1e-3, 1)[0] for number in (1, 2))
    network = Interface(values(TABLE_D_1), load_ohm=20e3, load_f=1e-9, monitor_f=15e-12).injected
    assert d == pytest.approx(4.0 * network.transfer("D").dc)
    assert k == pytest.approx(4.0 * network.transfer("K").dc)


def test_deviations_move_the_ratio(tmp_path: Path) -> None:
    world = load(tmp_path, 'R2: "0.6 %", R3: "-0.8 %"', 'R2: "2 %", R3: "-2 %"')
    world.instruments["generator"].outputs[1].play(0.1, (0.1, Constant(1.0), 0.1))
    d = world.instruments["oscilloscope"].inputs[1].signal.samples(0.2, 1e-3, 1)[0]
    assert d == pytest.approx(4 * 117.6 / (117.6 + 83.64), rel=3e-3)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("connection: terminal_to_terminal", "terminals: 3", "takes 1 to 1 terminals"),
        ("connection: terminal_to_terminal", "terminals: 5", "less than or equal to 4"),
        ("R2: \"0.6 %\"", "R7: \"0.6 %\"", "R7"),
        ("R2: \"0.6 %\"", "R2: \"-100 %\"", "R2 must be above 0"),
        ('load_resistance: "20 kohm"', 'load_resistance: "0 ohm"', "load_resistance"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, old, new)
    assert "nodes.network" in str(caught.value)
    assert what in str(caught.value)
