"""Bursts on the device's own pulses: what is proven, what is judged, and what none of it may turn into a PASS."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from bench_captures import CRITERIA, Bench, device_pulses, digitised, injected, limit, scoring
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError
from aimdlab.scoring.results import EXPOSURE_PROVEN, Criterion, Score, Verdict
from aimdlab.scoring.synchronised import SYNCHRONISED_FEATURES, WATCH, score_synchronised
from aimdlab.signals.injected import InjectedSignal

BEATS = 4
RATE_HZ = 100e3
BEFORE_S, AFTER_S = 0.1, 1.2
EDGE_S = 0.3e-6
BURST = InjectedSignal(tbpw_s=2e-4, t_dwell_s=0.0, cycles=1, t_off_s=50.0)


@dataclass(frozen=True)
class Beats:
    """What is really there at every exposed beat; time 0 is the leading edge of the device's pulse."""

    signal: InjectedSignal = BURST
    offset_s: float = 2e-4
    late_s: float = 0.0
    ivamp_v: float = 15.0
    pulse_v: float = 3.5
    width_s: float = 5e-4
    next_s: float | None = 1.0
    silent_burst: bool = False
    coupling: float = 0.5
    extra_s: float | None = None
    offset_after_v: float = 0.0
    polarity: int = 1
    dip_v: float = 0.0
    dip_s: tuple[float, float] = (0.0, 0.0)

    def captures(self, kind: str = "exposure", seed: int = 1) -> tuple[Capture, Capture]:
        t = -BEFORE_S + np.arange(round((BEFORE_S + AFTER_S) * RATE_HZ)) / RATE_HZ
        bench = Bench(signal=self.signal, ivamp_v=self.ivamp_v, played_v=0.0 if self.silent_burst else None)
        x = injected(bench, t - self.offset_s - self.late_s, EDGE_S)
        y = self.coupling * x + 0.01
        for start_s, width_s, volts in self._pulses():
            one = Bench(pulse_v=volts, pulse_width_s=width_s, first_pulse_s=start_s, interval_s=1e3)
            y = y + self.polarity * device_pulses(one, t, EDGE_S)
        y = y + np.where(t > self.width_s, self.offset_after_v, 0.0)
        y = y - np.where((t >= self.dip_s[0]) & (t < self.dip_s[1]), self.dip_v, 0.0)
        rng = np.random.default_rng(seed)
        at = {"kind": kind, "dt_s": 1 / RATE_HZ, "t0_s": -BEFORE_S}
        return (
            digitised(x, 1.25 * self.ivamp_v, 1.5, rng, channel="injection_monitor", **at),
            digitised(y, 1.25 * (self.ivamp_v * 0.5 + 3.5), 1.5, rng, channel="device_monitor", **at),
        )

    def _pulses(self) -> list[tuple[float, float, float]]:
        pulses = [(0.0, self.width_s, self.pulse_v)]
        if self.next_s is not None:
            pulses.append((self.next_s, 5e-4, 3.5))
        if self.extra_s is not None:
            pulses.append((self.extra_s, 5e-4, 3.5))
        return pulses


def verify(beats: Beats, silent: bool = False) -> tuple[Capture, ...]:
    """The fast capture of the first cycles, and the burst on both monitors."""
    return (_burst("verify", 5e6, beats, silent)[0], *_burst("share", RATE_HZ, beats, silent))


