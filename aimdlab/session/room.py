"""Room on the disk, looked at before anything is written: HDF5 does not survive a full disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from aimdlab.errors import RecordError

_RESERVE_BYTES = 16 << 20


def require_room(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Raise RecordError unless the disk of ``folder`` has room for ``needed_bytes`` and a reserve of 16 MiB."""
    needed = needed_bytes + _RESERVE_BYTES
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise RecordError(f"{folder}: the disk cannot be asked for its room: {error.strerror}") from error
    if free < needed:
        raise RecordError(
            f"disk full: {free / 1e6:.0f} MB free at {folder}, {needed / 1e6:.0f} MB needed to {purpose}; "
            "make room and resume or seal the session. What was committed is safe."
        )


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder and below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
