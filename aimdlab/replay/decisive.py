"""Where in an exposure to look: the interval and the pulse that its verdict hangs on, or the most remarkable ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimdlab.scoring.marks import Marks
from aimdlab.scoring.results import Criterion, Outcome, Score, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Interval:
    """A stretch without a pulse, in the time of its capture; a cut one was recorded only in part."""

    start_s: float
    end_s: float
    is_cut: bool

    @property
    def length_s(self) -> float:
        """How long."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Decisive:
    """Where to look.

    Attributes:
        outcome: the worst one, or None if nothing was judged.
        place: which of the marks.
        interval: of its capture, or None without pulses to speak of.
        pulse: index into the arrays of the marks, or None.
        interval_decides, pulse_decides: whether the outcome hangs on it.
    """

    outcome: Outcome | None
    place: int
    interval: Interval | None
    pulse: int | None
    interval_decides: bool
    pulse_decides: bool


def decisive(score: Score, marks: Sequence[Marks]) -> Decisive:
    """The worst outcome, and the interval and the pulse that it hangs on, over all captures that were judged."""
    outcome = min(score.outcomes, key=lambda one: _WORST_FIRST.index(one.verdict), default=None)
    feature = outcome.criterion.feature if outcome is not None and outcome.verdict is not Verdict.PASS else ""
    of_interval, of_pulse = feature.startswith("pulse_interval"), feature.startswith(("pulse_amp", "pulse_width"))
    shortest = feature == "pulse_interval_min"
    found = [(interval.length_s, place, interval) for place, one in enumerate(marks) for interval in intervals_of(one)]
    whole = [one for one in found if not one[2].is_cut]
    if shortest and whole:
        _, place, interval = min(whole, key=lambda one: one[0])
    elif found:
        _, place, interval = max(found, key=lambda one: one[0])
    else:
        return Decisive(outcome, 0, None, None, interval_decides=False, pulse_decides=False)
    if of_pulse:
        pulses = [(_rank(feature, one, at), at_place, at) for at_place, one in enumerate(marks) for at in judged(one)]
        if pulses:
            _, place, pulse = min(pulses)
            own = [one for one in found if one[1] == place]
            interval = max(own, key=lambda one: one[0])[2] if own else interval
            return Decisive(outcome, place, interval, pulse, interval_decides=False, pulse_decides=True)
    at = judged(marks[place])
    # Of an exposed beat the exposed pulse, which is the first; else the smallest of all.
    smallest = min(at, key=lambda index: _rank("pulse_amplitude_min", marks[place], index), default=None)
    shown = at[0] if at and len(marks) > 1 else smallest
    return Decisive(outcome, place, interval, shown, interval_decides=of_interval, pulse_decides=False)


def judged(marks: Marks) -> list[int]:
    """The pulses within the window, by index."""
    if marks.window_s is None:
        return []
    from_s, to_s = marks.window_s
    return np.flatnonzero((marks.times_s >= from_s) & (marks.times_s <= to_s)).tolist()


def intervals_of(marks: Marks) -> list[Interval]:
    """The intervals that touch the window, as the features take them; cut ones where no recorded pulse closes them."""
    if marks.window_s is None or marks.problem:
        return []
    (from_s, to_s), times = marks.window_s, marks.times_s
    capture = marks.capture
    first_s, last_s = min(from_s, capture.t0_s), max(to_s, capture.t0_s + capture.span_s)
    before = int(np.searchsorted(times, from_s, side="right")) - 1
    after = int(np.searchsorted(times, to_s, side="left"))
    touching = times[max(before, 0) : min(after, times.size - 1) + 1].tolist()
    if not touching:
        return [Interval(first_s, last_s, is_cut=True)]
    found = [Interval(a, b, is_cut=False) for a, b in itertools.pairwise(touching)]
    if before < 0:
        found.append(Interval(first_s, touching[0], is_cut=True))
    if after >= times.size:
        found.append(Interval(touching[-1], last_s, is_cut=True))
    return found


def limit_on(criteria: Sequence[Criterion], feature: str) -> tuple[float | None, float | None]:
    """The tightest lower and upper limit on a feature."""
    own = [criterion for criterion in criteria if criterion.feature == feature]
    lower = max((one.lower for one in own if one.lower is not None), default=None)
    upper = min((one.upper for one in own if one.upper is not None), default=None)
    return lower, upper


def _rank(feature: str, marks: Marks, at: int) -> float:
    """The smaller, the more it is the pulse that the feature is of; infinite where it was not measured."""
    values = marks.widths_s if feature.startswith("pulse_width") else marks.amplitudes_v
    value = float(values[at])
    if np.isnan(value):
        return float("inf")
    return -value if feature.endswith("_max") else value
