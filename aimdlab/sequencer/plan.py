"""The plan of a campaign: every step in order, what it takes, and what it covers. Connects to nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from aimdlab.bench.ceilings import Demand, exceeded
from aimdlab.bench.discovery import find
from aimdlab.bench.register import resolve_equipment
from aimdlab.config.answers import check_answers
from aimdlab.config.campaign import Campaign
from aimdlab.config.loading import problem
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.protocol import PERSON, PROCEDURES, Coverage, Procedure, Step, Subject
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.session.canonical import Encodable
from aimdlab.standard.gradient_signal import GradientSequence

# So many refused steps are listed one by one; what they demand of each part comes last, where a terminal shows it.
_LISTED = 200


@dataclass(frozen=True)
class PlannedTest:
    """One test of the campaign with its procedure and steps.

    Attributes:
        facts: what the steps were computed from: levels, injection network.
        reasons: what the campaign says of it in writing: justification, personnel, ambient, pictures.
        notices: what the technician should know of it besides: maxima that nobody stated.
    """

    subject: Subject
    procedure: type[Procedure]
    steps: tuple[Step, ...]
    coverage: Coverage
    facts: Mapping[str, Any]
    reasons: Mapping[str, Any]
    notices: tuple[str, ...] = ()

    @property
    def largest_ivamp_v(self) -> float | None:
        """The largest amplitude of the sequences to be done; None where none is injected."""
        levels_v = [step.parameters.get("ivamp_v") for step in self.sequences_to_do]
        return max((float(level_v) for level_v in levels_v if level_v is not None), default=None)

    @property
    def sequences_to_do(self) -> tuple[Step, ...]:
        """The sequences that are not left out."""
        return tuple(step for step in self.steps if step.kind == KIND_SEQUENCE and not step.omitted)

    @property
    def nominal_s(self) -> float:
        """Exposure that the sequences to be done ask for, before it is rounded up to whole bursts."""
        return self.coverage.planned * self.subject.test.file.exposure

    def omissions(self) -> list[dict[str, Any]]:
        """Every group that is left out: its parameters in SI, the rationale, how many sequences of the test it holds.

        Groups may overlap: the sum of their counts can be more than what is left out.
        """
        if not self.subject.omissions:
            return []
        sequences = [found for step in self.steps if (found := gradient_sequence(step.parameters)) is not None]
        return [
            {
                "where": omission.where.as_record(),
                "rationale": omission.rationale,
                "sequences": sum(omission.where.matches(sequence) for sequence in sequences),
            }
            for omission in self.subject.omissions
        ]

    def as_record(self) -> dict[str, Encodable]:
        """The test for the session file and for scripts; a partial test can never be taken for a complete one."""
        file = self.subject.test.file
        return {
            **self.facts,
            **self.reasons,
            "name": file.name,
            "edition": file.edition,
            "clause": file.clause,
            "method": file.method,
            "procedure": file.procedure,
            "demonstration": file.demonstration,
            "sequence_exposure_s": file.exposure,
            "sequences": self.coverage.planned,
            "sequences_of_the_clause": self.coverage.full,
            "sequences_omitted": self.coverage.omitted,
            "omissions": self.omissions(),
            "criteria": [asdict(limit.criterion()) for limit in self.subject.device.file.criteria],
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
    def steps_to_do(self) -> tuple[Step, ...]:
        """Every step that is not left out."""
        return tuple(step for step in self.steps if not step.omitted)

    @property
    def exposure_s(self) -> float:
        """Time the device is exposed or watched, without retries and overhead."""
        return sum(step.exposure_s for step in self.steps_to_do)

    @property
    def bench_s(self) -> float:
        """Time on the bench: exposures with the time before and after that is recorded, proofs of level, recoveries."""
        return sum(step.bench_s for step in self.steps_to_do)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the technician should know besides, each once, whichever tests it is of."""
        return tuple(dict.fromkeys(notice for test in self.tests for notice in test.notices))

    @property
    def prompts(self) -> tuple[tuple[str, str], ...]:
        """When a person is needed, and for what, in order; the run waits there."""
        asked = [(step.id, text) for step in self.steps_to_do for text in _prompts(step)]
        if self.campaign.campaign.file.ambient is None:
            asked.insert(0, ("start", "Read temperature and humidity at the bench."))
        return tuple(asked)

    @property
    def storage_bytes(self) -> int:
        """Raw bytes of all captures, before compression."""
        return sum(step.storage_bytes for step in self.steps_to_do)


