"""The pacemaker: pacing, sensing, faults; the same whatever was asked before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.pacemaker import Pacemaker, PacemakerSettings
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.waveforms import Bursts, Constant


def make(past: Past | None = None, **settings: object) -> Pacemaker:
    return Pacemaker(PacemakerSettings(**settings), past or Past(), seed=1, name="device")  # type: ignore[arg-type]


def beats(device: Pacemaker, start_s: float, end_s: float) -> list[float]:
    dt_s = 1e-4
    volts = np.abs(device.samples(start_s, dt_s, round((end_s - start_s) / dt_s))) > 0.1
    return (start_s + dt_s * (np.flatnonzero(~volts[:-1] & volts[1:]) + 1)).tolist()


def test_it_paces_at_its_rate_with_its_pulse() -> None:
    device = make()
    assert beats(device, 0.5, 5.5) == pytest.approx([1, 2, 3, 4, 5], abs=1e-4)
    pulse = device.samples(2.0 - 1e-4, 1e-5, 100)
    assert np.count_nonzero(pulse) == pytest.approx(50, abs=1)
    assert pulse.max() == 3.5
    assert device.bounds(1.9, 2.1) == (0.0, 3.5)
    assert device.bounds(2.1, 2.9) == (0.0, 0.0)


def test_a_pulse_droops_through_its_capacitor() -> None:
    pulse = make(droop_time_constant_s=1e-3, amplitude_v=-4.0).samples(1.0, 1e-4, 5)
    assert pulse == pytest.approx(-4.0 * np.exp(-np.arange(5) / 10), rel=1e-6)


def test_intervals_jitter_by_what_was_asked() -> None:
    found = np.diff(beats(make(jitter=0.01, interval_s=0.1, refractory_s=0.01), 0, 100))
    assert found.std() == pytest.approx(0.001, rel=0.15)
    assert found.mean() == pytest.approx(0.1, rel=0.003)


@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=8))
def test_the_beats_do_not_depend_on_who_looked_when(looks: list[float]) -> None:
    undisturbed, watched = make(jitter=0.02), make(jitter=0.02)
    for look_s in sorted(looks):
        watched.advance(look_s)
    assert beats(watched, 0, 40) == beats(undisturbed, 0, 40)


def test_faults() -> None:
    assert beats(make(silent=True), 0, 10) == []
    assert beats(make(drop_beats=frozenset({3})), 0, 5.5) == pytest.approx([1, 2, 4, 5], abs=1e-4)
    drifting = make(amplitude_drift=-0.5)
    drifting.advance(3600.0)
    assert drifting.bounds(3599.5, 3600.5)[1] == pytest.approx(1.75)


def injected(past: Past, volts: float, *, start_s: float = 10.25) -> GeneratorOutput:
    """Pulses of 1 ms every 0.25 s."""
    port = GeneratorOutput(past)
    port.play(start_s, (start_s, Bursts(Constant(volts), 1e-3, 0.25, 0.0), start_s))
    return port


def test_injected_pulses_above_the_threshold_inhibit() -> None:
    past = Past()
    device = make(past, sensing_threshold_v=1.0)
    device.sense_from(injected(past, -1.5))
    assert beats(device, 0, 30) == pytest.approx(list(range(1, 11)), abs=1e-4)
    # One event in 0.5 s: the next pulse falls into the refractory time, the one after is sensed.
    assert device.observe()["sensed_events"] == pytest.approx(40, abs=1)


def test_injected_pulses_below_the_threshold_do_not() -> None:
    past = Past()
    device = make(past, sensing_threshold_v=1.0)
    device.sense_from(injected(past, 0.99))
    assert len(beats(device, 0, 30.5)) == 30


def test_voo_paces_whatever_comes() -> None:
    past = Past()
    device = make(past, mode="VOO", sensing_threshold_v=1.0)
    device.sense_from(injected(past, 5.0))
    assert len(beats(device, 0, 30.5)) == 30


def test_a_sensed_event_restarts_the_timer() -> None:
    past = Past()
    port = GeneratorOutput(past)
    port.play(2.6, (2.6, Constant(2.0), 2.6), (2.601, Constant(0.0), 2.601))
    device = make(past, sensing_threshold_v=1.0)
    device.sense_from(port)
    assert beats(device, 0, 6) == pytest.approx([1, 2, 3.6, 4.6, 5.6], abs=2e-4)


def test_thirty_hours_leave_no_trace_in_memory() -> None:
    past = Past()
    device = make(past, sensing_threshold_v=1.0)
    device.sense_from(GeneratorOutput(past))
    for hour in range(1, 31):
        device.advance(hour * 3600.0)
    assert device.observe()["paced_beats"] == 30 * 3600
    assert len(device._pulses) <= 320
    assert beats(device, 30 * 3600 - 2.5, 30 * 3600 - 0.5) == pytest.approx([107998, 107999], abs=1e-3)
