"""Extrinsic electric potential (ISO/TS 10974:2012, clause 16): injected as in 20.2, each way the device connects."""

from __future__ import annotations

from dataclasses import replace

from aimdlab.procedures.injection.procedure import InjectionProcedure
from aimdlab.procedures.protocol import Instruction, Subject, TestPlan

_CONNECTIONS = {
    "terminal_to_terminal": "terminal to terminal: the injection network between one terminal and another (bipolar)",
    "terminal_to_case": "terminal to case: the injection network between the terminals and the case (unipolar)",
}


class ExtrinsicPotential(InjectionProcedure):
    """What becomes of the output pulses while IVAMP is injected, at whatever moments its bursts fall?"""

    CLAUSE = "16"

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        """As 20.2, the device connected before the first step as the test file says."""
        return connected(super().plan(subject), subject)


def connected(plan: TestPlan, subject: Subject) -> TestPlan:
    """The plan with a person asked to connect the device before its first step."""
    way = str(subject.test.file.signal.get("connection", "terminal_to_terminal"))
    text = (
        f"Connect the device {_CONNECTIONS[way]}, as injection_network in {subject.bench.source.path.name} says. "
        "The level is applied at C, the device's output is watched at K."
    )
    first, *rest = plan.steps
    facts = {**plan.facts, "connection": way}
    return replace(plan, steps=(replace(first, instruction=Instruction("connect", way, text)), *rest), facts=facts)
