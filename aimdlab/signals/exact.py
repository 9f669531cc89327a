"""Durations without rounding: 0.2 ms is two tenths of a millisecond, not the double next to it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=1024)  # a campaign has few durations, and asks for each of them in every step
def exact(value: float) -> Fraction:
    """The decimal number that ``value`` prints as, exactly; ValueError if it is not finite."""
    return Fraction(repr(float(value)))


def cumulative_s(steps: Iterable[Fraction]) -> tuple[float, ...]:
    """The times at which steps of these durations begin and end, from 0, each rounded once."""
    total = Fraction(0)
    times = [0.0]
    for step in steps:
        total += step
        times.append(float(total))
    return tuple(times)


def greatest_common_step(durations: Iterable[Fraction]) -> Fraction:
    """The longest step of which every duration is a whole number; 0 if all are 0."""
    step = Fraction(0)
    for duration in durations:
        step = Fraction(
            math.gcd(step.numerator * duration.denominator, duration.numerator * step.denominator),
            step.denominator * duration.denominator,
        )
    return step
