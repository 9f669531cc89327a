"""Exposures recorded finer than needed, up to 1.2 MSa/s, and a signal that begins a sample of its generator late."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from network_captures import NetworkBench, Reals
from test_behind_network import DENSE, LONG, SPARSE, baseline, scored

from aimdlab.scoring.results import EXPOSURE_PROVEN, Verdict
from aimdlab.scoring.timing import start_slack_s

LATE_S = 1e-5
BENCH = NetworkBench(exposure_s=1.5, first_s=0.3012345, interval_s=0.99, late_s=LATE_S)
SLOW = [20e3, 100e3, 250e3]
FASTEST = 1e6
LEVELS = {0.06: LONG, 3.0: SPARSE, 40.0: DENSE}


@pytest.mark.parametrize(("rate_hz", "ivamp_v"), [*itertools.product(SLOW, LEVELS), (FASTEST, 0.06), (FASTEST, 40.0)])
def test_a_robust_device_passes_and_another_does_not_at_any_rate(rate_hz: float, ivamp_v: float) -> None:
    bench = replace(BENCH, ivamp_v=ivamp_v, signal=LEVELS[ivamp_v], sample_rate_hz=rate_hz)
    score = scored(bench)
    assert score.verdict is Verdict.PASS, score.reason
    for name, true, off in (
        ("pulse_width_min", 5e-4, 6e-6),
        ("pulse_width_max", 5e-4, 6e-6),
        ("pulse_amplitude_min", 3.41, 0.03),
        ("pulse_interval_mean", 0.99, 2e-6),
    ):
        assert abs(score.feature(name).value - true) <= off, name
    for changed, verdict in (
        ({"paces_until_s": 0.9}, Verdict.FAIL),  # inhibited
        ({"pulse_v": 2.4}, Verdict.FAIL),
    ):
        found = scored(replace(bench, **changed))
        assert found.verdict is verdict, (changed, found.reason)


def test_more_controls_at_a_fast_rate() -> None:
    bench = replace(BENCH, ivamp_v=3.0, signal=LONG, sample_rate_hz=1.2e6, averaging=True)
    assert scored(bench).verdict is Verdict.PASS
    for changed, verdict in (
        ({"silent": True}, Verdict.FAIL),  # a dummy load
        ({"pulse_width_s": 7e-4}, Verdict.FAIL),
        ({"b_error": 0.08}, Verdict.INVALID),
    ):
        found = scored(replace(bench, **changed))
        assert found.verdict is verdict, (changed, found.reason)


@pytest.mark.parametrize("rate_hz", [100e3, FASTEST])
def test_a_baseline_forgives_spikes_for_as_long_as_they_last(rate_hz: float) -> None:
    bench = replace(BENCH, injection_range_v=0.9, sample_rate_hz=rate_hz)
    assert baseline(bench).verdict is Verdict.PASS
    edge_s = float(bench.pulse_times(1.0)[-1])

    def spike(at_s: float) -> NetworkBench:
        def disturb(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
            x[np.searchsorted(t, at_s)] = 3.4
            return x, y

        return replace(bench, disturb=disturb)

    assert baseline(spike(edge_s + 3e-6)).verdict is Verdict.PASS
    assert baseline(spike(edge_s + 6e-5)).verdict is Verdict.INVALID


def test_what_is_strange_beside_the_edge_of_a_device_pulse_is_seen_at_a_fast_rate() -> None:
    bench = replace(BENCH, ivamp_v=1.0, signal=LONG, sample_rate_hz=250e3)
    edge_s = float(bench.pulse_times(1.0)[-1])

    def stray(t: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        return np.where((t > edge_s + 4e-5) & (t < edge_s + 7e-5), x + 0.4, x), y

    score = scored(replace(bench, disturb=stray))
    assert score.verdict is Verdict.INVALID
    assert score.feature(EXPOSURE_PROVEN).value == 0.0


@pytest.mark.parametrize(("rate_hz", "late_s"), [(20e3, 1.3e-4), (100e3, 2.5e-5), (1e6, 1.5e-5)])
def test_a_signal_that_begins_later_than_its_generator_can_is_not_proven(rate_hz: float, late_s: float) -> None:
    bench = replace(BENCH, ivamp_v=3.0, signal=LONG, sample_rate_hz=rate_hz, late_s=late_s)
    assert late_s > start_slack_s(1 / rate_hz) > LATE_S
    score = scored(bench)
    assert score.verdict is Verdict.INVALID
    assert "does not start with the exposure" in score.reason
