"""A sealed session: one HDF5 file, read and verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.scoring.results import Verdict
from aimdlab.session import canonical, hdf5, inspection, signing
from aimdlab.session.attempt_file import check_record
from aimdlab.session.attempt_record import StoredRecord, attempt_from_record
from aimdlab.session.base import ChainEnd, Seal, Session, StoredAttempt
from aimdlab.session.commits import Commits
from aimdlab.session.events import Event, check_event_lines
from aimdlab.session.header import FORMAT_VERSION
from aimdlab.session.header_file import read_header
from aimdlab.session.model import Attempt
from aimdlab.session.tree import check_tree
from aimdlab.session.unpacking import StoredRow

FORMAT = "aimdlab-session"
ENTRY = "entry"
INTEGRITY = "integrity"

Place = tuple[Any, ...]


class SealedSession(Session):
    """A sealed file, open for reading.

    Raises RecordError if it is no session, RecordAlteredError if its header is not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = hdf5.open_file(path)
        self._stream = inspection.stream_of(self._file)
        self._rows: dict[str, hdf5.RowReader] = {}
        try:
            self._entry = _find_entry(self._file, path)
            self.header, self.header_sha256 = read_header(self._entry, str(path))
        except BaseException:
            self.close()
            raise

    @cached_property
    def root(self) -> dict[str, Any]:
        """The root record: ends of both chains, hash of the header and of everything else in the file."""
        try:
            text = hdf5.read_text(self._entry, f"{INTEGRITY}/root")
            stored = hdf5.read_text(self._entry, f"{INTEGRITY}/root_sha256")
            if canonical.sha256(text) != stored:
                raise RecordAlteredError(f"{self.path}: the root record was altered: its hash is another one")
            return canonical.decode_object(text)
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the root record was altered: {error}") from error

    def records(self) -> Iterator[StoredRecord]:
        """See :class:`Session`."""
        position = 0
        try:
            hashes = hdf5.read_column(self._entry, "attempts", "sha256")
            texts = hdf5.read_texts(inspection.find(self._entry, "records"))
            for text, stored in zip(texts, hashes, strict=True):
                where = f"record {position} of {self.path}"
                yield self.planned(check_record(text, stored.decode(errors="replace"), where))
                position += 1
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(
                f"{self.path}: the records of the attempts were altered, at record {position}: {error}"
            ) from error

    def load(self, record: StoredRecord) -> Attempt:
        """See :class:`Session`; arrays are read while this session is open."""
        stored = self._stored_of(record)
        return attempt_from_record(record, [partial(_unpacked, fetch) for fetch in stored.codes], stored.readings)

    def events(self) -> Iterator[Event]:
        """See :class:`Session`."""
        position = 0
        try:
            lines = hdf5.read_texts(inspection.find(self._entry, "events"))
            for event in check_event_lines(lines, self.header_sha256):
                yield event
                position += 1
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the event log was altered, at event {position}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._file.close()

    @cached_property
    def _places(self) -> tuple[_PlaceIndex, _PlaceIndex]:
        """Where the captures and the readings lie."""
        try:
            captures, readings = (
                _PlaceIndex(hdf5.read_table(self._entry, name)) for name in ("capture_index", "reading_index")
            )
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the index of captures and readings was altered: {error}") from error
        return captures, readings

    def _look_at_attempts(self) -> Callable[[Commits], Iterator[StoredAttempt]]:
        return lambda _committed: map(self._stored_of, self.records())  # nobody writes to a sealed file

    def _stored_of(self, record: StoredRecord) -> StoredAttempt:
        _, readings = self._places
        return StoredAttempt(
            record,
            [partial(self._codes, record, position) for position in range(len(record.attempt["captures"]))],
            [
                partial(self._reading, readings.find(record.index, position), record.name)
                for position in range(len(record.attempt["readings"]))
            ],
        )

    def _codes(self, record: StoredRecord, position: int) -> StoredRow:
        captures, _ = self._places
        group, row = captures.find(record.index, position) or ("", 0)
        path, name = f"{group}/codes", record.name
        with self._named(path, name):
            stored = self._reader(path).stored(row)

        def through_hdf5() -> NDArray[Any]:
            with self._named(path, name):
                return stored.through_hdf5()

        return replace(stored, through_hdf5=through_hdf5)

    def _reading(self, place: Place | None, name: str) -> NDArray[Any]:
        group, first, count = place or ("", 0, 0)
        stretch = np.s_[first : first + count]
        return np.stack([self._array(f"{group}/t_s", stretch, name), self._array(f"{group}/value", stretch, name)])

    def _array(self, path: str, stretch: slice, name: str) -> NDArray[Any]:
        with self._named(path, name):
            return self._reader(path).read(stretch)

    def _reader(self, path: str) -> hdf5.RowReader:
        rows = self._rows.get(path)
        if rows is None:
            rows = self._rows[path] = hdf5.RowReader(inspection.find(self._entry, path), self._stream)
        return rows

    @contextmanager
    def _named(self, path: str, name: str) -> Iterator[None]:
        """What goes wrong while ``path``, which belongs to ``name``, is read."""
        if not self._file:
            raise RecordError(f"{self.path} was closed; {name} cannot be read any more")
        try:
            yield
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{name} was altered: /{ENTRY}/{path} cannot be read: {error}") from error

    def _check_head(self) -> None:
        if self.root.get("header") != self.header_sha256 or self.root.get("session_id") != self.header.session_id:
            raise RecordAlteredError(
                f"{self.path}: the session's header was altered: it is not the one that was sealed"
            )

    def _check_tail(self, ends: dict[str, ChainEnd], verdicts: list[str]) -> Seal:
        for what, end in ends.items():
            if self.root.get(what) != {"count": end.count, "last": end.sha256}:
                raise RecordAlteredError(
                    f"{self.path}: {what} were removed, added or altered: sealed {self.root.get(what)}, found {end}"
                )
        try:
            text = hdf5.read_text(self._entry, f"{INTEGRITY}/tree")
            if canonical.sha256(text) != self.root.get("tree"):
                raise RecordAlteredError(f"{self.path}: the list of the file's contents was altered")
            tree = canonical.decode_object(text)
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the list of the file's contents was altered: {error}") from error
        check_tree(self._file, tree)
        seal = Seal(hdf5.read_text(self._entry, f"{INTEGRITY}/root_sha256"), self._signed_by())
        self._check_shown_verdicts(verdicts)
        return seal

    def _check_shown_verdicts(self, recorded: list[str]) -> None:
        """The tables that people look at must say what the records say; RecordAlteredError if they do not."""
        try:
            shown = hdf5.read_column(self._entry, "attempts", "verdict")
            steps = hdf5.read_column(self._entry, "verdicts", "verdict")
            decided = hdf5.read_column(self._entry, "verdicts", "decided_by")
            if len(shown) != len(recorded) or any(
                value.decode() != said for value, said in zip(shown, recorded, strict=True)
            ):
                raise RecordAlteredError(
                    f"{self.path}: /{ENTRY}/attempts was altered: its verdicts are not those recorded"
                )
            for step, (value, place) in enumerate(zip(steps, decided, strict=True)):
                verdict, by = value.decode(), int(place)
                said = recorded[by : by + 1] if by >= 0 else [Verdict.NOT_RUN.value, Verdict.OMITTED.value]
                if verdict not in said:
                    raise RecordAlteredError(
                        f"{self.path}: /{ENTRY}/verdicts was altered: step {step} is {verdict} there, not what was "
                        "recorded"
                    )
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the tables of verdicts were altered: {error}") from error

    def _signed_by(self) -> str:
        """The key that signed the root, "" if the header names none; RecordAlteredError if the signature is not its."""
        wanted = self.header.signing_key
        if not wanted:
            return ""
        try:
            root, signature, key = (
                hdf5.read_text(self._entry, f"{INTEGRITY}/{name}") for name in ("root", "signature", "signing_key")
            )
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{self.path}: the signature was altered or removed: {error}") from error
        if key != wanted:
            raise RecordAlteredError(
                f"{self.path}: the signing key was altered: it is not the one that the header names"
            )
        if not signing.has_signed(wanted, signature, root.encode()):
            raise RecordAlteredError(
                f"{self.path}: the signature is not that of the root record by the key {signing.called(wanted)}: it was"
                " altered, or the session was and its hashes were recomputed"
            )
        return wanted