def make_plan(campaign: Campaign, today: date | None = None) -> Plan:
    """Plan ``campaign`` for ``today`` (calibrations must be valid then; None is this computer's date).

    Raises:
        ConfigurationError: names the files and keys that are wrong, the questions that are not answered, or the steps
            that the bench cannot do.
    """
    check_answers(campaign, today or datetime.now().astimezone().date())
    equipment = resolve_equipment(campaign.bench)
    reasons = _reasons(campaign)
    tests: list[PlannedTest] = []
    index = 0
    for number, test in enumerate(campaign.tests):
        try:
            procedure: type[Procedure] = find(PROCEDURES, test.file.procedure)
        except ConfigurationError as error:
            raise problem(test.source, ("procedure",), str(error)) from None
        subject = Subject(
            test=test,
            device=campaign.device,
            bench=campaign.bench,
            equipment=equipment,
            omissions=tuple(campaign.campaign.file.tests[number].omit),
            omissions_at=(campaign.campaign.source, ("tests", number, "omit")),
        )
        planned = procedure.plan(subject)
        steps = tuple(step.placed(index + place, number) for place, step in enumerate(planned.steps))
        index += len(steps)
        made = PlannedTest(subject, procedure, steps, planned.coverage, planned.facts, reasons, planned.notices)
        _refuse_silent_omissions(made)
        tests.append(made)
    plan = Plan(campaign, tuple(tests))
    _refuse_beyond_ratings(plan)
    return plan


def _prompts(step: Step) -> Iterator[str]:
    if step.instruction is not None:
        yield step.instruction.text
    if step.kind == PERSON:
        yield step.title


def gradient_sequence(parameters: Mapping[str, Any]) -> GradientSequence | None:
    """The sequence that a step's parameters are, or None if they are none (a baseline)."""
    names = [field.name for field in fields(GradientSequence)]
    if any(name not in parameters for name in names):
        return None
    return GradientSequence(**{name: parameters[name] for name in names})


def _reasons(campaign: Campaign) -> dict[str, Any]:
    file = campaign.campaign.file
    return {
        "justification": file.justification.model_dump(mode="json"),
        "personnel": [person.model_dump(mode="json") for person in file.personnel],
        "ambient": None if file.ambient is None else file.ambient.model_dump(mode="json"),
        "site": campaign.bench.file.site.model_dump(mode="json"),
        # A picture stays outside the session; its hash tells later whether it is still the one that was meant.
        "pictures": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in campaign.pictures().items()},
    }


def _refuse_silent_omissions(test: PlannedTest) -> None:
    """Whatever a procedure does: nothing is left out that the campaign does not name, and what it names is left out."""
    subject, coverage = test.subject, test.coverage
    skipped = sum(bool(step.omitted) for step in test.steps)
    todo = sum(step.kind == KIND_SEQUENCE and not step.omitted for step in test.steps)
    if (skipped, todo) != (coverage.omitted, coverage.planned) or bool(skipped) != bool(subject.omissions):
        raise problem(
            subject.test.source,
            ("procedure",),
            f"{subject.test.file.procedure} plans {todo} sequences and leaves {skipped} out, which is not what it says "
            f"({coverage.planned} and {coverage.omitted}) or not what the campaign asks for. This is a defect of the "
            "procedure: report it.",
        )
    if coverage.planned + coverage.omitted < coverage.full and not subject.test.file.demonstration:
        raise problem(
            subject.test.source,
            ("signal",),
            f"{coverage.planned + coverage.omitted} of the {coverage.full} sequences that the clause asks for, and it "
            "is no demonstration.",
        )


def _refuse_beyond_ratings(plan: Plan) -> None:
    todo = plan.steps_to_do
    refused = [(step, exceeded(step.demands)) for step in todo]
    lines = [
        f"  step {step.id} ({step.title}): {'; '.join(demand.describe() for demand in demands)}"
        for step, demands in refused
        if demands
    ]
    if not lines:
        return
    by_part: dict[str, list[Demand]] = {}
    for demand in (demand for _, demands in refused for demand in demands):
        by_part.setdefault(demand.part, []).append(demand)
    worst = [
        f"{len(demands)} steps, at worst: {max(demands, key=lambda demand: demand.value / demand.rating).describe()}"
        for demands in by_part.values()
    ]
    more = [f"  and {len(lines) - _LISTED} more steps"] if len(lines) > _LISTED else []
    raise ConfigurationError(
        f"{plan.campaign.bench.source.path}: the bench cannot do {len(lines)} of {len(todo)} steps. "
        "Use parts with higher ratings, or levels that the bench can reach:\n"
        + "\n".join([*lines[:_LISTED], *more, *worst])
    )
