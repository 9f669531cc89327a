"""A voltage in pieces: it jumps at steps and relaxes exponentially between them, which linear nodes keep exact.

All times within a window are taken from its beginning: world time is only known to some 10 ps after a day, which a
network with time constants of nanoseconds would show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.signals.transfer import Transfer
from aimdlab_simulators.world.sampling import PieceSamples
from aimdlab_simulators.world.signal import Volts

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# What has decayed by e^-45 (3e-20) cannot be seen any more, in no digit of what it is added to.
_FORGOTTEN = 45.0
_LEFT = math.exp(-_FORGOTTEN)
# So many pieces at once that what is in hand stays in the processor's cache.
_AT_ONCE = 4096
# Two rates nearer to each other than this share of them are put so far apart.
_APART = 1e-5


@dataclass(frozen=True)
class Pieces:
    """Piece k is ``levels[k] + sum over j of tails[j, k] * exp(-rates[j] * (t - begins_s[k]))``.

    Attributes:
        start_s: world time of the window's beginning; the other times are from there.
        begins_s: ascending, the first 0, shape (n,).
        levels: what each piece settles to, shape (n,).
        length_s: where the last piece ends.
        tails: what each piece still has to relax at its beginning, shape (m, n).
        rates: per second, above 0, shape (m,).
    """

    start_s: float
    begins_s: Floats
    levels: Volts
    length_s: float
    tails: Volts
    rates: Floats

    @classmethod
    def held(cls, start_s: float, begins_s: Floats, levels: Volts, length_s: float) -> Pieces:
        """Levels alone."""
        return cls(start_s, begins_s, levels, length_s, np.empty((0, begins_s.size)), np.empty(0))

    @property
    def ends_s(self) -> Floats:
        """Where the pieces end, shape (n,)."""
        return np.append(self.begins_s[1:], self.length_s)

    @property
    def durations_s(self) -> Floats:
        """How long the pieces last, shape (n,)."""
        return self.ends_s - self.begins_s

    def scaled(self, gain: float) -> Pieces:
        """The same, ``gain`` times."""
        return Pieces(self.start_s, self.begins_s, self.levels * gain, self.length_s, self.tails * gain, self.rates)

    def after(self, offset_s: float) -> Pieces:
        """The window without its first ``offset_s``."""
        if offset_s <= 0.0:
            return self
        first = max(int(np.searchsorted(self.begins_s, offset_s, "right")) - 1, 0)
        begins_s, tails = self.begins_s[first:] - offset_s, self.tails[:, first:].copy()
        tails[:, 0] *= decayed(self.rates, -float(begins_s[0]))
        begins_s[0] = 0.0
        return Pieces(
            self.start_s + offset_s, begins_s, self.levels[first:], self.length_s - offset_s, tails, self.rates
        )

    def refined(self, begins_s: Floats) -> Pieces:
        """The same voltage cut at more places: ``begins_s`` holds all present ones."""
        at = np.searchsorted(self.begins_s, begins_s, "right") - 1
        since_s = begins_s - self.begins_s[at]
        tails = self.tails[:, at] * decayed(self.rates[:, np.newaxis], since_s)
        return Pieces(self.start_s, begins_s, self.levels[at], self.length_s, tails, self.rates)

    def plus(self, other: Pieces) -> Pieces:
        """The sum of two voltages over the same window."""
        begins_s = np.union1d(self.begins_s, other.begins_s)
        one, two = self.refined(begins_s), other.refined(begins_s)
        tails, rates = np.concatenate([one.tails, two.tails]), np.concatenate([one.rates, two.rates])
        return Pieces(self.start_s, begins_s, one.levels + two.levels, self.length_s, tails, rates)

    def extremes(self) -> tuple[Volts, Volts]:
        """No piece is lower or higher than this, shape (n,) each; tight where its tails have one sign."""
        begin, end = self.tails, self.tails * decayed(self.rates[:, np.newaxis], self.durations_s)
        return summed(self.levels, np.minimum(begin, end)), summed(self.levels, np.maximum(begin, end))

    def samples(self, first_s: float, dt_s: float, n: int, onto: Volts | None = None) -> Volts:
        """Volts at ``first_s + i * dt_s`` after the window's beginning, shape (n,), added ``onto`` others if given."""
        volts = np.empty(n) if onto is None else onto
        if n:
            PieceSamples(self, first_s, dt_s, n).add(0, volts, fresh=onto is None)
        return volts


def decayed(rate: Floats | float, since_s: Floats | float) -> Floats:
    """What is left of 1, ``exp(-rate * since)``; e^-700 at the least, as denormal numbers are slow."""
    exponent = np.multiply(rate, since_s)
    left: Floats = np.exp(np.maximum(-exponent, -700.0))
    return left


def summed(volts: Volts, terms: Volts) -> Volts:
    """``volts`` and each row of ``terms``, added in this order however many columns there are, shape (n,)."""
    for term in terms:
        volts = volts + term
    return volts


