"""What the operating system knows of the PC's clock: which boot its monotonic time belongs to, and whether UTC is kept.

The monotonic clock begins anew with each boot, and is the same for all processes of one.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

# Longest that Windows' own program may take to tell.
_LIMIT_S = 5.0

_Synchronised = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class TimeSynchronisation:
    """Whether the PC's wall clock is kept to UTC.

    Attributes:
        synchronised: as the system says; "unknown" where it cannot be asked.
        told: by whom and in which words, or why nobody could be asked.
        max_error_s: bound of the error as the system keeps it; None where it tells none.
    """

    synchronised: _Synchronised
    told: str
    max_error_s: float | None = None


def boot_id() -> str:
    """What names this boot of this computer, the same in all processes; "" on a system that does not tell."""
    return _boot_id()


def time_synchronisation() -> TimeSynchronisation:
    """Ask the system whether the wall clock is kept to UTC; never raises. Takes up to 5 s on Windows.

    Linux: adjtimex(2), which chrony, ntpd and systemd-timesyncd keep up to date. Windows: ``w32tm /query /status``;
    written from its documented output, not tried on a Windows bench.
    """
    return _ask()


if sys.platform.startswith("linux"):
    _STA_UNSYNC = 0x40
    _TIME_ERROR = 5

    class _Timex(ctypes.Structure):
        """struct timex up to what is read, and room for the rest (adjtimex(2))."""

        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_char * 256),
        )

    def _ask() -> TimeSynchronisation:
        adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
        if adjtimex is None:
            return TimeSynchronisation("unknown", "this C library has no adjtimex")
        timex = _Timex()  # modes 0: nothing is set
        state = adjtimex(ctypes.byref(timex))
        if state < 0:
            return TimeSynchronisation("unknown", f"adjtimex: {os.strerror(ctypes.get_errno())}")
        kept = state != _TIME_ERROR and not timex.status & _STA_UNSYNC
        told = f"adjtimex: state {state}, status 0x{timex.status:04x}"
        return TimeSynchronisation("yes" if kept else "no", told, timex.maxerror / 1e6)

    @cache
    def _boot_id() -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return ""

elif sys.platform == "win32":

    def _ask() -> TimeSynchronisation:
        program = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "w32tm.exe"
        try:
            done = subprocess.run(  # noqa: S603 - the system's own program
                [str(program), "/query", "/status"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_LIMIT_S,
                check=False,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return TimeSynchronisation("unknown", f"w32tm: {error}")
        return read_w32tm(done.stdout.decode(errors="replace"))

    @cache
    def _boot_id() -> str:
        """The loader's count of boots, which every process sees, and the installation that it counts for."""
        import winreg

        boots = ctypes.c_uint32.from_address(0x7FFE0000 + 0x2C4).value  # KUSER_SHARED_DATA.BootId (ntddk.h)
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                machine = str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            machine = ""
        return f"{machine}/{boots}"

else:

    def _ask() -> TimeSynchronisation:
        return TimeSynchronisation("unknown", "this system is not asked")

    def _boot_id() -> str:
        return ""


def read_w32tm(output: str) -> TimeSynchronisation:
    """What ``w32tm /query /status`` says: its first line is the leap indicator, 3 if the clock is not synchronised.

    The words are in the language of the system, the numbers are not.
    """
    lines = output.split("\n")
    leap = re.search(r":\s*([0-3])\s*\(", lines[0])
    if leap is None:
        return TimeSynchronisation("unknown", f"w32tm: {' '.join(output.split())[:200]}")
    stratum = re.search(r":\s*(\d+)\s*\(", lines[1]) if len(lines) > 1 else None
    kept = leap[1] != "3" and (stratum is None or stratum[1] != "0")
    told = f"w32tm: leap indicator {leap[1]}, stratum {stratum[1] if stratum else 'not told'}"
    return TimeSynchronisation("yes" if kept else "no", told)
