"""The voltage amplifier and the resistive network against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.network import NetworkPoint, Resistors
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.stepped import exact_pieces, remembering
from aimdlab_simulators.world.waveforms import Constant

TAU_S = 1 / (2 * np.pi * 1e6)


def stepped(volts: float = 1.0, at_s: float = 1000.0) -> GeneratorOutput:
    output = GeneratorOutput(Past())
    output.play(at_s, (at_s, Constant(volts), at_s))
    return output


def amplifier(source: GeneratorOutput, gain: float = 4.0, clip_v: float = 40.0) -> VoltageAmplifier:
    return VoltageAmplifier(source, gain=gain, bandwidth_hz=1e6, clip_v=clip_v)


@pytest.mark.parametrize("dt_s", [1e-9, 1e-8, 1e-7, 5e-7])
def test_the_step_response_is_that_of_one_pole(dt_s: float) -> None:
    # The step lies a little before a sample, so that rounding of times does not move it by one.
    volts = amplifier(stepped(at_s=1000.0 - 1e-10)).samples(1000.0 - 20 * dt_s, dt_s, 400)
    t_s = np.arange(400) * dt_s - 20 * dt_s
    expected = np.where(t_s > -dt_s / 2, 4.0 * (1 - np.exp(-(t_s + 1e-10) / TAU_S)), 0.0)
    # World times of 1000 s are known to 0.1 ps.
    assert np.abs(volts - expected).max() < 1e-5


@pytest.mark.parametrize("later_s", [0.0, 0.1e-6, 0.3e-6, 1e-6, 3e-6])
def test_a_window_that_begins_within_an_edge_has_no_artefact(later_s: float) -> None:
    whole = amplifier(stepped()).samples(1000.0 - 1e-6, 1e-8, 1000)
    begin = 100 + round(later_s / 1e-8)
    part = amplifier(stepped()).samples(1000.0 - 1e-6 + begin * 1e-8, 1e-8, 500)
    assert part == pytest.approx(whole[begin : begin + 500], abs=1e-4)
    settled = amplifier(stepped()).samples(1000.0 + 1e-3, 1e-8, 10)
    assert settled == pytest.approx(np.full(10, 4.0), rel=1e-8)


def test_coarse_samples_are_settled() -> None:
    volts = amplifier(stepped()).samples(999.55, 0.1, 10)
    assert volts.tolist() == [0.0] * 5 + [4.0] * 5


@given(st.floats(-20, 20), st.floats(-10, 10))
def test_the_output_clips_and_bounds_hold(volts: float, gain: float) -> None:
    amplified = amplifier(stepped(volts), gain, clip_v=12.0)
    found = amplified.samples(1001.0, 1.0, 1)[0]
    assert found == pytest.approx(max(-12.0, min(12.0, volts * gain)))
    low, high = amplified.bounds(1000.5, 1001.5)
    assert low <= found <= high


resistances = st.floats(1, 1e6)


@given(st.floats(0, 1e3), resistances, resistances, resistances, resistances)
def test_ratios_solve_the_network(source: float, series: float, load: float, upper: float, lower: float) -> None:
    """Kirchhoff's current law at D, port and K, solved numerically."""
    resistors = Resistors(source, series, load, upper, lower)
    g_source, g_series = 1 / max(source, 1e-9), 1 / series
    g_load, g_upper, g_lower = 1 / load, 1 / upper, 1 / lower
    conductances = np.array(
        [
            [g_source + g_series, -g_series, 0],
            [-g_series, g_series + g_load + g_upper, -g_upper],
            [0, -g_upper, g_upper + g_lower],
        ]
    )
    d, port, k = np.linalg.solve(conductances, [g_source, 0, 0])
    injected = resistors.injected()
    assert injected["D"] == pytest.approx(d, rel=1e-6)
    assert injected["port"] == pytest.approx(port, rel=1e-5)
    assert injected["K"] == pytest.approx(k, rel=1e-5)
    # One volt held at the port, C at rest.
    paced = resistors.paced()
    assert paced["D"] == pytest.approx(g_series / (g_series + g_source), rel=1e-6, abs=1e-9)
    assert paced["K"] == pytest.approx(lower / (upper + lower))
    assert paced["port"] == 1.0


def test_the_shipped_values_halve_twice() -> None:
    injected = Resistors(0.0, 500.0, 500.0, 1e6, 1e6).injected()
    assert injected == pytest.approx({"C": 1.0, "D": 1.0, "port": 0.5, "K": 0.25}, rel=2e-4)


def test_a_point_is_the_superposition() -> None:
    point = NetworkPoint(stepped(2.0), 0.5, stepped(3.0, at_s=1001.0), -1.0)
    assert point.samples(999.5, 1.0, 3).tolist() == [0.0, 1.0, -2.0]
    assert point.bounds(999.0, 1002.0) == (-3.0, 1.0)


def test_what_is_remembered_of_one_point_is_not_taken_for_another() -> None:
    ratios = (1.0, 0.5, 0.25, 0.125)
    points = [NetworkPoint(stepped(), ratio, None, 0.0) for ratio in ratios]
    with remembering():
        found = [exact_pieces(point, 1001.0, 1002.0) for point in points]
    assert [pieces.levels[0] for pieces in found if pieces is not None] == list(ratios)
