"""What every procedure is: it plans steps, carries one out on a bench, and says what its captures mean.

The sequencer knows only this. The order in which it calls a procedure for one attempt is fixed::

    prepare   instruments set, errors read, outputs on
    verify    the applied level is proven; if it is not, the exposure is left out
    expose    the whole dwell; ends by itself
    finish    outputs off
    features  pure: from captures to a score; the same function serves the replay
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from aimdlab.bench.bench import Bench
from aimdlab.bench.ceilings import NOTHING_SENT, Demand, StepCeilings
from aimdlab.bench.register import Equipment
from aimdlab.capture import Capture, Reading
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Loaded
from aimdlab.config.device import DeviceFile
from aimdlab.config.omission import Omission
from aimdlab.config.test import TestFile
from aimdlab.config.yaml_source import KeyPath, YamlSource
from aimdlab.errors import InstrumentError
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.parameters import Scalar
from aimdlab.scoring.results import Criterion, Score

PROCEDURES = "aimdlab.procedures"

PERSON = "person"
"""Kind of a step that is a person's action."""


@dataclass(frozen=True)
class Instruction:
    """What a person must do before a step; the run waits until it is done.

    Attributes:
        kind: "program" (the device) or "connect" (the injection network).
        target: what to: "normal", "tested", "terminal_to_case", ...
        text: for the technician.
    """

    kind: Literal["program", "connect"]
    target: str
    text: str


@dataclass(frozen=True)
class Step:
    """A planned sequence.

    Attributes:
        id: stable name within the campaign, e.g. "1/baseline", "1/0003".
        index: place in the plan, from 0.
        test: index of the test in the campaign.
        kind: "person" (a person's action; nothing goes on unless it ends well), "baseline" (before the first
            exposure), "sequence" or "check" (after the last one).
        title: one line for the technician.
        parameters: in SI, flat, by name with unit.
        exposure_s: planned exposure.
        storage_bytes: raw bytes it will leave, before compression.
        demands: what it puts on the bench, against the ratings.
        scoring: what the scoring needs besides the captures.
        instruction: what a person must do first, or None.
        omitted: the written rationale if the step is left out, or "".
        bench_s: time on the bench: exposure, what is recorded before and after it, proof of the level, recovery.
        ceilings: what nothing that is sent during the step may exceed; as it comes, nothing may be sent.
    """

    id: str
    index: int
    test: int
    kind: str
    title: str
    parameters: Mapping[str, Scalar]
    exposure_s: float
    storage_bytes: int
    demands: tuple[Demand, ...]
    scoring: Mapping[str, Scalar]
    instruction: Instruction | None = None
    omitted: str = ""
    bench_s: float = 0.0
    ceilings: StepCeilings = field(default=NOTHING_SENT, compare=False, repr=False)

    def placed(self, index: int, test: int) -> Step:
        """The step at its place in a campaign."""
        return replace(self, index=index, test=test, id=f"{test + 1}/{self.id}")

    def as_record(self) -> dict[str, Any]:
        """The step for the session file; the demands stay out, they follow from parameters and bench file."""
        record: dict[str, Any] = {
            "step_id": self.id,
            "index": self.index,
            "test": self.test,
            "kind": self.kind,
            "title": self.title,
            "parameters": dict(self.parameters),
            "exposure_s": self.exposure_s,
            "storage_bytes": self.storage_bytes,
            "scoring": dict(self.scoring),
        }
        if self.instruction is not None:
            record["instruction"] = self.instruction.text
        if self.omitted:
            record["omitted"] = self.omitted
        return record


@dataclass(frozen=True)
class Subject:
    """What a test is planned for: the test, the device, the bench, each with its source for errors.

    Attributes:
        omissions: sequences that the campaign leaves out, with its reasons.
        omissions_at: where they stand, for errors: the campaign's source and key.
    """

    test: Loaded[TestFile]
    device: Loaded[DeviceFile]
    bench: Loaded[BenchFile]
    equipment: Mapping[str, Equipment]
    omissions: tuple[Omission, ...] = ()
    omissions_at: tuple[YamlSource, KeyPath] | None = None


@dataclass(frozen=True)
class Coverage:
    """How much of the clause a test covers.

    Attributes:
        planned: sequences that will be done.
        full: sequences that the standard asks for with this device.
        omitted: sequences left out with a rationale.
    """

    planned: int
    full: int
    omitted: int = 0


@dataclass(frozen=True)
class TestPlan:
    """The steps of one test, in order, how much of the clause they cover, and what else the record must say of them.

    Attributes:
        facts: what the steps were computed from (levels, injection network), for the session's record.
        notices: what the technician should know of it besides, each in a sentence: maxima that nobody stated.
    """

    __test__ = False

    steps: tuple[Step, ...]
    coverage: Coverage
    facts: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """What the verify capture proves.

    Attributes:
        captures: raw material.
        proven: True if the level is what the step asks for.
        reason: why not, for the technician; "" if proven.
    """

    captures: tuple[Capture, ...]
    proven: bool
    reason: str


@dataclass(frozen=True)
class Exposure:
    """What an exposure left.

    Attributes:
        captures, readings: raw material; empty where an instrument saw nothing.
        exposure_s: how long the device was exposed.
        fault: of an instrument that cut it short after some of it was recorded, to be treated as if it was raised.
    """

    captures: tuple[Capture, ...]
    readings: tuple[Reading, ...]
    exposure_s: float
    fault: InstrumentError | None = None


class Procedure(Protocol):
    """One kind of test."""

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        """The steps; ConfigurationError, naming file and key, if they cannot be done. Connects to nothing."""
        ...

    @classmethod
    def check_criteria(cls, device: Loaded[DeviceFile]) -> None:
        """ConfigurationError, naming file and key, if the limits of a device file cannot judge this test."""
        ...

    def __init__(self, bench: Bench, subject: Subject) -> None: ...

    def prepare(self, step: Step) -> None:
        """Set the instruments for ``step``, read their errors, switch outputs on."""
        ...

    def verify(self) -> Verification:
        """Prove the applied level."""
        ...

    def expose(self) -> Exposure:
        """Expose the device for the whole dwell."""
        ...

    def finish(self) -> None:
        """Outputs off."""
        ...

    @classmethod
    def features(
        cls,
        captures: Sequence[Capture],
        parameters: Mapping[str, Scalar],
        scoring: Mapping[str, Scalar],
        criteria: Sequence[Criterion],
        readings: Sequence[Reading] = (),
    ) -> Score:
        """The score of what was measured: a pure function of what the session holds."""
        ...

    @classmethod
    def marks(
        cls, captures: Sequence[Capture], parameters: Mapping[str, Scalar], scoring: Mapping[str, Scalar]
    ) -> tuple[Marks, ...]:
        """What :meth:`features` finds and judges in the captures, and where, for a picture; one per judged capture."""
        ...
