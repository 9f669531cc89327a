"""What a device detects: the exact band-pass against a plain simulation, and pieces against samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.exceedances import Exceedances
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.pacemaker_sensing import Detector
from aimdlab_simulators.world.pacemaker_settings import SensingBand
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.pieces import Pieces
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import Share, near_pieces
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, SampleTable

STEPS = st.lists(
    st.tuples(st.floats(1e-4, 0.05), st.floats(-10, 10) | st.just(0.0)), min_size=1, max_size=25
)  # (duration, volts)


def filtered(volts: np.ndarray, dt_s: float, band: SensingBand) -> np.ndarray:
    """A high pass and a low pass in series, stepped, with gain 1 at the centre."""
    slow, fast = (math.exp(-2 * math.pi * corner * dt_s) for corner in (band.high_pass_hz, band.low_pass_hz))
    gain = (band.high_pass_hz + band.low_pass_hz) / band.low_pass_hz
    mean = out = 0.0
    answer = np.empty(volts.size)
    for i, v in enumerate(volts.tolist()):
        mean = slow * mean + (1 - slow) * v
        out = fast * out + (1 - fast) * (v - mean) * gain
        answer[i] = out
    return answer


def held(steps: list[tuple[float, float]], rest_s: float = 0.1) -> Pieces:
    begins = np.concatenate([[0.0], np.cumsum([duration for duration, _ in steps])])
    return Pieces.held(0.0, begins, np.array([*(volts for _, volts in steps), 0.0]), float(begins[-1]) + rest_s)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.floats(0.05, 3.0), st.sampled_from([(20.0, 100.0), (5.0, 250.0), (30.0, 33.0)]))
def test_crossings_are_those_of_a_stepped_simulation(
    steps: list[tuple[float, float]], threshold_v: float, corners: tuple[float, float]
) -> None:
    band, pieces, dt_s = SensingBand(*corners), held(steps), 1e-5
    detector = Detector(threshold_v, band)
    detector.follow(pieces, whole=True)
    t_s = np.arange(round(pieces.length_s / dt_s)) * dt_s
    v = pieces.levels[np.searchsorted(pieces.begins_s, t_s, "right") - 1]
    y = np.abs(filtered(v, dt_s, band))
    for i in range(3, t_s.size - 4, 37):
        found = detector.exceeded.first(t_s[i + 1], t_s[i + 1] + 1e-12) is not None
        # Next to a step the output moves by a lot within one sample: both must agree only where the neighbours do.
        around = y[i - 3 : i + 4] - threshold_v
        if np.all(around > 0.05) or np.all(around < -0.05):
            assert found == (y[i] > threshold_v), t_s[i]


@pytest.mark.parametrize(("frequency_hz", "gain"), [(math.sqrt(20 * 100), 1.0), (2.0, 0.119), (1000.0, 0.120)])
def test_a_sine_passes_with_the_gain_of_two_real_poles(frequency_hz: float, gain: float) -> None:
    output = GeneratorOutput(Past())
    sine = Periodic(lambda phase: np.sin(2 * np.pi * phase), (0.25, 0.75), frequency_hz, 1.0, 0.0)
    output.play(0.0, (0.0, sine, 0.0))
    pieces = near_pieces(output, 0.0, 4.0)
    for share, seen in ((0.97, True), (1.03, False)):
        detector = Detector(gain * share, SensingBand(20.0, 100.0))
        detector.follow(pieces, whole=True)
        assert (detector.exceeded.first(3.0, 4.0) is not None) is seen


@settings(max_examples=60, deadline=None)
@given(STEPS, st.floats(0.05, 3.0), st.data())
def test_a_window_seen_in_parts_gives_the_same_bits(
    steps: list[tuple[float, float]], threshold_v: float, data: st.DataObject
) -> None:
    pieces, band = held(steps), SensingBand(20.0, 100.0)
    at_once, in_parts = Detector(threshold_v, band), Detector(threshold_v, band)
    at_once.follow(pieces, whole=True)
    looks = data.draw(st.lists(st.floats(1e-3, pieces.length_s, exclude_max=True), max_size=5))
    for look_s in sorted(looks):
        upto = pieces.begins_s < look_s
        in_parts.follow(Pieces.held(0.0, pieces.begins_s[upto], pieces.levels[upto], look_s), whole=False)
        list(in_parts.exceeded.onsets(0.0, look_s))
    in_parts.follow(pieces, whole=True)
    window = 0.0, pieces.length_s
    assert list(at_once.exceeded.onsets(*window)) == list(in_parts.exceeded.onsets(*window))
    assert at_once._states.tolist() == in_parts._states.tolist()


def table(*codes: int) -> SampleTable:
    return SampleTable(np.array(codes, np.int16))


@pytest.mark.parametrize(
    "waveform",
    [
        Constant(2.5),
        Arbitrary(table(0, 0, 5, 5, -7, 0), 1e3, 0.1, 0.25),
        Arbitrary(table(3, 3, 3), 1e3, 0.1, 0.0),
        Arbitrary(table(0, 0, 5, 5, -7, 0), 1e3, 0.1, 0.0, first=3),
        Bursts(Arbitrary(table(0, 4, -4), 1e3, 1.0, 0.0), 6e-3, 17e-3, 0.5),
        Bursts(Constant(1.0), 20e-3, 10e-3, 0.0),
        Periodic(lambda phase: np.where(phase < 0.3, 1.0, -1.0), (0.0, 0.3), 40.0, 2.0, 1.0, 0.1),
    ],
    ids=lambda waveform: type(waveform).__name__,
)
@pytest.mark.parametrize("start_s", [0.0, 1e5])
def test_pieces_say_what_samples_say(waveform: object, start_s: float) -> None:
    output = GeneratorOutput(Past())
    output.play(start_s + 0.01, (start_s + 0.01, waveform, start_s + 0.01))  # type: ignore[arg-type]
    node: Signal = Share(VoltageAmplifier(output, gain=3.0, bandwidth_hz=1e6, clip_v=10.0), 0.5)
    # Off the grid of all edges.
    t0_s, dt_s, n = start_s + 0.00513e-3, 0.1e-3, 2000
    pieces = near_pieces(node, t0_s, t0_s + n * dt_s)
    assert pieces.samples(0.0, dt_s, n) == pytest.approx(node.samples(t0_s, dt_s, n), rel=1e-6, abs=1e-9)
    assert np.all(np.diff(pieces.begins_s) > 0)


class Unknown:
    """A waveform that can only be sampled."""

    def __init__(self, inner: Arbitrary) -> None:
        self.values, self.bounds = inner.values, inner.bounds


class Held(Unknown):
    """One that knows its steps itself."""

    def held(self, left_s: float, right_s: float) -> tuple[np.ndarray, np.ndarray]:
        turn = math.floor(left_s / 10.4e-3)
        steps = [
            (0.0, 0.0),
            *(
                (turn * 10.4e-3 + at - left_s, v)
                for at, v in ((1e-3, 0.5), (1.1e-3, -0.5), (1.3e-3, 0.5), (1.4e-3, 0.0))
            ),
        ]
        return np.array([at for at, _ in steps]), np.array([volts for _, volts in steps])


def test_a_waveform_that_knows_its_steps_is_asked() -> None:
    inner = Arbitrary(table(*[0] * 100, *[5] * 10, *[-5] * 20, *[5] * 10, *[0] * 900), 1e5, 0.1, 0.0)
    known, asked = GeneratorOutput(Past()), GeneratorOutput(Past())
    known.play(7.0, (7.0, inner, 7.0))
    asked.play(7.0, (7.0, Held(inner), 7.0))
    exact, found = near_pieces(known, 7.0420, 7.0445), near_pieces(asked, 7.0420, 7.0445)
    assert found.levels.tolist() == exact.levels.tolist()
    assert found.begins_s == pytest.approx(exact.begins_s, abs=1e-11, rel=0)


def test_steps_of_an_unknown_waveform_are_found() -> None:
    inner = Arbitrary(table(*[0] * 100, *[5] * 10, *[-5] * 20, *[5] * 10, *[0] * 900), 1e5, 0.1, 0.0)
    known, unknown = GeneratorOutput(Past()), GeneratorOutput(Past())
    known.play(7.0, (7.0, inner, 7.0))
    unknown.play(7.0, (7.0, Unknown(inner), 7.0))
    exact, found = near_pieces(known, 7.001, 7.5), near_pieces(unknown, 7.001, 7.5)
    assert found.levels.tolist() == exact.levels.tolist()
    assert found.begins_s == pytest.approx(exact.begins_s, abs=0.4e-6, rel=0)


def test_a_dense_table_is_sampled_and_a_slow_amplifier_too() -> None:
    output = GeneratorOutput(Past())
    sine = SampleTable(np.round(1e4 * np.sin(2 * np.pi * np.arange(20_000) / 20_000)).astype(np.int16))
    output.play(0.0, (0.0, Arbitrary(sine, 1e6, 1e-4, 0.0), 0.0))
    pieces = near_pieces(output, 0.0, 0.1)
    assert pieces.begins_s.size <= 5001
    assert pieces.levels == pytest.approx(np.sin(2 * np.pi * 50 * pieces.begins_s), abs=1e-3)
    slow = near_pieces(VoltageAmplifier(output, gain=1.0, bandwidth_hz=50.0, clip_v=10.0), 0.5, 0.6)
    assert slow.samples(0.0, 1e-4, 1000).max() == pytest.approx(math.sqrt(0.5), rel=0.01)


def windows(*levels: float) -> Pieces:
    return Pieces.held(2.0, np.arange(len(levels)) * 0.5, np.array(levels), len(levels) * 0.5)


def test_intervals_that_touch_are_one_and_the_last_window_can_come_again() -> None:
    exceeded = Exceedances(1.0)
    exceeded.follow(Pieces.held(0.0, np.array([0.0, 1.0, 1.5]), np.array([0.0, 2.0, -3.0]), 2.0))
    exceeded.follow(windows(2.0, 0.0))
    assert list(exceeded.onsets(0.0, 10.0)) == [1.0]
    exceeded.follow(windows(2.0, 0.0, 1.5, 1.0))
    assert list(exceeded.onsets(0.0, 10.0)) == [1.0, 3.0]
    assert list(exceeded.onsets(1.25, 3.0)) == [1.25]
    assert list(exceeded.onsets(1.25, 3.1)) == [1.25, 3.0]
    assert (exceeded.first(2.0, 3.0), exceeded.first(2.5, 9.0), exceeded.first(3.5, 9.0)) == (2.0, 3.0, None)
    exceeded.forget(2.5)
    assert list(exceeded.onsets(0.0, 10.0)) == [2.0, 3.0]
