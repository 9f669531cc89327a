"""End a process by number and start mark, so that it is never another one that was given the same number."""

from __future__ import annotations

import os
import signal
import sys


def kill_process(pid: int, started: str) -> bool:
    """End the process ``pid`` now if it is the one that started at ``started`` (see ``process_started``).

    Returns whether it was that one and was told to end; OSError if this user may not end it.
    """
    if pid <= 0:
        return False
    return _kill(pid, started)


def is_that_process(pid: int, started: str) -> bool:
    """Whether the process ``pid`` lives and is the one that started at ``started``."""
    from aimdlab._platform import is_process_alive, process_started

    return is_process_alive(pid) and process_started(pid) == started


if sys.platform == "win32":

    def _kill(pid: int, started: str) -> bool:
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(0x0001 | 0x1000, False, pid)  # to be ended, and to be asked
        if not handle:
            if is_that_process(pid, started):
                raise ctypes.WinError(ctypes.get_last_error())
            return False
        try:  # as long as the handle is open, nobody else is given the number
            if not is_that_process(pid, started):
                return False
            if not kernel.TerminateProcess(ctypes.c_void_p(handle), 1):
                raise ctypes.WinError(ctypes.get_last_error())
            return True
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))

else:

    def _kill(pid: int, started: str) -> bool:
        if not hasattr(os, "pidfd_open"):  # not Linux: a moment remains in which the number could change hands
            if not is_that_process(pid, started):
                return False
            os.kill(pid, signal.SIGKILL)
            return True
        try:
            descriptor = os.pidfd_open(pid)  # means this process for ever, whoever is given its number
        except ProcessLookupError:
            return False
        try:
            if not is_that_process(pid, started):
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return True
        except ProcessLookupError:  # it has ended by itself
            return False
        finally:
            os.close(descriptor)
