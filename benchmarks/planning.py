"""Planning the 7280 sequences of Tier 1, against copying the steps of the finished plan one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.plan import make_plan
from benchmarks.figure import Measure, in_turns
from benchmarks.startup import PLAN


@contextmanager
def thousand_steps(repeats: int) -> Iterator[Measure]:
    """Seconds per 1000 steps, of both."""
    campaign = load_campaign(Path(PLAN[1]))
    steps = make_plan(campaign).steps

    def per_thousand() -> tuple[float, float]:
        own_s, floor_s = in_turns(lambda: make_plan(campaign), lambda: [replace(step) for step in steps], repeats)
        return own_s * 1000 / len(steps), floor_s * 1000 / len(steps)

    yield per_thousand
