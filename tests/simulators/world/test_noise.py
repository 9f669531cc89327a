"""Noise by counter."""

from __future__ import annotations

import hashlib
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.scope_input import Acquisitions, InputErrors, ScopeInput
from aimdlab_simulators.world.window import Window

KEY = noise.stream_key(1, "scope/a.1")


@given(st.integers(0, 200_000), st.integers(1, 5000), st.integers(1, 60))
def test_every_reading_of_a_stream_agrees(first: int, stride: int, n: int) -> None:
    one_by_one = [float(noise.gaussian(KEY, (3, 4), first + i * stride, 1, 1)[0]) for i in range(n)]
    assert noise.gaussian(KEY, (3, 4), first, stride, n).tolist() == one_by_one


@pytest.mark.parametrize("stride", [1, 4, 10, 38, 4096, 4097])
@pytest.mark.parametrize("first", [0, 3, 70_001])
def test_a_long_reading_agrees_with_short_ones(first: int, stride: int) -> None:
    n, parts = 70_000, 7  # long enough to be read row by row, in parts that are not
    whole = noise.gaussian(KEY, (3, 4), first, stride, n)
    each = n // parts
    short = [noise.gaussian(KEY, (3, 4), first + k * each * stride, stride, each) for k in range(parts)]
    assert (whole == np.concatenate(short)).all()


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_first_number_of_a_stream_alone(one: int, other: int) -> None:
    assert noise.one(KEY, (one, other)) == float(noise.gaussian(KEY, (one, other), 0, 1, 1)[0])


def test_numbers_do_not_change_from_version_to_version() -> None:
    """What a world with a seed shows is compared between versions of the simulator."""
    numbers = noise.gaussian(noise.stream_key(1, "scope/a.1"), (3, 4), 12_345, 4, 100_000)
    assert hashlib.sha256(numbers.astype("<f4").tobytes()).hexdigest()[:16] == "40ebadae9b0bc03f"


@pytest.mark.parametrize("stride", [1, 4, 40])
def test_it_is_normal_and_white(stride: int) -> None:
    """Within what as many independent numbers show, but for the correlations that decision 30 allows."""
    n = 1 << 20
    numbers = np.concatenate([noise.gaussian(KEY, (0, 7), k * n * stride // 4, stride, n // 4) for k in range(4)])
    numbers = numbers.astype(float)
    assert abs(numbers.mean()) < 5 / np.sqrt(n)
    assert abs(numbers.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((numbers**3).mean()) < 5 * np.sqrt(15 / n)
    assert abs((numbers**4).mean() - 3) < 5 * np.sqrt(96 / n)
    for sigma, share in ((1, 0.31731), (2, 0.045500), (3, 0.0026998), (4, 6.334e-5)):
        assert np.mean(np.abs(numbers) > sigma) == pytest.approx(share, rel=6 / np.sqrt(share * n))
    assert np.abs(correlations(numbers, numbers)[1:]).max() < 0.01
    # No band of frequencies has more or less of it: 64 bands of 8192 frequencies each.
    power = np.abs(np.fft.rfft(numbers)[1:]) ** 2 / n
    assert np.abs(power.reshape(64, -1).mean(axis=1) - 1).max() < 0.06
    # Means over stretches vary as those of independent numbers do.
    for length in (16, 256, 4096):
        means = numbers.reshape(-1, length).mean(axis=1)
        assert means.var() * length == pytest.approx(1, rel=5 * np.sqrt(2 / means.size))


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Over the first half of all lags."""
    n = one.size
    spectrum = np.fft.rfft(one, 2 * n) * np.conj(np.fft.rfft(other, 2 * n))
    return np.asarray(np.fft.irfft(spectrum)[: n // 2] / n)


@pytest.mark.parametrize("other", [(KEY, (0, 1)), (KEY, (1, 0)), (noise.stream_key(2, "scope/a.1"), (0, 0))])
def test_streams_differ(other: tuple[int, tuple[int, int]]) -> None:
    numbers = noise.gaussian(KEY, (0, 0), 0, 1, 1 << 18).astype(float)
    others = noise.gaussian(*other, 0, 1, 1 << 18).astype(float)
    assert np.abs(correlations(numbers, others)).max() < 0.025


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
        window = Window(connector, t0_s=0.0, dt_s=1e-6, n=10_000, counter=(0, 0), lock=threading.RLock())
        volts = window.reading(0, 1, 10_000, gain=1.0, offset=0.0).block(0)
        assert volts.mean() == pytest.approx(level, abs=1e-3)
        assert volts.std() == pytest.approx(0.01, rel=0.05)
