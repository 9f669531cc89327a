"""A linear transfer as a sum of decaying modes, and its exact answer to a held (piecewise constant) source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimdlab.signals.turn import Turn

Reals = NDArray[np.float64]

_GONE = 1e-18
_LOOKED_AT = 2000
_HALVINGS = 50


@dataclass(frozen=True)
class HeldSource:
    """A source in pieces: from ``starts_s[k]`` on it is ``levels[k] + tails[k] * exp(-tail_rate_per_s * (t - start))``.

    Before the first piece it was at ``levels[0]`` for ever.

    Attributes:
        starts_s: ascending, shape (k,).
        levels: shape (k,).
        tails: shape (k,), or None for a source of steps alone (zero-order hold).
        tail_rate_per_s: of all tails.
    """

    starts_s: Reals
    levels: Reals
    tails: Reals | None = None
    tail_rate_per_s: float = 0.0

    def at(self, times_s: Reals) -> Reals:
        """The source itself at ``times_s``, shape (n,)."""
        piece = self.piece_at(times_s)
        values = self.levels[piece]
        if self.tails is not None:
            values = values + self.tails[piece] * np.exp(-self.tail_rate_per_s * self.since(times_s, piece))
        return values

    def piece_at(self, times_s: Reals) -> NDArray[np.intp]:
        """The number of the piece at each time."""
        return np.maximum(np.searchsorted(self.starts_s, times_s, side="right") - 1, 0)

    def since(self, times_s: Reals, piece: NDArray[np.intp]) -> Reals:
        """The time since each piece began, no less than 0."""
        since: Reals = np.maximum(times_s - self.starts_s[piece], 0.0)
        return since


@dataclass(frozen=True)
class Transfer:
    """What one output makes of the source: ``direct * u + sum of gains[m] * z[m]``, each mode ``z' = rate * z + u``.

    Attributes:
        rates_per_s: negative, shape (m,).
        gains: shape (m,).
        direct: the part without memory.
    """

    rates_per_s: Reals
    gains: Reals
    direct: float

    def __sub__(self, other: Self) -> Transfer:
        """The difference of two outputs of one network."""
        return Transfer(self.rates_per_s, self.gains - other.gains, self.direct - other.direct)

    @property
    def weights(self) -> Reals:
        """The share of every mode in the answer to a constant, shape (m,)."""
        return -self.gains / self.rates_per_s

    @cached_property
    def dc(self) -> float:
        """The answer to a constant 1."""
        return self.direct + float(self.weights.sum())

    @property
    def slowest_s(self) -> float:
        """The longest time constant; 0 without memory."""
        return float((-1.0 / self.rates_per_s).max()) if self.rates_per_s.size else 0.0

    @property
    def peak_gain(self) -> float:
        """The largest answer that any source within -1 and 1 can cause: the total variation of the step's answer."""
        looked_at = self.step(np.array([0.0, *self._turns_s(), np.inf]))
        return abs(self.direct) + float(np.abs(np.diff(looked_at)).sum())

    def settled_within(self, duration_s: float) -> Transfer:
        """The same with every mode that is faster than ``duration_s`` settled at once."""
        slow = -1.0 / self.rates_per_s >= duration_s
        return Transfer(self.rates_per_s[slow], self.gains[slow], self.direct + float(self.weights[~slow].sum()))

    def response(self, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
        """Complex frequency response, shape of ``frequency_hz``."""
        jw = 2j * np.pi * np.asarray(frequency_hz, dtype=np.float64)
        answer: NDArray[np.complex128] = self.direct + (self.gains / (jw[..., None] - self.rates_per_s)).sum(axis=-1)
        return answer

    def step(self, times_s: ArrayLike) -> Reals:
        """The answer to a step from 0 to 1 at t = 0, shape of ``times_s``; 0 before it."""
        t = np.asarray(times_s, dtype=np.float64)
        settled = (self.weights * -np.expm1(np.maximum(t, 0.0)[..., None] * self.rates_per_s)).sum(axis=-1)
        answer: Reals = np.where(t < 0, 0.0, self.direct + settled)
        return answer

    def respond(self, source: HeldSource, times_s: Reals) -> Reals:
        """The answer to ``source`` at any ``times_s``, exact but for rounding, shape (n,)."""
        answer = self.direct * source.at(times_s)
        for term in self.mode_terms(source, times_s):
            answer += term
        return answer

    def mode_terms(self, source: HeldSource, times_s: Reals) -> Iterator[Reals]:
        """What every mode adds to the answer at ``times_s``, shape (n,) each; continuous in time."""
        piece = source.piece_at(times_s)
        since_s = source.since(times_s, piece)
        for rate, gain in zip(self.rates_per_s, self.gains, strict=True):
            if gain != 0.0:
                state = _states(source, rate)[piece]
                yield gain * (state * np.exp(rate * since_s) + _driven(source, rate, piece, since_s))

    def mean_product(self, turn: Turn) -> float:
        """The mean of the answer times the source, while the source repeats ``turn`` for ever."""
        u, t, modes = turn.levels, turn.durations_s, turn.modes(self.rates_per_s)
        tails = modes.tails * self.gains
        integrals = self.dc * u * t + (tails * modes.single).sum(axis=1)
        return float((u * integrals).sum() / turn.period_s)

    def _turns_s(self) -> list[float]:
        """When the answer to a step turns: where the impulse's answer crosses zero."""
        if self.rates_per_s.size < 2:
            return []
        slowest = self.rates_per_s.max()

        def impulse(t_s: Reals) -> Reals:
            # Over the slowest mode, which changes no sign and keeps it from vanishing.
            answer: Reals = (self.gains * np.exp(t_s[:, None] * (self.rates_per_s - slowest))).sum(axis=1)
            return answer

        spans_s = -1.0 / self.rates_per_s
        grid_s = np.geomspace(1e-6 * spans_s.min(), 1e2 * spans_s.max(), _LOOKED_AT)
        signs = np.sign(impulse(grid_s))
        turns = []
        for k in np.flatnonzero(signs[1:] * signs[:-1] < 0):
            low, high = grid_s[k], grid_s[k + 1]
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if np.sign(impulse(np.array([middle])))[0] == signs[k] else (low, middle)
            turns.append(float(middle))
        return turns


class Outputs:
    """Outputs of one network, for what is asked of all of them at once.

    Raises:
        ValueError: their modes are not the same.
    """

    def __init__(self, transfers: Sequence[Transfer]) -> None:
        self._rates_per_s = transfers[0].rates_per_s if transfers else np.empty(0)
        if any(not np.array_equal(one.rates_per_s, self._rates_per_s) for one in transfers):
            raise ValueError("outputs of one network share their modes")
        shape = len(transfers), 1, self._rates_per_s.size
        self._gains: Reals = np.array([one.gains for one in transfers]).reshape(shape)
        self._dc: Reals = np.array([[one.dc] for one in transfers]).reshape(len(transfers), 1)

    def mean_squares(self, turn: Turn) -> list[float]:
        """The mean of each answer's square while the source repeats ``turn`` for ever."""
        t, modes = turn.durations_s, turn.modes(self._rates_per_s)
        settled = self._dc * turn.levels
        # Within a step the answer is settled + sum of tails * exp(rate * t): the square is integrated term by term.
        tails = modes.tails * self._gains
        single = (tails * modes.single).sum(axis=2)
        double = (tails[..., :, None] * tails[..., None, :] * modes.double).sum(axis=(2, 3))
        means: list[float] = ((settled**2 * t + 2.0 * settled * single + double).sum(axis=1) / turn.period_s).tolist()
        return means


def held(levels: Sequence[float], durations_s: Sequence[float], start_s: float = 0.0) -> HeldSource:
    """A source of these steps, one after another from ``start_s``; the last is held for ever, before it 0."""
    starts = start_s + np.concatenate([[0.0], np.cumsum(durations_s)])[:-1]
    return HeldSource(np.concatenate([[start_s], starts]), np.concatenate([[0.0], np.asarray(levels, float)]))


def _driven(source: HeldSource, rate: float, piece: NDArray[np.intp] | slice, since_s: Reals) -> Reals:
    """What a mode gathers from rest within a piece, ``since_s`` after its beginning."""
    answer: Reals = source.levels[piece] * (np.expm1(rate * since_s) / rate)
    if source.tails is not None:
        # exp(-s t) against exp(rate t): the difference is written so that neither grows and both may be equal.
        slow, fast = max(rate, -source.tail_rate_per_s), min(rate, -source.tail_rate_per_s)
        apart = slow - fast
        share = since_s if apart == 0.0 else -np.expm1(-apart * since_s) / apart
        answer += source.tails[piece] * np.exp(slow * since_s) * share
    return answer


def _states(source: HeldSource, rate: float) -> Reals:
    """The mode at the beginning of every piece, shape (k,): a recurrence, solved by doubling its reach."""
    duration_s = np.diff(source.starts_s)
    state = np.empty(source.starts_s.size)
    state[0] = -source.levels[0] / rate
    state[1:] = _driven(source, rate, slice(0, -1), duration_s)
    decay = np.concatenate([[0.0], np.exp(rate * duration_s)])
    reach = 1
    while reach < state.size and decay[reach:].max() > _GONE:
        state[reach:] += decay[reach:] * state[:-reach]
        decay[reach:] *= decay[:-reach].copy()
        reach *= 2
    return state
