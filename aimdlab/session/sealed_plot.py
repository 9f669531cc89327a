"""What a viewer shows first of a sealed session: one exposure in physical units, small enough to be drawn at once.

Raw codes say nothing to a person, no viewer applies the scale of their row, and some draw all rows at once. So the
exposure that matters most is drawn for them: the lowest and the highest value of each short stretch of the device's
channel. The injected signal is seen in it; drawn beside it, it would hide the device's pulses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.scoring.results import Verdict
from aimdlab.session import hdf5
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.sealed_arrays import CapturePlace

GROUP = "exposure"

_STRETCHES = 1000  # about the pixels of a screen
_VERDICTS = (str(Verdict.FAIL), str(Verdict.INCONCLUSIVE))
_KINDS = ("exposure", "baseline")
_CHANNELS = ("device_monitor",)

Described = dict[str, Any]
"""A capture as its record has it: the fields of Capture, with shape and hash of the codes."""


@dataclass(frozen=True)
class _Choice:
    """An attempt that may be shown: the lowest rank is. ``places`` says where its captures lie."""

    rank: tuple[int, int]
    record: StoredRecord
    places: Sequence[CapturePlace]


class ShownExposure:
    """Finds the exposure to show while the attempts go by: the first FAIL, else the first INCONCLUSIVE, else the first
    of all. A baseline is shown where nothing was exposed, and the level's proof where there is no baseline.

    Args:
        entry: the NXentry.
    """

    def __init__(self, entry: h5py.Group) -> None:
        self._entry = entry
        self._choice: _Choice | None = None

    def add(self, record: StoredRecord, places: Sequence[CapturePlace]) -> None:
        """Consider an attempt, whose captures lie at ``places``."""
        captures, score = record.attempt["captures"], record.attempt["score"]
        kinds = [_index(_KINDS, capture["kind"]) for capture in captures if _samples(capture)]
        if not kinds:
            return
        rank = (_index(_VERDICTS, score["verdict"]), min(kinds))
        if self._choice is None or rank < self._choice.rank:
            self._choice = _Choice(rank, record, places)

    def write(self) -> list[str]:
        """Write the group once all captures are there; returns its name, if there is anything to show."""
        if self._choice is None:
            return []
        record, places = self._choice.record, self._choice.places
        position = _shown(record.attempt["captures"])
        capture = record.attempt["captures"][position]
        starts, drawn = _stretches(_samples(capture))
        channel, unit = (hdf5.without_nul(str(capture[key])) for key in ("channel", "unit"))
        group = self._entry.create_group(GROUP)
        hdf5.write_text(group, "title", hdf5.without_nul(_title(record)))
        with np.errstate(over="ignore", invalid="ignore"):  # times are whatever was recorded
            time = hdf5.write_array(group, "time", capture["t0_s"] + drawn * capture["dt_s"])
        time.attrs.update({"units": "s", "long_name": "time after the trigger (s)"})
        name, row = places[position]
        value = hdf5.write_array(group, "value", _envelope(self._entry[name]["codes"][row], capture, starts))
        value.attrs.update({"units": unit, "long_name": f"{channel.replace('_', ' ')} ({unit})"})
        group.attrs.update({"NX_class": "NXdata", "signal": "value", "axes": ["time"]})
        own = {"attempt": record.index, "step": record.step, "number": record.number, "position": position}
        group.attrs.update({name: np.int32(number) for name, number in own.items()})
        return [GROUP]


def _title(record: StoredRecord) -> str:
    score = record.attempt["score"]
    return f"step {record.attempt['step_id']}, attempt {record.number}: {score['verdict']}, {score['reason']}"


def _shown(captures: Sequence[Described]) -> int:
    """Position of the capture to draw: of the first exposure of the device's channel, if there is one."""

    def rank(position: int) -> tuple[bool, int, int]:
        capture = captures[position]
        return not _samples(capture), _index(_KINDS, capture["kind"]), _index(_CHANNELS, capture["channel"])

    return min(range(len(captures)), key=rank)  # the earliest of those that are equal


def _stretches(samples: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where each stretch starts, and where (in samples) each of the two values of it is drawn.

    What is no longer than its drawing would be is drawn sample by sample: stretches of one, and one value of each.
    """
    if samples <= 2 * _STRETCHES:
        return np.arange(samples), np.arange(samples, dtype=np.float64)
    starts = np.arange(_STRETCHES) * samples // _STRETCHES
    stops = np.append(starts[1:], samples)
    return starts, np.column_stack([starts, (starts + stops) / 2]).reshape(-1)


def _envelope(codes: NDArray[Any], capture: Described, starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Lowest and highest value of each stretch by turns, in the capture's unit; NaN where there is no sample."""
    with np.errstate(over="ignore", invalid="ignore"):  # the scale is whatever was recorded
        values = codes * float(capture["scale"]) + float(capture["offset"])
    if capture["hole_code"] is not None:
        values[codes == capture["hole_code"]] = np.nan
    if starts.size == values.size:
        return values
    return np.column_stack([np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)]).reshape(-1)


def _samples(capture: Described) -> int:
    return int(capture["codes"]["shape"][0])


def _index(order: Sequence[str], name: object) -> int:
    """Place of ``name`` in ``order``; after the last if it is not there."""
    return order.index(str(name)) if name in order else len(order)
