"""The one place that knows the operating system: durable files, locks, processes, memory, the host's description."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from aimdlab._platform._holder import Holder as Holder
from aimdlab._platform._kill import is_that_process as is_that_process
from aimdlab._platform._kill import kill_process as kill_process
from aimdlab._platform._lock import FileLock as FileLock
from aimdlab._platform._pc_clock import TimeSynchronisation as TimeSynchronisation
from aimdlab._platform._pc_clock import boot_id as boot_id
from aimdlab._platform._pc_clock import time_synchronisation as time_synchronisation

Buffer = bytes | bytearray | memoryview


def fsync_file(stream: BinaryIO) -> None:
    """Flush an open file through to the medium."""
    stream.flush()
    if sys.platform == "darwin":  # fsync leaves the data in the drive's own cache there
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_FULLFSYNC)
    else:
        os.fsync(stream.fileno())


def fsync_path(path: Path) -> None:
    """Flush a closed file through to the medium."""
    with path.open("r+b") as stream:
        fsync_file(stream)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable; nothing to do on Windows, whose file system journals them."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def rename_durably(source: Path, target: Path) -> None:
    """Rename atomically, replacing a file ``target``, and make the new name durable."""
    source.replace(target)
    fsync_folder(target.parent)
    if source.parent != target.parent:
        fsync_folder(source.parent)


def write_durably(path: Path, data: Buffer, *, temporary: Path) -> None:
    """Write a whole file so that after a crash or power cut it is there complete, or not at all.

    Written as ``temporary`` (same file system), flushed, renamed, folder flushed. On an error nothing is left behind;
    raises OSError.
    """
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            fsync_file(stream)
        rename_durably(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_new_durably(path: Path, data: Buffer, *, temporary: Path) -> None:
    """Write a whole file as :func:`write_durably`, for this user's eyes alone, and never over one that is there.

    Of two programs that do this at once the slower one gets FileExistsError, and the file of the faster one stays.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(data)
            fsync_file(stream)
        if sys.platform == "win32":
            temporary.rename(path)  # refuses a name that is taken; elsewhere only a link does
        else:
            path.hardlink_to(temporary)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def is_disk_full(error: OSError) -> bool:
    """Whether an error says that there is no room, or that this user's share of it is used up."""
    full = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    disk_quota_exceeded = 1295  # Windows, which Python does not translate
    return error.errno in full or getattr(error, "winerror", None) == disk_quota_exceeded


def make_folders_durably(path: Path, mode: int = 0o700) -> None:
    """Make a folder, for this user alone, and those above it that are missing; OSError if that cannot be."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        try:
            fsync_folder(folder.parent)
        except OSError:
            with suppress(OSError):
                folder.rmdir()  # else whoever tries again would find it and not flush its name
            raise


def user_data_folder() -> Path:
    """Where the programs of this user keep what must last; RuntimeError if the system knows no home folder."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    wanted = Path(os.environ.get("XDG_DATA_HOME", ""))
    return wanted if wanted.is_absolute() else Path.home() / ".local" / "share"


def locks_folder() -> Path:
    """Where the programs of all users of this computer keep their locks; it is made if it is not there (OSError).

    ``AIMDLAB_LOCKS`` names another one.
    """
    if os.environ.get("AIMDLAB_LOCKS"):
        folder = Path(os.environ["AIMDLAB_LOCKS"])
    elif sys.platform == "win32":
        folder = Path(os.environ.get("PROGRAMDATA") or Path.home()) / "aimdlab" / "locks"
    else:
        folder = Path("/tmp/aimdlab-locks")  # noqa: S108 - that of all users, whatever TMPDIR says
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform != "win32":
        with suppress(PermissionError):  # somebody else made it
            folder.chmod(0o1777)
    return folder


# glibc's malloc: blocks below the first come from memory that the process keeps; up to the second of it may lie free.
_KEPT_BLOCK_BYTES = 32 << 20
_KEPT_BYTES = 256 << 20
_ARENAS = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_freed_memory() -> bool:
    """Let this process keep the memory of arrays that it frees, for the next ones; returns whether it does.

    glibc gives every array of some megabytes back to the system and gets the next one anew, zeroed page by page: that
    took nearly half the time of a score. Other systems stay as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is None:
        return False
    wanted = ((_M_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_ARENA_MAX, _ARENAS))
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)


def environment_keeping_memory() -> dict[str, str]:
    """This process's environment, in which a child keeps freed memory too (:func:`keep_freed_memory`)."""
    return {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BLOCK_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
        "MALLOC_ARENA_MAX": str(_ARENAS),
    }


def detached_popen_kwargs() -> dict[str, Any]:
    """Arguments for ``subprocess.Popen`` that let a child outlive its parent and its terminal's Ctrl-C."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


@contextmanager
def children_deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C from their first moment on; this one hears it afterwards.

    In the main thread. On Windows they hear it until they say otherwise.
    """
    block = getattr(signal, "pthread_sigmask", None)
    if block is None:
        yield
        return
    before = block(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        block(signal.SIG_SETMASK, before)


def usable_cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Windows and macOS have none
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def is_process_alive(pid: int) -> bool:
    """Whether a process runs on this computer; one that ended but was not collected by its parent does not."""
    if pid <= 0:
        return False
    return _is_alive(pid)


if sys.platform == "win32":

    def _is_alive(pid: int) -> bool:
        import ctypes

        access_denied, query_limited, still_active = 5, 0x1000, 259
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(query_limited, False, pid)
        if not handle:
            return bool(ctypes.get_last_error() == access_denied)
        try:
            status = ctypes.c_ulong()
            kernel.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(status))
            return status.value == still_active
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))

else:

    def _is_alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether Linux lists the process as ended; False where there is no /proc to ask."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in ("Z", "X")


def process_started(pid: int) -> str:
    """When a process started, as the system counts: with its number it means one process for ever.

    "" if there is none, or on a system that does not tell; a number alone is given to others after a restart.
    """
    if sys.platform == "win32":
        return _created(pid)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return f"{boot}/{status.rpartition(')')[2].split()[19]}"


if sys.platform == "win32":

    def _created(pid: int) -> str:
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(0x1000, False, pid)  # to be asked, no more
        if not handle:
            return ""
        try:
            times = [ctypes.c_ulonglong() for _ in range(4)]  # created, ended, in the kernel, outside it
            told = kernel.GetProcessTimes(ctypes.c_void_p(handle), *(ctypes.byref(time) for time in times))
            return str(times[0].value) if told else ""
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))


def describe_host() -> dict[str, str]:
    """Name, operating system and processor of this computer, for the record."""
    return {
        "name": platform.node(),
        "system": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "machine": platform.machine(),
    }
