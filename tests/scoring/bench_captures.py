"""Captures as a bench would give them: an injected signal, a device, a leak between them, noise, a 12-bit converter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.scoring.parameters import GradientInjectedScoring, Scalar
from aimdlab.scoring.results import Criterion, DecisionRule
from aimdlab.signals.injected import InjectedSignal

EXPOSURE_S = 15.0
MARGIN_S = 1.2
EDGE_S = 0.3e-6
FULL_SCALE_CODES = 2048
SIGNAL = InjectedSignal(tbpw_s=4e-4, t_dwell_s=5e-4, cycles=2, t_off_s=0.05)


@dataclass(frozen=True)
class Bench:
    """What is really there; the scoring never sees this."""

    signal: InjectedSignal = SIGNAL
    ivamp_v: float = 7.0
    played_v: float | None = None
    injected_until_s: float = 1e9
    coupling: float = 0.5
    device_offset_v: float = 0.01
    pulse_v: float = 3.5
    pulse_width_s: float = 5e-4
    interval_s: float = 1.0
    first_pulse_s: float = 0.3
    dropped: tuple[int, ...] = ()
    polarity: int = 1
    silent: bool = False
    unplugged: bool = False
    noise_codes: float = 1.5
    averaging: bool = False
    device_range_v: float | None = None
    injection_range_v: float | None = None
    sample_rate_hz: float = 25_000.0
    exposure_s: float = EXPOSURE_S
    t0_s: float = -MARGIN_S
    after_s: float = MARGIN_S
    seed: int = 1

    def pulse_times(self, until_s: float) -> NDArray[np.float64]:
        if self.silent:
            return np.empty(0)
        times = np.arange(self.first_pulse_s, until_s, self.interval_s)
        return np.delete(times, [n for n in self.dropped if n < times.size or n < 0])


def _integral(t: NDArray[np.float64], knots: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integral from the first knot of a function that holds values[i] from knots[i] to knots[i + 1]."""
    area = np.concatenate(([0.0], np.cumsum(values * np.diff(knots))))
    return np.interp(t, knots, area)


def _sampled(t: NDArray[np.float64], knots: NDArray[np.float64], values: NDArray[np.float64], over_s: float) -> Any:
    """A stepped function with finite edges, or averaged over a sample interval: its mean over ``over_s`` around t."""
    half = over_s / 2
    return (_integral(t + half, knots, values) - _integral(t - half, knots, values)) / over_s


def injected(bench: Bench, t: NDArray[np.float64], over_s: float) -> Any:
    if bench.played_v == 0.0:
        return np.zeros_like(t)
    segments = bench.signal.period_segments()
    lengths = np.array([s.duration_s for s in segments])
    values = np.array([float(s.value) for s in segments])
    periods = int(min(t[-1], bench.injected_until_s) / bench.signal.period_s) + 2
    period_starts = np.arange(periods) * bench.signal.period_s
    inner = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
    knots = np.concatenate(([-10.0], (period_starts[:, None] + inner[None, :]).ravel(), [1e6]))
    levels = np.concatenate(([0.0], np.tile(values, periods)))
    levels[knots[:-1] >= bench.injected_until_s] = 0.0
    amplitude = bench.ivamp_v if bench.played_v is None else bench.played_v
    return amplitude * _sampled(t, knots, levels, over_s)


def device_pulses(bench: Bench, t: NDArray[np.float64], over_s: float) -> Any:
    times = bench.pulse_times(t[-1] + 1)
    if not bench.silent:
        times = np.concatenate((bench.first_pulse_s - bench.interval_s * np.array([3.0, 2.0, 1.0]), times))
    knots = np.concatenate(([-10.0], np.column_stack((times, times + bench.pulse_width_s)).ravel(), [1e6]))
    levels = np.tile([0.0, 1.0], times.size + 1)[: knots.size - 1]
    return bench.polarity * bench.pulse_v * _sampled(t, knots, levels, over_s)


def digitised(
    volts: NDArray[np.float64], range_v: float, noise_codes: float, rng: np.random.Generator, **capture: Any
) -> Capture:
    """Twelve bits, left-aligned in unsigned words, clipped at the ends; word 0 means "no sample"."""
    lsb = range_v / FULL_SCALE_CODES
    steps = np.round(volts / lsb + rng.normal(0.0, noise_codes, volts.size) if noise_codes else volts / lsb)
    words = (np.clip(steps, -2047, 2047) * 16 + 32768).astype(np.uint16)
    return Capture(
        codes=words,
        scale=lsb / 16,
        offset=-32768 * lsb / 16,
        unit="V",
        code_min=16 * 2,
        code_max=65536 - 16 * 2,
        hole_code=0,
        u_gain=0.005,
        u_offset=lsb,
        u_time=1e-6,
        **capture,
    )


