"""A voltage amplifier: gain, one pole, clipping."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.world.pieces import Pieces, filtered
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import exact_pieces, near_pieces, sampled_pieces

# After so many time constants what was before has decayed by e^-45 (3e-20).
_FORGOTTEN = 45.0
# Of a curve: a step is settled to e^-20 (2e-9) after so many time constants.
_SETTLED = 20.0
# Beyond this many time constants between two samples, about one sample per edge would show the pole at all.
_NEGLIGIBLE = 5.0
_STEPS_PER_TIME_CONSTANT = 4.0


class VoltageAmplifier:
    """A Signal: ``input`` times ``gain`` through a one-pole low pass, clipped at +/- ``clip_v``.

    Exact for held levels, which are clipped before the pole instead of after it. A curve is taken in fine steps; at
    sample intervals above five time constants its output is taken as settled.
    """

    def __init__(self, source: Signal, *, gain: float, bandwidth_hz: float, clip_v: float) -> None:
        self._source = source
        self._gain = gain
        self._clip_v = clip_v
        self._time_constant_s = 1.0 / (2.0 * math.pi * bandwidth_hz)

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        pieces = self.pieces(t0_s, t0_s + (n - 1) * dt_s, near=False)
        if pieces is not None:
            return pieces.samples(0.0, dt_s, n)
        if dt_s > _NEGLIGIBLE * self._time_constant_s:
            volts = self._source.samples(t0_s, dt_s, n)
        else:
            volts = self._filtered(t0_s, dt_s, n)
        volts *= self._gain
        return np.clip(volts, -self._clip_v, self._clip_v, out=volts)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts; a low pass never leaves the range of its input."""
        low, high = self._source.bounds(start_s - _SETTLED * self._time_constant_s, end_s)
        ends = sorted(max(-self._clip_v, min(self._clip_v, volts * self._gain)) for volts in (low, high))
        return ends[0], ends[1]

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The output as pieces (see ``stepped.Stepped``)."""
        memory_s = _FORGOTTEN * self._time_constant_s
        source = (near_pieces if near else exact_pieces)(self._source, start_s - memory_s, end_s)
        if source is None or source.rates.size:  # what relaxes cannot be clipped piece by piece
            return sampled_pieces(self, start_s, end_s) if near else None
        levels = np.clip(source.levels * self._gain, -self._clip_v, self._clip_v)
        steps = Pieces.held(source.start_s, source.begins_s, levels, source.length_s)
        rate = 1.0 / self._time_constant_s
        return filtered(steps, Transfer(np.array([-rate]), np.array([rate]), 0.0))[0].after(memory_s)

    def _filtered(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """The low pass in steps fine against its time constant, run in from before the left edge."""
        fine = max(1, math.ceil(dt_s / self._time_constant_s * _STEPS_PER_TIME_CONSTANT))
        h_s = dt_s / fine
        run_in = math.ceil(_SETTLED * self._time_constant_s / h_s)
        decay = math.exp(-h_s / self._time_constant_s)
        volts = self._source.samples(t0_s - run_in * h_s, h_s, run_in + (n - 1) * fine + 1)
        # y[i] = (1 - a) * sum of a^k x[i - k]: each pass doubles the reach of the sum.
        volts *= 1.0 - decay
        reach, weight = 1, decay
        while reach < run_in:
            volts[reach:] += weight * volts[:-reach]
            reach, weight = 2 * reach, weight * weight
        return np.ascontiguousarray(volts[run_in::fine])
