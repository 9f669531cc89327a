"""Safe state: every source off, in a fixed order, each call repeated until it succeeds or its time is over.

Order: RF generators, signal generators, then drive amplifiers, then the rest. Sources go first because an amplifier
that is disabled under drive can answer with a transient.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aimdlab.bench.roles import Role
from aimdlab.errors import AimdlabError, SafeStateError

# Between two tries: a LAN bridge or an instrument that restarts its server refuses for a moment.
_PAUSE_S = 0.25

ORDER: tuple[Role, ...] = (Role.RF_GENERATOR, Role.SIGNAL_GENERATOR, Role.DRIVE_AMPLIFIER)


@dataclass(frozen=True)
class SafeAction:
    """How one instrument is made safe.

    Attributes:
        instrument: its name in the bench file.
        roles: what it can play; decides its place in the order.
        act: switches every output off; raises if it could not, and may then be called again.
        limit_s: real time for all tries together.
    """

    instrument: str
    roles: frozenset[Role]
    act: Callable[[], None]
    limit_s: float


def safe_order(actions: Iterable[SafeAction]) -> list[SafeAction]:
    """The actions in the order in which they are carried out."""

    def rank(action: SafeAction) -> int:
        return next((place for place, role in enumerate(ORDER) if role in action.roles), len(ORDER))

    return sorted(actions, key=rank)


def make_safe(actions: Iterable[SafeAction]) -> list[str]:
    """Carry the actions out; see :func:`carry_out`.

    Returns the names in the order done; SafeStateError lists every instrument that could not be made safe.
    """
    done, problems = carry_out(actions)
    if problems:
        raise not_safe(problems)
    return done


def carry_out(actions: Iterable[SafeAction]) -> tuple[list[str], dict[str, str]]:
    """Carry the actions out in order; an instrument that fails or hangs does not keep the others on.

    Returns the names in the order done, and the problem of every other instrument by its name.
    """
    done: list[str] = []
    problems: dict[str, str] = {}
    for action in safe_order(actions):
        problem = _limited(action)
        if problem:
            problems[action.instrument] = problem
        else:
            done.append(action.instrument)
    return done, problems


def not_safe(problems: Mapping[str, str]) -> SafeStateError:
    """What to tell the technician: what to switch off, then why."""
    why = "; ".join(f"{instrument}: {problem}" for instrument, problem in problems.items())
    return SafeStateError(f"NOT SAFE, switch off by hand now: {', '.join(problems)}. ({why})")


def _limited(action: SafeAction) -> str:
    """Try until it is done or ``limit_s`` is over; returns the last problem, or "" once it is done."""
    deadline_s = time.monotonic() + action.limit_s
    last = [f"no answer within {action.limit_s:g} s"]
    done, over = threading.Event(), threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                action.act()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported and the others go off
                last.append(str(error) if isinstance(error, AimdlabError) else f"{type(error).__name__}: {error}")
                over.wait(_PAUSE_S)
            else:
                done.set()
                return

    # Its own thread, because a hung call cannot be ended: it is left behind and reported.
    threading.Thread(target=run, name=f"make-safe-{action.instrument}", daemon=True).start()
    try:
        done.wait(max(0.0, deadline_s - time.monotonic()))
    finally:
        over.set()  # nothing is tried again once it was reported
    return "" if done.is_set() else last[-1]
