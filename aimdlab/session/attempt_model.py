"""An attempt as it stands in its canonical record, field by field (``docs/session-format.md``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Code = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Sha256 = Annotated[str, Field(min_length=64, max_length=64)]
_Scalar = str | int | float | bool | None
_Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID", "OMITTED", "NOT_RUN"]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class CodesModel(_Model):
    """What stands for the codes of a capture; 1e8 samples are the most that is read."""

    dtype: Literal["|i1", "|u1", "<i2", "<u2"]
    shape: Annotated[list[Annotated[int, Field(ge=0, le=1 << 28)]], Field(min_length=1, max_length=1)]
    sha256: _Sha256


class SeriesModel(_Model):
    """What stands for the times or the values of a reading."""

    dtype: Literal["<f8"]
    shape: Annotated[list[Annotated[int, Field(ge=0, le=1 << 24)]], Field(min_length=1, max_length=1)]
    sha256: _Sha256


class CaptureModel(_Model):
    """:class:`aimdlab.capture.Capture`."""

    channel: str
    kind: str
    codes: CodesModel
    scale: float
    offset: float
    unit: str
    dt_s: float
    t0_s: float
    code_min: _Code
    code_max: _Code
    hole_code: _Code | None
    u_gain: float
    u_offset: float
    u_time: float


class ReadingModel(_Model):
    """:class:`aimdlab.capture.Reading`."""

    name: str
    unit: str
    t_s: SeriesModel
    values: SeriesModel


class FeatureModel(_Model):
    """:class:`aimdlab.scoring.results.Feature`."""

    name: str
    value: float
    unit: str
    u: float


class CriterionModel(_Model):
    """:class:`aimdlab.scoring.results.Criterion`."""

    feature: str
    lower: float | None
    upper: float | None
    unit: str
    clause: str
    rule: Literal["simple", "guard_band"]
    coverage_factor: float
    rationale: str


class OutcomeModel(_Model):
    """:class:`aimdlab.scoring.results.Outcome`."""

    criterion: CriterionModel
    value: float
    u: float
    verdict: _Verdict
    reason: str


class ScoreModel(_Model):
    """:class:`aimdlab.scoring.results.Score`."""

    verdict: _Verdict
    reason: str
    features: list[FeatureModel]
    outcomes: list[OutcomeModel]


class AttemptModel(_Model):
    """:class:`aimdlab.session.model.Attempt`."""

    step: _Count
    step_id: str
    number: _Count
    kind: str
    parameters: dict[str, _Scalar]
    scoring: dict[str, _Scalar]
    started_utc: str
    ended_utc: str
    started_monotonic_s: float
    ended_monotonic_s: float
    started_bench_s: float
    ended_bench_s: float
    exposure_s: float
    captures: list[CaptureModel]
    readings: list[ReadingModel]
    score: ScoreModel
    notes: list[str]
    fault: str = ""
