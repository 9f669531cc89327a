"""The end of a device pulse that began before the capture: when it was, by what the monitor shows of it."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.scoring.runs import Runs, Taken

_LAGS_AFTER = 2.5
"""So many time constants after a pulse enough of it is left to tell when it ended."""


def cut_until(rest: Taken, runs: Runs, lag: float, heights: tuple[float, ...]) -> float:
    """The sample position up to which a pulse lasts that the signal's beginning cuts; NaN if there is none.

    Args:
        rest: the samples of the signal at these places; pulses positive, 0 between them.
        runs: pulses found.
        lag: of the first order, behind which they are seen, in samples; 0 if there is none.
        heights: of the other pulses, or the expected one: how high this one was is not known.
    """
    if not runs.count or runs.start[0] > 0:
        return math.nan
    last, until = int(runs.last[0]), int(runs.start[1]) if runs.count > 1 else runs.n
    if not lag:
        return last + 0.5
    # From an end on the answer fades from where it was then, on its way from the first sample to the height.
    at = np.arange(last + 1, min(last + 2 + math.ceil(_LAGS_AFTER * lag), until))
    if not at.size:
        return float(last)
    fading = np.exp((last - at) / lag)
    faded_from = float(np.dot(rest(at), fading) / np.dot(fading, fading))
    height, first = float(np.median(heights)), float(rest(np.zeros(1, dtype=np.intp))[0])
    # What it fades from follows from its way, from the first sample to the height, until the end: solved for that.
    shown = faded_from + (height - first) * math.exp(-last / lag)
    end = last + lag * math.log(shown / height) if shown > 0 < height else 0.0
    return min(max(end, 0.0), last + 0.5)
