"""The captures and readings of a sealed session: one NXdata group per kind, one row or stretch per attempt."""

from __future__ import annotations

import math
import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.session import hdf5
from aimdlab.session.attempt_record import StoredRecord, capture_shapes
from aimdlab.session.codes import CodeRows, StoredCodes
from aimdlab.session.packed_columns import PackedNumbers
from aimdlab.session.table import TableRows

CaptureKey = tuple[str, str, int, str]
"""(channel, kind, samples, dtype): captures that agree in these are rows of one dataset."""

CapturePlace = tuple[str, int]
"""(group, row): where a capture lies."""

NO_CODE = -(2**31)
"""Stands in the row vector ``hole_code`` for "there is none"."""

_READING_INDEX = "reading_index"

# Of a longer capture no time axis is written: it takes several times as much as the codes, in every reader too.
_LONGEST_AXIS = 1 << 22

_ROW_TYPES = {
    "scale": "<f8",
    "offset": "<f8",
    "dt_s": "<f8",
    "t0_s": "<f8",
    "code_min": "<i8",
    "code_max": "<i8",
    "hole_code": "<i8",
    "u_gain": "<f8",
    "u_offset": "<f8",
    "u_time": "<f8",
    "attempt": "<i4",
    "step": "<i4",
    "number": "<i4",
    "position": "<i4",
}
_ROW_UNITS = {"dt_s": "s", "t0_s": "s"}


def unique_name(prefix: str, text: str, taken: Container[str]) -> str:
    """An HDF5 name made of ``prefix`` and what of ``text`` NeXus allows in names, not yet in ``taken``."""
    base = f"{prefix}_{re.sub(r'[^A-Za-z0-9_]', '_', text)}"
    name, suffix = base, 1
    while name in taken:
        suffix += 1
        name = f"{base}_{suffix}"
    return name


class AttemptSource(Protocol):
    """Where an attempt is taken from."""

    @property
    def record(self) -> StoredRecord:
        """Its record."""

    def codes(self, position: int) -> StoredCodes:
        """The codes of a capture, compressed."""

    def reading(self, position: int) -> NDArray[np.float64]:
        """Times and values of a reading, shape (2, n)."""


@dataclass
class _Rows:
    """One group of captures in the making."""

    group: h5py.Group
    codes: CodeRows
    name: str
    units: TableRows = field(default_factory=lambda: TableRows({"unit": str}))
    unit_names: set[str] = field(default_factory=set)
    vectors: dict[str, PackedNumbers] = field(
        default_factory=lambda: {name: PackedNumbers(kind) for name, kind in _ROW_TYPES.items()}
    )


class CaptureRows:
    """Writes captures as rows; the compressed chunks are copied as they are. A kind of capture gets its group when the
    first one comes.

    Args:
        entry: the NXentry.
    """

    def __init__(self, entry: h5py.Group) -> None:
        self._entry = entry
        self._rows: dict[CaptureKey, _Rows] = {}
        self._index = TableRows({"attempt": "<i4", "position": "<i4", "group": str, "row": "<i4"})

    def add(self, source: AttemptSource) -> list[CapturePlace]:
        """Copy the captures of one attempt; returns where each lies now."""
        record = source.record
        places = []
        for position, (key, capture) in enumerate(zip(capture_shapes(record), record.attempt["captures"], strict=True)):
            rows = self._rows.get(key) or self._begin(key)
            places.append((rows.name, len(rows.codes)))
            self._index.add((record.index, position, *places[-1]))
            rows.codes.append(source.codes(position))
            own = {"attempt": record.index, "step": record.step, "number": record.number, "position": position}
            for name, vector in rows.vectors.items():
                value = own[name] if name in own else capture[name]
                vector.append(NO_CODE if value is None else value)
            rows.units.add((capture["unit"],))
            rows.unit_names.add(capture["unit"])
        return places

    def _begin(self, key: CaptureKey) -> _Rows:
        channel, kind, samples, dtype = key
        name = unique_name("capture", f"{channel}_{kind}", self._entry)
        group = self._entry.create_group(name)
        group.attrs["NX_class"] = "NXdata"
        rows = self._rows[key] = _Rows(group, CodeRows(group, "codes", samples, np.dtype(dtype)), name)
        return rows

    def finish(self) -> list[str]:
        """Write the row vectors, the axes and the index; returns the names of the groups."""
        for key, rows in self._rows.items():
            channel, kind, samples = hdf5.without_nul(key[0]), hdf5.without_nul(key[1]), key[2]
            group = rows.group
            rows.codes.finish()
            units = rows.unit_names
            unit = hdf5.without_nul(next(iter(units))) if len(units) == 1 else "as in the column unit"
            for name, values in rows.vectors.items():
                vector = hdf5.write_array(group, name, values.all())
                vector.attrs["units"] = _ROW_UNITS.get(name, unit if name in ("offset", "u_offset") else "1")
            group["scale"].attrs["units"] = f"{unit}/code"
            rows.units.write(group, "unit")
            group.attrs["channel"], group.attrs["kind"] = channel, kind
            hdf5.write_text(group, "title", f"{channel}, {kind}: raw codes of {len(rows.codes)} captures, one per row")
            group.attrs["signal"] = "codes"
            group.attrs["axes"] = ["attempt", "time" if _write_time(rows, samples) else "."]
            group["codes"].attrs["units"] = "code"
            group["codes"].attrs["long_name"] = f"{channel}, {kind}: value = code * scale + offset, in {unit}"
            group["codes"].attrs["interpretation"] = "spectrum"  # rows are curves, not an image
        self._index.write(self._entry, "capture_index")
        return [rows.name for rows in self._rows.values()]


