"""The device's own pulses on the injection monitor, taken away so that what is left can be proven.

A device drives the injection network while it paces: its pulse is seen at test point D with a few percent of its
height, and with spikes of less than a microsecond at its edges. Only what such a pulse can explain is taken away, and
only while the device monitor shows one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimdlab.scoring.codes import BoolArray, FloatArray, Indices, IntArray, Trace, clipped_at
from aimdlab.scoring.injection import ExpectedInjection
from aimdlab.scoring.lagged_pulses import U_EDGE
from aimdlab.scoring.played import Played
from aimdlab.scoring.pulses import DevicePulse, PulseTrain
from aimdlab.scoring.runs import Stretches, stretches
from aimdlab.signals.tissue_interface import EDGE_OVER_S

_EDGE = 1.5
"""Samples on each side of an edge of a device pulse that may lie on it, however fast they are taken less of them."""
_NETWORK_TOLERANCE = 0.15
"""How far the share of all pulses may be from what the network gives: components, amplifier output."""
_PULSE_TOLERANCE = 0.1
"""How far the share of a single pulse may be from that of all."""
_HELD = 0.25
"""A pulse that changes while it lasts (droop): how much of its share may be a slope."""
_SIGMAS = 4.0
_BEFORE = 0.1
"""Of the width of a pulse that the capture's beginning cuts: so much at least is before it."""
_LONGEST = 1.5
"""Of the widths of pulses: what the capture's beginning cuts and lasts longer is none, and explains nothing."""


@dataclass(frozen=True, eq=False)
class PacedStretches:
    """When the device paced, and with what.

    Attributes:
        starts_s, ends_s: shape (k,), edges of its pulses.
        amplitudes_v: shape (k,), signed.
        u_edge_s: how far off these times may be.
    """

    starts_s: FloatArray
    ends_s: FloatArray
    amplitudes_v: FloatArray
    u_edge_s: float


def paced_stretches(train: PulseTrain, usual: DevicePulse) -> PacedStretches:
    """When the device paced, by the pulses found, that which the capture's beginning cuts included.

    What was not recorded of a pulse is as ``usual``; of the one at the beginning, as the others are. If more of that
    was recorded than a pulse has, the device did something else, and nobody knows when that began.
    """
    widths_s = np.where(np.isfinite(train.widths_s), train.widths_s, usual.width_s)
    heights_v = np.where(np.isfinite(train.amplitudes_v), train.amplitudes_v, usual.amplitude_v)
    starts_s, ends_s = train.times_s, train.times_s + widths_s
    longest_s = _LONGEST * max(usual.width_s, float(np.max(widths_s, initial=0.0)))
    if train.cut_until_s - train.start_s <= longest_s:  # NaN without one
        width_s, height_v = usual.width_s, usual.amplitude_v
        if train.count:
            width_s, height_v = float(np.median(widths_s)), float(np.median(heights_v))
        since_s = min(train.cut_until_s - width_s, train.start_s - _BEFORE * usual.width_s)
        starts_s, ends_s = np.append(since_s, starts_s), np.append(train.cut_until_s, ends_s)
        heights_v = np.append(height_v, heights_v)
    return PacedStretches(starts_s, ends_s, usual.polarity * heights_v, U_EDGE * usual.lag_s)


