"""Who has a bench in hand: one lock per instrument, so that two bench files that share one cannot run at once.

The locks are those of this computer. A process that ends gives its locks up, however it ends, so a lock is never stale;
what its file says of the last holder is for people.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab._platform import FileLock, Holder
from aimdlab.errors import InUseError


class BenchLock:
    """The locks of all instruments of a bench, taken together or not at all; a context manager.

    Args:
        resources: VISA resource by instrument; instruments that the PC cannot talk to have none.
        holder: who takes them.
    """

    def __init__(self, resources: Mapping[str, str], holder: Holder) -> None:
        self._resources = dict(resources)
        self._holder = holder
        self._held: list[FileLock] = []

    def __enter__(self) -> BenchLock:
        """Take them; InUseError names the instrument and who has it, and nothing is held then."""
        folder = _folder()
        try:
            # One lock for two entries of a bench file that are one instrument.
            by_lock = {_lock_name(resource): (name, resource) for name, resource in self._resources.items()}
            for lock_name, (name, resource) in sorted(by_lock.items()):
                lock = FileLock(folder / f"{lock_name}.lock")
                _acquire(lock, name, resource)
                self._held.append(lock)
                lock.write(self._holder.write())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        """Give them up."""
        while self._held:
            self._held.pop().release(remove=True)


def guardian_locks(resources: Iterable[str]) -> list[Path]:
    """The files of the locks that a guardian of these instruments holds."""
    folder = _folder()
    return sorted(folder / f"{name}.guardian.lock" for name in {_lock_name(resource) for resource in resources})


def _folder() -> Path:
    try:
        return _platform.locks_folder()
    except OSError as error:
        raise InUseError(
            f"the locks that keep two runs from one bench cannot be kept: {error}. Let all users of this computer "
            "write there, or name another folder in AIMDLAB_LOCKS."
        ) from error


def _acquire(lock: FileLock, name: str, resource: str) -> None:
    try:
        taken = lock.acquire()
    except OSError as error:
        raise InUseError(f"the lock {lock.path} cannot be taken: {error}. Remove it if no run is at work.") from error
    if taken:
        return
    holder = Holder.read(lock.read())
    who = holder.describe() if holder is not None else "a process that does not say who it is"
    way = f', or stop it with "aimdlab tell {holder.session} stop"' if holder is not None and holder.session else ""
    raise InUseError(
        f"instrument {name} at {resource} is in use: {who}. Wait until that ends{way}. Nothing was switched on."
    )


def _lock_name(resource: str) -> str:
    """A file name for a VISA resource; spellings that mean the same (case, a board number of 0) have one name."""
    plain = re.sub(r"^(TCPIP|GPIB|USB|ASRL|VXI|PXI)0?::", r"\1::", resource.strip().upper())
    readable = re.sub(r"[^A-Z0-9.]+", "-", plain)[:60].strip("-")
    return f"{readable}-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"