def _burst(kind: str, rate_hz: float, beats: Beats, silent: bool) -> tuple[Capture, Capture]:
    burst_s = beats.signal.burst_s / (max(1, beats.signal.cycles // 2) if kind == "verify" else 1)
    t = -0.1 * burst_s + np.arange(round(1.3 * burst_s * rate_hz)) / rate_hz
    x = injected(Bench(signal=beats.signal, ivamp_v=beats.ivamp_v, played_v=0.0 if silent else None), t, EDGE_S)
    rng = np.random.default_rng(9)
    at = {"kind": kind, "dt_s": 1 / rate_hz, "t0_s": float(t[0])}
    return (
        digitised(x, 1.25 * beats.ivamp_v, 1.5, rng, channel="injection_monitor", **at),
        digitised(
            beats.coupling * x + 0.01, 1.25 * (beats.ivamp_v / 2 + 3.5), 1.5, rng, channel="device_monitor", **at
        ),
    )


def score(
    *each: Beats, asked: Beats | None = None, criteria: tuple[Criterion, ...] = CRITERIA, more: Any = (), **known: Any
) -> Score:
    asked = asked or Beats()
    captures = [*verify(asked), *(capture for n, beat in enumerate(each) for capture in beat.captures(seed=n)), *more]
    signal = asked.signal
    parameters = {"tbpw_s": signal.tbpw_s, "t_dwell_s": signal.t_dwell_s, "cycles": signal.cycles}
    bench = Bench(signal=signal, ivamp_v=asked.ivamp_v, polarity=asked.polarity)
    record = {**scoring(bench), "beats": BEATS, "offset_s": asked.offset_s, "delay_s": asked.offset_s, **known}
    return score_synchronised(captures, parameters, record, criteria)


def is_proven(found: Score) -> bool:
    return found.feature(EXPOSURE_PROVEN).value == 1.0


@pytest.mark.parametrize("offset_s", [0.0, 2e-4, 5e-4])
@pytest.mark.parametrize(
    "signal",
    [
        BURST,
        InjectedSignal(tbpw_s=2e-4, t_dwell_s=5e-4, cycles=2, t_off_s=50.0),
        InjectedSignal(tbpw_s=2e-3, t_dwell_s=20e-3, cycles=20, t_off_s=50.0),
    ],
    ids=["within the pulse", "around it", "to the next beat"],
)
@pytest.mark.parametrize("polarity", [1, -1])
def test_an_undisturbed_pulse_is_measured_through_the_burst(
    signal: InjectedSignal, offset_s: float, polarity: int
) -> None:
    beat = Beats(signal=signal, offset_s=offset_s, polarity=polarity)
    found = score(*[beat] * BEATS, asked=beat)
    assert found.verdict is Verdict.PASS, found.reason
    assert is_proven(found)
    assert found.feature("exposed_beats").value == BEATS
    for end in ("min", "max"):
        assert found.feature(f"pulse_amplitude_{end}").value == pytest.approx(3.5, abs=0.02)
        assert found.feature(f"pulse_width_{end}").value == pytest.approx(5e-4, abs=6e-6)
        assert found.feature(f"pulse_interval_{end}").value == pytest.approx(1.0, abs=2e-5)
        assert found.feature(f"burst_offset_{end}").value == pytest.approx(offset_s, abs=1e-5)
        assert found.feature(f"burst_level_{end}").value == pytest.approx(15.0, rel=0.02)
    assert found.feature("rectified_offset").value == pytest.approx(0.0, abs=0.01)


def test_the_voltage_during_the_pulse_has_the_injected_one_on_top() -> None:
    beat = Beats(offset_s=1e-4)
    found = score(*[beat] * BEATS, asked=beat)
    assert found.feature("superposed_max").value == pytest.approx(3.5 + 7.5, abs=0.1)
    assert found.feature("superposed_min").value == pytest.approx(3.5 - 7.5, abs=0.1)
    limits = (*CRITERIA, limit("superposed_max", None, 8.0, "V"))
    assert score(*[beat] * BEATS, asked=beat, criteria=limits).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"pulse_v": 2.6}, "pulse_amplitude_min"),
        ({"pulse_v": 4.6}, "pulse_amplitude_max"),
        ({"width_s": 3e-4}, "pulse_width_min"),
        ({"width_s": 9e-4}, "pulse_width_max"),
        ({"next_s": 1.15}, "pulse_interval_max"),
        ({"next_s": None}, "pulse_interval_max"),
        ({"next_s": 0.6}, "pulse_interval_min"),
        ({"extra_s": 0.3}, "pulse_interval_min"),
    ],
)
def test_one_altered_beat_fails(change: dict[str, Any], feature: str) -> None:
    good = Beats()
    found = score(good, replace(good, **change), good, good)
    assert found.verdict is Verdict.FAIL
    assert feature in found.reason
    assert is_proven(found)


def test_an_offset_that_the_input_leaves_is_seen_and_judged() -> None:
    limits = (*CRITERIA, limit("rectified_offset", None, 0.1, "V"))
    found = score(*[Beats(offset_after_v=0.3)] * BEATS, criteria=limits)
    assert found.feature("rectified_offset").value == pytest.approx(0.3, abs=0.02)
    assert found.verdict is Verdict.FAIL
    assert score(*[Beats()] * BEATS, criteria=limits).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"silent_burst": True}, "beat 2: injection monitor .exposure.: no injected signal"),
        ({"late_s": 1e-3}, "beat 2: injection monitor"),
        ({"late_s": -1e-4}, "beat 2: injection monitor"),
        ({"late_s": -0.05}, "beat 2: injection monitor"),
        ({"late_s": 0.4}, "beat 2: injection monitor"),
        ({"ivamp_v": 13.0}, "beat 2: injection monitor .exposure.: pulse A is 13"),
        ({"signal": replace(BURST, tbpw_s=3e-4)}, "beat 2: injection monitor"),
        ({"signal": replace(BURST, cycles=2)}, "beat 2: injection monitor"),
        ({"signal": replace(BURST, t_off_s=0.2)}, "beat 2: injection monitor"),
    ],
)
def test_a_beat_whose_burst_is_not_proven_is_invalid_and_tried_again(change: dict[str, Any], reason: str) -> None:
    good = Beats()
    found = score(good, replace(good, **change), good, good)
    assert found.verdict is Verdict.INVALID
    assert re.match(reason, found.reason), found.reason
    assert not is_proven(found)


def test_a_fail_that_is_proven_stands_whatever_became_of_the_other_beats() -> None:
    good = Beats()
    found = score(replace(good, pulse_v=2.6), replace(good, silent_burst=True), good, good)
    assert found.verdict is Verdict.FAIL
    assert score(replace(good, pulse_v=2.6)).verdict is Verdict.FAIL