class BackCoupling:
    """The injection monitor of one capture, and the device pulses on it.

    Args:
        injection: the injection monitor.
        paced: the pulses.
        share: volts there per volt of a device pulse.
    """

    def __init__(self, injection: Trace, paced: PacedStretches, share: float) -> None:
        self._trace = injection
        self._paced = paced
        self._share = share
        capture = injection.capture
        n, dt = injection.n, capture.dt_s
        first = (paced.starts_s - capture.t0_s) / dt
        last = (paced.ends_s - capture.t0_s) / dt
        near = max(_EDGE, (EDGE_OVER_S + paced.u_edge_s) / dt)
        self.touched = _covered(n, first - near, last + near)
        self.edges = _covered(n, first - near, first + near) | _covered(n, last - near, last + near)
        body = self.touched.indices()
        body = body[~self.edges.hold(body)]
        self._body = body
        at_s = capture.t0_s + body * dt
        self._of = np.clip(np.searchsorted(paced.starts_s, at_s, side="right") - 1, 0, None)
        self._along = at_s - (paced.starts_s[self._of] + paced.ends_s[self._of]) / 2 if body.size else at_s

    def roughly_removed(self) -> Trace:
        """With the share that the network gives taken away, and edges bridged; enough to find the signal's clock."""
        taken = self._in_codes(self._share * self._paced.amplitudes_v[self._of])
        bodies = self._trace.changed(self._body, self._codes(self._body) - taken, self._trace.clipped)
        edges = self.edges
        last_sure = np.repeat(np.maximum(edges.begin - 1, 0), edges.end - edges.begin)
        return bodies.changed(edges.indices(), bodies.take(last_sure).astype(np.int32), self._trace.clipped)

    def removed(self, played: Played, expected: ExpectedInjection) -> Trace:
        """With what the pulses explain taken away.

        In their bodies that is one share and one slope, fitted to all pulses, and a small deviation of each. On their
        edges a spike of the pulse's height either way is explained; the signal that was expected stands there instead.
        What is not explained stays.
        """
        if not self._paced.starts_s.size:
            return self._trace
        trace = self._trace
        rest_v = trace.volts(self._body) - self._expected_v(self._body, played, expected.ivamp_v)
        taken = self._in_codes(self._shift_v(rest_v, self._clear_of_edges(played)))
        bodies = trace.changed(self._body, self._codes(self._body) - taken, trace.clipped)
        edges = self.edges.indices()
        expected_v = self._expected_v(edges, played, expected.ivamp_v)
        largest_v = (1.0 + _PULSE_TOLERANCE) * float(np.abs(self._paced.amplitudes_v).max())
        # The edge of a pulse A or B may be there as well, a little earlier or later than the clock says.
        explained = np.abs(trace.volts(edges) - expected_v) <= largest_v + expected.ivamp_v
        edges, expected_v = edges[explained], expected_v[explained]
        clipped = trace.clipped
        if clipped:
            clipped = int(np.count_nonzero(~np.isin(clipped_at(trace.capture), edges)))
        return bodies.changed(edges, self._in_codes(expected_v - trace.offset), clipped)

    def _codes(self, at: Indices) -> IntArray:
        return self._trace.take(at).astype(np.int32)

    def _expected_v(self, at: Indices, played: Played, ivamp_v: float) -> FloatArray:
        times_s = self._trace.capture.t0_s + at.astype(np.float64) * self._trace.capture.dt_s
        return played.level(played.at(times_s), ivamp_v, ivamp_v)

    def _clear_of_edges(self, played: Played) -> BoolArray:
        """Which samples of the bodies no edge of the injected signal is near."""
        levels = [self._expected_v(self._body + by, played, 1.0) for by in (-1, 0, 1)]
        clear: BoolArray = (levels[0] == levels[1]) & (levels[1] == levels[2])
        return clear

    def _shift_v(self, rest_v: FloatArray, clear: BoolArray) -> FloatArray:
        """What is taken away in the bodies, shape of ``rest_v``."""
        amplitudes_v = self._paced.amplitudes_v[self._of]
        widths_s = (self._paced.ends_s - self._paced.starts_s)[self._of]
        along = self._along / np.maximum(widths_s, self._trace.capture.dt_s)
        share, slope = self._share, 0.0
        kept = clear.copy()
        for _ in range(3):
            if int(np.count_nonzero(kept)) < 4:
                break
            columns = np.column_stack((amplitudes_v, amplitudes_v * along))[kept]
            found, *_ = np.linalg.lstsq(columns, rest_v[kept], rcond=None)
            share, slope = (float(value) for value in found)
            off = np.abs(rest_v - (share + slope * along) * amplitudes_v)
            usual = float(np.median(off[kept])) * 1.4826 + self._trace.u_step
            kept = clear & (off <= _SIGMAS * usual)
        farthest = _NETWORK_TOLERANCE * abs(self._share)
        share = min(max(share, self._share - farthest), self._share + farthest)
        most = _HELD * abs(self._share)
        slope = min(max(slope, -most), most)
        common_v = (share + slope * along) * amplitudes_v
        return common_v + self._deviations_v(rest_v - common_v, clear, share)[self._of]

    def _deviations_v(self, rest_v: FloatArray, clear: BoolArray, share: float) -> FloatArray:
        """What every pulse is higher or lower by, within what is allowed, shape (k,)."""
        count = self._paced.starts_s.size
        number = np.bincount(self._of[clear], minlength=count)
        sums = np.bincount(self._of[clear], weights=rest_v[clear], minlength=count)
        most = _PULSE_TOLERANCE * abs(share) * np.abs(self._paced.amplitudes_v)
        deviations: FloatArray = np.clip(sums / np.maximum(number, 1), -most, most)
        return deviations

    def _in_codes(self, volts: FloatArray) -> IntArray:
        return np.round(volts / self._trace.scale).astype(np.int32)


def _covered(n: int, first: FloatArray, last: FloatArray) -> Stretches:
    """From each ``first`` to each ``last``, both sample positions and included."""
    begin = np.clip(np.ceil(first), 0, n).astype(np.intp)
    return stretches(begin, np.maximum(np.clip(np.floor(last) + 1, 0, n).astype(np.intp), begin), n)
