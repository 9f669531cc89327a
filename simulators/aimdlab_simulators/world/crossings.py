"""When a voltage in pieces is beyond a threshold: every crossing, however many tails a piece has, for all at once.

Within a piece the voltage is a sum of decaying exponentials. Intervals of time after the piece's beginning are decided
by bounds; where neither bounds nor a derivative of one sign decide, an interval is halved. A crossing in a monotonic
interval is found by Newton's method within a bracket. The intervals do not depend on when the piece ends, so that the
bits of a crossing do not depend on how far anybody looked; the end cuts what was found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.pieces import Floats, Indices, Pieces, decayed, summed
from aimdlab_simulators.world.signal import Volts

# 0, then from 1 ns to a minute in octaves: somewhere there every tail relaxes. Beyond that there is one more interval.
_CUTS_S = np.concatenate([[0.0], 2.0 ** np.arange(-30.0, 7.0), [2.0**20]])
_NEAR = 1e-11  # of the time since the step: how well a crossing is found
_NOTHING = np.zeros(1)
_AT_ONCE = 1024  # pieces, for the computer's memory
_MOST_SPLITS = 60


class Beyond(NamedTuple):
    """Intervals in which a voltage is beyond a threshold, in order; none is empty, two may touch.

    Attributes:
        piece: the piece each lies in, shape (k,).
        from_s: after the beginning of the window.
        until_s: the same.
        sign: +1 above, -1 below minus the threshold.
    """

    piece: Indices
    from_s: Floats
    until_s: Floats
    sign: NDArray[np.int64]


class _Found(NamedTuple):
    """Intervals from the beginning of each piece."""

    piece: Indices
    from_s: Floats
    until_s: Floats
    sign: NDArray[np.int64]


def candidates(pieces: Pieces, threshold_v: float) -> Indices:
    """The pieces that may be beyond +/- ``threshold_v``: no other one is."""
    low, high = pieces.extremes()
    return np.flatnonzero((high > threshold_v) | (low < -threshold_v))


def beyond(pieces: Pieces, threshold_v: float, which: Indices) -> Beyond:
    """When the pieces ``which`` (ascending) are beyond +/- ``threshold_v``."""
    parts = [_Search(pieces, threshold_v, which[at : at + _AT_ONCE]).run() for at in range(0, which.size, _AT_ONCE)]
    if not parts:
        return Beyond(which, np.empty(0), np.empty(0), which)
    found = _Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    order = np.lexsort((found.from_s, found.piece))
    piece, sign = found.piece[order], found.sign[order]
    begins_s, ends_s = pieces.begins_s[piece], pieces.ends_s[piece]
    from_s = np.minimum(begins_s + found.from_s[order], ends_s)
    until_s = np.minimum(begins_s + found.until_s[order], ends_s)
    there = until_s > from_s
    return _merged(Beyond(piece[there], from_s[there], until_s[there], sign[there]))


class _Search:
    """The work on some pieces of a window."""

    def __init__(self, pieces: Pieces, threshold_v: float, which: Indices) -> None:
        self._threshold_v = threshold_v
        self._which = which
        self._rates = pieces.rates[:, np.newaxis]
        self._levels = pieces.levels[which]
        self._tails = pieces.tails[:, which]
        self._durations_s = pieces.durations_s[which]
        self._found: list[_Found] = []

    def run(self) -> _Found:
        piece, left_s, right_s = self._octaves()
        for _ in range(_MOST_SPLITS):
            if not piece.size:
                break
            piece, left_s, right_s = self._decide(piece, left_s, right_s)
            middle_s = (left_s + right_s) / 2.0
            piece = np.concatenate([piece, piece])
            left_s, right_s = np.concatenate([left_s, middle_s]), np.concatenate([middle_s, right_s])
        # An interval that is still undecided is a point where the threshold is touched: that is no crossing.
        if not self._found:
            none = np.empty(0, np.int64)
            return _Found(none, np.empty(0), np.empty(0), none)
        piece, from_s, until_s, sign = (np.concatenate(column) for column in zip(*self._found, strict=True))
        return _Found(self._which[piece], from_s, until_s, sign)

    def _octaves(self) -> tuple[Indices, Floats, Floats]:
        """The intervals to begin with: those octaves of every piece that its bounds leave open or wholly beyond."""
        longest_s = float(self._durations_s.max(initial=0.0))
        cuts_s = _CUTS_S[: int(np.searchsorted(_CUTS_S, longest_s, "left")) + 1]
        if cuts_s.size < 2:
            cuts_s = _CUTS_S[:2]
        low = np.repeat(self._levels[:, np.newaxis], cuts_s.size - 1, axis=1)
        high = low.copy()
        for rate, tail in zip(self._rates[:, 0].tolist(), self._tails, strict=True):
            term = tail[:, np.newaxis] * decayed(rate, cuts_s)
            low += np.minimum(term[:, :-1], term[:, 1:])
            high += np.maximum(term[:, :-1], term[:, 1:])
        some = (high > self._threshold_v) | (low < -self._threshold_v)
        some &= cuts_s[:-1] < self._durations_s[:, np.newaxis]
        piece, at = np.nonzero(some)
        return piece, cuts_s[at], cuts_s[at + 1]

    def _decide(self, piece: Indices, left_s: Floats, right_s: Floats) -> tuple[Indices, Floats, Floats]:
        """Keep what is found; the intervals that remain are neither decided nor monotonic."""
        tails, threshold_v = self._tails[:, piece], self._threshold_v
        at_left, at_right = tails * decayed(self._rates, left_s), tails * decayed(self._rates, right_s)
        low = summed(self._levels[piece], np.minimum(at_left, at_right))
        high = summed(self._levels[piece], np.maximum(at_left, at_right))
        for sign, whole in ((1, low > threshold_v), (-1, high < -threshold_v)):
            self._keep(piece[whole], left_s[whole], right_s[whole], sign)
        open_ = ((high > threshold_v) | (low < -threshold_v)) & (low <= threshold_v) & (high >= -threshold_v)
        slope_left, slope_right = -self._rates * at_left, -self._rates * at_right
        rising = summed(_NOTHING, np.minimum(slope_left, slope_right)) >= 0.0
        falling = summed(_NOTHING, np.maximum(slope_left, slope_right)) <= 0.0
        monotonic = open_ & (rising | falling)
        self._cross(piece[monotonic], left_s[monotonic], right_s[monotonic])
        rest = open_ & ~monotonic
        return piece[rest], left_s[rest], right_s[rest]

    def _cross(self, piece: Indices, left_s: Floats, right_s: Floats) -> None:
        """In monotonic intervals there is a crossing of either threshold if the two ends are on its two sides."""
        for sign in (1, -1):
            begin = sign * self._values(piece, left_s) > self._threshold_v
            end = sign * self._values(piece, right_s) > self._threshold_v
            both, one = begin & end, begin != end
            self._keep(piece[both], left_s[both], right_s[both], sign)
            if one.any():
                leaves = begin[one]
                at_s = self._crossing(piece[one], left_s[one], right_s[one], sign, leaves)
                from_s, until_s = np.where(leaves, left_s[one], at_s), np.where(leaves, at_s, right_s[one])
                self._keep(piece[one], from_s, until_s, sign)

    def _crossing(
        self, piece: Indices, left_s: Floats, right_s: Floats, sign: int, leaves: NDArray[np.bool_]
    ) -> Floats:
        """By Newton's steps, halving where one leads out of what is left; each element goes its own way to its end."""
        tails, levels = self._tails[:, piece], self._levels[piece] - sign * self._threshold_v
        # From where a straight line between the ends would cross, on with what the slope says.
        at_left = summed(levels, tails * decayed(self._rates, left_s))
        at_right = summed(levels, tails * decayed(self._rates, right_s))
        at_s = left_s + (right_s - left_s) * (at_left / (at_left - at_right))
        found = np.zeros(piece.size, np.bool_)
        for _ in range(_MOST_SPLITS):
            terms = tails * decayed(self._rates, at_s)
            volts = summed(levels, terms)
            slope = -summed(_NOTHING, self._rates * terms)
            before = (sign * volts > 0.0) == leaves
            left_s, right_s = np.where(before, at_s, left_s), np.where(before, right_s, at_s)
            next_s = at_s - volts / np.where(slope == 0.0, np.inf, slope)
            found |= np.abs(next_s - at_s) <= _NEAR * right_s
            next_s = np.where((next_s > left_s) & (next_s < right_s), next_s, (left_s + right_s) / 2.0)
            at_s = np.where(found, at_s, next_s)
            if found.all():
                break
        return at_s

    def _values(self, piece: Indices, at_s: Floats) -> Volts:
        return summed(self._levels[piece], self._tails[:, piece] * decayed(self._rates, at_s))

    def _keep(self, piece: Indices, from_s: Floats, until_s: Floats, sign: int) -> None:
        if piece.size:
            self._found.append(_Found(piece, from_s, until_s, np.full(piece.size, sign)))


def _merged(found: Beyond) -> Beyond:
    """Intervals of one piece and sign that touch are one."""
    if found.piece.size < 2:
        return found
    same = (found.piece[1:] == found.piece[:-1]) & (found.sign[1:] == found.sign[:-1])
    same &= found.from_s[1:] <= found.until_s[:-1]
    first = np.flatnonzero(np.append(True, ~same))
    until_s = found.until_s[np.append(first[1:], found.piece.size) - 1]
    return Beyond(found.piece[first], found.from_s[first], until_s, found.sign[first])
