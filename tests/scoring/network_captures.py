"""Captures behind the tissue interface of Annex D, exact but for the converter: injected signal and device pulses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from bench_captures import SIGNAL, digitised
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.scoring.parameters import GradientInjectedScoring, Scalar
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import Interface, monitor_coupling
from aimdlab.signals.transfer import HeldSource, Transfer
from aimdlab.standard.annex_d import TABLE_D_1, values

Reals = NDArray[np.float64]
Disturbance = Callable[[Reals, Reals, Reals], tuple[Reals, Reals]]

NOMINAL = Interface(values(TABLE_D_1), load_ohm=20e3, load_f=1e-9, monitor_f=15e-12)
MONITOR_FACTOR = 2.0
MARGIN_S = 1.2
AMPLIFIER_HZ = 1e6
BACK = 0.09
"""Room for the device's pulses on the injection monitor, of their height."""


@dataclass(frozen=True)
class NetworkBench:
    """What is really there; the scoring is told the nominal network.

    The signal stops ``periods_missing`` periods too early, and begins ``late_s`` after the trigger. ``disturb`` changes (times, injection monitor, device monitor) before they are digitised.
    """

    signal: InjectedSignal = SIGNAL
    ivamp_v: float = 7.0
    level_error: float = 0.0
    b_error: float = 0.0
    clock_error: float = 0.0
    interface: Interface = NOMINAL
    pulse_v: float = 3.5
    pulse_width_s: float = 5e-4
    droop_s: float = 10e-3
    polarity: int = 1
    interval_s: float = 1.0
    first_s: float = 0.3
    dropped: tuple[int, ...] = ()
    paces_until_s: float = 1e9
    silent: bool = False
    unplugged: bool = False
    played: bool = True
    periods_missing: int = 0
    late_s: float = 0.0
    averaging: bool = False
    noise_codes: float = 1.0
    injection_range_v: float | None = None
    sample_rate_hz: float = 20e3
    exposure_s: float = 15.0
    seed: int = 1
    disturb: Disturbance | None = None

    def pulse_times(self, until_s: float) -> Reals:
        if self.silent:
            return np.empty(0)
        numbers = np.arange(-3, int((until_s - self.first_s) / self.interval_s) + 1)
        times = self.first_s + self.interval_s * np.delete(numbers, [n + 3 for n in self.dropped])
        return times[times < self.paces_until_s]

    @property
    def injection_end_s(self) -> float:
        return self.signal.repeats_for(self.exposure_s) * self.signal.period_s


def _signal_source(bench: NetworkBench) -> HeldSource:
    """The level at C, by the generator's clock."""
    segments = bench.signal.period_segments()
    at_c = bench.ivamp_v * (1 + bench.level_error) / bench.interface.injected.transfer("D").dc
    heights = {1: at_c, -1: -at_c * (1 + bench.b_error), 0: 0.0}
    periods = bench.signal.repeats_for(bench.exposure_s) - bench.periods_missing
    starts = np.cumsum([0.0, *(segment.duration_s for segment in segments)])[:-1]
    times = (np.arange(periods)[:, None] * bench.signal.period_s + starts).ravel()
    levels = np.tile([heights[segment.value] for segment in segments], periods)
    times = np.concatenate(([-100.0], times * (1 + bench.clock_error) + bench.late_s, [bench.injection_end_s]))
    return HeldSource(times, np.concatenate(([0.0], levels, [0.0])))


def _pacing_source(bench: NetworkBench, until_s: float) -> HeldSource:
    times = bench.pulse_times(until_s)
    edges = np.column_stack((times, times + bench.pulse_width_s)).ravel()
    heights = np.tile([bench.polarity * bench.pulse_v, 0.0], times.size)
    starts = np.concatenate(([-100.0], edges))
    if bench.averaging:  # the exact mean is written for steps alone
        return HeldSource(starts, np.concatenate(([0.0], heights)))
    return HeldSource(starts, np.zeros(starts.size), np.concatenate(([0.0], heights)), 1 / bench.droop_s)


