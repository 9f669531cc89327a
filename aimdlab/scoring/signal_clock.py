"""By which clock the injected signal was played, where some of its pulses may be disturbed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, Indices
from aimdlab.scoring.injection import ExpectedInjection, MonitorPulses
from aimdlab.scoring.played import Played
from aimdlab.scoring.runs import Stretches, prefix_sums
from aimdlab.scoring.timing import clock_tolerance, slack_s, start_slack_s, wanted_pulses

_REACH_S = 0.05
_EDGE = 1.5
"""Samples on each side of an edge that it may reach."""


def signal_clock(pulses: MonitorPulses, touched: Stretches, expected: ExpectedInjection, exposure_s: float) -> Played:
    """The clock of the injected signal, from its pulses B at half their height that nothing has touched.

    From the beginning on, each is held against where those before it say that it belongs. The signal is taken to end
    after the last period that the exposure needs; at the last pulse B found, if one after it is seen to be missing,
    where nothing touches it; not at all, if it goes on.
    """
    capture, signal = pulses.trace.capture, expected.signal
    dt = capture.dt_s
    clean = ~(touched.hold(pulses.runs.start) | touched.hold(pulses.runs.last))
    rises_s = capture.t0_s + np.where(np.isnan(pulses.rise), pulses.runs.start, pulses.rise) * dt
    rises_s = rises_s[clean & (rises_s >= -slack_s(dt, 0.0, 0.0))]
    end_s = capture.t0_s + capture.span_s
    wanted_s = wanted_pulses(signal, -1, end_s, 0.0).starts_s
    start_s, rate = _matched(rises_s, wanted_s, dt, clock_tolerance(capture.u_time))
    planned_s = signal.repeats_for(exposure_s) * signal.period_s
    elapsed_s = (rises_s - start_s) / (1.0 + rate)
    if elapsed_s.size and wanted_s.size:  # a spike is not a pulse B
        elapsed_s = elapsed_s[np.abs(elapsed_s - wanted_s[_nearest(wanted_s, elapsed_s)]) <= 2.0 * dt]
    # Beyond the plan it goes on only if most of it is there: a spike of a device pulse may fall where a pulse B would.
    beyond = int(np.count_nonzero(elapsed_s > planned_s))
    if beyond and 2 * beyond <= np.count_nonzero((wanted_s > planned_s) & (wanted_s <= elapsed_s[-1] + dt)):
        elapsed_s = elapsed_s[elapsed_s <= planned_s]
    last_s = float(elapsed_s[-1]) if elapsed_s.size else 0.0
    stop_s = planned_s
    if last_s > planned_s:
        stop_s = max(end_s, last_s) + signal.period_s
    else:
        missing_s = wanted_s[(wanted_s > last_s + 2.0 * dt) & (wanted_s < min(planned_s, end_s - signal.tbpw_s) - dt)]
        begin, end = (
            (start_s + (missing_s + after_s) * (1.0 + rate) - capture.t0_s) / dt for after_s in (0.0, signal.tbpw_s)
        )
        if missing_s.size and _absent(pulses, touched, begin, end).any():
            stop_s = last_s + signal.tbpw_s
    return Played(signal, start_s, rate, stop_s)


def _absent(pulses: MonitorPulses, touched: Stretches, begin: FloatArray, end: FloatArray) -> BoolArray:
    """Whether a pulse is seen not to be there: most of what nothing touches of its plateau is below half its height.

    ``begin`` and ``end`` are its edges as sample positions, shape (k,). A plateau that is touched all over shows
    nothing, and the pulse is not taken to be missing.
    """
    n = touched.n
    first = np.clip(np.ceil(begin + _EDGE), 0, n - 1).astype(np.intp)
    stop = np.clip(np.maximum(np.floor(end - _EDGE).astype(np.intp) + 1, first + 1), 1, n)
    seen = stop - first - (touched.before(stop) - touched.before(first))
    places = np.unique(np.concatenate((first, stop)))
    low = prefix_sums(_Below(pulses, touched), places)
    absent: BoolArray = 2 * (low[np.searchsorted(places, stop)] - low[np.searchsorted(places, first)]) > seen
    return absent


@dataclass(frozen=True)
class _Below:
    """1 where a pulse is not half its height and nothing touches it, else 0."""

    pulses: MonitorPulses
    touched: Stretches

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.touched.n

    def part(self, start: int, stop: int) -> NDArray[np.int8]:
        """Samples ``start`` up to, not including, ``stop``."""
        below = self.pulses.turned(start, stop) < self.pulses.zero + self.pulses.level
        below &= ~self.touched.mask(start, stop)
        return below.view(np.int8)


def _matched(found_s: FloatArray, wanted_s: FloatArray, dt: float, limit: float) -> tuple[float, float]:
    """Start and rate of the clock by which ``found_s`` are some of ``wanted_s``."""
    start_s, rate = 0.0, 0.0
    if not found_s.size or not wanted_s.size:
        return start_s, rate
    reach_s, known_s = max(float(found_s[0]), 0.0) + _REACH_S, 0.0
    # Before any is seen: the trigger is about the first edge, and the clocks differ by little.
    at_start_s = start_slack_s(dt)
    prior = np.diag([(2.0 * dt / at_start_s) ** 2, (dt / limit) ** 2])
    while True:
        seen_s = found_s[found_s <= reach_s]
        asked_s = wanted_s[_nearest(wanted_s, (seen_s - start_s) / (1.0 + rate))]
        late_s = seen_s - asked_s
        allowed_s = (2.0 * dt if known_s else at_start_s) + limit * np.maximum(asked_s - known_s, 0.0)
        good = np.abs(late_s - start_s - rate * asked_s) <= allowed_s
        if good.any():
            columns = np.column_stack((np.ones(int(np.count_nonzero(good))), asked_s[good]))
            start_s, rate = np.linalg.solve(columns.T @ columns + prior, columns.T @ late_s[good]).tolist()
            known_s = float(asked_s[good][-1])
        if reach_s >= found_s[-1]:
            return start_s, rate
        reach_s *= 2.0


def _nearest(wanted_s: FloatArray, times_s: FloatArray) -> Indices:
    after = np.clip(np.searchsorted(wanted_s, times_s), 1, max(wanted_s.size - 1, 1))
    before = after - 1
    after = np.minimum(after, wanted_s.size - 1)
    return np.where(times_s - wanted_s[before] <= wanted_s[after] - times_s, before, after)