def _write_time(rows: _Rows, samples: int) -> bool:
    """Write the time axis if all rows share it and it is not too long; returns whether it was."""
    starts = set(zip(rows.vectors["t0_s"], rows.vectors["dt_s"], strict=True))
    if len(starts) != 1 or not 0 < samples <= _LONGEST_AXIS:
        return False
    ((t0_s, dt_s),) = starts
    if not math.isfinite(t0_s + samples * dt_s):
        return False
    time = hdf5.create_column(rows.group, "time", samples)
    for start, stop in hdf5.blocks(samples):
        time[start:stop] = t0_s + np.arange(start, stop) * dt_s
    time.attrs["units"] = "s"
    time.attrs["long_name"] = "time after the trigger"
    return True


@dataclass
class _Series:
    """One kind of reading in the making; times and values of all attempts, and of each attempt how many."""

    t_s: PackedNumbers = field(default_factory=lambda: PackedNumbers("<f8"))
    values: PackedNumbers = field(default_factory=lambda: PackedNumbers("<f8"))
    attempts: PackedNumbers = field(default_factory=lambda: PackedNumbers("<i4"))
    positions: PackedNumbers = field(default_factory=lambda: PackedNumbers("<i4"))
    lengths: PackedNumbers = field(default_factory=lambda: PackedNumbers("<i4"))
    started_bench_s: PackedNumbers = field(default_factory=lambda: PackedNumbers("<f8"))


class ReadingSeries:
    """Gathers the readings of all attempts and writes each kind as one time series."""

    def __init__(self, entry: h5py.Group) -> None:
        self._entry = entry
        self._series: dict[tuple[str, str], _Series] = {}

    def add(self, source: AttemptSource) -> None:
        """Take the readings of one attempt."""
        record = source.record
        for position, reading in enumerate(record.attempt["readings"]):
            t_s, values = source.reading(position)
            kind = (reading["name"], reading["unit"])
            if (series := self._series.get(kind)) is None:
                series = self._series[kind] = _Series()
            series.t_s.extend(t_s)
            series.values.extend(values)
            series.attempts.append(record.index)
            series.positions.append(position)
            series.lengths.append(len(t_s))
            series.started_bench_s.append(float(record.attempt["started_bench_s"]))

    def finish(self) -> list[str]:
        """Write the series and their index; returns the names of their groups."""
        index = TableRows({"attempt": "<i4", "position": "<i4", "group": str, "first": "<i4", "count": "<i4"})
        names = []
        for (reading, unit), series in self._series.items():
            name = unique_name("reading", reading, {*self._entry, _READING_INDEX})
            names.append(name)
            first = 0
            for attempt, position, length in zip(series.attempts, series.positions, series.lengths, strict=True):
                index.add((attempt, position, name, first, length))
                first += length
            lengths, t_s = series.lengths.all(), series.t_s.all()
            started = np.repeat(series.started_bench_s.all(), lengths)
            group = self._entry.create_group(name)
            label = hdf5.without_nul(reading)
            group.attrs.update({"NX_class": "NXdata", "signal": "value", "axes": ["time"], "reading": label})
            hdf5.write_text(group, "title", label)
            hdf5.write_array(group, "value", series.values.all()).attrs["units"] = hdf5.without_nul(unit)
            hdf5.write_array(group, "t_s", t_s).attrs["units"] = "s"
            with np.errstate(over="ignore", invalid="ignore"):  # times are whatever was recorded
                hdf5.write_array(group, "time", started + t_s).attrs["units"] = "s"
            group["value"].attrs["long_name"] = label
            group["t_s"].attrs["long_name"] = "time after the trigger of the exposure"
            group["time"].attrs["long_name"] = "bench time at the start of the attempt + t_s"
            hdf5.write_array(group, "attempt", np.repeat(series.attempts.all(), lengths))
        index.write(self._entry, _READING_INDEX)
        return names
