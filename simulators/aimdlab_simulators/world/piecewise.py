"""The same voltages as pieces of constant level: what a filter's exact response is computed from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, Waveform

# Where there is no exact answer (a curve, or more steps than this per second) one sample stands for so long.
_GRID_S = 20e-6
_DENSE_HZ = 100e3
_FINER = 64
_MOST_STEPS = 0.1  # of the samples
_PER_TURN = 32
_MOST_PER_TURN = 100_000
_PER_S = 5e3
_FASTEST_TURN_HZ = 2e3

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """A voltage held from one time to the next, no two neighbours alike.

    Attributes:
        begins_s: world times, ascending, shape (n,); the first is the start of the window.
        volts: from each of them on, shape (n,).
        end_s: end of the last piece.
    """

    begins_s: _Floats
    volts: Volts
    end_s: float

    @property
    def ends_s(self) -> _Floats:
        """World times at which the pieces end, shape (n,)."""
        return np.append(self.begins_s[1:], self.end_s)


@runtime_checkable
class Stepped(Protocol):
    """A Signal that knows its pieces. They must not depend on the window, but for its two ends."""

    def pieces(self, start_s: float, end_s: float) -> Pieces:
        """The pieces of the window, ``end_s`` above ``start_s`` and no later than the present world time."""
        ...


@runtime_checkable
class _Held(Protocol):
    """A waveform that knows its steps (``held.HeldWaveform``): starts after ``left_s`` and levels, or None."""

    def held(self, left_s: float, right_s: float) -> tuple[_Floats, Volts] | None: ...


class Share:
    """A Signal: a fixed share of another one, such as the port of a resistive network."""

    def __init__(self, source: Signal, share: float) -> None:
        self._source = source
        self._share = share

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        volts = self._source.samples(t0_s, dt_s, n)
        volts *= self._share
        return volts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        low, high = sorted(volts * self._share for volts in self._source.bounds(start_s, end_s))
        return low, high

    def pieces(self, start_s: float, end_s: float) -> Pieces:
        """The source's pieces."""
        pieces = pieces_of(self._source, start_s, end_s)
        return Pieces(pieces.begins_s, pieces.volts * self._share, pieces.end_s)


def pieces_of(signal: Signal, start_s: float, end_s: float) -> Pieces:
    """The pieces of any signal: its own, or samples 20 us apart."""
    if isinstance(signal, Stepped):
        return signal.pieces(start_s, end_s)
    return sampled_pieces(signal, start_s, end_s)


def sampled_pieces(signal: Signal, start_s: float, end_s: float) -> Pieces:
    """Samples on a grid of 20 us from time 0, each held; a single piece if the bounds are one value."""
    low, high = signal.bounds(start_s, end_s)
    first, last = math.floor(start_s / _GRID_S), math.ceil(end_s / _GRID_S)
    if low == high or last <= first:
        return Pieces(np.array([start_s]), np.array([low]), end_s)
    return cut(
        np.arange(first, last, dtype=np.float64) * _GRID_S,
        signal.samples(first * _GRID_S, _GRID_S, last - first),
        start_s,
        end_s,
    )


def waveform_steps(waveform: Waveform, start_s: float, end_s: float) -> tuple[_Floats, Volts]:
    """(times since its beginning, volts from each on) of a waveform, covering at least the window."""
    match waveform:
        case Constant():
            return np.array([start_s]), np.array([waveform.volts])
        case Arbitrary() if waveform.table.changes.size * waveform.rate_hz <= _DENSE_HZ * len(waveform.table):
            return _arbitrary_steps(waveform, start_s, end_s)
        case Periodic():
            return _periodic_steps(waveform, start_s, end_s)
        case Bursts():
            return _burst_steps(waveform, start_s, end_s)
    if isinstance(waveform, _Held) and (steps := waveform.held(start_s, end_s)) is not None:
        return steps[0] + start_s, steps[1]
    return _found_steps(waveform, start_s, end_s)


