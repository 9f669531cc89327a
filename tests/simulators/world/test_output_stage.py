"""The output stage of the amplifier: switched, tripped, too hot, drifted; all of it in the signal's history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab_simulators.timebase import SimulatorError, Timebase
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.output_stage import OutputStage
from aimdlab_simulators.world.pacemaker import Pacemaker
from aimdlab_simulators.world.pacemaker_settings import PacemakerSettings
from aimdlab_simulators.world.past import RETENTION_S, Past
from aimdlab_simulators.world.stepped import Share, exact_pieces
from aimdlab_simulators.world.waveforms import Constant, Periodic

TAU_S = 1 / (2 * np.pi * 1e6)
GAIN = 4.0


def sine(frequency_hz: float, peak_v: float) -> Periodic:
    return Periodic(lambda phase: np.sin(2 * np.pi * phase), (0.25, 0.75), frequency_hz, peak_v, 0.0)


class Bench:
    """A generator, an amplifier and the time."""

    def __init__(self, *, enabled: bool = True, above_v: float | None = None) -> None:
        self.time = Timebase()
        self.time.claim()
        self.past = Past()
        self.output = GeneratorOutput(self.past)
        self.stage = OutputStage(self.past, self.time, enabled=enabled)
        if above_v is not None:
            self.stage.protect(Share(self.output, GAIN), above_v)
            self.output.before_change(self.stage.source_changes)
        self.amplifier = VoltageAmplifier(self.output, gain=GAIN, bandwidth_hz=1e6, clip_v=40.0, stage=self.stage)

    def at(self, t_s: float) -> Bench:
        self.time.advance_to(t_s)
        return self

    def play(self, volts: float) -> None:
        now_s = self.time.now_s()
        self.output.play(now_s, (now_s, Constant(volts), now_s))

    def volts(self, start_s: float, dt_s: float, n: int) -> list[float]:
        return self.amplifier.samples(start_s, dt_s, n).round(9).tolist()


def test_a_window_shows_the_stage_off_on_and_off_again() -> None:
    bench = Bench(enabled=False)
    bench.at(1.0).play(1.0)
    bench.at(2.0).stage.enable(True)
    bench.at(3.0).stage.enable(False)
    bench.at(4.0)
    assert bench.volts(0.75, 0.5, 7) == [0, 0, 0, 4, 4, 0, 0]
    assert bench.amplifier.bounds(0.5, 1.9) == (0.0, 0.0)
    assert bench.amplifier.bounds(0.5, 2.1) == (0.0, 4.0)


def test_the_stage_switches_through_the_pole_of_the_amplifier() -> None:
    bench = Bench(enabled=False)
    bench.play(1.0)
    bench.at(1.0).stage.enable(True)
    bench.at(2.0)
    t_s = np.arange(200) * 1e-8
    pieces = exact_pieces(bench.amplifier, 1.0, 1.1)
    assert pieces is not None
    assert pieces.samples(0.0, 1e-8, 200) == pytest.approx(GAIN * (1 - np.exp(-t_s / TAU_S)), abs=1e-9)
    assert bench.amplifier.samples(1.0, 1e-8, 200) == pytest.approx(GAIN * (1 - np.exp(-t_s / TAU_S)), abs=1e-9)


@pytest.mark.parametrize("dt_s", [1e-3, 1e-7])
def test_a_curve_is_switched_too(dt_s: float) -> None:
    bench = Bench()
    bench.output.play(0.0, (0.0, sine(50.0, 2.0), 0.0))
    bench.at(1.0).stage.enable(False)
    bench.at(2.0)
    before, after = bench.amplifier.samples(1.0 - 200 * dt_s, dt_s, 200), bench.amplifier.samples(1.0 + 2e-5, dt_s, 200)
    t_s = 1.0 + (np.arange(200) - 200) * dt_s
    assert before == pytest.approx(8.0 * np.sin(2 * np.pi * 50.0 * t_s), abs=1e-2)
    assert np.abs(after).max() < 1e-8


def test_a_trip_is_kept_until_a_reset_and_the_enable_line_holds_then() -> None:
    bench = Bench()
    bench.play(1.0)
    bench.at(1.0).amplifier.disturb("trip")
    assert bench.stage.is_tripped()
    assert not bench.stage.is_too_hot()
    bench.at(2.0).stage.enable(False)
    bench.at(3.0).stage.enable(True)
    bench.at(4.0)
    assert bench.volts(0.5, 1.0, 4) == [4, 0, 0, 0]
    bench.stage.reset()
    assert not bench.stage.is_tripped()
    bench.at(6.0)
    assert bench.volts(3.5, 1.0, 3) == [0, 4, 4]
    assert bench.amplifier.observe() == {
        "enabled": True, "tripped": False, "over_temperature": False, "gain_factor": 1.0, "trips": 1,
    }  # fmt: skip


def test_a_stage_that_is_too_hot_cannot_be_reset() -> None:
    bench = Bench()
    bench.play(1.0)
    bench.at(1.0).amplifier.disturb("overheat", **{"for": 60.0})
    assert (bench.stage.is_tripped(), bench.stage.is_too_hot()) == (True, True)
    bench.at(60.9).stage.reset()
    assert (bench.stage.is_tripped(), bench.stage.is_too_hot()) == (True, True)
    bench.at(61.0)
    assert (bench.stage.is_tripped(), bench.stage.is_too_hot()) == (True, False)
    bench.stage.reset()
    bench.at(62.0)
    assert bench.volts(0.5, 1.0, 2) == [4, 0]
    assert bench.volts(60.5, 1.0, 2) == [0, 4]


def test_a_drift_scales_the_output_for_a_while() -> None:
    bench = Bench()
    bench.play(1.0)
    bench.at(1.0).amplifier.disturb("drift", factor=0.9, **{"for": 2.0})
    bench.at(1.5).stage.enable(False)
    bench.at(2.5).stage.enable(True)
    bench.at(5.0)
    assert bench.volts(0.75, 0.5, 7) == pytest.approx([4, 3.6, 0, 0, 3.6, 4, 4])
    bench.amplifier.disturb("drift", factor=1.5)
    assert bench.at(1000.0).amplifier.observe()["gain_factor"] == 1.5
    bench.amplifier.disturb("drift", factor=1.0)
    assert bench.amplifier.observe()["gain_factor"] == 1.0


def test_a_drift_scales_before_the_output_clips() -> None:
    bench = Bench()
    bench.play(9.0)
    bench.at(1.0).amplifier.disturb("drift", factor=1.2)
    bench.at(2.0)
    assert bench.volts(0.5, 1.0, 2) == [36, 40]
    assert bench.amplifier.bounds(0.5, 1.5) == (36.0, 40.0)


def test_the_overload_protection_acts_at_the_very_moment() -> None:
    bench = Bench(above_v=20.0)
    bench.at(1.0).play(5.0)
    bench.at(2.0).play(-5.001)
    bench.at(3.0).play(1.0)
    bench.at(4.0)
    assert bench.stage.is_tripped()
    assert bench.volts(0.5, 1.0, 4) == [0, 20, 0, 0]
    assert bench.amplifier.samples(2.0, 1e-8, 500).min() == pytest.approx(20.0 * np.exp(-4.99e-6 / TAU_S), rel=1e-3)
    bench.stage.reset()
    assert not bench.stage.is_tripped()
    bench.at(5.0)
    assert bench.volts(4.5, 0.1, 2) == [4, 4]


def test_a_reset_into_the_same_overload_trips_again_and_one_that_is_disabled_does_not() -> None:
    bench = Bench(above_v=20.0)
    bench.at(1.0).play(6.0)
    bench.at(2.0).stage.reset()
    assert bench.at(2.5).stage.is_tripped()
    bench.stage.enable(False)
    bench.stage.reset()
    assert not bench.at(3.0).stage.is_tripped()
    bench.stage.enable(True)
    assert bench.at(3.1).stage.is_tripped()
    assert bench.amplifier.observe()["trips"] == 3
    assert bench.volts(0.5, 0.5, 5) == [0, 0, 0, 0, 0]


def test_a_drift_upwards_can_trip() -> None:
    bench = Bench(above_v=20.0)
    bench.play(4.9)
    bench.at(1.0).amplifier.disturb("drift", factor=1.05)
    bench.at(2.0)
    assert bench.volts(0.5, 1.0, 2) == pytest.approx([19.6, 0.0])


def test_a_drift_that_ends_can_trip_at_its_end() -> None:
    bench = Bench(above_v=20.0)
    bench.at(0.5).amplifier.disturb("drift", factor=0.5, **{"for": 1.0})
    bench.at(1.0).play(6.0)
    bench.at(3.0)
    assert bench.volts(0.75, 0.5, 4) == [0, 12, 0, 0]
    assert bench.amplifier.samples(1.0, 1e-3, 600)[499] == pytest.approx(12.0)


def test_bounds_know_of_a_trip_that_nobody_has_looked_for() -> None:
    bench = Bench(above_v=20.0)
    bench.at(1.0).play(6.0)
    bench.at(3.0)
    low, high = bench.amplifier.bounds(1.5, 2.5)
    assert low <= 0.0 <= high


def test_who_must_know_of_a_change_is_told_before_it() -> None:
    bench = Bench()
    bench.play(1.0)
    seen: list[tuple[float, list[float]]] = []
    bench.stage.before_change(lambda now_s: seen.append((now_s, bench.volts(now_s - 0.5, 0.5, 2))))
    bench.at(1.0).stage.enable(False)
    bench.at(2.0).stage.enable(False)  # changes nothing
    bench.at(3.0).stage.enable(True)
    bench.at(4.0).amplifier.disturb("trip")
    assert seen == [(1.0, [4, 4]), (3.0, [0, 0]), (4.0, [4, 4])]


def test_old_steps_are_forgotten_and_the_present_state_is_not() -> None:
    bench = Bench()
    bench.play(1.0)
    for k in range(1, 1000):
        bench.at(float(k)).stage.enable(k % 2 == 0)
    bench.at(1000.0)
    assert bench.volts(996.5, 1.0, 4) == [4, 0, 4, 0]
    assert len(bench.stage.factor.steps(0.0, 1000.0)[0]) < RETENTION_S + 20


def test_a_curve_trips_where_it_is_too_high() -> None:
    bench = Bench(above_v=20.0)
    bench.output.play(0.0, (0.0, sine(1.0, 10.0), 0.0))  # 40 V peak: above 20 V from 1/12 s on
    bench.at(1.0)
    volts = np.array(bench.volts(0.0, 1e-3, 500))
    assert volts[80:83].min() > 19.0
    assert np.abs(volts[85:]).max() == 0.0


def test_what_was_searched_is_searched_again_when_the_source_changes_in_the_past() -> None:
    bench = Bench(above_v=20.0)
    bench.at(2.0).stage.live(2.0)
    bench.output.play(1.5, (1.5, Constant(8.0), 1.5))  # a trigger that was found late
    assert bench.stage.is_tripped()
    assert bench.volts(1.4, 0.2, 2) == [0, 0]


def test_an_overload_that_nobody_looked_at_is_found_before_it_is_forgotten() -> None:
    bench = Bench(above_v=20.0)
    bench.at(1.0).play(8.0)
    bench.at(1.1).play(1.0)
    for k in range(1, 80):
        bench.at(k * RETENTION_S / 20).play(1.0)
    assert bench.stage.is_tripped()
    assert bench.volts(bench.time.now_s() - 1.0, 0.5, 2) == [0, 0]


@pytest.mark.parametrize(
    ("kind", "parameters", "what"),
    [
        ("explode", {}, "trip, overheat, drift, reset"),
        ("trip", {"for": 1.0}, "no parameter"),
        ("overheat", {}, "takes for; there are: none"),
        ("overheat", {"for": 0.0}, "duration above 0"),
        ("overheat", {"for": float("nan")}, "duration above 0"),
        ("drift", {"for": 1.0}, "factor, for"),
        ("drift", {"factor": float("inf")}, "finite factor"),
    ],
)
def test_what_cannot_happen_is_refused(kind: str, parameters: dict[str, float], what: str) -> None:
    bench = Bench()
    bench.play(1.0)
    with pytest.raises(SimulatorError, match=what):
        bench.amplifier.disturb(kind, **parameters)
    bench.at(1.0)
    assert bench.volts(0.25, 0.5, 2) == [4, 4]


SENSING = {"mode": "VVI", "interval_s": 1.0, "amplitude_v": 3.5, "pulse_width_s": 0.5e-3, "sensing_threshold_v": 0.5}
CHANGES = st.lists(
    st.tuples(st.floats(0.05, 1.5), st.sampled_from(["on", "off", "trip", "reset", "drift", "low", "high"])),
    max_size=12,
)


def with_device() -> tuple[Bench, Pacemaker]:
    bench = Bench(above_v=20.0)
    device = Pacemaker(PacemakerSettings(**SENSING), bench.past, seed=1, name="device")  # type: ignore[arg-type]
    device.sense_from(Share(bench.amplifier, 0.5))
    bench.output.before_change(device.advance)
    bench.stage.before_change(device.advance)
    return bench, device


def change(bench: Bench, at_s: float, what: str) -> None:
    bench.at(at_s)
    match what:
        case "on" | "off":
            bench.stage.enable(what == "on")
        case "reset":
            bench.stage.reset()
        case "drift":
            bench.amplifier.disturb("drift", factor=0.1, **{"for": 0.4})
        case "trip":
            bench.amplifier.disturb("trip")
        case _:
            bench.play(2.0 if what == "low" else 6.0)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES, looks=st.lists(st.floats(0.0, 18.0), max_size=6))
def test_a_device_senses_the_same_whoever_looks_when(changes: list[tuple[float, str]], looks: list[float]) -> None:
    (calm, one), (watched, other) = with_device(), with_device()
    at_s, todo = 0.0, sorted(looks)
    for after_s, what in changes:
        at_s += after_s
        while todo and todo[0] < at_s:
            watched.amplifier.samples(max(0.0, todo[0] - 0.5), 1e-3, 500 if todo[0] > 0.5 else 1)
            other.advance(todo.pop(0))
        for bench in (calm, watched):
            change(bench, at_s, what)
    for bench, device in ((calm, one), (watched, other)):
        bench.at(at_s + 2.0)
        device.advance(at_s + 2.0)
    assert other.observe() == one.observe()
    assert watched.amplifier.observe() == calm.amplifier.observe()
    start_s = max(0.0, at_s - 3.0)
    n = int((at_s + 2.0 - start_s) / 1e-3)
    assert watched.amplifier.samples(start_s, 1e-3, n).tolist() == calm.amplifier.samples(start_s, 1e-3, n).tolist()
