"""One attempt in an HDF5 group: its canonical record, the codes of its captures, its readings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordAlteredError
from aimdlab.session import hdf5, inspection
from aimdlab.session.attempt_record import StoredRecord, attempt_from_record, capture_shapes, parse_record
from aimdlab.session.codes import PackedCodes, StoredCodes, codes_of, write_codes
from aimdlab.session.model import Attempt
from aimdlab.session.tree import Tree, check_tree

_FORMAT = "aimdlab-attempt"


@dataclass(frozen=True)
class Places:
    """Where the arrays of an attempt lie in the file that was written, in bytes from its start.

    Attributes:
        chunks: (address, bytes, mask of filters) of each capture's codes; (0, 0, 0) if there are none.
        readings: address of each reading, which lies there uncompressed; 0 if it has no values.
    """

    chunks: tuple[tuple[int, int, int], ...]
    readings: tuple[int, ...]


def write_attempt(group: h5py.Group, attempt: Attempt, record: StoredRecord, captures: Iterable[PackedCodes]) -> Places:
    """Write an attempt, its record and its packed captures into an empty group, as ``docs/session-format.md`` says.

    One capture is asked for after the other, so that who gives them need not keep what is written.
    """
    hdf5.write_attribute(group, "format", _FORMAT)
    hdf5.write_attribute(hdf5.write_text(group, "record", record.text), "sha256", record.sha256)
    codes = group.create_group("codes")
    chunks = [write_codes(codes, f"{position:04d}", packed) for position, packed in enumerate(captures)]
    readings = group.create_group("readings")
    addresses = []
    for position, reading in enumerate(attempt.readings):
        pairs = np.stack([reading.t_s, reading.values])
        addresses.append(int(readings.create_dataset(f"{position:04d}", data=pairs).id.get_offset() or 0))
    return Places(tuple(chunks), tuple(addresses))


def read_record(group: h5py.Group, where: str) -> StoredRecord:
    """The record in a group, checked against its own hash; ``where`` names it in a message if it cannot itself."""
    try:
        text = hdf5.read_text(group, "record")
        stored = str(group["record"].attrs.get("sha256"))
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{where} does not hold the record of an attempt: {error}") from error
    return check_record(text, stored, where)


def check_contents(group: h5py.Group, record: StoredRecord) -> None:
    """Raise RecordAlteredError unless the group holds what ``record`` says and nothing else."""
    expected: Tree = {
        "/": {"attributes": {"format": _FORMAT}},
        "/record": {"attributes": {"sha256": record.sha256}, "dtype": "text", "shape": [], "content": None},
        "/codes": {"attributes": {}},
        "/readings": {"attributes": {}},
    }
    for position, (_, _, samples, dtype) in enumerate(capture_shapes(record)):
        expected[f"/codes/{position:04d}"] = _array(dtype, [samples])
    for position, reading in enumerate(record.attempt["readings"]):
        expected[f"/readings/{position:04d}"] = _array("<f8", [2, *reading["t_s"]["shape"]])
    try:
        check_tree(group, expected)
    except RecordAlteredError as error:
        raise RecordAlteredError(f"{record.name} was altered: in its file, {error}") from error


def _array(dtype: str, shape: list[int]) -> dict[str, Any]:
    return {"attributes": {}, "dtype": dtype, "shape": shape, "content": None}  # its record has its hash


def check_record(text: str, stored_sha256: str, where: str) -> StoredRecord:
    """A record, if its text has the hash that was stored with it; RecordAlteredError naming it if not."""
    try:
        record = parse_record(text)
    except ValueError as error:
        raise RecordAlteredError(f"{where} was altered: {error}") from error
    if record.sha256 != stored_sha256:
        raise RecordAlteredError(
            f"{record.name} was altered ({where}): its record does not have the hash stored with it"
        )
    return record


def read_attempt(group: h5py.Group, where: str) -> Attempt:
    """The attempt in a group; codes are read, and checked, when they are first asked for, while the file is open."""
    record = read_record(group, where)
    return attempt_from_record(
        record,
        [partial(read_codes, group, position, record.name) for position in range(len(record.attempt["captures"]))],
        [partial(read_reading, group, position, record.name) for position in range(len(record.attempt["readings"]))],
    )


def read_codes(group: h5py.Group, position: int, name: str) -> NDArray[Any]:
    """The codes of a capture, shape (n,)."""
    return _read_array(_dataset(group, f"codes/{position:04d}", name), name)


def stored_codes(group: h5py.Group, position: int, name: str) -> StoredCodes:
    """The codes of a capture as they are stored; RecordAlteredError if they are not there, or cannot be read."""
    return codes_of(_dataset(group, f"codes/{position:04d}", name))


def read_reading(group: h5py.Group, position: int, name: str) -> NDArray[Any]:
    """Times and values of a reading, shape (2, n)."""
    return _read_array(_dataset(group, f"readings/{position:04d}", name), name)


def _dataset(group: h5py.Group, path: str, name: str) -> h5py.Dataset:
    try:
        dataset = inspection.find(group, path)
    except hdf5.DAMAGE as error:
        what = "was removed from" if isinstance(error, KeyError) else "cannot be read in"
        raise RecordAlteredError(f"{name} was altered: {path} {what} {group.file.filename}: {error}") from error
    if not isinstance(dataset, h5py.Dataset):
        raise RecordAlteredError(f"{name} was altered: {path} is no dataset in {group.file.filename}")
    return dataset


def _read_array(dataset: h5py.Dataset, name: str) -> NDArray[Any]:
    try:
        return hdf5.read_array(dataset)
    except hdf5.DAMAGE as error:  # a compressed chunk that cannot be unpacked was changed, or the medium is failing
        raise RecordAlteredError(f"{name} was altered: {dataset.name} cannot be read: {error}") from error