def _mean(transfer: Transfer, source: HeldSource, t: Reals, dt: float) -> Reals:
    """The exact mean over ``dt`` around each time, of steps: every mode's own equation, integrated."""
    ends = np.append(t - dt / 2, t[-1] + dt / 2)
    piece = source.piece_at(ends)
    areas = np.concatenate(([0.0], np.cumsum(source.levels[:-1] * np.diff(source.starts_s))))
    area = np.diff(areas[piece] + source.levels[piece] * (ends - source.starts_s[piece]))
    total = transfer.direct * area
    for rate, gain in zip(transfer.rates_per_s, transfer.gains, strict=True):
        if gain:
            mode = Transfer(np.array([rate]), np.array([1.0]), 0.0).respond(source, ends)
            total = total + gain * (np.diff(mode) - area) / rate
    return np.asarray(total / dt)


def _seen(bench: NetworkBench, transfer: Transfer, source: HeldSource, t: Reals, dt: float) -> Reals:
    return _mean(transfer, source, t, dt) if bench.averaging else transfer.respond(source, t)


def exposure_captures(bench: NetworkBench, kind: str = "exposure") -> tuple[Capture, Capture]:
    """Injection and device monitor, from before the exposure to after the last period."""
    dt = 1 / bench.sample_rate_hz
    n = round((1.001 * bench.injection_end_s + 2 * MARGIN_S) * bench.sample_rate_hz)
    t = -MARGIN_S + np.arange(n) * dt
    x, y = np.zeros(n), np.zeros(n)
    if bench.played and kind == "exposure":
        source = _signal_source(bench)
        x += _seen(bench, bench.interface.injected.transfer("D"), source, t, dt)
        y += MONITOR_FACTOR * _seen(bench, bench.interface.injected.transfer("K"), source, t, dt)
    if not bench.silent:
        pacing = _pacing_source(bench, t[-1] + 1)
        to_d, to_k = bench.interface.port_to_monitors
        x += _seen(bench, to_d, pacing, t, dt)
        y += MONITOR_FACTOR * _seen(bench, to_k, pacing, t, dt)
    if bench.unplugged:
        y[:] = 0.0
    if bench.disturb is not None:
        x, y = bench.disturb(t, x, y)
    rng = np.random.default_rng(bench.seed)
    at: dict[str, Any] = {"kind": kind, "dt_s": dt, "t0_s": -MARGIN_S}
    x_range = bench.injection_range_v or 1.25 * (bench.ivamp_v + BACK * bench.pulse_v)
    y_range = 1.25 * (bench.ivamp_v + bench.pulse_v)
    return (
        digitised(x, x_range, bench.noise_codes, rng, channel="injection_monitor", **at),
        digitised(y + 0.01, y_range, bench.noise_codes, rng, channel="device_monitor", **at),
    )


def verify_capture(bench: NetworkBench, pulse_at_s: float | None = None) -> Capture:
    """The injection monitor over two cycles of one burst at 5 MSa/s; a device pulse may begin at ``pulse_at_s``."""
    dt = 2e-7
    span_s = min(2, bench.signal.cycles) * bench.signal.burst_s / bench.signal.cycles
    t = -0.1 * span_s + np.arange(round(1.1 * span_s / dt)) * dt
    source = _signal_source(replace(bench, exposure_s=bench.signal.burst_s, clock_error=0.0, periods_missing=0))
    tails = np.concatenate(([0.0], -np.diff(source.levels)))
    source = HeldSource(source.starts_s, source.levels, tails, 2 * np.pi * AMPLIFIER_HZ)
    x = np.zeros(t.size)
    if bench.played:
        x += bench.interface.injected.transfer("D").respond(source, t)
    if pulse_at_s is not None:
        starts = np.array([-100.0, pulse_at_s, pulse_at_s + bench.pulse_width_s])
        tails = np.array([0.0, bench.polarity * bench.pulse_v, 0.0])
        x += bench.interface.port_to_monitors[0].respond(HeldSource(starts, np.zeros(3), tails, 1 / bench.droop_s), t)
    x_range = bench.injection_range_v or 1.25 * (bench.ivamp_v + BACK * bench.pulse_v)
    rng = np.random.default_rng(bench.seed + 1)
    return digitised(
        x, x_range, bench.noise_codes, rng, channel="injection_monitor", kind="verify", dt_s=dt, t0_s=float(t[0])
    )


def network_scoring(bench: NetworkBench, **changes: Any) -> dict[str, Scalar]:
    """What the scoring is told: the nominal network, the programmed pulses."""
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
        "coupling_tolerance": 0.2,
        "expected_interval_s": 1.0,
        **asdict(monitor_coupling(NOMINAL, MONITOR_FACTOR)),
    }
    return GradientInjectedScoring(**{**known, **changes}).to_flat()
