"""The zero of the injection monitor: what it shows while nothing is injected yet.

An oscilloscope's offset error may be as large as the smallest levels are. What the input shows before the burst is
taken for zero, as far as the instrument's own uncertainty of the offset can explain it; what is beyond that is left in
place, where the level and presence proofs find it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.counting import Counts, weighted_median

_FEWEST = 16
_NEAR_STEPS = 3
_SIGMAS = 3.0
_FARTHEST = 1 << 17


def zeroed_at_rest(capture: Capture) -> Capture:
    """``capture`` with the offset that makes its rest before time 0 zero, if its ``u_offset`` allows for so much.

    The rest is the mean of the codes near their median, so that a device pulse before the burst does not matter.
    """
    before = int(np.floor(-capture.t0_s / capture.dt_s)) if capture.dt_s > 0 else 0
    rest = capture.codes[: max(0, min(before, capture.n))]
    if rest.size < _FEWEST:
        return capture
    counted = Counts()
    counted.add(rest)
    values, counts = counted.values, counted.counts
    off = np.abs(values - counted.median())
    order = np.argsort(off, kind="stable")
    spread = weighted_median(off[order], counts[order])
    near = off <= max(_NEAR_STEPS * spread, float(np.diff(values).min(initial=_FARTHEST)) if values.size > 1 else 0.0)
    # Sums of integers are exact, whatever the order.
    zero = int(np.dot(values[near], counts[near])) / int(counts[near].sum())
    shown = zero * capture.scale + capture.offset
    if not abs(shown) <= _SIGMAS * capture.u_offset:
        return capture
    return replace(capture, offset=-zero * capture.scale)
