"""What a pacemaker detects of the voltage at its port: exact responses to pieces of constant voltage."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.world.exceedances import Exceedances
from aimdlab_simulators.world.pacemaker_settings import SensingBand
from aimdlab_simulators.world.piecewise import Pieces

_Floats = NDArray[np.float64]
_HALVINGS = 44  # of less than a second: far below a picosecond


class Detector(Protocol):
    """Something that follows the voltage at the port, window after window."""

    def follow(self, pieces: Pieces, *, whole: bool) -> None:
        """Take in a window; unless it is ``whole``, the same one will come again, longer."""
        ...


class LevelDetector:
    """Detects ``abs(v)`` above a threshold.

    Attributes:
        exceeded: when it was.
    """

    def __init__(self, threshold_v: float) -> None:
        self._threshold_v = threshold_v
        self.exceeded = Exceedances()

    def follow(self, pieces: Pieces, *, whole: bool) -> None:  # noqa: ARG002
        """Take in a window."""
        above = np.abs(pieces.volts) > self._threshold_v
        self.exceeded.replace(float(pieces.begins_s[0]), pieces.begins_s[above], pieces.ends_s[above])


class BandPassDetector:
    """Detects ``abs`` of the band-passed voltage above a threshold.

    A step of 1 V answers ``g (exp(-w1 t) - exp(-w2 t))``, g such that the gain at the centre is 1. Two decaying sums
    over all steps are therefore the filter, and every crossing between two steps is found from them.

    Attributes:
        exceeded: when it was above.
    """

    def __init__(self, threshold_v: float, band: SensingBand) -> None:
        self._threshold_v = threshold_v
        self._slow = 2.0 * math.pi * band.high_pass_hz
        self._fast = 2.0 * math.pi * band.low_pass_hz
        self._gain = (self._slow + self._fast) / (self._fast - self._slow)
        self._before = (0.0, 0.0, 0.0)  # slow sum, fast sum, volts at the beginning of the window in hand
        self.exceeded = Exceedances()

    def follow(self, pieces: Pieces, *, whole: bool) -> None:
        """Take in a window."""
        slow_sum, fast_sum, volts = self._before
        begins_s, ends_s = pieces.begins_s, pieces.ends_s
        slow = decaying_sums(begins_s, pieces.volts, volts, slow_sum, self._slow)
        fast = decaying_sums(begins_s, pieces.volts, volts, fast_sum, self._fast)
        from_s, until_s = self._beyond(self._gain * slow, -self._gain * fast)
        # Both halves of a piece are in order; a crossing does not know where the window ends, so cut it there.
        starts = np.minimum(begins_s[:, np.newaxis] + from_s, ends_s[:, np.newaxis]).ravel()
        stops = np.minimum(begins_s[:, np.newaxis] + until_s, ends_s[:, np.newaxis]).ravel()
        there = stops > starts
        self.exceeded.replace(float(begins_s[0]), starts[there], stops[there])
        if whole:
            last_s = ends_s[-1] - begins_s[-1]
            self._before = (
                _settled(slow[-1] * math.exp(-self._slow * last_s)),
                _settled(fast[-1] * math.exp(-self._fast * last_s)),
                float(pieces.volts[-1]),
            )

    def _beyond(self, a: _Floats, b: _Floats) -> tuple[_Floats, _Floats]:
        """From and until when, in s from its begin, ``a exp(-slow t) + b exp(-fast t)`` is beyond; shapes (n, 3)."""
        from_s, until_s = np.zeros((a.size, 3)), np.zeros((a.size, 3))
        some = np.flatnonzero(np.abs(a) + np.abs(b) > self._threshold_v)
        if not some.size:
            return from_s, until_s
        a, b = a[some], b[some]
        # One extremum at most: monotonic from 0 to it, and from it to 0 V at the end of time.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = -self._fast * b / (self._slow * a)
        turning = np.isfinite(ratio) & (ratio > 1.0)
        turn_s = np.where(turning, np.log(np.where(turning, ratio, 1.0)) / (self._fast - self._slow), 0.0)
        y0, y1 = a + b, self._value(a, b, turn_s)
        end_s = turn_s + np.log((np.abs(a) + np.abs(b)) / self._threshold_v) / self._slow
        above0, above1 = np.abs(y0) > self._threshold_v, np.abs(y1) > self._threshold_v
        same = above0 & above1 & (np.sign(y0) == np.sign(y1))
        still = np.zeros(some.size)
        leave_s = self._crossing(above0 & ~same, (a, b), np.sign(y0), still, turn_s)
        enter_s = self._crossing(above1 & turning & ~same, (a, b), np.sign(y1), turn_s, still)
        fall_s = self._crossing(above1, (a, b), np.sign(y1), turn_s, end_s)
        until_s[some, 0] = np.where(same, turn_s, np.where(above0, leave_s, 0.0))
        from_s[some, 1], until_s[some, 1] = np.where(above1, enter_s, 0.0), np.where(above1, turn_s, 0.0)
        from_s[some, 2], until_s[some, 2] = np.where(above1, turn_s, 0.0), np.where(above1, fall_s, 0.0)
        return from_s, until_s

    def _crossing(
        self, which: NDArray[np.bool_], ab: tuple[_Floats, _Floats], sign: _Floats, above_s: _Floats, below_s: _Floats
    ) -> _Floats:
        """Where ``sign * y`` passes the threshold, between a time where it is above and one where it is below.

        Found for ``which`` alone, 0 for the others; shape (n,).
        """
        at_s = np.zeros(sign.size)
        a, b, sign, above_s, below_s = (values[which] for values in (*ab, sign, above_s, below_s))
        for _ in range(_HALVINGS if sign.size else 0):
            middle_s = (above_s + below_s) / 2.0
            above = sign * self._value(a, b, middle_s) > self._threshold_v
            above_s, below_s = np.where(above, middle_s, above_s), np.where(above, below_s, middle_s)
        at_s[which] = above_s
        return at_s

    def _value(self, a: _Floats, b: _Floats, t_s: _Floats) -> _Floats:
        return np.asarray(a * np.exp(-self._slow * t_s) + b * np.exp(-self._fast * t_s))


def decaying_sums(begins_s: _Floats, volts: _Floats, volts_before: float, sum_before: float, rate: float) -> _Floats:
    """The sum over all steps of ``step * exp(-rate * age)``, right after each step; shape (n,).

    Its bits depend on what came before a step, never on what came after: a longer window begins with the same sums.
    """
    sums = np.diff(volts, prepend=volts_before)
    sums[0] += sum_before
    reach = 1
    while reach < sums.size:
        weight = np.exp(-rate * (begins_s[reach:] - begins_s[:-reach]))
        sums[reach:] += weight * sums[:-reach]
        reach *= 2
    return sums


def _settled(volts: float) -> float:
    # Keeps hours of rest from ending in denormal numbers.
    return volts if abs(volts) > 1e-15 else 0.0
