"""Scoring recorded attempts, their codes in memory, against NumPy's sum of the same codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from aimdlab.procedures.gradient_injected import GradientInjected
from aimdlab.scoring.attempt import Material, score_attempt
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.sequencer.progress import Silent
from aimdlab.session.reader import open_session
from benchmarks.figure import Measure, in_turns
from benchmarks.lab import FULL, lab, run


@contextmanager
def against_a_sum() -> Iterator[Measure]:
    """Of sequences alone, judged by no limits; what is read and unpacked is no part of it."""
    with lab(FULL) as campaign:
        path = run(campaign, campaign.parents[2] / "recorded", Silent()).session
        with open_session(path) as session:
            found = [one for one in session.attempts() if one.kind == KIND_SEQUENCE]
            codes = [capture.codes for one in found for capture in one.captures]  # read, and kept by the captures
        materials = [
            Material(one.captures, one.readings, one.parameters, one.scoring, one.exposure_s, "") for one in found
        ]

        def score() -> None:
            for material in materials:
                scored = score_attempt(GradientInjected.features, material, ())
                if scored.failure is not None:
                    raise scored.failure

        yield lambda: in_turns(score, lambda: [one.sum(dtype=np.int64) for one in codes], 1)
