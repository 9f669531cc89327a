"""What shows, before the first exposure of a test, that bench and device are ready, and what of it is done again.

A run that goes on repeats all of it, since nobody knows what happened at the bench meanwhile. With nobody there it
repeats what needs no person, provided that all of it had passed: nobody has programmed or connected anything since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aimdlab.procedures.protocol import PERSON, Step
from aimdlab.scoring.parameters import KIND_BASELINE, KIND_SEQUENCE
from aimdlab.scoring.results import Verdict
from aimdlab.sequencer.plan import PlannedTest


@dataclass(frozen=True)
class Preamble:
    """The steps before the first exposure of a test.

    Attributes:
        steps: all of them.
        again: those that are done also if they were done before.
        needs_nobody: nobody is asked for anything in it.
    """

    steps: frozenset[int]
    again: frozenset[int]
    needs_nobody: bool


def preamble_of(test: PlannedTest, verdict: Callable[[int], Verdict | None], *, unattended: bool) -> Preamble:
    """The preamble of a test.

    Args:
        test: planned.
        verdict: of a step that is done, else None.
        unattended: nobody is there.
    """
    steps = _before_exposures(test)
    every = frozenset(step.index for step in steps)
    if not unattended or not steps or any(verdict(step.index) is not Verdict.PASS for step in steps):
        return Preamble(every, every, needs_nobody=False)
    # Of the baselines the last is in the mode under test, in which the device still is.
    last = max((step.index for step in steps if step.kind == KIND_BASELINE), default=None)
    again = frozenset(
        step.index for step in steps if step.kind != PERSON and (step.instruction is None or step.index == last)
    )
    return Preamble(every, again, needs_nobody=True)


def _before_exposures(test: PlannedTest) -> list[Step]:
    first = next((step.index for step in test.steps if step.kind == KIND_SEQUENCE), None)
    return [
        step for step in test.steps if step.kind in (PERSON, KIND_BASELINE) and (first is None or step.index < first)
    ]
