"""Scores in blocks: pieces agree with whole arrays, no bit depends on a block's size, memory does not grow with samples."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from bench_captures import CRITERIA, Bench, parameters, scoring
from bench_captures import exposure_captures as plain_captures
from bench_captures import verify_capture as plain_verify
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from network_captures import NetworkBench, exposure_captures, network_scoring, verify_capture
from numpy.typing import NDArray

from aimdlab.scoring import codes
from aimdlab.scoring.codes import GRAIN
from aimdlab.scoring.counting import Counts
from aimdlab.scoring.exposure import score_gradient_injected
from aimdlab.scoring.residual import Residual
from aimdlab.scoring.results import Score, Verdict
from aimdlab.scoring.runs import Array, RunFinder, Stretches, find_runs, nothing_of, prefix_sums, stretches
from aimdlab.signals.injected import InjectedSignal

DENSE = InjectedSignal(2e-4, 0.0, 20, 2e-4)
N = 3 * GRAIN + 77

words = hnp.arrays(np.int16, st.integers(1, 200), elements=st.integers(-32768, 32767))


@st.composite
def some_stretches(draw: st.DrawFn, n: int = N) -> Stretches:
    begin = draw(hnp.arrays(np.intp, st.integers(0, 6), elements=st.integers(0, n)))
    length = draw(hnp.arrays(np.intp, begin.size, elements=st.integers(0, n // 2)))
    return stretches(begin, np.minimum(begin + length, n), n)


def bits(score: Score) -> list[tuple[str, str, str]]:
    return [(feature.name, feature.value.hex(), feature.u.hex()) for feature in score.features]


def network_score(bench: NetworkBench) -> Score:
    signal = bench.signal
    asked = {name: getattr(signal, name) for name in ("tbpw_s", "t_dwell_s", "cycles", "t_off_s")}
    captures = (verify_capture(bench), *exposure_captures(bench))
    return score_gradient_injected(captures, asked, network_scoring(bench), CRITERIA)


@settings(max_examples=12, deadline=None)
@given(
    signal=st.builds(
        InjectedSignal,
        tbpw_s=st.sampled_from([2e-4, 2e-3]),
        t_dwell_s=st.sampled_from([0.0, 5e-4, 2e-2]),
        cycles=st.sampled_from([1, 5]),
        t_off_s=st.sampled_from([2e-4, 2e-2, 0.5]),
    ),
    averaging=st.booleans(),
    ivamp_v=st.sampled_from([0.3, 7.0, 30.0]),
    polarity=st.sampled_from([1, -1]),
)
def test_no_bit_of_a_score_behind_a_network_depends_on_the_block(
    signal: InjectedSignal, averaging: bool, ivamp_v: float, polarity: int
) -> None:
    bench = NetworkBench(signal=signal, averaging=averaging, ivamp_v=ivamp_v, polarity=polarity, exposure_s=2.0)
    scores = []
    for block in (1, 7 * GRAIN, 1 << 22):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codes, "BLOCK", block)
            scores.append(network_score(bench))
    assert scores[0].verdict is not Verdict.INVALID, scores[0].reason
    assert bits(scores[0]) == bits(scores[1]) == bits(scores[2])


@pytest.mark.parametrize("block", [1, 5 * GRAIN, 1 << 22])
def test_no_bit_of_a_score_behind_resistors_depends_on_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(noise_codes=2.0)
    captures = (plain_verify(bench), *plain_captures(bench))
    once = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    monkeypatch.setattr(codes, "BLOCK", block)
    again = score_gradient_injected(captures, parameters(bench), scoring(bench), CRITERIA)
    assert bits(once) == bits(again)


def test_memory_does_not_grow_with_the_samples() -> None:
    bench = NetworkBench(signal=DENSE, averaging=True, sample_rate_hz=4e5, exposure_s=3.0)
    captures = (verify_capture(bench), *exposure_captures(bench))
    assert captures[1].n > 1 << 21
    asked = {"tbpw_s": 2e-4, "t_dwell_s": 0.0, "cycles": 20, "t_off_s": 2e-4}
    tracemalloc.start()
    try:
        score = score_gradient_injected(captures, asked, network_scoring(bench), CRITERIA)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert score.verdict is Verdict.PASS, score.reason
    # One array of floats of all samples would take 8 bytes of each by itself.
    assert peak < 6 * captures[1].n


@given(words, st.integers(0, 200))
def test_a_counted_median_is_the_median(numbers: NDArray[np.int16], cut: int) -> None:
    counted = Counts()
    counted.add(numbers[:cut])
    counted.add(numbers[cut:])
    assert counted.median() == float(np.median(numbers.astype(np.int64)))
    assert counted.size == numbers.size


@given(some_stretches(), some_stretches(), st.integers(0, N), st.integers(0, N))
@example(stretches(np.array([0]), np.array([2]), N), nothing_of(N), 1, 1)  # a part without samples
def test_stretches_are_masks(one: Stretches, other: Stretches, a: int, b: int) -> None:
    start, stop = min(a, b), max(a, b)
    first, second = one.mask(0, N), other.mask(0, N)
    assert one.size == np.count_nonzero(first)
    assert np.array_equal(one.mask(start, stop), first[start:stop])
    assert one.touches(start, stop) == bool(first[start:stop].any())
    assert np.array_equal((one | other).mask(0, N), first | second)
    assert np.array_equal(one.complement().mask(0, N), ~first)
    assert np.array_equal(one.indices(), np.flatnonzero(first))
    at = np.array([0, start, stop])
    assert one.before(at).tolist() == [np.count_nonzero(first[:place]) for place in at]
    assert one.hold(np.arange(N)).tolist() == first.tolist()
    assert one.shared(other) == np.count_nonzero(first & second)
    first[start:stop] = False
    assert np.array_equal(one.without(start, stop).mask(0, N), first)


@given(words, st.floats(-200.0, 200.0), st.floats(0.0, 100.0), st.sampled_from([1, -1]))
def test_runs_of_codes_are_those_of_their_values(
    numbers: NDArray[np.int16], high: float, gap: float, sign: int
) -> None:
    values = sign * (numbers // 128).astype(np.float64)
    whole = find_runs(Array(values), high, high - gap)
    codes_alone = find_runs(Array(numbers // 128), high, high - gap, sign)
    skipping = RunFinder(high, high - gap)
    for place, value in enumerate(values.tolist()):
        if value >= high - gap:  # all others are skipped
            skipping.skip(place)
            skipping.add(np.array([value]))
    skipping.skip(values.size)
    for found in (codes_alone, skipping.runs()):
        for name in ("start", "last", "stop"):
            assert getattr(found, name).tolist() == getattr(whole, name).tolist()


@given(words, st.lists(st.integers(0, 200), max_size=6))
def test_prefix_sums_are_sums(numbers: NDArray[np.int16], places: list[int]) -> None:
    at = np.sort(np.minimum(np.array(places, dtype=np.intp), numbers.size))
    assert prefix_sums(Array(numbers), at).tolist() == [int(numbers[:place].sum(dtype=np.int64)) for place in at]


@settings(deadline=None)
@given(some_stretches(), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_a_residual_sums_up_what_is_outside(outside: Stretches, seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    device, leak = rng.integers(-999, 999, N), rng.normal(0.0, 1.0, N) * (np.arange(N) < 2 * GRAIN)
    residual, rest, kept = Residual(Array(device), Array(leak), 3.0), device - leak - 3.0, ~outside.mask(0, N)
    assert np.array_equal(residual.part(5, N), rest[5:])
    found = residual.totals(outside)
    assert found.n == np.count_nonzero(kept)
    assert (found.total, found.square) == pytest.approx((rest[kept].sum(), (rest[kept] ** 2).sum()), abs=1e-6)
    assert residual.peak(1.0, outside) == np.abs(rest[kept] - 1.0).max(initial=0.0)
    assert residual.leak_peak == np.abs(leak).max()
    within = np.abs(leak) > threshold
    inside, beside, square = residual.by_leak(threshold, outside)
    assert (inside.n, beside.n) == (np.count_nonzero(within & kept), np.count_nonzero(~within & kept))
    assert inside.total == pytest.approx(rest[within & kept].sum(), abs=1e-6)
    assert beside.square == pytest.approx((rest[~within & kept] ** 2).sum(), abs=1e-3)
    assert square == pytest.approx((leak[within] ** 2).sum() / max(np.count_nonzero(within), 1))
    at = rng.integers(0, N, (3, 4))
    assert np.array_equal(residual.take(at), rest[at])
    runs, plain = residual.runs(1.0, 400.0, 100.0, -1), find_runs(Array(-(rest - 1.0)), 400.0, 100.0)
    assert runs.start.tolist() == plain.start.tolist()
    assert runs.stop.tolist() == plain.stop.tolist()


def test_a_trace_shows_what_was_changed_and_nothing_else() -> None:
    injection, _ = plain_captures(Bench(exposure_s=1.0))
    for scale in (injection.scale, -injection.scale):
        trace = codes.trace_of(replace(injection, scale=scale))
        before = trace.codes
        once = trace.changed(np.array([3, 2000]), np.array([-7, 9], dtype=np.int32), 1)
        twice = once.changed(np.array([4, 2000]), np.array([5, 6], dtype=np.int32), 0)
        wanted = before.copy()
        wanted[[3, 4, 2000]] = [-7, 5, 6]
        assert np.array_equal(twice.codes, wanted)
        assert np.array_equal(twice.part(1999, 2002), wanted[1999:2002])
        assert np.array_equal(twice.take(np.array([2000, 5, 4])), wanted[[2000, 5, 4]])
        assert (twice.clipped, twice.median_code) == (0, float(np.median(wanted)))
        assert np.array_equal(trace.codes, before)
