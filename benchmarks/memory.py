"""The largest memory that a process had; with nothing but the standard library. Not on Windows."""

from __future__ import annotations

import resource
from pathlib import Path

HERE = Path("/proc/self")


def peak_bytes() -> int:
    """Of this process, and of the largest of its children."""
    # What ru_maxrss says after an exec may be the memory of the parent.
    own = high_water_bytes(HERE) if HERE.exists() else _largest_bytes(resource.RUSAGE_SELF)
    return own + _largest_bytes(resource.RUSAGE_CHILDREN)


def forget_peak() -> None:
    """On Linux: from now on the peak is counted anew, from what there is."""
    if HERE.exists():
        (HERE / "clear_refs").write_text("5", encoding="ascii")


def high_water_bytes(process: Path) -> int:
    """Of a process on Linux, by its folder in ``/proc``."""
    lines = (process / "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _largest_bytes(whose: int) -> int:
    return resource.getrusage(whose).ru_maxrss * 1024


if __name__ == "__main__":
    print(peak_bytes())