@dataclass(frozen=True)
class Modes:
    """What decaying modes make of a source, each ``z' = -rate * z + source``; what outputs of one network share.

    Attributes:
        rates: per second, above 0, shape (m,).
        shares: of the source's tails in what each mode follows at once, shape (m, number of tails).
        own: what each mode still has to relax at the beginning of each piece, shape (m, n).
        states: of the modes at the end of the window, shape (m,).
    """

    rates: Floats
    shares: Floats
    own: Volts
    states: Floats

    @classmethod
    def of(cls, pieces: Pieces, rates_per_s: Floats, states: Floats | None = None) -> Modes:
        """Exact but for rounding. The bits of a piece depend on what came before it, never on what comes after.

        Args:
            pieces: the source.
            rates_per_s: of the modes, negative.
            states: of the modes at the beginning; None if they had settled to the first piece's level.
        """
        rates = np.array([_apart(rate, pieces.rates) for rate in (-rates_per_s).tolist()])
        shares = 1.0 / (rates[:, np.newaxis] - pieces.rates)
        own = np.empty((rates.size, pieces.begins_s.size))
        durations_s = pieces.durations_s
        for first in range(0, pieces.begins_s.size, _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            # What the modes would be if they had no memory of their own: they are followed from piece to piece.
            settled = pieces.levels[part] / rates[:, np.newaxis]
            begin, end = settled, settled
            if pieces.rates.size:
                at_end = pieces.tails[:, part] * decayed(pieces.rates[:, np.newaxis], durations_s[part])
                for j in range(pieces.rates.size):
                    begin = begin + shares[:, j : j + 1] * pieces.tails[j, part]
                    end = end + shares[:, j : j + 1] * at_end[j]
            jumps = np.empty_like(begin)
            jumps[:, 1:] = end[:, :-1] - begin[:, 1:]
            jumps[:, 0] = 0.0 if states is None else states - begin[:, 0]
            own[:, part] = decaying_sums(pieces.begins_s[part], jumps, rates)
            left = decayed(rates, float(durations_s[part][-1]))
            states = end[:, -1] + own[:, part][:, -1] * left
        return cls(rates, shares, own, np.zeros(0) if states is None else states)


def filtered(pieces: Pieces, transfer: Transfer, states: Floats | None = None) -> tuple[Pieces, Floats]:
    """The answer of ``transfer``, and its modes at the end of the window, shape (m,); ``states`` as ``Modes.of``."""
    modes = Modes.of(pieces, transfer.rates_per_s, states)
    return answered(pieces, transfer, modes), modes.states


def answered(pieces: Pieces, transfer: Transfer, modes: Modes) -> Pieces:
    """The answer of ``transfer``, whose modes were followed."""
    gains = transfer.gains * modes.rates / -transfer.rates_per_s  # what is settled stays as it is
    through = transfer.direct + (gains[:, np.newaxis] * modes.shares).sum(axis=0)
    tails = np.empty((pieces.rates.size + modes.rates.size, pieces.begins_s.size))
    np.multiply(through[:, np.newaxis], pieces.tails, out=tails[: pieces.rates.size])
    np.multiply(gains[:, np.newaxis], modes.own, out=tails[pieces.rates.size :])
    return Pieces(
        pieces.start_s,
        pieces.begins_s,
        transfer.dc * pieces.levels,
        pieces.length_s,
        tails,
        np.concatenate([pieces.rates, modes.rates]),
    )


def decaying_sums(begins_s: Floats, jumps: Volts, rates: Floats) -> Volts:
    """The sum over all jumps up to now of ``jump * exp(-rate * age)``, right after each, shape (m, n)."""
    sums, gaps_s = jumps.copy(), np.diff(begins_s)
    for row, rate in zip(sums, rates.tolist(), strict=True):
        left, reach = np.exp(np.maximum(gaps_s * -rate, -_FORGOTTEN - 1.0)), 1
        while True:
            # Decided for each by itself, so that its bits do not depend on how long the window is.
            left *= left >= _LEFT
            if not left.any():
                break
            row[reach:] += left * row[:-reach]
            left, reach = left[reach:] * left[:-reach], 2 * reach
    return sums


def joined(parts: list[Pieces]) -> Pieces:
    """Windows that follow one another, as one."""
    start_s = parts[0].start_s
    rates = np.array(list(dict.fromkeys(rate for part in parts for rate in part.rates.tolist())))
    tails = []
    for part in parts:
        tails.append(np.zeros((rates.size, part.begins_s.size)))
        for rate, tail in zip(part.rates.tolist(), part.tails, strict=True):
            tails[-1][rates == rate] += tail
    return Pieces(
        start_s,
        np.concatenate([part.begins_s + (part.start_s - start_s) for part in parts]),
        np.concatenate([part.levels for part in parts]),
        parts[-1].start_s - start_s + parts[-1].length_s,
        np.concatenate(tails, axis=1),
        rates,
    )


def _apart(rate: float, others: Floats) -> float:
    """``rate``, moved a little if another one is so near that the two cannot be told apart numerically."""
    while others.size and float(np.abs(others - rate).min()) < _APART * rate:
        rate *= 1.0 + 2.0 * _APART
    return rate


def bounds_of(pieces: Pieces) -> tuple[float, float]:
    """Lowest and highest volts, a little wider for the rounding of sums."""
    low, high = pieces.extremes()
    lowest, highest = float(low.min()), float(high.max())
    slack = 1e-9 * (abs(lowest) + abs(highest)) if math.isfinite(lowest + highest) else 0.0
    return lowest - slack, highest + slack
