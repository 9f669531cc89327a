"""Who has a session in hand: a lock beside its folder, which may lie on a disk that several computers share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab._platform import FileLock, Holder
from aimdlab.errors import InUseError, RecordError
from aimdlab.session.header import utc_now

SUFFIX = ".lock"


class SessionLock:
    """The lock of a session, taken by whoever writes into it; a context manager.

    A process that ends gives it up, however it ends. Whether one on another computer has ended cannot be known if the
    disk does not carry locks between computers, so what another computer took and did not give back stays taken.

    Args:
        session: the session's folder, which need not be there yet.
        user: who takes it.
    """

    def __init__(self, session: Path, user: str) -> None:
        self._session = session
        self._user = user
        self._lock = FileLock(lock_path(session))

    def __enter__(self) -> SessionLock:
        """Take it; InUseError names who has it."""
        try:
            _platform.make_folders_durably(self._lock.path.parent, mode=0o777)
            taken = self._lock.acquire()
        except OSError as error:
            raise RecordError(f"{self._lock.path}: the lock of the session cannot be taken: {error}") from error
        holder = Holder.read(self._lock.read())
        if not taken:
            who = holder.describe() if holder is not None else "a process that does not say who it is"
            raise InUseError(
                f"{self._session} is in use: {who}. Wait until that ends, or stop it with "
                f'"aimdlab tell {self._session} stop".'
            )
        if holder is not None and holder.is_elsewhere:
            self._lock.release()
            raise InUseError(
                f"{self._session} was taken by {holder.describe()}, which never gave it back. Whether it still runs "
                f"cannot be seen from here. If it has ended, remove {self._lock.path} and try again."
            )
        try:
            self._lock.write(Holder.here(self._user, utc_now()).write())
        except OSError as error:
            self._lock.release()
            raise RecordError(f"{self._lock.path}: the lock of the session cannot be written: {error}") from error
        return self

    def __exit__(self, *_: Any) -> None:
        """Give it up."""
        self._lock.release(remove=True)


def lock_path(session: Path) -> Path:
    """Where the lock of a session lies: beside its folder and its sealed file."""
    return session.with_name(session.name + SUFFIX)
