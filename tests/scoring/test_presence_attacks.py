"""Exposures with something missing, weak or added: none is proven. Honest ones are, whatever the signal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench_captures import Bench, digitised, injected
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.presence import measure_presence, prove_presence
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_signal import CYCLES, T_DWELL_MS, T_OFF_MS, T_SLEW_MS, milli

TOLERANCE = InjectionTolerance(level=0.05, timing=0.02, edge_max_s=1e-6)
EXPOSURE_S = 15.0
Volts = NDArray[np.float64]
Change = Callable[[Volts, Volts, Bench], Any]


def capture(bench: Bench, change: Change | None = None, *, bits: int = 12, u_time: float = 1e-6) -> Capture:
    """The injection monitor from 0.1 s before to 0.1 s after the exposure, with ``change(volts, times, bench)``."""
    dt = 1 / bench.sample_rate_hz
    t = -0.1 + (np.arange(round((bench.exposure_s + 0.2) / dt)) + bench.seed % 7 / 7) * dt
    x = np.asarray(injected(bench, t, dt if bench.averaging else 0.3e-6))
    if change is not None:
        x = np.asarray(change(x, t, bench))
    rng = np.random.default_rng(bench.seed)
    coarse = 2 ** (12 - bits)
    made = digitised(
        x / coarse, 1.25 * bench.ivamp_v, bench.noise_codes, rng,
        channel="injection_monitor", kind="exposure", dt_s=dt, t0_s=float(t[0]),
    )  # fmt: skip
    return replace(made, scale=made.scale * coarse, offset=made.offset * coarse, u_time=u_time)


def proven(bench: Bench, change: Change | None = None, **how: Any) -> tuple[bool, str]:
    expected = ExpectedInjection(bench.ivamp_v, bench.signal)
    return prove_presence(
        measure_presence(capture(bench, change, **how), expected, bench.exposure_s),
        expected,
        bench.exposure_s,
        TOLERANCE,
    )


def pulses_a(factor: float, from_s: float, until_s: float = 1e9) -> Change:
    return lambda x, t, bench: np.where((x > 0) & (t >= from_s) & (t < until_s), factor * x, x)


def clipped_a(fraction: float, from_s: float, until_s: float) -> Change:
    return lambda x, t, bench: np.where((t >= from_s) & (t < until_s), np.minimum(x, fraction * bench.ivamp_v), x)


def every_burst(*factors: float) -> Change:
    def change(x: Volts, t: Volts, bench: Bench) -> Any:
        number = np.floor((t + bench.signal.t_off_s / 2) / bench.signal.period_s).astype(int)
        return x * np.array(factors)[number % len(factors)]

    return change


def ripple(size: float, frequency_hz: float) -> Change:
    return lambda x, t, bench: x * (1 + size * np.sin(2 * np.pi * frequency_hz * t))


def sag(begin: float, end: float) -> Change:
    def change(x: Volts, t: Volts, bench: Bench) -> Any:
        part = np.clip(np.mod(t, bench.signal.period_s) / bench.signal.burst_s, 0, 1)
        return x * (begin + (end - begin) * part)

    return change


def added(sign: int, level: float, at_s: float, width_s: float, every: bool = False) -> Change:
    """Something in the off time of the burst that begins last before ``at_s``, or of every one from there on."""

    def change(x: Volts, t: Volts, bench: Bench) -> Any:
        signal = bench.signal
        start_s = math.floor(at_s / signal.period_s) * signal.period_s + signal.burst_s + signal.t_off_s / 2
        since_s = np.mod(t - start_s, signal.period_s) if every else t - start_s
        return x + np.where((t >= start_s) & (since_s >= 0) & (since_s < width_s), sign * level * bench.ivamp_v, 0.0)

    return change


SIGNALS = [
    InjectedSignal(2e-4, 0.0, 1, 1e-2),
    InjectedSignal(4e-4, 5e-4, 2, 0.05),
    InjectedSignal(2e-4, 5e-4, 20, 1e-3),
    InjectedSignal(1e-3, 5e-3, 5, 0.2),
]
ATTACKS: dict[str, Change] = {
    "A gone after 1 s": pulses_a(0.0, 1.0),
    "A gone for a second": pulses_a(0.0, 7.0, 8.0),
    "A gone in the last second": pulses_a(0.0, 14.0),
    "A at 45 % after 1 s": pulses_a(0.45, 1.0),
    "A at 88 % after 1 s": pulses_a(0.88, 1.0),
    "A at 112 % for a second": pulses_a(1.12, 3.0, 4.0),
    "A clipped to 60 % for 1.5 s": clipped_a(0.6, 5.0, 6.5),
    "bursts alternate 80 % and 120 %": every_burst(0.8, 1.2),
    "every fiftieth burst at 80 %": every_burst(*[1.0] * 40, 0.8),
    "ripple of 22 % at 3 Hz": ripple(0.22, 3.0),
    "ripple of 22 % at 50 Hz": ripple(0.22, 51.0),
    "ripple of 22 % at 5 kHz": ripple(0.22, 5021.0),
    "ripple of 22 % at 60 kHz": ripple(0.22, 60013.0),
    "a pulse A added in one off time": added(1, 1.0, 9.0, 2e-4),
    "a pulse B added in one off time": added(-1, 1.0, 9.0, 2e-4),
    "a pulse A added in the last off time": added(1, 1.0, 14.79, 2e-4),
    "a pulse A added in every off time": added(1, 1.0, 0.0, 2e-4, every=True),
    "30 % left on in one off time": added(1, 0.3, 9.0, 2e-4),
    "-30 % left on in every off time": added(-1, 0.3, 0.0, 2e-4, every=True),
    "hum of 20 %": lambda x, t, bench: x + 0.2 * bench.ivamp_v * np.sin(2 * np.pi * 50 * t),
    "stopped after 14.5 s": lambda x, t, bench: np.where(t < 14.5, x, 0.0),
    "stopped for a second": lambda x, t, bench: np.where((t < 7) | (t > 8), x, 0.0),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("signal", SIGNALS)
def test_an_attack_is_never_proven(signal: InjectedSignal, attack: str) -> None:
    for averaging in (False, True):
        bench = Bench(signal=signal, averaging=averaging, seed=3)
        assert proven(bench) == (True, "")
        found, reason = proven(bench, ATTACKS[attack])
        assert not found
        assert reason.startswith("injection monitor (exposure)")


@pytest.mark.parametrize("attack", ["A gone after 1 s", "A at 45 % after 1 s", "A clipped to 60 % for 1.5 s"])
@pytest.mark.parametrize("bits", [8, 12])
def test_two_samples_on_pulse_a_are_enough(attack: str, bits: int) -> None:
    for averaging, seed in itertools.product((False, True), (0, 2, 5)):
        bench = Bench(
            signal=InjectedSignal(2e-4, 0.0, 1, 2e-4),
            averaging=averaging,
            sample_rate_hz=20_000.0,
            seed=seed,
            noise_codes=0.5,
        )
        assert proven(bench, bits=bits) == (True, "")
        assert not proven(bench, ATTACKS[attack], bits=bits)[0]


def test_a_level_that_sags_within_each_burst_is_refused() -> None:
    bench = Bench(signal=InjectedSignal(4e-4, 5e-4, 20, 0.05))
    assert proven(bench, sag(1.04, 0.97))[0]
    ok, reason = proven(bench, sag(1.04, 0.88))
    assert not ok
    assert "at least once" in reason or "within a pulse" in reason


def test_a_stray_level_between_pulses_is_measured() -> None:
    bench = Bench()
    expected = ExpectedInjection(bench.ivamp_v, bench.signal)
    found = {f.name: f for f in measure_presence(capture(bench, added(-1, 0.3, 9.0, 2e-4)), expected, 15.0)}
    assert found["injection_rest_peak"].value == pytest.approx(0.3 * 7.0, abs=0.05)
    assert "between the pulses" in proven(bench, added(-1, 0.3, 9.0, 2e-4))[1]


def test_a_stray_level_in_every_off_time_does_not_pass_for_noise() -> None:
    bench = Bench(signal=InjectedSignal(1e-3, 0.0, 2, 2e-3), sample_rate_hz=20e3, noise_codes=0.5, played_v=6.8)
    assert proven(bench, bits=8)[0]
    assert "between the pulses" in proven(bench, added(-1, 0.3, 0.0, 2e-4, every=True), bits=8)[1]


@pytest.mark.parametrize(
    ("ppm", "u_time", "allowed"), [(60, 58e-6, True), (-60, 58e-6, True), (60, 1e-6, False), (200, 58e-6, False)]
)
def test_an_oscilloscope_within_its_own_specification_is_believed(ppm: float, u_time: float, allowed: bool) -> None:
    bench = Bench(signal=InjectedSignal(4e-4, 5e-4, 2, 0.5))
    whole = capture(bench, u_time=u_time)
    off = replace(whole, dt_s=whole.dt_s * (1 + ppm * 1e-6), t0_s=whole.t0_s * (1 + ppm * 1e-6))
    expected = ExpectedInjection(bench.ivamp_v, bench.signal)
    ok, reason = prove_presence(measure_presence(off, expected, 15.0), expected, 15.0, TOLERANCE)
    assert ok is allowed, reason


def test_noise_that_hides_the_level_proves_nothing() -> None:
    assert "noise" in proven(Bench(noise_codes=8.0), bits=8)[1]  # 8 % of the level


def test_a_sampling_that_may_miss_pulse_a_is_refused() -> None:
    assert "too slow for pulses A" in proven(Bench(signal=InjectedSignal(2e-4, 5e-4, 1, 0.1), sample_rate_hz=19e3))[1]


COMBINATIONS = list(itertools.product(T_SLEW_MS, T_DWELL_MS, CYCLES, T_OFF_MS))


def honest(number: int, exposure_s: float = EXPOSURE_S) -> tuple[Bench, int]:
    """A bench for one of the 1040 combinations, the rest of it drawn from its number; and the converter's bits."""
    slew, dwell, cycles, off = COMBINATIONS[number]
    rng = np.random.default_rng(number)
    signal = InjectedSignal(milli(slew), milli(dwell), cycles, milli(off))
    least_hz = max(10_000.0, 2.0 / signal.tapw_s)
    rate = float(rng.choice([least_hz, max(least_hz, 20_000.0), 25_000.0, rng.uniform(least_hz, 26_041.6)]))
    bits = int(rng.choice([8, 12]))
    ivamp_v = float(np.exp(rng.uniform(np.log(0.04), np.log(35.0))))
    bench = Bench(
        signal=signal,
        ivamp_v=ivamp_v,
        played_v=ivamp_v * float(rng.uniform(0.97, 1.03)),
        noise_codes=float(rng.choice([0.0, 0.5, 1.5, 3.0])),
        averaging=bool(rng.integers(2)),
        sample_rate_hz=rate,
        exposure_s=exposure_s,
        seed=number,
    )
    return bench, bits


@pytest.mark.parametrize("number", range(0, len(COMBINATIONS), 13))
def test_an_honest_exposure_is_proven(number: int) -> None:
    bench, bits = honest(number)
    assert proven(bench, bits=bits) == (True, ""), bench
