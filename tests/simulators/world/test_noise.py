"""Noise by counter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.scope_input import Acquisitions, InputErrors, ScopeInput

KEY = noise.stream_key(1, "scope/a.1")


@given(st.integers(0, 200_000), st.integers(1, 5000), st.integers(1, 60))
def test_every_reading_of_a_stream_agrees(first: int, stride: int, n: int) -> None:
    one_by_one = [float(noise.gaussian(KEY, (3, 4), first + i * stride, 1, 1)[0]) for i in range(n)]
    assert noise.gaussian(KEY, (3, 4), first, stride, n).tolist() == one_by_one


def test_it_is_normal() -> None:
    numbers = noise.gaussian(KEY, (0, 0), 0, 1, 1_000_000).astype(float)
    assert numbers.mean() == pytest.approx(0, abs=0.005)
    assert numbers.std() == pytest.approx(1, abs=0.005)
    for sigma, share in ((1, 0.31731), (2, 0.045500), (3, 0.0026998), (4, 6.334e-5)):
        assert np.mean(np.abs(numbers) > sigma) == pytest.approx(share, rel=0.02 + 4 / np.sqrt(share * 1e6))
    assert np.abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.005


@pytest.mark.parametrize("other", [(KEY, (0, 1)), (KEY, (1, 0)), (noise.stream_key(2, "scope/a.1"), (0, 0))])
def test_streams_differ(other: tuple[int, tuple[int, int]]) -> None:
    numbers = noise.gaussian(KEY, (0, 0), 0, 1, 1000)
    assert abs(np.corrcoef(numbers, noise.gaussian(*other, 0, 1, 1000))[0, 1]) < 0.15


def test_the_key_of_an_acquisition_is_its_place_in_the_attempt() -> None:
    acquisitions = Acquisitions()
    acquisitions.mark(5, 2)
    first = [acquisitions.next(), acquisitions.next()]
    acquisitions.mark(5, 3)
    other = [acquisitions.next(), acquisitions.next()]
    acquisitions.mark(5, 2)
    assert [acquisitions.next(), acquisitions.next()] == first
    assert len({*first, *other}) == 4


def test_an_unplugged_probe_shows_noise_alone() -> None:
    class One:
        def samples(self, t0_s: float, dt_s: float, n: int) -> np.ndarray:
            return np.ones(n)

        def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
            return 1.0, 1.0

    for connected, level in ((True, 0.1 * 1.01 + 0.5), (False, 0.5)):
        errors = InputErrors(noise_v=0.01, gain_error=0.01, offset_error_v=0.5, attenuation=10.0, connected=connected)
        connector = ScopeInput(errors, seed=1, name="x")
        connector.connect(One())
        volts = connector.volts(0.0, 1e-6, 10_000, counter=(0, 0))
        assert volts.mean() == pytest.approx(level, abs=1e-3)
        assert volts.std() == pytest.approx(0.01, rel=0.05)
