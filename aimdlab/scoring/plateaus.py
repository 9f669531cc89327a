"""Levels of the injected signal in the slow exposure capture: pulse by pulse, sample by sample, and at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.codes import BoolArray, FloatArray, IntArray, Trace
from aimdlab.scoring.injection import MonitorPulses, plateau_sums
from aimdlab.scoring.runs import Runs, inside

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
    codes = pulses.turned
    sums, counts = plateau_sums(codes, runs, _MARGIN)
    lows, highs = _extremes(codes, runs)
    # Two samples have no plateau between their edges: the larger one is the level.
    short = counts == 0
    peaks = np.maximum(codes[runs.start], codes[runs.last]).astype(np.float64)
    sums, counts = np.where(short, peaks, sums), np.where(short, 1.0, counts)
    lows, highs = np.where(short, peaks, lows), np.where(short, peaks, highs)
    means = sums / counts
    edges = np.linspace(0, runs.count, min(_GROUPS, runs.count) + 1).astype(np.intp)
    # Every pulse counts alike, so that the long ones do not hide the short ones.
    parts = np.add.reduceat(means, edges[:-1]) / np.diff(edges)
    lowest, highest, least, most, low, high = (
        (float(value) - pulses.zero) * trace.scale
        for value in (means.min(), means.max(), parts.min(), parts.max(), lows.min(), highs.max())
    )
    return Levels(lowest, highest, least, most, low, high, int(np.diff(edges).min()))


def _extremes(codes: IntArray, runs: Runs) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest sample of each run without its ends; only meaningful for three samples or more."""
    begin = np.minimum(runs.start + _MARGIN, runs.last)
    end = np.maximum(runs.last + 1 - _MARGIN, begin + 1)
    bounds = np.column_stack((begin, end)).ravel()
    lows = np.minimum.reduceat(codes, np.minimum(bounds, codes.size - 1))[::2]
    highs = np.maximum.reduceat(codes, np.minimum(bounds, codes.size - 1))[::2]
    return lows.astype(np.float64), highs.astype(np.float64)


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
    quiet = ~(a.runs.covered(_MARGIN) | b.runs.covered(_MARGIN))
    quiet[max(int(until), 0) :] = False
    codes = trace.codes[quiet]
    peak_v = float(np.max(np.abs(codes - trace.zero_code))) * trace.scale if codes.size else 0.0
    pairs = quiet[1:] & quiet[:-1]
    if np.count_nonzero(pairs) < _FEWEST_PAIRS:
        level = _inner(b.runs) | _inner(a.runs)
        pairs = pairs | (level[1:] & level[:-1])
    steps = np.diff(trace.codes)[pairs].astype(np.int64)
    return Rest(peak_v, _noise(steps, trace.step) * trace.scale)


def _noise(steps: NDArray[np.int64], resolution: int) -> float:
    """Standard deviation of a sample from steps between neighbours, in codes; NaN without any.

    Steps far beyond the usual ones are edges of something else and would pass themselves off as noise.
    """
    if not steps.size:
        return math.nan
    sizes = np.abs(steps)
    usual = _median(sizes) * _SIGMA_PER_MEDIAN
    kept = steps[sizes <= _OUTLIER * (usual + resolution)]
    return math.sqrt(int(np.dot(kept, kept)) / (2 * kept.size))


def _median(sizes: NDArray[np.int64]) -> float:
    """The median of whole numbers from 0, counted: exact, and faster than sorting."""
    counted = np.cumsum(np.bincount(sizes))
    middle = np.searchsorted(counted, [(sizes.size - 1) // 2, sizes.size // 2], side="right")
    return float(middle.sum()) / 2


def _inner(runs: Runs) -> BoolArray:
    """True on plateaus: inside runs without the samples at their ends."""
    begin, end = runs.start + _MARGIN, runs.last + 1 - _MARGIN
    some = end > begin
    return inside(begin[some], end[some], runs.n)
