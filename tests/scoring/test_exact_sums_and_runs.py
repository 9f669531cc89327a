"""Sums over codes are exact and do not depend on blocks; runs agree with a plain loop."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bench_captures import Bench, exposure_captures
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.errors import RecordError
from aimdlab.scoring import codes
from aimdlab.scoring.codes import PairSums, trace_of
from aimdlab.scoring.pulses import DevicePulse, find_pulses
from aimdlab.scoring.runs import Array, fall_positions, find_runs, rise_positions

words = hnp.arrays(np.int32, st.integers(1, 60), elements=st.integers(-65535, 65535))


@given(data=st.data(), x=words)
def test_sums_are_those_of_whole_numbers(data: st.DataObject, x: NDArray[np.int32]) -> None:
    y = data.draw(hnp.arrays(np.int32, x.size, elements=st.integers(-65535, 65535)))
    keep = data.draw(hnp.arrays(np.bool_, x.size))
    cut = data.draw(st.integers(0, x.size))
    sums = PairSums()
    sums.add(x[:cut], y[:cut], keep[:cut])
    sums.add(x[cut:], y[cut:], keep[cut:])
    pairs = [(int(a), int(b)) for a, b, kept in zip(x, y, keep, strict=True) if kept]
    assert (sums.n, sums.x, sums.y) == (len(pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs))
    assert sums.xy == sum(a * b for a, b in pairs)
    everything, rest = PairSums(), PairSums()
    everything.add(x, y)
    rest.add(x, y, ~keep)
    assert everything - rest == sums
    slope, intercept = 0.1, 7.25
    exact = sum((b - Fraction(slope) * a - Fraction(intercept)) ** 2 for a, b in pairs)
    assert sums.residual_square(slope, intercept) == exact


@pytest.mark.parametrize("block", [1000, 4097, 1 << 20])
def test_pulses_are_the_same_bits_in_any_block_size(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    injection, device = exposure_captures(Bench(noise_codes=3.0))
    whole = find_pulses(device, injection, DevicePulse(3.5, 1), 7.0)
    monkeypatch.setattr(codes, "BLOCK", block)
    again = find_pulses(device, injection, DevicePulse(3.5, 1), 7.0)
    assert whole.count == 17
    for name in ("times_s", "amplitudes_v", "widths_s", "u_amplitudes_v"):
        assert np.array_equal(getattr(whole, name), getattr(again, name))
    assert (whole.coupling, whole.residual_noise_v, whole.residual_peak_v, whole.u_coupling) == (
        again.coupling,
        again.residual_noise_v,
        again.residual_peak_v,
        again.u_coupling,
    )


@given(
    signal=hnp.arrays(np.float64, st.integers(1, 50), elements=st.integers(-4, 4).map(float)),
    high=st.sampled_from([0.5, 1.5]),
    gap=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_runs_agree_with_a_plain_loop(signal: NDArray[np.float64], high: float, gap: float) -> None:
    low = high - gap
    wanted: list[tuple[int, int, int]] = []
    start = last = -1
    for index, value in enumerate(signal):
        if value >= high:
            start, last = (index if start < 0 else start), index
        elif value < low and start >= 0:
            wanted.append((start, last, index))
            start = -1
    if start >= 0:
        wanted.append((start, last, signal.size))
    runs = find_runs(Array(signal), high, low)
    assert list(zip(runs.start.tolist(), runs.last.tolist(), runs.stop.tolist(), strict=True)) == wanted
    covered = np.zeros(signal.size, dtype=bool)
    for begin, _, stop in wanted:
        covered[max(begin - 2, 0) : stop + 2] = True
    assert np.array_equal(runs.covered(2).mask(0, signal.size), covered)
    rises, falls = (positions(signal.__getitem__, runs, high) for positions in (rise_positions, fall_positions))
    for (begin, end, _), rise, fall in zip(wanted, rises, falls, strict=True):
        assert np.isnan(rise) if begin == 0 else np.interp(rise, np.arange(signal.size), signal) == pytest.approx(high)
        if end + 1 < signal.size:
            assert np.interp(fall, np.arange(signal.size), signal) == pytest.approx(high)
        else:
            assert np.isnan(fall)


def capture(words_: list[int], **changes: object) -> Capture:
    made: dict[str, object] = {"scale": 0.5, "offset": -1.0, "dt_s": 1e-3, "t0_s": 0.0, "code_min": 2, "code_max": 250}
    return Capture(
        channel="device_monitor",
        kind="exposure",
        codes=np.array(words_, dtype=np.uint8),
        unit="V",
        **{**made, **changes},  # type: ignore[arg-type]
    )


def test_a_trace_counts_clipped_and_missing_samples() -> None:
    trace = trace_of(capture([0, 1, 2, 250, 251, 255], hole_code=0))
    assert (trace.clipped, trace.holes) == (3, 1)


@pytest.mark.parametrize(("words_", "step"), [([16, 32, 240], 16), ([5, 5, 5], 1), ([8, 9, 200], 1), ([7, 15, 31], 8)])
def test_the_converter_step_is_found(words_: list[int], step: int) -> None:
    assert trace_of(capture(words_)).step == step


def test_an_inverted_scale_is_turned() -> None:
    trace = trace_of(capture([10, 20], scale=-0.5))
    assert (trace.codes * trace.scale + trace.offset).tolist() == [-6.0, -11.0]


@pytest.mark.parametrize("changes", [{"scale": 0.0}, {"scale": float("nan")}, {"dt_s": 0.0}, {"offset": float("inf")}])
def test_a_capture_without_scale_or_time_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(RecordError, match="device_monitor"):
        trace_of(capture([1, 2], **changes))
    with pytest.raises(RecordError, match="no samples"):
        trace_of(capture([]))


@pytest.mark.parametrize("inverted", ["device_monitor", "injection_monitor"])
def test_an_inverting_probe_changes_nothing(inverted: str) -> None:
    injection, device = exposure_captures(Bench())
    straight = find_pulses(device, injection, DevicePulse(3.5, 1), 7.0)

    def turned(c: Capture) -> Capture:
        # The same volts, as a converter behind an inverting probe would code them.
        if c.channel != inverted:
            return c
        return replace(c, codes=(65536 - c.codes.astype(np.int64)).astype(np.uint16), scale=-c.scale, offset=-c.offset)

    again = find_pulses(turned(device), turned(injection), DevicePulse(3.5, 1), 7.0)
    assert again.times_s == pytest.approx(straight.times_s, abs=1e-9)
    assert again.amplitudes_v == pytest.approx(straight.amplitudes_v, abs=1e-9)
    assert again.coupling == pytest.approx(straight.coupling, rel=1e-9)