def test_a_trigger_that_was_no_pulse_is_invalid() -> None:
    found = score(Beats(), replace(Beats(), pulse_v=0.0), Beats(), Beats())
    assert found.verdict is Verdict.INVALID
    assert "no pulse of the device where the oscilloscope triggered" in found.reason


def test_a_wrong_share_at_the_device_monitor_is_invalid() -> None:
    for wrong in (0.0, 0.2, 0.7):
        beat = Beats(coupling=wrong)
        found = score(*[beat] * BEATS, asked=beat)
        assert found.verdict is Verdict.INVALID
        assert "device monitor: shows" in found.reason


def test_a_generator_that_is_silent_when_the_level_is_proven_is_invalid() -> None:
    beats = [capture for n in range(BEATS) for capture in Beats().captures(seed=n)]
    captures = [*verify(Beats(), silent=True), *beats]
    parameters = {"tbpw_s": 2e-4, "t_dwell_s": 0.0, "cycles": 1}
    record = {**scoring(Bench(signal=BURST, ivamp_v=15.0)), "beats": BEATS, "offset_s": 2e-4, "delay_s": 2e-4}
    found = score_synchronised(captures, parameters, record, CRITERIA)
    assert found.verdict is Verdict.INVALID
    assert not is_proven(found)


def test_too_few_beats_are_invalid() -> None:
    found = score(*[Beats()] * (BEATS - 1))
    assert found.verdict is Verdict.INVALID
    assert "3 of 4 beats were exposed" in found.reason
    assert not is_proven(found)
    one_sided = score(*[Beats()] * BEATS, more=[Beats().captures()[0]])
    assert one_sided.verdict is Verdict.INVALID
    assert "missing" in one_sided.reason


def test_a_device_that_stops_fails_and_is_not_tried_again() -> None:
    silent = replace(Beats(), pulse_v=0.0, next_s=None, offset_s=0.0)
    found = score(Beats(), more=silent.captures(WATCH))
    assert found.verdict is Verdict.FAIL
    assert found.feature("pulse_interval_max").value == pytest.approx(BEFORE_S + AFTER_S, abs=1e-4)
    # The monitor's cable fell off: nothing is proven of the device, and trying again would not bring it back.
    unplugged = score(Beats(), more=replace(silent, coupling=0.0).captures(WATCH))
    assert unplugged.verdict is Verdict.INVALID
    assert unplugged.stands
    # It paced again when somebody looked.
    late = score(Beats(), more=replace(silent, next_s=0.8).captures(WATCH))
    assert late.verdict is Verdict.INVALID
    assert late.stands


def test_missing_keys_are_named() -> None:
    with pytest.raises(ConfigurationError, match="'beats' is missing"):
        score(Beats(), beats=None)
    with pytest.raises(ConfigurationError, match="cannot be"):
        score(Beats(), beats=0)


def test_every_feature_that_can_be_judged_is_there_in_its_unit() -> None:
    found = score(*[Beats()] * BEATS)
    assert {name: found.feature(name).unit for name in SYNCHRONISED_FEATURES} == dict(SYNCHRONISED_FEATURES)


@settings(max_examples=15, deadline=None)
@given(
    pulse_v=st.floats(0.0, 7.0),
    width_s=st.floats(5e-5, 2e-3),
    offset_s=st.floats(0.0, 5e-4),
    next_s=st.floats(0.3, 1.19),
)
def test_what_passes_is_within_every_limit(pulse_v: float, width_s: float, offset_s: float, next_s: float) -> None:
    beat = Beats(pulse_v=pulse_v, width_s=width_s, offset_s=offset_s, next_s=next_s)
    verdict = score(*[beat] * BEATS, asked=Beats(offset_s=offset_s)).verdict
    inside = 3.0 <= pulse_v <= 4.0 and 4e-4 <= width_s <= 6e-4 and 0.9 <= next_s <= 1.1
    if verdict is Verdict.PASS:
        assert 2.97 <= pulse_v <= 4.03
        assert 3.9e-4 <= width_s <= 6.1e-4
        assert 0.8999 <= next_s <= 1.1001
    elif inside:
        near = min(abs(pulse_v - 3), abs(pulse_v - 4)) < 0.03 or min(abs(width_s - 4e-4), abs(width_s - 6e-4)) < 1e-5
        assert near or min(abs(next_s - 0.9), abs(next_s - 1.1)) < 1e-4, verdict


def test_a_dip_within_the_pulse_counts_even_if_its_mean_does_not() -> None:
    # The device gives way to pulse A of the burst for a fifth of its pulse: 3.2 V on average, 2 V there.
    good = Beats(offset_s=2e-4)
    dented = replace(good, dip_v=1.5, dip_s=(2e-4, 3e-4))
    found = score(good, dented, good, good)
    assert found.verdict is Verdict.FAIL
    assert found.feature("pulse_amplitude_min").value == pytest.approx(2.0, abs=0.05)
