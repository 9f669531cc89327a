"""The plan of a campaign: every step in order, what it takes, and what it covers. Connects to nothing."""

from __future__ import annotations

from dataclasses import dataclass

from aimdlab.bench.ceilings import exceeded
from aimdlab.bench.discovery import find
from aimdlab.bench.register import resolve_equipment
from aimdlab.config.campaign import Campaign
from aimdlab.config.loading import problem
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.protocol import PROCEDURES, Coverage, Procedure, Step, Subject
from aimdlab.session.canonical import Encodable


@dataclass(frozen=True)
class PlannedTest:
    """One test of the campaign with its procedure and steps."""

    subject: Subject
    procedure: type[Procedure]
    steps: tuple[Step, ...]
    coverage: Coverage

    def as_record(self) -> dict[str, Encodable]:
        """The test for the session file and for scripts; a partial test can never be taken for a complete one."""
        file = self.subject.test.file
        return {
            "name": file.name,
            "edition": file.edition,
            "clause": file.clause,
            "method": file.method,
            "sequences": self.coverage.planned,
            "sequences_of_the_clause": self.coverage.full,
        }


@dataclass(frozen=True)
class Plan:
    """What a campaign would do.

    Attributes:
        campaign: where it comes from.
        tests: in the order of the campaign file.
    """

    campaign: Campaign
    tests: tuple[PlannedTest, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step in the order it is done."""
        return tuple(step for test in self.tests for step in test.steps)

    @property
    def exposure_s(self) -> float:
        """Time the device is exposed or watched, without retries and overhead."""
        return sum(step.exposure_s for step in self.steps)

    @property
    def storage_bytes(self) -> int:
        """Raw bytes of all captures, before compression."""
        return sum(step.storage_bytes for step in self.steps)


def make_plan(campaign: Campaign) -> Plan:
    """Plan ``campaign``; ConfigurationError names the file and key, or the steps that the bench cannot do."""
    equipment = resolve_equipment(campaign.bench)
    tests: list[PlannedTest] = []
    index = 0
    for number, test in enumerate(campaign.tests):
        try:
            procedure: type[Procedure] = find(PROCEDURES, test.file.procedure)
        except ConfigurationError as error:
            raise problem(test.source, ("procedure",), str(error)) from None
        subject = Subject(test=test, device=campaign.device, bench=campaign.bench, equipment=equipment)
        planned = procedure.plan(subject)
        steps = tuple(step.placed(index + place, number) for place, step in enumerate(planned.steps))
        index += len(steps)
        tests.append(PlannedTest(subject, procedure, steps, planned.coverage))
    plan = Plan(campaign, tuple(tests))
    _refuse_beyond_ratings(plan)
    return plan


def _refuse_beyond_ratings(plan: Plan) -> None:
    refused = [(step, exceeded(step.demands)) for step in plan.steps]
    lines = [
        f"  step {step.id} ({step.title}): {'; '.join(demand.describe() for demand in demands)}"
        for step, demands in refused
        if demands
    ]
    if lines:
        raise ConfigurationError(
            f"{plan.campaign.bench.source.path}: the bench cannot do {len(lines)} of {len(plan.steps)} steps. "
            "Use parts with higher ratings, or levels that the bench can reach:\n" + "\n".join(lines)
        )
