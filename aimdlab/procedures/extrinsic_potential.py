"""Extrinsic electric potential (ISO/TS 10974:2012, clause 16): injected as in 20.2, each way the device connects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from aimdlab.capture import Capture, Reading
from aimdlab.procedures.injection.procedure import InjectionProcedure
from aimdlab.procedures.protocol import Instruction, Subject, TestPlan
from aimdlab.scoring.parameters import KIND_SEQUENCE, Scalar
from aimdlab.scoring.results import Criterion, Score
from aimdlab.scoring.superposition import EXTRINSIC_FEATURES, RECTIFIED, score_extrinsic

_CONNECTIONS = {
    "terminal_to_terminal": "terminal to terminal: the injection network between one terminal and another (bipolar)",
    "terminal_to_case": "terminal to case: the injection network between the terminals and the case (unipolar)",
}


class ExtrinsicPotential(InjectionProcedure):
    """What becomes of the output pulses while IVAMP is injected, at whatever moments its bursts fall?"""

    CLAUSE = "16"
    FEATURES: ClassVar[Mapping[str, str]] = EXTRINSIC_FEATURES

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        """As 20.2, the device connected before the first step as the test file says."""
        return connected(super().plan(subject), subject)

    @classmethod
    def features(
        cls,
        captures: Sequence[Capture],
        parameters: Mapping[str, Scalar],
        scoring: Mapping[str, Scalar],
        criteria: Sequence[Criterion],
        readings: Sequence[Reading] = (),
    ) -> Score:
        """As 20.2, and the rectified offset; see :func:`aimdlab.scoring.superposition.score_extrinsic`."""
        on_pulses = [limit for limit in criteria if limit.feature not in RECTIFIED]
        score = super().features(captures, parameters, scoring, on_pulses, readings)
        if scoring.get("kind") != KIND_SEQUENCE:
            return score
        on_offset = [limit for limit in criteria if limit.feature in RECTIFIED]
        return score_extrinsic(score, captures, scoring, on_offset)


def connected(plan: TestPlan, subject: Subject) -> TestPlan:
    """The plan with a person asked to connect the device before its first step."""
    way = str(subject.test.file.signal.get("connection", "terminal_to_terminal"))
    text = (
        f"Connect the device {_CONNECTIONS[way]}, as injection_network in {subject.bench.source.path} says. "
        "The level is applied at C, the device's output is watched at K."
    )
    first, *rest = plan.steps
    facts = {**plan.facts, "connection": way}
    return replace(plan, steps=(replace(first, instruction=Instruction("connect", way, text)), *rest), facts=facts)
