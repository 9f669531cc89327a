"""The zero of the injection monitor, and what a person reads of the device's settings."""

from __future__ import annotations

import numpy as np
import pytest

from aimdlab.capture import Capture, Reading
from aimdlab.procedures.gradient_injected import GradientInjected
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.scoring.results import Verdict

STEP_V = 0.5e-3


def shown(offset_v: float, u_offset_v: float, *, noise_steps: float = 0.6, pulse_v: float = 0.0) -> Capture:
    """50 ms before and after the burst's beginning: an offset, noise, perhaps a device pulse before it."""
    t_s = np.arange(-1000, 1000) * 50e-6
    volts = np.where((t_s >= 0) & (t_s < 0.01), 0.04, 0.0) + offset_v
    volts[100:110] += pulse_v
    volts += STEP_V * noise_steps * np.random.default_rng(7).standard_normal(t_s.size)
    codes = np.round(volts / STEP_V).astype(np.int16)
    return Capture("injection_monitor", "exposure", codes, STEP_V, 0.0, "V", 50e-6, -0.05, -2000, 2000,
                   u_offset=u_offset_v)  # fmt: skip


@pytest.mark.parametrize("offset_v", [-4e-3, -0.3e-3, 0.0, 2.2e-3, 5.9e-3])
@pytest.mark.parametrize("pulse_v", [0.0, 0.28])
def test_what_the_offset_may_be_off_is_taken_for_zero(offset_v: float, pulse_v: float) -> None:
    capture = zeroed_at_rest(shown(offset_v, 2e-3, pulse_v=pulse_v))
    volts = capture.codes * capture.scale + capture.offset
    assert np.median(volts[:1000]) == pytest.approx(0.0, abs=STEP_V)
    assert volts[1000:1190].mean() == pytest.approx(0.04, abs=0.1e-3)


def test_what_the_instrument_cannot_explain_stays_for_the_proofs_to_find() -> None:
    capture = shown(6.5e-3, 2e-3)
    assert zeroed_at_rest(capture) is capture
    known_well = shown(1e-3, 0.0)
    assert zeroed_at_rest(known_well) is known_well


def test_without_a_rest_nothing_is_taken_for_zero() -> None:
    capture = shown(1e-3, 2e-3)
    late = Capture(
        capture.channel, capture.kind, capture.codes[995:], capture.scale, capture.offset, "V", 50e-6, -5 * 50e-6,
        -2000, 2000, u_offset=2e-3,
    )  # fmt: skip
    assert zeroed_at_rest(late) is late


@pytest.mark.parametrize(
    ("said", "verdict"),
    [([1.0], Verdict.PASS), ([0.0], Verdict.FAIL), ([1.0, 0.0], Verdict.FAIL), ([], Verdict.INVALID)],
)
def test_settings_that_a_person_reads(said: list[float], verdict: Verdict) -> None:
    readings = [Reading("settings_confirmed", "1", np.arange(float(len(said))), np.array(said))] if said else []
    score = GradientInjected.features((), {}, {"kind": "settings"}, (), readings)
    assert score.verdict is verdict
