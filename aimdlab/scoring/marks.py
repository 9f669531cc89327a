"""What the scoring found in a capture and where, for those who look at it: the pictures of a replay and of a report."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.codes import FloatArray
from aimdlab.scoring.pulses import PulseTrain


def _none() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Marks:
    """The device's pulses in one capture.

    Attributes:
        capture: in which they were found.
        problem: why they are not known, or not believed, or "".
        window_s: from when to when they are judged, in the capture's time; None if it is not known.
        polarity: their sign on the monitor.
        times_s: shape (k,), when each rises through half its amplitude, in the capture's time.
        amplitudes_v: shape (k,), positive; NaN for a pulse that is cut.
        widths_s: shape (k,), at half amplitude; NaN likewise.
        leak_v: what the injected signal leaks into the capture, shape (n,); None if nothing does, or it is not known.
    """

    capture: Capture
    problem: str
    window_s: tuple[float, float] | None = None
    polarity: int = 1
    times_s: FloatArray = field(default_factory=_none)
    amplitudes_v: FloatArray = field(default_factory=_none)
    widths_s: FloatArray = field(default_factory=_none)
    leak_v: FloatArray | None = None


def marks_of(
    train: PulseTrain, capture: Capture, window_s: tuple[float, float], polarity: int, problem: str = ""
) -> Marks:
    """The marks of a train that was found in ``capture``."""
    leak = train.leak.part(0, capture.n).astype(np.float64) if train.leak is not None else None
    return Marks(
        capture=capture,
        problem=train.problem or problem,
        window_s=window_s,
        polarity=polarity,
        times_s=train.times_s,
        amplitudes_v=train.amplitudes_v,
        widths_s=train.widths_s,
        leak_v=leak * abs(capture.scale) if leak is not None else None,
    )
