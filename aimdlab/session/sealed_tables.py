"""The tables of a sealed session: views of the records, for people and viewers.

The records stay the authority; see ``docs/session-format.md`` for every column.
"""

from __future__ import annotations

import math

import h5py

from aimdlab.session import canonical
from aimdlab.session.attempt_record import StoredRecord, check_stored
from aimdlab.session.header import SessionHeader
from aimdlab.session.table import Columns, TableRows, write_table
from aimdlab.session.verdicts import StepResults

_ATTEMPT: Columns = {
    "step": "<i4",
    "step_id": str,
    "number": "<i4",
    "kind": str,
    "verdict": str,
    "reason": str,
    "exposure_s": "<f8",
    "started_utc": str,
    "ended_utc": str,
    "started_monotonic_s": "<f8",
    "ended_monotonic_s": "<f8",
    "started_bench_s": "<f8",
    "ended_bench_s": "<f8",
}
_COLUMNS: dict[str, Columns] = {
    "attempts": {**_ATTEMPT, "previous": str, "sha256": str},
    "parameters": {"attempt": "<i4", "role": str, "name": str, "value": "<f8", "text": str},
    "features": {"attempt": "<i4", "step": "<i4", "name": str, "value": "<f8", "unit": str, "u": "<f8"},
    "outcomes": {
        "attempt": "<i4",
        "step": "<i4",
        "feature": str,
        "value": "<f8",
        "u": "<f8",
        "lower": "<f8",
        "upper": "<f8",
        "unit": str,
        "clause": str,
        "rule": str,
        "coverage_factor": "<f8",
        "verdict": str,
        "reason": str,
        "rationale": str,
    },
    "notes": {"attempt": "<i4", "text": str},
}


class AttemptTables:
    """Gathers the rows of the tables, one record at a time."""

    def __init__(self) -> None:
        self._rows = {name: TableRows(columns) for name, columns in _COLUMNS.items()}

    def add(self, record: StoredRecord) -> None:
        """Add what one record says; RecordError if it is not that of an attempt."""
        check_stored(record)
        attempt, index, rows = record.attempt, record.index, self._rows
        score = attempt["score"]
        flat = {**attempt, "verdict": score["verdict"], "reason": score["reason"]}
        rows["attempts"].add((*(flat[name] for name in _ATTEMPT), record.previous, record.sha256))
        for role in ("parameters", "scoring"):
            rows["parameters"].extend((index, role, name, *_cell(value)) for name, value in attempt[role].items())
        for feature in score["features"]:
            rows["features"].add((index, record.step, feature["name"], feature["value"], feature["unit"], feature["u"]))
        for outcome in score["outcomes"]:
            flat = {**outcome["criterion"], **{key: outcome[key] for key in ("value", "u", "verdict", "reason")}}
            limits = {key: math.nan if flat[key] is None else flat[key] for key in ("lower", "upper")}
            flat = {**flat, **limits, "attempt": index, "step": record.step}
            rows["outcomes"].add([flat[name] for name in _COLUMNS["outcomes"]])
        rows["notes"].extend((index, note) for note in attempt["notes"])

    def write(self, entry: h5py.Group) -> None:
        """Write the tables into the entry; the row of ``attempts`` is the attempt's position in the order of commit."""
        for name, rows in self._rows.items():
            rows.write(entry, name)


def write_steps(entry: h5py.Group, header: SessionHeader, results: StepResults) -> None:
    """Write ``steps`` (the plan), ``verdicts`` (one per step) and ``step_attempts``, the index from step to attempts.

    The attempts at a step are ``step_attempts[first : first + attempts]``, both from its row in ``verdicts``.
    """
    steps = (
        (step, str(planned["step_id"]), str(planned.get("kind", "")), str(planned.get("omitted") or ""), text)
        for step, (planned, text) in enumerate(zip(header.plan, header.steps.texts(), strict=True))
    )
    write_table(entry, "steps", steps, {"step": "<i4", "step_id": str, "kind": str, "omitted": str, "planned": str})
    columns: Columns = {"step": "<i4", "step_id": str, "verdict": str, "reason": str, "first": "<i4", "attempts": "<i4"}
    verdicts, index = TableRows({**columns, "decided_by": "<i4"}), TableRows({"attempt": "<i4"})
    for result in results:
        row = (result.step, result.step_id, str(result.verdict), result.reason, len(index), len(result.attempts))
        verdicts.add((*row, -1 if result.decided_by is None else result.decided_by))
        index.extend((attempt,) for attempt in result.attempts)
    verdicts.write(entry, "verdicts")
    index.write(entry, "step_attempts")


def write_environment(entry: h5py.Group, header: SessionHeader) -> None:
    """Write software, host and equipment as the header says."""
    group = entry.create_group("environment")
    group.attrs["NX_class"] = "NXcollection"
    write_table(group, "software", list(header.software.items()), {"name": str, "version": str})
    write_table(group, "host", list(header.host.items()), {"name": str, "value": str})
    equipment = [(canonical.encode(instrument),) for instrument in header.equipment]
    write_table(group, "equipment", equipment, {"instrument": str})


def _cell(value: object) -> tuple[float, str]:
    """A scalar as a number (NaN if it is none) and as a text (its canonical JSON, bare for a text)."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # an integer beyond every float; the text has it
        number = math.nan
    return number, value if isinstance(value, str) else canonical.encode(value)
