"""The clock of the injected signal where the device's pulses fall on its last ones, or where they would go on."""

from __future__ import annotations

import numpy as np
import pytest
from bench_captures import CRITERIA
from network_captures import NetworkBench, exposure_captures, network_scoring, verify_capture

from aimdlab.scoring.exposure import score_gradient_injected
from aimdlab.scoring.results import EXPOSURE_PROVEN, Score, Verdict
from aimdlab.signals.injected import InjectedSignal

SPARSE = InjectedSignal(4e-4, 0.02, 1, 0.5)
DENSE = InjectedSignal(2e-4, 0.0, 20, 2e-4)


def paced_at(signal: InjectedSignal, time_s: float, *, ivamp_v: float, exposure_s: float, missing: int = 0) -> Score:
    """The score of an exposure during which a device pulse begins at ``time_s``, and one every second around it."""
    bench = NetworkBench(
        signal=signal,
        ivamp_v=ivamp_v,
        exposure_s=exposure_s,
        averaging=True,
        sample_rate_hz=28e3,
        first_s=time_s % 1.0,
        periods_missing=missing,
    )
    parameters = {
        "tbpw_s": signal.tbpw_s,
        "t_dwell_s": signal.t_dwell_s,
        "cycles": signal.cycles,
        "t_off_s": signal.t_off_s,
    }
    captures = (verify_capture(bench), *exposure_captures(bench))
    return score_gradient_injected(captures, parameters, network_scoring(bench), CRITERIA)


def last_pulse_b_s(signal: InjectedSignal, periods: int) -> float:
    """When the last pulse B begins."""
    segments = signal.burst_segments()
    begins = np.cumsum([0.0, *(segment.duration_s for segment in segments)])[:-1]
    begin_s = max(begin for begin, segment in zip(begins, segments, strict=True) if segment.value == -1)
    return (periods - 1) * signal.period_s + float(begin_s)


@pytest.mark.parametrize("late_s", [-5e-4, -3e-4, 0.0, 5e-5, 1.5e-4, 2.5e-4, 3.5e-4, 4e-4, 5e-4])
def test_a_device_pulse_on_the_last_pulse_b_hides_nothing(late_s: float) -> None:
    time_s = last_pulse_b_s(SPARSE, 6) + late_s
    score = paced_at(SPARSE, time_s, ivamp_v=1.105, exposure_s=6 * SPARSE.period_s)
    assert score.verdict is Verdict.PASS, score.reason
    assert score.feature("injection_pulses_b").value == 6


@pytest.mark.parametrize("late_s", [-5e-4, -3e-4, 0.0, 1.5e-4, 3.5e-4, 5e-4])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_device_pulse_where_the_last_pulse_b_is_missing_does_not_stand_for_it(late_s: float, missing: int) -> None:
    time_s = last_pulse_b_s(SPARSE, 6) + late_s
    score = paced_at(SPARSE, time_s, ivamp_v=1.105, exposure_s=6 * SPARSE.period_s, missing=missing)
    assert score.verdict is Verdict.INVALID
    assert score.feature(EXPOSURE_PROVEN).value == 0


@pytest.mark.parametrize("late_s", np.arange(20) * 2e-5)
def test_a_device_pulse_after_the_exposure_is_no_signal_that_goes_on(late_s: float) -> None:
    end_s = DENSE.repeats_for(2.0) * DENSE.period_s
    score = paced_at(DENSE, end_s + 0.1 + late_s, ivamp_v=2.2, exposure_s=2.0)
    assert score.verdict is Verdict.PASS, score.reason
