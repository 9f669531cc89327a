"""Voltages in pieces: sums, filters, samples and crossings against formulas and fine sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.signals.transfer import HeldSource, Transfer
from aimdlab_simulators.keysight.arb_sequence import Sequence, Step
from aimdlab_simulators.world.crossings import beyond, candidates
from aimdlab_simulators.world.pacemaker_clamp import Clamp
from aimdlab_simulators.world.pacemaker_settings import ClampDiodes
from aimdlab_simulators.world.pieces import Pieces, bounds_of, filtered, joined
from aimdlab_simulators.world.steps import held_steps
from aimdlab_simulators.world.waveforms import SampleTable

VOLTS = st.floats(-10, 10) | st.sampled_from([0.0, 1.0, 3.0])
RATES = st.lists(st.floats(0.1, 8.0).map(lambda power: 10.0**power), min_size=0, max_size=3, unique=True)


@st.composite
def voltages(draw: st.DrawFn, most: int = 8) -> Pieces:
    durations = draw(st.lists(st.floats(1e-5, 0.3), min_size=1, max_size=most))
    rates = draw(RATES)
    n = len(durations)
    levels = draw(st.lists(VOLTS, min_size=n, max_size=n))
    tails = [draw(st.lists(VOLTS, min_size=n, max_size=n)) for _ in rates]
    ends = np.cumsum(durations)
    begins = np.concatenate([[0.0], ends[:-1]])
    return Pieces(
        draw(st.sampled_from([0.0, 1e5])),
        begins,
        np.array(levels),
        float(ends[-1]),
        np.array(tails).reshape(len(rates), n),
        np.array(rates),
    )


def at(pieces: Pieces, times_s: np.ndarray) -> np.ndarray:
    """The definition."""
    k = np.maximum(np.searchsorted(pieces.begins_s, times_s, "right") - 1, 0)
    since = times_s - pieces.begins_s[k]
    return np.asarray(pieces.levels[k] + (pieces.tails[:, k] * np.exp(-np.outer(pieces.rates, since))).sum(axis=0))


@given(voltages(), st.floats(0, 1), st.floats(1e-6, 1e-2), st.integers(1, 300))
def test_samples_are_what_the_definition_says(pieces: Pieces, share: float, dt_s: float, n: int) -> None:
    first_s = share * pieces.length_s
    times_s = first_s + np.arange(n) * dt_s
    expected = at(pieces, times_s)
    assert pieces.samples(first_s, dt_s, n) == pytest.approx(expected, abs=1e-9)
    onto = np.full(n, 7.0)
    assert pieces.samples(first_s, dt_s, n, onto=onto) == pytest.approx(expected + 7.0, abs=1e-9)


@given(voltages(), voltages(), st.floats(0, 0.9), st.floats(-3, 3))
def test_sums_shares_and_parts_are_the_same_voltage(one: Pieces, other: Pieces, share: float, gain: float) -> None:
    length_s = min(one.length_s, other.length_s)
    a, b = (
        Pieces(0.0, p.begins_s[inside], p.levels[inside], length_s, p.tails[:, inside], p.rates)
        for p in (one, other)
        for inside in (p.begins_s < length_s,)
    )
    total, offset_s = a.plus(b.scaled(gain)), share * length_s
    times_s = np.linspace(offset_s, length_s, 57)[:-1] + length_s * 1e-7
    expected = at(a, times_s) + gain * at(b, times_s)
    assert at(total, times_s) == pytest.approx(expected, abs=1e-6)
    assert at(total.after(offset_s), times_s - offset_s) == pytest.approx(expected, abs=1e-6)
    low, high = bounds_of(total)
    assert low <= expected.min() + 1e-9
    assert high >= expected.max() - 1e-9


@settings(max_examples=60, deadline=None)
@given(voltages(), RATES, st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(-1, 1))
def test_a_filter_answers_held_levels_as_its_transfer_does(
    pieces: Pieces, rates: list[float], shares: list[float], direct: float
) -> None:
    transfer = Transfer(-np.array(rates), np.array(shares[: len(rates)]) * np.array(rates), direct)
    steps = Pieces.held(0.0, pieces.begins_s, pieces.levels, pieces.length_s)
    times_s = np.linspace(0.0, pieces.length_s, 101)
    expected = transfer.respond(HeldSource(pieces.begins_s, pieces.levels), times_s)
    assert at(filtered(steps, transfer)[0], times_s) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(voltages(), RATES, RATES)
def test_two_filters_in_a_row_do_not_care_which_comes_first(
    pieces: Pieces, one: list[float], other: list[float]
) -> None:
    """Also where their rates are the same, or those of the source."""
    first, second = (Transfer(-np.array(rates), np.array(rates), 0.5) for rates in (one, other))
    times_s = np.linspace(0.0, pieces.length_s, 101)
    ways = [
        at(filtered(filtered(pieces, a, np.zeros(a.gains.size))[0], b, np.zeros(b.gains.size))[0], times_s)
        for a, b in ((first, second), (second, first))
    ]
    assert ways[0] == pytest.approx(ways[1], abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(voltages(12), RATES, st.integers(1, 11))
def test_windows_in_a_row_are_one(pieces: Pieces, rates: list[float], cut: int) -> None:
    """The modes at the end of a window are what the next one begins with; the bits of the first one do not change."""
    if cut >= pieces.begins_s.size:
        return
    transfer = Transfer(-np.array(rates), np.array(rates), 0.0)
    at_once = filtered(pieces, transfer, np.zeros(len(rates)))[0]
    middle_s = float(pieces.begins_s[cut])
    one = Pieces(
        pieces.start_s, pieces.begins_s[:cut], pieces.levels[:cut], middle_s, pieces.tails[:, :cut], pieces.rates
    )
    other = Pieces(
        pieces.start_s + middle_s, pieces.begins_s[cut:] - middle_s, pieces.levels[cut:], pieces.length_s - middle_s,
        pieces.tails[:, cut:], pieces.rates,
    )  # fmt: skip
    first, states = filtered(one, transfer, np.zeros(len(rates)))
    second = filtered(other, transfer, states)[0]
    assert first.tails.tolist() == at_once.tails[:, :cut].tolist()
    assert first.levels.tolist() == at_once.levels[:cut].tolist()
    times_s = np.linspace(0.0, pieces.length_s, 101)[:-1] + 1e-9
    assert at(joined([first, second]), times_s) == pytest.approx(at(at_once, times_s), abs=1e-4)


@settings(max_examples=150, deadline=None)
@given(voltages(), st.floats(0.1, 8.0) | st.just(3.0))
def test_crossings_are_where_fine_samples_show_them(pieces: Pieces, threshold_v: float) -> None:
    found = beyond(pieces, threshold_v, candidates(pieces, threshold_v))
    assert np.all(found.until_s > found.from_s)
    assert np.all(found.from_s[1:] >= found.until_s[:-1])
    for k in range(pieces.begins_s.size):
        # Dense near the beginning, where tails relax.
        since = np.concatenate([np.geomspace(1e-10, 1.0, 400), np.linspace(0.0, 1.0, 200)]) * pieces.durations_s[k]
        times_s = pieces.begins_s[k] + np.sort(since)[:-1]
        volts = pieces.levels[k] + (pieces.tails[:, k] * np.exp(-np.outer(np.sort(since)[:-1], pieces.rates))).sum(
            axis=1
        )
        for sign in (1, -1):
            mine = (found.piece == k) & (found.sign == sign)
            inside = np.zeros(times_s.size, bool)
            near = np.abs(sign * volts - threshold_v) < 1e-6
            for from_s, until_s in zip(found.from_s[mine], found.until_s[mine], strict=True):
                inside |= (times_s >= from_s) & (times_s < until_s)
                near |= (np.abs(times_s - from_s) < 1e-12) | (np.abs(times_s - until_s) < 1e-12)
            assert np.all(near | (inside == (sign * volts > threshold_v)))


@settings(max_examples=80, deadline=None)
@given(voltages(), st.floats(0.1, 8.0), st.floats(1e-5, 0.99))
def test_the_bits_of_a_crossing_do_not_depend_on_how_far_one_looked(
    pieces: Pieces, threshold_v: float, share: float
) -> None:
    end_s = share * pieces.length_s
    inside = pieces.begins_s < end_s
    part = Pieces(
        pieces.start_s, pieces.begins_s[inside], pieces.levels[inside], end_s, pieces.tails[:, inside], pieces.rates
    )
    whole, some = (beyond(p, threshold_v, candidates(p, threshold_v)) for p in (pieces, part))
    kept = whole.from_s < end_s
    assert some.from_s.tolist() == whole.from_s[kept].tolist()
    assert some.until_s.tolist() == np.minimum(whole.until_s[kept], end_s).tolist()


def test_a_threshold_that_is_only_touched_is_no_crossing() -> None:
    still = Pieces.held(0.0, np.zeros(1), np.array([3.0]), 1.0)
    assert beyond(still, 3.0, np.array([0])).piece.size == 0
    rising = Pieces(0.0, np.zeros(1), np.array([3.0]), 1.0, np.array([[-3.0]]), np.array([100.0]))
    assert beyond(rising, 3.0, np.array([0])).piece.size == 0


@settings(max_examples=80, deadline=None)
@given(voltages(), st.floats(0.5, 6.0), st.floats(0.0, 0.9))
def test_diodes_limit_pieces_as_they_limit_samples(pieces: Pieces, level_v: float, share: float) -> None:
    clamp = Clamp(ClampDiodes(level_v, share, 5e-3, 40e-3))
    times_s = np.linspace(0.0, pieces.length_s, 301)[:-1] + pieces.length_s * 1e-6
    expected = np.asarray(clamp.limited(at(pieces, times_s)))
    assert at(clamp.limited_pieces(pieces), times_s) == pytest.approx(expected, abs=1e-6)
    assert at(pieces.plus(clamp.taken_pieces(pieces)), times_s) == pytest.approx(expected, abs=1e-5)


def test_a_long_row_of_pieces_with_long_and_short_tails() -> None:
    rng = np.random.default_rng(4)
    n = 4000
    begins = np.concatenate([[0.0], np.cumsum(rng.choice([1e-4, 2e-4, 5e-3], n - 1))])
    pieces = Pieces(
        7.0, begins, rng.normal(size=n), float(begins[-1]) + 1.0, rng.normal(size=(3, n)), np.array([3.0, 1e4, 5e6])
    )
    times_s = 1.7e-5 + np.arange(200_000) * 5e-5
    assert pieces.samples(1.7e-5, 5e-5, 200_000) == pytest.approx(at(pieces, times_s), abs=1e-9)


TABLES = st.lists(st.integers(-9, 9), min_size=8, max_size=30).map(lambda codes: SampleTable(np.array(codes, np.int16)))


@settings(max_examples=60, deadline=None)
@given(
    played=st.lists(st.tuples(TABLES, st.integers(1, 4)), min_size=1, max_size=3),
    stays=st.none() | TABLES,
    start_s=st.floats(0.0, 0.3),
    length_s=st.floats(1e-4, 0.2),
)
def test_a_sequence_gives_its_steps_also_one_that_is_never_left(
    played: list[tuple[SampleTable, int]], stays: SampleTable | None, start_s: float, length_s: float
) -> None:
    steps = [Step(f"S{k}", table, repeats) for k, (table, repeats) in enumerate(played)]
    waveform = Sequence.of(steps, stays).waveform(1e3, 0.5, 0.25, 0.0)
    found = held_steps(waveform, start_s, start_s + length_s)
    assert found is not None
    times_s, levels = found
    assert times_s[0] == 0.0
    assert np.all(np.diff(times_s) >= 0.0)
    # Points begin at whole milliseconds: look in their middle.
    first = int(np.ceil(start_s * 1e3 - 0.5))
    middle_s = (np.arange(first, int(np.floor((start_s + length_s) * 1e3 - 0.5)) + 1) + 0.5) / 1e3
    expected = [waveform.values(at, 1e-9, 1)[0] for at in middle_s.tolist()]
    at = np.searchsorted(times_s, middle_s - start_s, "right") - 1
    assert levels[at].tolist() == expected
