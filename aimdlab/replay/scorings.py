"""How the attempts of a session are scored: the procedure and the limits of each test, from its header alone.

Version 1 of the format names neither; both stand in the files that the header holds verbatim, and are read from these
texts. No file of this computer is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aimdlab.bench.discovery import find
from aimdlab.config.device import Limit
from aimdlab.config.loading import validate_part
from aimdlab.config.yaml_source import YamlSource, parse_yaml
from aimdlab.errors import ConfigurationError, RecordError
from aimdlab.procedures.protocol import PROCEDURES, Procedure
from aimdlab.scoring.results import Criterion, DecisionRule
from aimdlab.session import canonical
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.header import SessionHeader

DEVICE_KIND = "device/1"
_TEST_KIND = "test/1"
_COMPARED = ("kind", "parameters", "scoring")
NOT_EXPOSED = "not exposed: "
"""How a note begins that is no fault."""


@dataclass(frozen=True)
class TestScoring:
    """How the attempts of one test are scored.

    Attributes:
        name: of the test.
        procedure_name: entry point.
        procedure: what makes features of captures.
        criteria: the limits, in the order of the device file.
    """

    __test__ = False

    name: str
    procedure_name: str
    procedure: type[Procedure]
    criteria: tuple[Criterion, ...]


def scorings_of(header: SessionHeader) -> tuple[TestScoring, ...]:
    """How each test of the session is scored; RecordError if the session does not say, or not to this aimdlab."""
    scorings = []
    for place, test in enumerate(header.tests):
        name = str(test.get("name", place))
        procedure = str(test["procedure"]) if "procedure" in test else _procedure_in_texts(header, name)
        criteria = recorded_criteria(test)
        try:
            found: type[Procedure] = find(PROCEDURES, procedure)
        except ConfigurationError as error:
            raise RecordError(f"the test {name!r} cannot be scored again: {error}") from error
        scorings.append(TestScoring(name, procedure, found, criteria or device_criteria(header)))
    return tuple(scorings)


def place_of_test(record: StoredRecord, header: SessionHeader) -> int:
    """The test that an attempt belongs to; RecordError if its step is not in the plan or names no test."""
    planned = header.plan[record.step] if 0 <= record.step < len(header.plan) else {}
    test = planned.get("test")
    if not isinstance(test, int) or isinstance(test, bool) or not 0 <= test < len(header.tests):
        raise RecordError(f"{record.name} cannot be scored again: the plan of the session names no test for it")
    return test


def unlike_plan(record: StoredRecord, header: SessionHeader) -> list[str]:
    """What an attempt says of its step that the plan does not: whoever alters it there alters what is computed."""
    planned = header.plan[record.step]
    found = [] if record.attempt["step_id"] == planned["step_id"] else ["step_id"]
    found += [
        name
        for name in _COMPARED
        if name in planned and canonical.encode(record.attempt[name]) != canonical.encode(planned[name])
    ]
    return found


def unlike_files(header: SessionHeader) -> list[str]:
    """Sentences on tests whose limits or procedure are not those of the files that were recorded with them."""
    found = []
    expected = device_criteria(header) if device_texts(header) else None
    for place, test in enumerate(header.tests):
        name = str(test.get("name", place))
        criteria = recorded_criteria(test)
        if None not in (criteria, expected) and canonical.encode(criteria) != canonical.encode(expected):
            found.append(f"the limits of the test {name!r} are not those of the device file recorded with it")
        procedures = _procedures_in_texts(header, name)
        if "procedure" in test and procedures and str(test["procedure"]) not in procedures:
            found.append(f"the procedure of the test {name!r} is not that of the test file recorded with it")
    return found


def fault_of(record: StoredRecord) -> str:
    """What an instrument's fault said during an attempt, or ""."""
    if "fault" in record.attempt:
        return str(record.attempt["fault"])
    # Version 1 has it only as the last note; the one before it says why the device was not exposed.
    notes = [str(note) for note in record.attempt["notes"]]
    return notes[-1] if notes and not notes[-1].startswith(NOT_EXPOSED) else ""


def recorded_criteria(test: Mapping[str, Any]) -> tuple[Criterion, ...] | None:
    """The limits that a test of the header names; None before version 2."""
    if "criteria" not in test:
        return None
    try:
        return tuple(criterion_from_record(limit) for limit in test["criteria"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"the limits of the test {test.get('name')!r} cannot be read: {error}") from error


def criterion_from_record(values: Mapping[str, Any]) -> Criterion:
    """A limit as a record holds it."""
    return Criterion(**{**values, "rule": DecisionRule(values["rule"])})


def criterion_record(criterion: Criterion) -> dict[str, Any]:
    """A limit for a record."""
    return asdict(criterion)


def device_texts(header: SessionHeader) -> dict[str, str]:
    """The device files of the session by name; a campaign has one."""
    return {source.path.as_posix(): source.text for source in _sources(header, DEVICE_KIND)}


def device_criteria(header: SessionHeader) -> tuple[Criterion, ...]:
    """The limits as the device file says them that stands in the header; RecordError if there is none."""
    source = recorded_device(header)
    limits = source.data.get("criteria")
    if not isinstance(limits, list):
        raise RecordError(f"{source.path}, as recorded, has no list of criteria")
    try:
        return tuple(
            validate_part(source, ("criteria", place), limit, Limit).criterion() for place, limit in enumerate(limits)
        )
    except ConfigurationError as error:
        raise RecordError(f"this aimdlab cannot read the limits of the recorded device file: {error}") from error


def recorded_device(header: SessionHeader) -> YamlSource:
    """The device file as it was recorded; RecordError if the session holds none, or several."""
    found = list(_sources(header, DEVICE_KIND))
    if len(found) != 1:
        raise RecordError(f"the session holds {len(found)} device files instead of one, so its limits are not known")
    return found[0]


def _procedure_in_texts(header: SessionHeader, name: str) -> str:
    named = _procedures_in_texts(header, name)
    if len(named) != 1:
        files = "several recorded test files have that name" if named else "no recorded test file has that name"
        raise RecordError(f"the session does not say which procedure scored the test {name!r}: {files}")
    return named.pop()


def _procedures_in_texts(header: SessionHeader, name: str) -> set[str]:
    return {
        str(source.data.get("procedure")) for source in _sources(header, _TEST_KIND) if source.data.get("name") == name
    }


def _sources(header: SessionHeader, kind: str) -> list[YamlSource]:
    """The recorded configuration files of a kind ("device/1")."""
    found = []
    for name, text in header.configuration.items():
        try:
            source = parse_yaml(text, Path(name))
        except ConfigurationError:
            continue  # a file of another kind; whether one is missing shows when it is needed
        if isinstance(source.data, dict) and source.data.get("aimdlab") == kind:
            found.append(source)
    return found
