"""An attempt as the canonical record that is hashed and chained, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aimdlab
from aimdlab.capture import Capture, Codes, Reading
from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Outcome, Score, Verdict
from aimdlab.session import canonical, inspection, shapes
from aimdlab.session.codes import PackedCodes
from aimdlab.session.header import FORMAT_VERSION
from aimdlab.session.model import Attempt
from aimdlab.session.unpacking import CODE_TYPES, StoredRow

ArrayLoader = Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class StoredRecord:
    """One link of the chain of attempts.

    Attributes:
        index: position in the order of commit, from 0.
        previous: hash of the record before, or of the header for the first.
        sha256: hash of ``text``.
        text: the canonical text, the authority on everything but the arrays it names by hash.
        attempt: the attempt's part of ``text``, decoded.
    """

    index: int
    previous: str
    sha256: str
    text: str
    attempt: dict[str, Any]

    @property
    def step(self) -> int:
        """Index of the step in the plan."""
        return int(self.attempt["step"])

    @property
    def number(self) -> int:
        """1 for the first try at the step."""
        return int(self.attempt["number"])

    @cached_property
    def strangeness(self) -> str:
        """What makes it none that this version of aimdlab knows, or ""; looked at once, and asked again and again."""
        try:
            shapes.check_attempt(self.attempt)
        except ValueError as error:
            return str(error)
        return ""

    @property
    def name(self) -> str:
        """For messages: "attempt 1 at step 3 (gradient_injected/0003)"."""
        return f"attempt {self.number} at step {self.step} ({self.attempt['step_id']})"


def make_record(attempt: Attempt, captures: Sequence[PackedCodes], *, index: int, previous: str) -> StoredRecord:
    """The record of an attempt, whose captures are packed, as link ``index`` of the chain."""
    described = _shallow(attempt)
    described["captures"] = [
        {**_shallow(capture), "codes": packed.description}
        for capture, packed in zip(attempt.captures, captures, strict=True)
    ]
    plain = canonical.to_json(
        {
            "attempt": described,
            "format_version": FORMAT_VERSION,
            "index": index,
            "previous": previous,
            "software": f"aimdlab {aimdlab.__version__}",
        }
    )
    text = canonical.text_of(plain)
    return _record(canonical.as_object(canonical.decoded(plain, text)), text)


def parse_record(text: str) -> StoredRecord:
    """The link that a canonical text holds; ValueError if it is none."""
    return _record(canonical.decode_object(text), text)


def _record(record: dict[str, Any], text: str) -> StoredRecord:
    try:
        shapes.check_link(record)
    except ValueError as error:
        raise ValueError(f"not the record of an attempt: {error}") from error
    return StoredRecord(record["index"], record["previous"], canonical.sha256(text), text, record["attempt"])


def capture_shapes(record: StoredRecord) -> list[tuple[str, str, int, str]]:
    """(channel, kind, samples, dtype) of each capture; RecordError if the record is not that of an attempt."""
    check_stored(record)
    shapes = []
    for capture in record.attempt["captures"]:
        (samples,) = capture["codes"]["shape"]
        shapes.append((str(capture["channel"]), str(capture["kind"]), int(samples), str(capture["codes"]["dtype"])))
    return shapes


def attempt_from_record(record: StoredRecord, codes: list[ArrayLoader], readings: list[ArrayLoader]) -> Attempt:
    """The attempt of a record.

    Args:
        record: its record.
        codes: per capture, what loads its codes; called, and the codes checked, when they are first asked for.
        readings: per reading, what loads its array of shape (2, n): times and values; called now, and checked.

    Raises RecordAlteredError where an array is not the one recorded, RecordError for a record that is none.
    """
    check_stored(record)
    attempt = dict(record.attempt)
    captures = tuple(_capture(record, i, load) for i, load in enumerate(codes))
    attempt["captures"] = captures
    attempt["readings"] = tuple(_reading(record, i, load) for i, load in enumerate(readings))
    attempt["score"] = _score(attempt["score"])
    attempt["notes"] = tuple(attempt["notes"])
    return Attempt(**attempt)


def score_of(record: StoredRecord) -> Score:
    """The score alone, no array read; RecordError for a record that holds no attempt."""
    check_stored(record)
    return _score(record.attempt["score"])


def check_stored(record: StoredRecord) -> None:
    """Raise RecordError unless the record holds an attempt as this version of aimdlab knows it."""
    if record.strangeness:
        raise RecordError(f"{record.name}: this version of aimdlab cannot read the record: {record.strangeness}")


class _StoredCapture(Capture):
    """A capture whose codes are read when they are first asked for."""

    def __getattr__(self, name: str) -> Codes:
        load: Callable[[], Codes] | None = self.__dict__.get("_load")
        if name != "codes" or load is None:
            raise AttributeError(name)
        codes = load()
        object.__setattr__(self, "codes", codes)
        return codes

    @property
    def n(self) -> int:
        stored: int | None = self.__dict__.get("_n")
        return super().n if stored is None else stored


def _capture(record: StoredRecord, position: int, load: ArrayLoader) -> Capture:
    values = dict(record.attempt["captures"][position])
    expected = values.pop("codes")
    capture = _StoredCapture.__new__(_StoredCapture)
    for name, value in values.items():
        object.__setattr__(capture, name, value)
    object.__setattr__(capture, "_n", int(expected["shape"][0]))
    object.__setattr__(capture, "_load", lambda: check_codes(record, position, load()))
    return capture


def check_readings(record: StoredRecord, readings: list[ArrayLoader]) -> None:
    """Raise RecordAlteredError where a reading is not the one recorded; ``readings`` load times and values of each."""
    for position, load in enumerate(readings):
        _reading(record, position, load)


def _reading(record: StoredRecord, position: int, load: ArrayLoader) -> Reading:
    values = record.attempt["readings"][position]
    t_s, value = load()
    name = str(values["name"])
    return Reading(
        name=name,
        unit=str(values["unit"]),
        t_s=checked(record, f"the times of the reading {name!r}", t_s, values["t_s"]),
        values=checked(record, f"the values of the reading {name!r}", value, values["values"]),
    )


def check_codes(record: StoredRecord, position: int, codes: NDArray[Any]) -> NDArray[Any]:
    """The codes of a capture, if they are those recorded; RecordAlteredError naming the attempt if not."""
    capture = record.attempt["captures"][position]
    return checked(record, _called(capture), codes, capture["codes"])


def check_stored_codes(record: StoredRecord, position: int, codes: StoredRow) -> None:
    """The same of codes that are still packed."""
    capture = record.attempt["captures"][position]
    if codes.description() != capture["codes"]:
        raise _altered(record, _called(capture))


def checked(record: StoredRecord, what: str, array: NDArray[Any], expected: dict[str, Any]) -> NDArray[Any]:
    """The array, if it is the one recorded; RecordAlteredError naming the attempt if not."""
    if canonical.describe_array(array) != expected:
        raise _altered(record, what)
    return array


def _called(capture: dict[str, Any]) -> str:
    return f"the codes of {capture['channel']!r}, {capture['kind']}"


def _altered(record: StoredRecord, what: str) -> RecordAlteredError:
    return RecordAlteredError(f"{record.name}: {what} are not what was recorded")


def _shallow(value: Attempt | Capture) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _score(values: dict[str, Any]) -> Score:
    return Score(
        verdict=Verdict(values["verdict"]),
        reason=values["reason"],
        features=tuple(Feature(**feature) for feature in values["features"]),
        outcomes=tuple(_outcome(outcome) for outcome in values["outcomes"]),
    )


def _outcome(values: dict[str, Any]) -> Outcome:
    criterion = {**values["criterion"], "rule": DecisionRule(values["criterion"]["rule"])}
    return Outcome(**{**values, "criterion": Criterion(**criterion), "verdict": Verdict(values["verdict"])})


def check_attempt(attempt: Attempt) -> None:
    """Refuse what the file format has no place for, before anything is written; RecordError names it."""
    name = f"attempt {attempt.number} at step {attempt.step} ({attempt.step_id})"
    for capture in attempt.captures:
        if capture.codes.ndim != 1 or canonical.little_endian(capture.codes).dtype.str not in CODE_TYPES:
            raise RecordError(
                f"{name}: the codes of {capture.channel!r} are {capture.codes.dtype} of shape {capture.codes.shape}; "
                "a session holds one row of 8 or 16 bit integers"
            )
        if capture.codes.nbytes > inspection.LARGEST_ARRAY_BYTES:
            raise RecordError(
                f"{name}: the codes of {capture.channel!r} are {capture.codes.nbytes} bytes; a session holds at most "
                f"{inspection.LARGEST_ARRAY_BYTES}. Take fewer samples."
            )
    for reading in attempt.readings:
        shapes_agree = reading.t_s.shape == reading.values.shape and reading.t_s.ndim == 1
        if not shapes_agree or {reading.t_s.dtype, reading.values.dtype} != {np.dtype("<f8")}:
            raise RecordError(f"{name}: times and values of the reading {reading.name!r} are not two rows of floats")
