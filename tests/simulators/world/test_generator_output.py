"""The memory of a generator's output."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab_simulators.world.edges import first_edge
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.past import RETENTION_S, Past
from aimdlab_simulators.world.waveforms import Constant


@pytest.mark.parametrize("t_s", [0.0, 1e5])
def test_a_window_in_the_past_shows_what_played_then(t_s: float) -> None:
    output = GeneratorOutput(Past())
    output.play(t_s + 1, (t_s + 1, Constant(1.0), t_s + 1), (t_s + 1.5, Constant(-2.0), t_s + 1.5))
    output.play(t_s + 2, (t_s + 2, Constant(3.0), t_s + 2))
    volts = output.samples(t_s + 0.75, 0.25, 8)
    assert volts.tolist() == [0.0, 1.0, 1.0, -2.0, -2.0, 3.0, 3.0, 3.0]
    assert output.bounds(t_s + 1.1, t_s + 1.4) == (1.0, 1.0)
    assert output.bounds(t_s + 1.1, t_s + 1.6) == (-2.0, 1.0)


def test_what_was_to_come_is_replaced() -> None:
    output = GeneratorOutput(Past())
    output.play(1.0, (1.0, Constant(1.0), 1.0), (10.0, Constant(2.0), 10.0))
    output.play(5.0, (5.0, Constant(0.0), 5.0))
    assert output.samples(4.0, 2.0, 4).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_old_programs_are_forgotten_and_the_present_one_is_not() -> None:
    past = Past()
    output = GeneratorOutput(past)
    for k in range(1, 1000):
        output.play(float(k), (float(k), Constant(float(k)), float(k)))
    assert output.samples(999.0, 1.0, 3).tolist() == [999.0, 999.0, 999.0]
    assert output.samples(999.0 - RETENTION_S + 20.5, 1.0, 1).tolist() == [719.0]
    assert len(output._programs) < RETENTION_S + 20


def test_keepers_are_called_before_anything_goes() -> None:
    past = Past()
    output = GeneratorOutput(past)
    seen: list[tuple[float, float]] = []
    past.before_forgetting(lambda horizon_s, _now_s: seen.append((horizon_s, float(output.samples(1.5, 1.0, 1)[0]))))
    output.play(1.0, (1.0, Constant(7.0), 1.0))
    output.play(2.0, (2.0, Constant(0.0), 2.0))
    output.play(1000.0, (1000.0, Constant(0.0), 1000.0))
    assert seen == [(1000.0 - RETENTION_S, 7.0)]
    assert output.samples(1.5, 1.0, 1)[0] == 0.0


def test_watchers_see_every_change_before_it_happens() -> None:
    output = GeneratorOutput(Past())
    seen: list[float] = []
    output.before_change(lambda now_s: seen.append(float(output.samples(now_s, 1.0, 1)[0])))
    output.play(1.0, (1.0, Constant(5.0), 1.0))
    output.play(2.0, (2.0, Constant(6.0), 2.0))
    assert seen == [0.0, 5.0]


def stairs() -> GeneratorOutput:
    output = GeneratorOutput(Past())
    for k, volts in enumerate((0.0, 2.0, -1.0, 0.5)):
        output.play(100.0 * k, (100.0 * k, Constant(volts), 100.0 * k))
    return output


@pytest.mark.parametrize(
    ("level_v", "slope", "expected_s"),
    [(1.0, 1, 100.0), (1.0, -1, 200.0), (-0.5, 1, 300.0), (-0.5, 0, 200.0), (3.0, 0, None), (1.0, 0, 100.0)],
)
def test_an_edge_is_found_to_the_sample_in_a_long_silence(level_v: float, slope: int, expected_s: float | None) -> None:
    found_s = first_edge(stairs(), level_v, slope, start_s=50.0, end_s=390.0, dt_s=1e-7)
    assert found_s == (None if expected_s is None else pytest.approx(expected_s, abs=2e-7))


def test_an_edge_at_the_very_end_counts_and_one_at_the_start_does_not() -> None:
    for end_s, slope in ((100.0, 1), (200.0, -1)):
        window = {"start_s": end_s - 30.0, "end_s": end_s, "dt_s": 1e-6}
        assert first_edge(stairs(), 1.0, slope, **window) == end_s
        assert first_edge(stairs(), 1.0, -slope, **window) is None
        assert first_edge(stairs(), 1.0, slope, start_s=end_s, end_s=end_s + 50.0, dt_s=1e-6) is None


def test_an_edge_before_the_start_or_after_the_end_does_not_count() -> None:
    assert first_edge(stairs(), 1.0, 1, start_s=100.1, end_s=399.0, dt_s=1e-6) is None
    assert first_edge(stairs(), 1.0, 1, start_s=0.0, end_s=99.9, dt_s=1e-6) is None


class Sampled:
    """A signal that gives no pieces."""

    def __init__(self, inner: GeneratorOutput) -> None:
        self.samples, self.bounds = inner.samples, inner.bounds


@settings(max_examples=60, deadline=None)
@given(
    levels=st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]), min_size=1, max_size=12),
    level_v=st.sampled_from([-1.5, -0.5, 0.5, 1.5]),
    slope=st.sampled_from([-1, 0, 1]),
    start_s=st.floats(9.0, 14.0),
    length_s=st.floats(0.01, 8.0),
)
def test_an_exact_edge_is_where_samples_find_it(
    levels: list[float], level_v: float, slope: int, start_s: float, length_s: float
) -> None:
    output = GeneratorOutput(Past())
    for k, volts in enumerate(levels):
        output.play(10.0 + 0.31 * k, (10.0 + 0.31 * k, Constant(volts), 10.0))
    edges = 10.0 + 0.31 * np.arange(len(levels))
    # A step at the very end of the window is seen or not by rounding.
    if np.abs(edges - start_s).min() < 1e-4 or np.abs(edges - start_s - length_s).min() < 1e-4:
        return
    window = {"start_s": start_s, "end_s": start_s + length_s, "dt_s": 1e-5}
    exact = first_edge(output, level_v, slope, **window)
    found = first_edge(Sampled(output), level_v, slope, **window)  # type: ignore[arg-type]
    assert (exact is None) == (found is None)
    if exact is not None and found is not None:
        assert exact == pytest.approx(found, abs=1e-5, rel=0)
        assert np.abs(edges - exact).min() < 1e-9
