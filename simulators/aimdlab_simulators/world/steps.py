"""When the level of a waveform changes: exactly where it holds its levels, near enough for a sensing filter elsewhere.

Times are taken from the left edge of what is asked for, so that rounding does not grow with the time played.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np

from aimdlab_simulators.world.pieces import Floats
from aimdlab_simulators.world.signal import Volts
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, Waveform

_MOST_STEPS = 4_000_000
# Where there is no exact answer (a curve, or more steps than this per second) one sample stands for so long.
GRID_S = 20e-6
_DENSE_HZ = 100e3
_FINER = 64
_MOST_CHANGED = 0.1  # of the samples
_PER_TURN = 32
_MOST_PER_TURN = 100_000
_PER_S = 5e3
_FASTEST_TURN_HZ = 2e3

Steps = tuple[Floats, Volts]


@runtime_checkable
class HeldWaveform(Protocol):
    """A Waveform that says itself when its level changes."""

    def held(self, left_s: float, right_s: float) -> Steps | None:
        """Starts after ``left_s``, the first 0, and levels of the closed interval; None if there are too many."""
        ...


def held_steps(waveform: Waveform, left_s: float, right_s: float) -> Steps | None:
    """Every step of the closed interval, as ``HeldWaveform.held``; None if the waveform is not one of held levels."""
    match waveform:
        case Constant():
            return np.zeros(1), np.array([waveform.volts])
        case Arbitrary():
            points, codes = waveform.table.steps
            levels = codes * np.float64(waveform.scale) + waveform.offset
            shift_s = waveform.first / waveform.rate_hz
            period_s = len(waveform.table) / waveform.rate_hz
            return tiled(points / waveform.rate_hz, levels, period_s, left_s + shift_s, right_s + shift_s)
        case Bursts():
            return _burst(waveform, held_steps(waveform.inner, 0.0, _length_s(waveform)), left_s, right_s)
        case HeldWaveform():
            return waveform.held(left_s, right_s)
        case _:
            return None


def near_steps(waveform: Waveform, left_s: float, right_s: float) -> Steps:
    """The steps of the closed interval; of a curve or a very dense table, steps that a sensing filter takes for it."""
    match waveform:
        case Periodic():
            return _turns(waveform, left_s, right_s)
        case Bursts():
            inner = near_steps(waveform.inner, 0.0, _length_s(waveform))
            return _burst(waveform, inner, left_s, right_s) or _found(waveform, left_s, right_s)
        case Arbitrary() if waveform.table.changes.size * waveform.rate_hz > _DENSE_HZ * len(waveform.table):
            return _found(waveform, left_s, right_s)
    return held_steps(waveform, left_s, right_s) or _found(waveform, left_s, right_s)


def tiled(starts: Floats, levels: Volts, period_s: float, left_s: float, right_s: float) -> Steps | None:
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
    if turns.size * starts.size > _MOST_STEPS:
        return None
    # The turns are counted from the left edge, so that rounding does not grow with the time played.
    times = ((turns * period_s - (left_s - turn * period_s))[:, np.newaxis] + starts).ravel()
    return cut(times, np.tile(levels, turns.size), right_s - left_s)


def cut(times_s: Floats, levels: Volts, length_s: float) -> Steps:
    """The steps of [0, ``length_s``]: the first at 0 holds what is there, none equals the one before it."""
    begin = max(int(np.searchsorted(times_s, 0.0, side="right")) - 1, 0)
    end = max(int(np.searchsorted(times_s, length_s, side="right")), begin + 1)
    times_s, levels = times_s[begin:end], levels[begin:end]
    new = np.append(True, levels[1:] != levels[:-1])
    times_s, levels = times_s[new], levels[new]
    times_s[0] = 0.0
    return times_s, levels


def sampled(volts: Volts, first_s: float, length_s: float) -> Steps:
    """Samples ``GRID_S`` apart, the first at ``first_s``, each held until the next."""
    return cut(first_s + np.arange(volts.size, dtype=np.float64) * GRID_S, volts, length_s)


def _length_s(waveform: Bursts) -> float:
    return min(waveform.length_s, waveform.period_s)


def _burst(waveform: Bursts, inner: Steps | None, left_s: float, right_s: float) -> Steps | None:
    if inner is None:
        return None
    length_s = _length_s(waveform)
    inside = inner[0] < length_s
    starts, levels = inner[0][inside], inner[1][inside]
    if length_s < waveform.period_s:
        starts, levels = np.append(starts, length_s), np.append(levels, waveform.rest)
    return tiled(starts, levels, waveform.period_s, left_s, right_s)


def _turns(waveform: Periodic, left_s: float, right_s: float) -> Steps:
    # Far above what a sensing filter lets through, the frequency is brought down and the height is kept.
    frequency_hz = waveform.frequency_hz / max(1, math.ceil(waveform.frequency_hz / _FASTEST_TURN_HZ))
    per_turn = min(max(_PER_TURN, math.ceil(_PER_S / frequency_hz)), _MOST_PER_TURN)
    at = np.unique(np.concatenate([np.arange(per_turn) / per_turn, np.mod(waveform.knots, 1.0)]))
    volts = waveform.shape((at + np.append(at[1:], 1.0)) / 2.0) * waveform.scale + waveform.offset
    shift_s = waveform.phase / frequency_hz
    steps = tiled(at / frequency_hz, volts, 1.0 / frequency_hz, left_s + shift_s, right_s + shift_s)
    return steps or _found(waveform, left_s, right_s)


def _found(waveform: Waveform, left_s: float, right_s: float) -> Steps:
    """Steps found by sampling, each to 0.3 us unless there are two within 20 us; of a curve, the samples."""
    first, last = math.floor(left_s / GRID_S), math.ceil(right_s / GRID_S)
    volts = waveform.values(first * GRID_S, GRID_S, last - first + 1)
    changed = np.flatnonzero(volts[1:] != volts[:-1])
    begin_s = first * GRID_S - left_s
    if changed.size > _MOST_CHANGED * volts.size:
        return sampled(volts, begin_s, right_s - left_s)
    times, levels = [np.array([begin_s])], [volts[:1]]
    for at in changed.tolist():
        close = waveform.values((first + at) * GRID_S, GRID_S / _FINER, _FINER + 1)
        steps = np.flatnonzero(close[1:] != close[:-1]) + 1
        times.append(begin_s + at * GRID_S + steps * (GRID_S / _FINER))
        levels.append(close[steps])
    return cut(np.concatenate(times), np.concatenate(levels), right_s - left_s)
