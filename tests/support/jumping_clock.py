"""The real command line on a PC whose wall clock somebody keeps setting.

jumping_clock.py SECONDS ARGUMENTS...   it is off by so many seconds
jumping_clock.py wild ARGUMENTS...      it is set by up to five days, back and forth, at every seventh look
jumping_clock.py ... hold PLACE N ARGUMENTS...  and the command is held there, as by held_command.py
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from aimdlab.cli import main
from held_command import hold

_DAY_NS = 86_400 * 10**9


def set_clock(offset_ns: Callable[[], int]) -> None:
    real_ns = time.time_ns
    time.time_ns = lambda: real_ns() + offset_ns()
    time.time = lambda: time.time_ns() / 1e9


def wild() -> Callable[[], int]:
    chance = random.Random(5)
    looks, offset_ns = 0, 0

    def offset() -> int:
        nonlocal looks, offset_ns
        looks += 1
        if looks % 7 == 0:
            offset_ns = chance.randint(-5 * _DAY_NS, 5 * _DAY_NS)
        return offset_ns

    return offset


if __name__ == "__main__":
    how, sys.argv = sys.argv[1], ["aimdlab", *sys.argv[2:]]
    if how == "wild":
        set_clock(wild())
    else:
        constant_ns = int(float(how) * 1e9)
        set_clock(lambda: constant_ns)
    if sys.argv[1] == "hold":
        hold(sys.argv[2], int(sys.argv[3]))
        del sys.argv[1:4]
    main()
