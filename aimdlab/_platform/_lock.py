"""A lock between processes of one computer; the system gives it up for a process that ends, however it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# Windows keeps a locked byte from being read: it lies far behind what the holder writes about himself.
_LOCKED_BYTE = 1 << 30


class FileLock:
    """A lock that lies in a file; the file stays, and says who held it last.

    Not for two objects in one process: each counts as a holder of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take it if nobody has it; never waits. OSError if the file cannot be opened, or its disk knows no locks."""
        while self._descriptor is None:
            descriptor = self._open()
            try:
                taken = _lock(descriptor)
                is_its_file = taken and self._is_its_file(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            if is_its_file:
                self._descriptor = descriptor
                break
            os.close(descriptor)
            if not taken:
                return False
        return True

    def write(self, text: str) -> None:
        """Say something in the file, in place of what stood there; only while it is held."""
        if self._descriptor is None:
            raise ValueError(f"{self.path} is not held")
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, text.encode())

    def read(self) -> str:
        """What the holder, or the last one, said; "" if nothing can be read."""
        try:
            return self.path.read_bytes().decode(errors="replace")
        except OSError:
            return ""

    def release(self, *, remove: bool = False) -> None:
        """Give it up, with ``remove`` its file too; nothing happens if it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if remove and sys.platform != "win32":  # there an open file cannot be removed
            self.path.unlink(missing_ok=True)
        with suppress(OSError):
            _unlock(descriptor)
        os.close(descriptor)
        if remove and sys.platform == "win32":
            with suppress(OSError):  # somebody else has it by now
                self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            return os.open(self.path, flags)
        except FileNotFoundError:
            pass
        # Apart, since systems refuse O_CREAT on somebody else's file in a folder that all may write to.
        descriptor = os.open(self.path, flags | os.O_CREAT, 0o666)
        if sys.platform != "win32":
            with suppress(OSError):  # not ours: somebody was quicker
                os.fchmod(descriptor, 0o666)  # other users of this computer must be able to take it
        return descriptor

    def _is_its_file(self, descriptor: int) -> bool:
        """Whether the file that was opened still has the name: its last holder may have removed it meanwhile."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
