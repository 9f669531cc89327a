"""Where a generator's held samples change, exactly, so that what is behind it need not be oversampled.

Stricter than ``piecewise``, which serves a sensing filter: here a curve has no pieces, and an amplifier keeps its pole.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np

from aimdlab.signals.transfer import HeldSource, Reals
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Waveform

_MOST_PIECES = 4_000_000

Steps = tuple[Reals, Reals]


@runtime_checkable
class HeldWaveform(Protocol):
    """A Waveform that says itself when its level changes."""

    def held(self, left_s: float, right_s: float) -> Steps | None:
        """Starts after ``left_s``, the first 0, and levels of the closed interval; None if there are too many."""
        ...


def held_source(signal: Signal, start_s: float, end_s: float) -> HeldSource | None:
    """``signal`` within the closed interval, times after ``start_s``; None if it is not one of held levels."""
    match signal:
        case GeneratorOutput():
            return _of_generator(signal, start_s, end_s)
        case VoltageAmplifier():
            source = held_source(signal.source, start_s - signal.settled_s, end_s)
            if source is None or source.tails is not None:
                return None
            return signal.held(HeldSource(source.starts_s - signal.settled_s, source.levels))
        case _:
            return None


def tiled(starts: Reals, levels: Reals, period_s: float, left_s: float, right_s: float) -> Steps | None:
    """A turn that begins at 0, repeated for ever, cut to the interval: what ``HeldWaveform.held`` gives.

    Args:
        starts: of the levels of a turn, ascending; the first is 0.
        levels: as many.
        period_s: of a turn.
        left_s: the interval, in the time of the first turn.
        right_s: its end.
    """
    turn = math.floor(left_s / period_s)
    turns = np.arange(-1, math.floor(right_s / period_s) - turn + 2)
    if turns.size * starts.size > _MOST_PIECES:
        return None
    # The turns are counted from the left edge, so that rounding does not grow with the time played.
    times = ((turns * period_s - (left_s - turn * period_s))[:, np.newaxis] + starts).ravel()
    begin = max(int(np.searchsorted(times, 0.0, side="right")) - 1, 0)
    end = int(np.searchsorted(times, right_s - left_s, side="right"))
    cut = times[begin:end].copy()
    cut[0] = 0.0
    return cut, np.tile(levels, turns.size)[begin:end]


def _of_generator(output: GeneratorOutput, start_s: float, end_s: float) -> HeldSource | None:
    programs = output.programs(start_s, end_s)
    starts, levels = [], []
    for k, program in enumerate(programs):
        left_s = max(start_s, program.start_s)
        right_s = programs[k + 1].start_s if k + 1 < len(programs) else end_s
        part = _of_waveform(program.waveform, left_s - program.anchor_s, right_s - program.anchor_s)
        if part is None:
            return None
        starts.append(part[0] + (left_s - start_s))
        levels.append(part[1])
    return HeldSource(np.concatenate(starts), np.concatenate(levels))


def _of_waveform(waveform: Waveform, left_s: float, right_s: float) -> Steps | None:
    match waveform:
        case Constant():
            return np.zeros(1), np.array([waveform.volts])
        case Arbitrary():
            points = np.union1d(waveform.table.changes, [0])
            levels = waveform.table.codes[points] * np.float64(waveform.scale) + waveform.offset
            shift_s = waveform.first / waveform.rate_hz
            period_s = len(waveform.table) / waveform.rate_hz
            return tiled(points / waveform.rate_hz, levels, period_s, left_s + shift_s, right_s + shift_s)
        case Bursts():
            length_s = min(waveform.length_s, waveform.period_s)
            inner = _of_waveform(waveform.inner, 0.0, length_s)
            if inner is None:
                return None
            inside = inner[0] < length_s
            starts, levels = inner[0][inside], inner[1][inside]
            if length_s < waveform.period_s:
                starts, levels = np.append(starts, length_s), np.append(levels, waveform.rest)
            return tiled(starts, levels, waveform.period_s, left_s, right_s)
        case HeldWaveform():
            return waveform.held(left_s, right_s)
        case _:
            return None
