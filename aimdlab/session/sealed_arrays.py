"""The captures and readings of a sealed session: one NXdata group per kind, one row or stretch per attempt."""

from __future__ import annotations

import math
import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.session import hdf5
from aimdlab.session.attempt_record import StoredRecord, capture_shapes
from aimdlab.session.codes import CodeRows, StoredCodes
from aimdlab.session.table import Columns, TableRows, write_table

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
    units: list[tuple[str]] = field(default_factory=list)
    vectors: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _ROW_TYPES})


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
            rows.units.append((capture["unit"],))
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
            units = {unit for (unit,) in rows.units}
            unit = hdf5.without_nul(units.pop()) if len(units) == 1 else "as in the column unit"
            for name, values in rows.vectors.items():
                vector = hdf5.write_array(group, name, np.array(values, dtype=_ROW_TYPES[name]))
                vector.attrs["units"] = _ROW_UNITS.get(name, unit if name in ("offset", "u_offset") else "1")
            group["scale"].attrs["units"] = f"{unit}/code"
            write_table(group, "unit", rows.units, {"unit": str})
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


@dataclass(frozen=True)
class _Stretch:
    """One reading of one attempt; ``pairs`` has shape (2, n): times and values."""

    attempt: int
    position: int
    started_bench_s: float
    pairs: NDArray[np.float64]


class ReadingSeries:
    """Gathers the readings of all attempts and writes each kind as one time series."""

    def __init__(self, entry: h5py.Group) -> None:
        self._entry = entry
        self._stretches: dict[tuple[str, str], list[_Stretch]] = {}

    def add(self, source: AttemptSource) -> None:
        """Take the readings of one attempt."""
        record = source.record
        for position, reading in enumerate(record.attempt["readings"]):
            pairs = source.reading(position)
            stretch = _Stretch(record.index, position, float(record.attempt["started_bench_s"]), pairs)
            self._stretches.setdefault((reading["name"], reading["unit"]), []).append(stretch)

    def finish(self) -> list[str]:
        """Write the series and their index; returns the names of their groups."""
        index: list[tuple[int, int, str, int, int]] = []
        names = []
        for (reading, unit), stretches in self._stretches.items():
            name = unique_name("reading", reading, {*self._entry, _READING_INDEX})
            names.append(name)
            first = 0
            lengths = [stretch.pairs.shape[1] for stretch in stretches]
            for stretch, length in zip(stretches, lengths, strict=True):
                index.append((stretch.attempt, stretch.position, name, first, length))
                first += length
            pairs = np.concatenate([stretch.pairs for stretch in stretches], axis=1)
            started = np.repeat([stretch.started_bench_s for stretch in stretches], lengths)
            group = self._entry.create_group(name)
            label = hdf5.without_nul(reading)
            group.attrs.update({"NX_class": "NXdata", "signal": "value", "axes": ["time"], "reading": label})
            hdf5.write_text(group, "title", label)
            hdf5.write_array(group, "value", pairs[1]).attrs["units"] = hdf5.without_nul(unit)
            hdf5.write_array(group, "t_s", pairs[0]).attrs["units"] = "s"
            with np.errstate(over="ignore", invalid="ignore"):  # times are whatever was recorded
                hdf5.write_array(group, "time", started + pairs[0]).attrs["units"] = "s"
            group["value"].attrs["long_name"] = label
            group["t_s"].attrs["long_name"] = "time after the trigger of the exposure"
            group["time"].attrs["long_name"] = "bench time at the start of the attempt + t_s"
            attempts = np.repeat([stretch.attempt for stretch in stretches], lengths)
            hdf5.write_array(group, "attempt", attempts.astype("<i4"))
        columns: Columns = {
            "attempt": "<i4",
            "position": "<i4",
            "group": str,
            "first": "<i4",
            "count": "<i4",
        }
        write_table(self._entry, _READING_INDEX, index, columns)
        return names