def exposure_captures(bench: Bench, kind: str = "exposure") -> tuple[Capture, Capture]:
    """Injection and device monitor over the exposure."""
    dt = 1 / bench.sample_rate_hz
    n = round((bench.exposure_s + bench.after_s - bench.t0_s) * bench.sample_rate_hz)
    t = bench.t0_s + np.arange(n) * dt
    rng = np.random.default_rng(bench.seed)
    over_s = dt if bench.averaging else EDGE_S
    x = injected(bench, t, over_s) if kind == "exposure" else np.zeros(n)
    y = bench.coupling * x + device_pulses(bench, t, over_s) + bench.device_offset_v
    if bench.unplugged:
        y = np.zeros(n)
    at = {"kind": kind, "dt_s": dt, "t0_s": bench.t0_s}
    x_range = bench.injection_range_v or 1.25 * bench.ivamp_v
    y_range = bench.device_range_v or 1.25 * (abs(bench.coupling) * bench.ivamp_v + 3.5)
    return (
        digitised(x, x_range, bench.noise_codes, rng, channel="injection_monitor", **at),
        digitised(y, y_range, bench.noise_codes, rng, channel="device_monitor", **at),
    )


def verify_capture(bench: Bench, sample_rate_hz: float = 5e6, span_s: float | None = None) -> Capture:
    """The injection monitor over one burst, from a little before its pulse A."""
    dt = 1 / sample_rate_hz
    before_s = 5e-5
    burst = replace(bench, injected_until_s=min(bench.signal.burst_s, bench.injected_until_s))
    n = round((before_s + (span_s or bench.signal.burst_s + 1e-4)) * sample_rate_hz)
    t = -before_s + np.arange(n) * dt
    x = injected(burst, t, EDGE_S)
    x_range = bench.injection_range_v or 1.25 * bench.ivamp_v
    rng = np.random.default_rng(bench.seed + 1)
    return digitised(
        x, x_range, bench.noise_codes, rng, channel="injection_monitor", kind="verify", dt_s=dt, t0_s=-before_s
    )


def sequence_captures(bench: Bench) -> tuple[Capture, ...]:
    return (verify_capture(bench), *exposure_captures(bench))


def parameters(bench: Bench) -> dict[str, Scalar]:
    signal = bench.signal
    return {
        "tbpw_s": signal.tbpw_s,
        "t_dwell_s": signal.t_dwell_s,
        "cycles": signal.cycles,
        "t_off_s": signal.t_off_s,
        "ivamp_v": bench.ivamp_v,
    }


def scoring(bench: Bench, **changes: Any) -> dict[str, Scalar]:
    known: dict[str, Any] = {
        "kind": "sequence",
        "exposure_s": bench.exposure_s,
        "expected_ivamp_v": bench.ivamp_v,
        "level_tolerance": 0.05,
        "timing_tolerance": 0.02,
        "edge_max_s": 1e-6,
        "expected_pulse_amplitude_v": 3.5,
        "expected_pulse_width_s": 5e-4,
        "pulse_polarity": bench.polarity,
        "expected_coupling": 0.5,
        "coupling_tolerance": 0.2,
        "expected_interval_s": 1.0,
    }
    return GradientInjectedScoring(**{**known, **changes}).to_flat()


def limit(feature: str, lower: float | None, upper: float | None, unit: str, **changes: Any) -> Criterion:
    made: dict[str, Any] = {"rule": DecisionRule.SIMPLE, "coverage_factor": 2.0, "rationale": "test", "clause": "20.2"}
    return Criterion(feature=feature, lower=lower, upper=upper, unit=unit, **{**made, **changes})


CRITERIA = (
    limit("pulse_interval_min", 0.9, None, "s"),
    limit("pulse_interval_max", None, 1.1, "s"),
    limit("pulse_amplitude_min", 3.0, None, "V"),
    limit("pulse_amplitude_max", None, 4.0, "V"),
    limit("pulse_width_min", 4e-4, None, "s"),
    limit("pulse_width_max", None, 6e-4, "s"),
)
