"""What one attempt leaves behind, as the session holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aimdlab.capture import Capture, Reading
from aimdlab.scoring.parameters import Scalar
from aimdlab.scoring.results import Score


@dataclass(frozen=True)
class Attempt:
    """One try at a step.

    Attributes:
        step: index of the step in the plan, from 0.
        step_id: the step's stable name, e.g. "gradient_injected/0003".
        number: 1 for the first try at the step.
        kind: "baseline" or "sequence".
        parameters: the step's parameters in SI, flat, by name with its unit ("ivamp_v").
        scoring: everything the scoring needs that is not in the captures, flat, so that a replay needs no file.
        started_utc, ended_utc: ISO 8601 with microseconds and "Z" (wall clock of the PC).
        started_monotonic_s, ended_monotonic_s: the PC's monotonic clock.
        started_bench_s, ended_bench_s: the bench clock, real or virtual.
        exposure_s: how long the device was exposed, in bench time.
        captures, readings: the raw material.
        score: what was made of it.
        notes: what else there is to say, for people.
        fault: what an instrument's fault said, or "". Version 1 of the format has it only as the last of the notes.
    """

    step: int
    step_id: str
    number: int
    kind: str
    parameters: Mapping[str, Scalar]
    scoring: Mapping[str, Scalar]
    started_utc: str
    ended_utc: str
    started_monotonic_s: float
    ended_monotonic_s: float
    started_bench_s: float
    ended_bench_s: float
    exposure_s: float
    captures: tuple[Capture, ...]
    readings: tuple[Reading, ...]
    score: Score
    notes: tuple[str, ...] = field(default=())
    fault: str = ""
