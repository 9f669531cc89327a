"""A voltage amplifier: gain, one pole, clipping, and an output stage that may be off."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.output_stage import OutputStage
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.pieces import Pieces, filtered
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import Parts, exact_pieces, near_pieces, sampled_pieces, samples_of

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
    sample intervals above five time constants its output is taken as settled. The stage switches before the pole.
    """

    def __init__(
        self, source: Signal, *, gain: float, bandwidth_hz: float, clip_v: float, stage: OutputStage | None = None
    ) -> None:
        """``stage`` is one that is always on if it is not given."""
        self._stage = OutputStage(Past(), Timebase()) if stage is None else stage
        self._source = source
        self._gain = gain
        self._clip_v = clip_v
        self._time_constant_s = 1.0 / (2.0 * math.pi * bandwidth_hz)

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        if (parts := self.parts(t0_s, t0_s + (n - 1) * dt_s)) is not None:
            return samples_of(parts, dt_s, n)
        if dt_s > _NEGLIGIBLE * self._time_constant_s:
            volts = self._switched(t0_s, dt_s, n)
        else:
            volts = self._filtered(t0_s, dt_s, n)
        volts *= self._gain
        return np.clip(volts, -self._clip_v, self._clip_v, out=volts)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts; a low pass never leaves the range of its input."""
        begin_s = start_s - _SETTLED * self._time_constant_s
        source_v = self._source.bounds(begin_s, end_s)
        factors = (1.0,) if self._stage.factor.is_one else self._stage.factor.extremes(begin_s, end_s)
        if self._stage.can_trip:
            factors = (*factors, 0.0)
        ends = [max(-self._clip_v, min(self._clip_v, volts * self._gain * f)) for volts in source_v for f in factors]
        return min(ends), max(ends)

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of (see ``stepped.parts_of``)."""
        pieces = self.pieces(start_s, end_s, near=False)
        return None if pieces is None else [(pieces, 0.0)]

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The output as pieces (see ``stepped.Stepped``)."""
        self._stage.live(end_s)
        memory_s = _FORGOTTEN * self._time_constant_s
        source = (near_pieces if near else exact_pieces)(self._source, start_s - memory_s, end_s)
        if source is None or source.rates.size:  # what relaxes cannot be clipped piece by piece
            return sampled_pieces(self, start_s, end_s) if near else None
        levels = source.levels * self._gain
        if not self._stage.factor.is_one:
            starts, factors = self._stage.factor.steps(source.start_s, end_s)
            source = source.refined(np.union1d(source.begins_s, starts))
            levels = source.levels * self._gain * factors[np.searchsorted(starts, source.begins_s, "right") - 1]
        levels = np.clip(levels, -self._clip_v, self._clip_v)
        steps = Pieces.held(source.start_s, source.begins_s, levels, source.length_s)
        rate = 1.0 / self._time_constant_s
        return filtered(steps, Transfer(np.array([-rate]), np.array([rate]), 0.0))[0].after(memory_s)

    def disturb(self, kind: str, **parameters: float) -> None:
        """Let something happen to the output stage now (see ``OutputStage.disturb``)."""
        self._stage.disturb(kind, **parameters)

    def observe(self) -> dict[str, object]:
        """The state of the output stage (see ``OutputStage.observe``)."""
        return self._stage.observe()

    def _switched(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """The input as far as the output stage lets it through."""
        volts = self._source.samples(t0_s, dt_s, n)
        if not self._stage.factor.is_one:
            volts *= self._stage.factor.samples(t0_s, dt_s, n)
        return volts

    def _filtered(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """The low pass in steps fine against its time constant, run in from before the left edge."""
        fine = max(1, math.ceil(dt_s / self._time_constant_s * _STEPS_PER_TIME_CONSTANT))
        h_s = dt_s / fine
        run_in = math.ceil(_SETTLED * self._time_constant_s / h_s)
        decay = math.exp(-h_s / self._time_constant_s)
        volts = self._switched(t0_s - run_in * h_s, h_s, run_in + (n - 1) * fine + 1)
        # y[i] = (1 - a) * sum of a^k x[i - k]: each pass doubles the reach of the sum.
        volts *= 1.0 - decay
        reach, weight = 1, decay
        while reach < run_in:
            volts[reach:] += weight * volts[:-reach]
            reach, weight = 2 * reach, weight * weight
        return np.ascontiguousarray(volts[run_in::fine])