class _PlaceIndex:
    """A table whose rows are (attempt, position in the attempt, group, numbers ...), to be looked up by the first two.

    Raises what :data:`aimdlab.session.hdf5.DAMAGE` names if it is another one.
    """

    def __init__(self, table: NDArray[Any]) -> None:
        attempt, position, group, *numbers = table.dtype.names or ()
        order = np.lexsort((table[position], table[attempt]))  # stable
        names, self._group_of = np.unique(table[group][order], return_inverse=True)
        self._groups = [name.decode() for name in names.tolist()]
        self._attempts, self._positions = table[attempt][order], table[position][order]
        self._numbers = [table[name][order] for name in numbers]

    def find(self, attempt: int, position: int) -> Place | None:
        """Group and numbers of a row, of several the last; None if there is none."""
        first, stop = (int(np.searchsorted(self._attempts, attempt, side)) for side in ("left", "right"))
        rows = np.flatnonzero(self._positions[first:stop] == position)
        if not rows.size:
            return None
        row = first + int(rows[-1])
        return (self._groups[self._group_of[row]], *(int(numbers[row]) for numbers in self._numbers))


def _unpacked(fetch: Callable[[], StoredRow]) -> NDArray[Any]:
    return fetch().codes()


def _find_entry(file: h5py.File, path: Path) -> h5py.Group:
    try:
        entry = inspection.find(file, ENTRY) if ENTRY in file else None
        kind, version = file.attrs.get("format"), int(file.attrs.get("format_version", 0))
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{path} was altered: {error}") from error
    if kind != FORMAT or not isinstance(entry, h5py.Group):
        raise RecordError(f"{path} is an HDF5 file, but not a sealed session of aimdlab")
    if version > FORMAT_VERSION:
        raise RecordError(f"{path} has format version {version}, newer than this aimdlab can read ({FORMAT_VERSION}).")
    return entry
