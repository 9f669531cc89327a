"""Levels of the injected signal in the slow exposure capture: pulse by pulse, sample by sample, and at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimdlab.scoring.codes import Trace, blocks
from aimdlab.scoring.counting import Counts
from aimdlab.scoring.injection import MonitorPulses, plateau_sums
from aimdlab.scoring.runs import Stretches, extremes_within

_GROUPS = 16
_MARGIN = 1
"""Samples at each end of a pulse that its edges may touch; also around the rest between pulses."""
_FEWEST_PAIRS = 64
_OUTLIER = 5.0
_SIGMA_PER_MEDIAN = 1.4826
"""Standard deviation over median magnitude of normally distributed values."""


@dataclass(frozen=True)
class Levels:
    """Levels of the pulses of one sign, turned positive; V, NaN where there is no complete pulse.

    Attributes:
        lowest, highest: over pulses, of their plateau means (of the largest sample where a pulse has less than three).
        least_mean, most_mean: the same over 16 parts of the exposure.
        lowest_sample, highest_sample: of single samples on plateaus.
        group: pulses in the smallest of the parts.
    """

    lowest: float
    highest: float
    least_mean: float
    most_mean: float
    lowest_sample: float
    highest_sample: float
    group: int


NO_LEVELS = Levels(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)


def pulse_levels(trace: Trace, pulses: MonitorPulses, until: float) -> Levels:
    """Levels of the pulses that begin before sample position ``until`` and that the capture's ends do not cut."""
    runs = pulses.runs.select(pulses.runs.complete & (pulses.runs.start < until))
    if runs.count == 0:
        return NO_LEVELS
    sums, counts = plateau_sums(trace, runs, _MARGIN)
    sums *= pulses.sign
    # Two samples have no plateau between their edges: the larger one is the level.
    short = counts == 0
    peaks = np.maximum(pulses.turned_at(runs.start), pulses.turned_at(runs.last)).astype(np.float64)
    sums, counts = np.where(short, peaks, sums), np.where(short, 1.0, counts)
    extremes = [*peaks[short]]
    found = extremes_within(trace, runs.inner(_MARGIN))
    if found is not None:
        extremes += [float(pulses.sign * code) for code in found]
    means = sums / counts
    edges = np.linspace(0, runs.count, min(_GROUPS, runs.count) + 1).astype(np.intp)
    # Every pulse counts alike, so that the long ones do not hide the short ones.
    parts = np.add.reduceat(means, edges[:-1]) / np.diff(edges)
    lowest, highest, least, most, low, high = (
        (float(value) - pulses.zero) * trace.scale
        for value in (means.min(), means.max(), parts.min(), parts.max(), min(extremes), max(extremes))
    )
    return Levels(lowest, highest, least, most, low, high, int(np.diff(edges).min()))


@dataclass(frozen=True)
class Rest:
    """What is there between the pulses.

    Attributes:
        peak_v: largest magnitude.
        noise_v: standard deviation of a sample, from differences of neighbours, so that neither an offset nor a slow
            or rare disturbance counts as noise and is forgiven for it.
    """

    peak_v: float
    noise_v: float


def rest_of(trace: Trace, a: MonitorPulses, b: MonitorPulses, until: float) -> Rest:
    """The samples before position ``until`` that no pulse and no edge touches; noise of plateaus if they are few."""
    end = min(max(int(until), 0), trace.n)
    pulses = a.runs.covered(_MARGIN) | b.runs.covered(_MARGIN)
    quiet = pulses.complement().without(end, trace.n)
    few = quiet.size - quiet.begin.size < _FEWEST_PAIRS
    steps = _steps(trace, quiet, a.runs.inner(_MARGIN) | b.runs.inner(_MARGIN) if few else None)
    peak_v = max((abs(code - trace.zero_code) for code in extremes_within(trace, quiet) or ()), default=0.0)
    return Rest(peak_v * trace.scale, _noise(steps, trace.step) * trace.scale)


def _steps(trace: Trace, quiet: Stretches, level: Stretches | None) -> Counts:
    """Sizes of steps between neighbours that are both at rest, or both on plateaus.

    ``level`` are the plateaus if they count as well.
    """
    steps = Counts()
    for start, stop in blocks(trace.n):
        end = min(stop + 1, trace.n)  # the step to the next block
        some = [within for within in (quiet, level) if within is not None and within.touches(start, end)]
        if not some:
            continue
        part = trace.part(start, end)
        pairs = np.zeros(part.size - 1, dtype=np.bool_)
        for within in some:
            mask = within.mask(start, end)
            pairs |= mask[1:] & mask[:-1]
        sizes = np.subtract(part[1:], part[:-1], dtype=np.int32)
        np.abs(sizes, out=sizes)
        # Taking back the zeros of those that do not count is faster than choosing those that do.
        sizes *= pairs
        steps.add(sizes)
        steps.remove(0, pairs.size - int(np.count_nonzero(pairs)))
    return steps


def _noise(steps: Counts, resolution: int) -> float:
    """Standard deviation of a sample from steps between neighbours, in codes; NaN without any.

    Steps far beyond the usual ones are edges of something else and would pass themselves off as noise.
    """
    if not steps.size:
        return math.nan
    sizes, counts = steps.values, steps.counts
    usual = steps.median() * _SIGMA_PER_MEDIAN
    kept = sizes <= _OUTLIER * (usual + resolution)
    return math.sqrt(int(np.dot(sizes[kept] ** 2, counts[kept])) / (2 * int(counts[kept].sum())))
