"""Room on the disk: asked for before a run begins and before every attempt, and a reserve that is really there.

A night is not to die of a full disk, and what was measured is not to be lost to one. So a run is refused that would
surely not fit, it stops before an attempt that might not, and should the disk be full all the same (another program, a
quota), a file of the session's own is given up for the attempt in hand. Figures: ``docs/decisions/0018-room.md``.
"""

from __future__ import annotations

import os
import shutil
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab.errors import RecordError
from aimdlab.session.attempt_record import StoredRecord, capture_shapes

RESERVE_FILE = "reserve"

# For what other programs write meanwhile, and for what is small: events, tables, the medium's own bookkeeping.
_MARGIN_BYTES = 16 << 20
# Stored bytes over raw bytes: 8 bits with noise of 0.7 codes, and the noisiest that was measured (decision 13).
_EXPECTED_SHARE = 0.15
_LARGEST_SHARE = 0.4
# Of an attempt besides its codes: record, readings, features, HDF5's own.
_ATTEMPT_BYTES = 1 << 20
# A sample of a time axis, which a sealed file has for every kind of capture and the folder has not; 0.9 were measured.
_AXIS_BYTES = 2
_BLOCK = 1 << 20


def bytes_at_start(captures: Sequence[int]) -> int:
    """Room without which a run is refused: folder and sealed file, what its largest attempt must find free, margin.

    ``captures`` are the raw bytes of each step that is to be done.
    """
    raw = max(captures, default=0)
    # Header and events count as an attempt without captures.
    largest = _for_attempt(raw) + _of_attempt(raw) + 2 * _of_attempt(0)
    return round(2 * _EXPECTED_SHARE * sum(captures)) + largest + _MARGIN_BYTES


def _of_attempt(raw_bytes: int) -> int:
    """What an attempt takes if it does not compress."""
    return raw_bytes + _ATTEMPT_BYTES


def _for_attempt(raw_bytes: int) -> int:
    """What must be free for an attempt besides the reserve: its file, its copy in the sealed file, its time axes."""
    return 2 * _of_attempt(raw_bytes) + _AXIS_BYTES * raw_bytes


def _raw_bytes(step: Mapping[str, Any]) -> int:
    return min(int(step.get("storage_bytes", 0)), 1 << 62)


def require_room(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Raise RecordError unless the disk of ``folder`` has room for ``needed_bytes`` and a margin of 16 MiB."""
    needed = needed_bytes + _MARGIN_BYTES
    free = free_bytes(folder)
    if free < needed:
        raise RecordError(
            f"disk full: {size(free)} free at {folder}, {size(needed)} needed to {purpose}. "
            "Everything measured is safe; make room, then resume or seal the session."
        )


def free_bytes(folder: Path) -> int:
    """Bytes that can still be written to the disk of ``folder``; RecordError if it cannot be asked."""
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise RecordError(f"{folder}: the disk cannot be asked for its room: {error.strerror}") from error


def folder_bytes(folder: Path) -> int:
    """Size of all files of a session folder, without its reserve."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            if path.is_file() and path.name != RESERVE_FILE:
                yield path.stat().st_size
        except FileNotFoundError:  # a command that was just taken from the inbox
            continue


class Room:
    """What a session takes of the disk, and what it will still need.

    Args:
        folder: the session's folder.
        plan: its plan; ``storage_bytes`` of a step are the raw bytes of its captures.
    """

    def __init__(self, folder: Path, plan: Iterable[Mapping[str, Any]]) -> None:
        self._folder = folder
        self._reserve = folder / RESERVE_FILE
        self._lock = threading.Lock()
        self._raw = array("q", (0 if step.get("omitted") else _raw_bytes(step) for step in plan))
        self._largest = max(self._raw, default=0)
        self._is_waiting = bytearray(b"\1" * len(self._raw))
        # Sums that are kept, for they are asked for after every attempt.
        self._waiting_raw = sum(self._raw)
        self._axis_samples = 0
        self._stored = folder_bytes(folder)
        self._attempts_stored = 0
        self._attempts_raw = 0
        self._shapes: set[tuple[str, str, int, str]] = set()

    @property
    def sealed_bytes(self) -> int:
        """Room that the sealed file will take, as far as the session has come; rather too much than too little."""
        return self._stored + _AXIS_BYTES * self._axis_samples

    def count(self, record: StoredRecord, file_bytes: int, *, new: bool) -> None:
        """Take an attempt into account; ``new`` if its file was not there when the session was opened."""
        shapes = capture_shapes(record)
        for shape in set(shapes) - self._shapes:
            self._shapes.add(shape)
            self._axis_samples += shape[2]
        self._attempts_raw += sum(samples * int(dtype[-1]) for _, _, samples, dtype in shapes)
        self._attempts_stored += file_bytes
        if record.step < len(self._raw) and self._is_waiting[record.step]:
            self._is_waiting[record.step] = False
            self._waiting_raw -= self._raw[record.step]
        if new:
            self._stored += file_bytes

    def require_for_attempt(self, step: int, name: str) -> None:
        """Raise RecordError unless an attempt at ``step`` can be kept, however badly it compresses, and all be sealed.

        A reserve as large as the largest attempt lies in the folder from the first call on.
        """
        purpose = f"measure at {name} and to seal the session"
        needed = self.sealed_bytes + _for_attempt(self._raw[step])
        largest = _of_attempt(self._largest)
        held = self._reserve.stat().st_size if self._reserve.exists() else 0
        if held < largest:
            require_room(self._folder, needed + largest, purpose)
            self._hold(largest, purpose)
        require_room(self._folder, needed, purpose)

    def shortage(self) -> tuple[int, int]:
        """(bytes still needed to the end of the plan and to seal it, bytes free), projected from the attempts so far.

        Before the first attempt the noisiest captures are assumed.
        """
        share = self._attempts_stored / self._attempts_raw if self._attempts_raw else _LARGEST_SHARE
        coming = round(min(share, 1.0) * self._waiting_raw)
        return self.sealed_bytes + 2 * coming + _MARGIN_BYTES, free_bytes(self._folder)

    def give_up_reserve(self) -> bool:
        """Make room for what must be written now; False if nothing was held any more."""
        with self._lock:
            try:
                self._reserve.unlink()
            except OSError:  # there is none, or the disk takes no more orders: what was to be written says so
                return False
            return True

    def _hold(self, amount: int, purpose: str) -> None:
        """Take ``amount`` bytes from the disk: real ones, which no compression and no hole makes smaller."""
        try:
            with self._reserve.open("wb") as stream:
                for start in range(0, amount, _BLOCK):
                    stream.write(os.urandom(min(_BLOCK, amount - start)))
                _platform.fsync_file(stream)
        except OSError as error:
            self._reserve.unlink(missing_ok=True)
            raise RecordError(
                f"disk full: no reserve of {size(amount)} can be laid aside at {self._folder}, which is needed to "
                f"{purpose}: {error.strerror}. Everything measured is safe; make room, then resume or seal the session."
            ) from error


def size(count: float) -> str:
    """Bytes for a message."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