def cut(times_s: _Floats, volts: Volts, start_s: float, end_s: float) -> Pieces:
    """The pieces from ``start_s`` to ``end_s``; what holds at the start is the last step at or before it."""
    first = max(0, int(np.searchsorted(times_s, start_s, "right")) - 1)
    last = max(first + 1, int(np.searchsorted(times_s, end_s, "left")))
    times_s, volts = times_s[first:last], volts[first:last]
    new = np.append(True, volts[1:] != volts[:-1])
    begins_s = times_s[new]
    begins_s[0] = start_s
    return Pieces(begins_s, volts[new], end_s)


def join(parts: list[Pieces]) -> Pieces:
    """Pieces that follow one another as one."""
    times, volts = np.concatenate([part.begins_s for part in parts]), np.concatenate([part.volts for part in parts])
    return cut(times, volts, float(times[0]), parts[-1].end_s)


def _arbitrary_steps(waveform: Arbitrary, start_s: float, end_s: float) -> tuple[_Floats, Volts]:
    table, size = waveform.table, len(waveform.table)
    # Index 0 counts as a step in any case, so that a table of one value has one.
    at = table.changes if table.changes.size else np.zeros(1, np.int64)
    first = math.floor((start_s * waveform.rate_hz + waveform.first) / size) - 1
    last = math.floor((end_s * waveform.rate_hz + waveform.first) / size) + 1
    turns = np.arange(first, last + 1)
    index = (turns[:, np.newaxis] * size + at).ravel() - waveform.first
    volts = table.codes[at] * np.float64(waveform.scale) + waveform.offset
    return index / waveform.rate_hz, np.tile(volts, turns.size)


def _periodic_steps(waveform: Periodic, start_s: float, end_s: float) -> tuple[_Floats, Volts]:
    # Far above what a sensing filter lets through, the frequency is brought down and the height is kept.
    frequency_hz = waveform.frequency_hz / max(1, math.ceil(waveform.frequency_hz / _FASTEST_TURN_HZ))
    per_turn = min(max(_PER_TURN, math.ceil(_PER_S / frequency_hz)), _MOST_PER_TURN)
    at = np.unique(np.concatenate([np.arange(per_turn) / per_turn, np.mod(waveform.knots, 1.0)]))
    middle = (at + np.append(at[1:], 1.0)) / 2.0
    volts = waveform.shape(middle) * waveform.scale + waveform.offset
    first = math.floor(start_s * frequency_hz + waveform.phase) - 1
    turns = np.arange(first, math.floor(end_s * frequency_hz + waveform.phase) + 2)
    times = ((turns[:, np.newaxis] + at).ravel() - waveform.phase) / frequency_hz
    return times, np.tile(volts, turns.size)


def _burst_steps(waveform: Bursts, start_s: float, end_s: float) -> tuple[_Floats, Volts]:
    length_s = min(waveform.length_s, waveform.period_s)
    burst = cut(*waveform_steps(waveform.inner, 0.0, length_s), 0.0, length_s)
    at, volts = np.append(burst.begins_s, length_s), np.append(burst.volts, waveform.rest)
    if waveform.length_s >= waveform.period_s:
        at, volts = at[:-1], volts[:-1]
    turns = np.arange(math.floor(start_s / waveform.period_s) - 1, math.floor(end_s / waveform.period_s) + 2)
    return (turns[:, np.newaxis] * waveform.period_s + at).ravel(), np.tile(volts, turns.size)


def _found_steps(waveform: Waveform, start_s: float, end_s: float) -> tuple[_Floats, Volts]:
    """Steps found by sampling, each to 0.3 us unless there are two within 20 us; of a curve, the samples."""
    first, last = math.floor(start_s / _GRID_S), math.ceil(end_s / _GRID_S)
    times = np.arange(first, last + 1, dtype=np.float64) * _GRID_S
    volts = waveform.values(first * _GRID_S, _GRID_S, times.size)
    changed = np.flatnonzero(volts[1:] != volts[:-1])
    if changed.size > _MOST_STEPS * times.size:
        return times, volts
    parts = [(times[:1], volts[:1])]
    for at in changed.tolist():
        close = waveform.values(times[at], _GRID_S / _FINER, _FINER + 1)
        steps = np.flatnonzero(close[1:] != close[:-1]) + 1
        parts.append((times[at] + steps * (_GRID_S / _FINER), close[steps]))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
