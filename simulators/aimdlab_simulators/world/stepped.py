"""Signals that give their pieces, which the answer of what is behind them is computed from."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import numpy as np

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.world.pieces import Modes, Pieces, answered, filtered
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.steps import GRID_S, sampled

# Pieces of which the samples of a window are the sum, each with the time from its beginning to the window's.
Parts = Sequence[tuple[Pieces, float]]

# By the signal's identity and what was asked. The signal is kept too, so that its identity stays its own: some are made
# for one question.
_Known = dict[tuple[int, float, float, bool], tuple[Signal, Pieces | None]]
_Followed = dict[tuple[int, bytes], tuple[Pieces, Modes]]  # by the source's pieces, kept as well, and the rates
_remembered = threading.local()


class Stepped(Protocol):
    """A Signal that knows its pieces. They must not depend on the window, but for its two ends."""

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The pieces of the window, no later than the present world time.

        Args:
            start_s: its beginning.
            end_s: its end.
            near: stand in for curves with steps near enough for a sensing filter, instead of None.
        """
        ...


@contextmanager
def remembering() -> Iterator[None]:
    """Meanwhile this thread asks each signal for each window once; for whoever holds the lock of the world."""
    _remembered.known, _remembered.followed = {}, {}
    try:
        yield
    finally:
        _remembered.known = _remembered.followed = None


def exact_pieces(signal: Signal, start_s: float, end_s: float) -> Pieces | None:
    """The pieces of a signal of held levels, or of what a linear node makes of them; None of any other."""
    return _pieces(signal, start_s, end_s, near=False)


def near_pieces(signal: Signal, start_s: float, end_s: float) -> Pieces:
    """The pieces of any signal: its own, or samples 20 us apart."""
    pieces = _pieces(signal, start_s, end_s, near=True)
    return sampled_pieces(signal, start_s, end_s) if pieces is None else pieces


def answer_of(pieces: Pieces, transfer: Transfer) -> Pieces:
    """The answer of ``transfer``, settled at first; outputs of one network are followed together while remembering."""
    followed: _Followed | None = getattr(_remembered, "followed", None)
    if followed is None:
        return filtered(pieces, transfer)[0]
    key = id(pieces), transfer.rates_per_s.tobytes()
    if key not in followed:
        followed[key] = pieces, Modes.of(pieces, transfer.rates_per_s)
    return answered(pieces, transfer, followed[key][1])


def parts_of(signal: Signal, start_s: float, end_s: float) -> Parts | None:
    """What the samples of the window are the sum of; None of a signal that must be asked for them.

    Whoever asks holds the lock of the world, so that what several parts are made of is the same.
    """
    if not hasattr(signal, "parts"):
        return None
    parts: Parts | None = signal.parts(start_s, end_s)
    return parts


def samples_of(parts: Parts, dt_s: float, n: int) -> Volts:
    """The sum of parts at the first of their times and every ``dt_s``, shape (n,)."""
    volts: Volts | None = None
    for pieces, start_s in parts:
        volts = pieces.samples(start_s, dt_s, n, onto=volts)
    return np.zeros(n) if volts is None else volts


def _pieces(signal: Signal, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
    # Asked thousands of times a second: isinstance with a Protocol takes longer than the rest.
    if not hasattr(signal, "pieces"):
        return None
    known: _Known | None = getattr(_remembered, "known", None)
    if known is None:
        return cast("Stepped", signal).pieces(start_s, end_s, near=near)
    key = id(signal), start_s, end_s, near
    if key not in known:
        known[key] = signal, cast("Stepped", signal).pieces(start_s, end_s, near=near)
    return known[key][1]


def sum_of_parts(parts: Iterable[Signal], start_s: float, end_s: float) -> Parts | None:
    """The parts of the sum of signals; None if one of them gives none."""
    total: list[tuple[Pieces, float]] = []
    for part in parts:
        if (found := parts_of(part, start_s, end_s)) is None:
            return None
        total += found
    return total


def sum_of_pieces(parts: Iterable[Signal], start_s: float, end_s: float, *, near: bool) -> Pieces | None:
    """The pieces of the sum of signals; None if one of them gives none."""
    total: Pieces | None = None
    for part in parts:
        pieces = (near_pieces if near else exact_pieces)(part, start_s, end_s)
        if pieces is None:
            return None
        total = pieces if total is None else total.plus(pieces)
    return total


def sampled_pieces(signal: Signal, start_s: float, end_s: float) -> Pieces:
    """Samples on a grid of 20 us from time 0, each held."""
    first, last = math.floor(start_s / GRID_S), math.ceil(end_s / GRID_S)
    volts = signal.samples(first * GRID_S, GRID_S, max(last - first, 1))
    times, levels = sampled(volts, first * GRID_S - start_s, end_s - start_s)
    return Pieces.held(start_s, times, levels, end_s - start_s)


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

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """The source's parts."""
        parts = parts_of(self._source, start_s, end_s)
        return None if parts is None else [(pieces.scaled(self._share), at_s) for pieces, at_s in parts]

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        low, high = sorted(volts * self._share for volts in self._source.bounds(start_s, end_s))
        return low, high

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The source's pieces."""
        pieces = near_pieces(self._source, start_s, end_s) if near else exact_pieces(self._source, start_s, end_s)
        return None if pieces is None else pieces.scaled(self._share)
