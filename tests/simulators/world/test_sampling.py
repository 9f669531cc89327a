"""Samples in blocks: the same as all at once, for any thread, whatever the noise and the thinning."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.pieces import Pieces
from aimdlab_simulators.world.sampling import PieceSamples
from aimdlab_simulators.world.scope_input import InputErrors, ScopeInput
from aimdlab_simulators.world.signal import Volts
from aimdlab_simulators.world.stepped import Parts
from aimdlab_simulators.world.window import BLOCK, Window


def voltage(seed: int, count: int, rates: list[float]) -> Pieces:
    drawn = np.random.default_rng(seed)
    begins_s = np.concatenate([[0.0], np.cumsum(drawn.exponential(1.0, count))])
    tails = drawn.normal(size=(len(rates), count + 1))
    tails[:, drawn.random(count + 1) < 0.3] = 0.0
    levels = drawn.normal(size=count + 1)
    return Pieces(0.0, begins_s, levels, begins_s[-1] + 1.0, tails, np.array(rates))


def definition(pieces: Pieces, times_s: np.ndarray) -> np.ndarray:
    k = np.searchsorted(pieces.begins_s, times_s, "right") - 1
    since_s = times_s - pieces.begins_s[k]
    return np.asarray(pieces.levels[k] + (pieces.tails[:, k] * np.exp(-np.outer(pieces.rates, since_s))).sum(axis=0))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from([1, 3, 40, 400]),
    st.lists(st.floats(-3.0, 2.0).map(lambda power: 10.0**power), max_size=3, unique=True),
    st.floats(-2.0, 1.0).map(lambda power: 10.0**power),
    st.lists(st.integers(1, 2999), max_size=5, unique=True),
)
def test_blocks_are_what_the_definition_says(
    seed: int, count: int, rates: list[float], dt_s: float, cuts: list[int]
) -> None:
    """Few long pieces and many short ones, tails that end before the next sample and that outlast many blocks."""
    pieces = voltage(seed, count, rates)
    n, first_s = 3000, 0.37
    expected = definition(pieces, first_s + np.arange(n) * dt_s)
    samples = PieceSamples(pieces, first_s, dt_s, n)
    for dtype, nearly in ((np.float64, 1e-10), (np.float32, 3e-5)):
        found = np.full(n, 5.0, dtype)
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), n], strict=True):
            samples.add(begin, found[begin:end], fresh=begin % 2 == 0)
        added = np.concatenate(
            [
                np.full(end - begin, 0.0 if begin % 2 == 0 else 5.0)
                for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), n], strict=True)
            ]
        )
        assert found - added == pytest.approx(expected, abs=nearly)


class Held:
    """A voltage in pieces as a signal, with or without its parts."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        return self._pieces.samples(t0_s, dt_s, n)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        return -10.0, 10.0


class InParts(Held):
    def parts(self, start_s: float, end_s: float) -> Parts:
        return [(self._pieces, start_s)]


ERRORS = InputErrors(noise_v=0.02, gain_error=0.01, offset_error_v=0.1, attenuation=2.0)
N = BLOCK + 1234


def window(signal: type[Held], errors: InputErrors = ERRORS, count: int = 3000) -> Window:
    connector = ScopeInput(errors, seed=4, name="scope.1")
    connector.connect(signal(voltage(1, count, [0.7, 30.0])))
    return Window(connector, t0_s=2.0, dt_s=6e-3, n=N, counter=(3, 9), lock=threading.RLock())


def read(made: Window, first: int = 0, stride: int = 1) -> np.ndarray:
    count = -(-(N - first) // stride)
    reading = made.reading(first, stride, count, gain=-3.0, offset=0.5)
    return np.concatenate([reading.block(begin) for begin in range(0, count, BLOCK)])


@pytest.mark.parametrize("count", [3000, 300_000])
@pytest.mark.parametrize("signal", [InParts, Held])
def test_a_window_has_voltage_errors_and_noise(signal: type[Held], count: int) -> None:
    made = window(signal, count=count)
    tip = definition(voltage(1, count, [0.7, 30.0]), 2.0 + np.arange(N) * 6e-3)
    numbers = noise.gaussian(made.connector.key, (3, 9), 0, 1, N)
    expected = -3.0 * (tip * 1.01 / 2.0 + 0.1 + 0.02 * numbers.astype(float)) + 0.5
    assert read(made) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("signal", [InParts, Held])
def test_without_noise_it_is_exact(signal: type[Held]) -> None:
    tip = definition(voltage(1, 3000, [0.7, 30.0]), 2.0 + np.arange(N) * 6e-3)
    assert read(window(signal, InputErrors())) == pytest.approx(-3.0 * tip + 0.5, abs=1e-10)


@pytest.mark.parametrize("signal", [InParts, Held])
@pytest.mark.parametrize(("first", "stride"), [(0, 2), (1, 3), (100, 50)])
def test_a_thinned_reading_has_the_samples_of_the_full_one(signal: type[Held], first: int, stride: int) -> None:
    assert read(window(signal), first, stride) == pytest.approx(read(window(signal))[first::stride], abs=5e-5)


@pytest.mark.parametrize("signal", [InParts, Held])
def test_it_does_not_matter_who_reads_which_block_first(signal: type[Held]) -> None:
    reading = window(signal).reading(0, 1, N, gain=1.0, offset=0.0)
    begins = [*range(0, N, BLOCK)]
    with ThreadPoolExecutor(4) as pool:
        blocks = list(pool.map(reading.block, [*reversed(begins), *begins]))
    again = window(signal).reading(0, 1, N, gain=1.0, offset=0.0)
    for begin, late, early in zip(begins, blocks[len(begins) :], reversed(blocks[: len(begins)]), strict=True):
        expected = again.block(begin)
        assert np.array_equal(late, expected)
        assert np.array_equal(early, expected)


def test_what_was_stored_is_read_when_the_world_has_forgotten() -> None:
    made = window(Held)
    expected = read(window(Held), 1, 3)
    made.store()
    made.connector.connect(Nothing())
    assert read(made, 1, 3) == pytest.approx(expected, abs=5e-5)


class Forgetting:
    """The lock of a world that forgets just before somebody gets it for the ``turn``-th time."""

    def __init__(self, turn: int, forget: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._turn = turn
        self._forget = forget

    def __enter__(self) -> None:
        self._lock.acquire()
        self._turn -= 1
        if self._turn == 0:
            self._forget()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("turn", [1, 2])
def test_the_world_may_forget_while_somebody_waits_for_it(turn: int) -> None:
    made = window(Held)
    reading = made.reading(0, 1, N, gain=1.0, offset=0.0)
    expected = window(Held).reading(0, 1, N, gain=1.0, offset=0.0).block(BLOCK)
    reading.block(0)

    def forget() -> None:
        made.store()
        made.connector.connect(Nothing())

    made.lock = cast("threading.RLock", Forgetting(turn, forget))
    assert reading.block(BLOCK) == pytest.approx(expected, abs=5e-5)


class Nothing:
    """The world has forgotten."""

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        raise AssertionError

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        raise AssertionError
