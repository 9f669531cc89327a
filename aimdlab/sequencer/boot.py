"""After a restart of the PC: every bench it knows is made safe, and what may go on by itself goes on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aimdlab._platform import Holder
from aimdlab.bench.guardian.aftermath import start_beside
from aimdlab.bench.guardian.hands import Hands
from aimdlab.bench.lock import BenchLock
from aimdlab.bench.safe_state import carry_out, limit_for
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import load_bench
from aimdlab.errors import ConfigurationError, InUseError
from aimdlab.sequencer.guarding import orders_for
from aimdlab.sequencer.known import AtWork, forget, known_benches, sessions_at_work

# Between two calls of an instrument that is still starting.
_AGAIN_S = 2.0

Happening = Literal["runs", "sealed", "gone on", "waits", "cannot go on"]


@dataclass(frozen=True)
class BenchAtBoot:
    """What became of one bench.

    Attributes:
        bench: its file.
        off: instruments that are safe.
        problems: why others may still be on; by name, "" for the bench as a whole.
    """

    bench: Path
    off: tuple[str, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionAtBoot:
    """What becomes of a session whose run did not end by itself.

    Attributes:
        session: its folder.
        happening: "runs": another process has it; "sealed": nothing is left to do; "gone on": it goes on by itself;
            "waits": for a person, since its campaign does not allow that; "cannot go on": see ``text``.
        text: for a person.
    """

    session: str
    happening: Happening
    text: str


def make_benches_safe(holder: Holder, patience_s: float) -> list[BenchAtBoot]:
    """Make every known bench safe, each instrument as soon as it answers; those that run are left alone.

    Args:
        holder: who does it.
        patience_s: how long instruments that do not answer yet are waited for, all benches together.
    """
    deadline_s = time.monotonic() + patience_s
    return [_make_safe(bench, holder, deadline_s) for bench in known_benches()]


def go_on(benches: list[BenchAtBoot]) -> list[SessionAtBoot]:
    """Go on with the sessions that may, on benches that are safe; say what becomes of the others."""
    unsafe = {str(bench.bench) for bench in benches if bench.problems}
    return [_go_on(entry, is_safe=entry.bench not in unsafe) for entry in sessions_at_work()]


def _make_safe(path: Path, holder: Holder, deadline_s: float) -> BenchAtBoot:
    try:
        bench = load_bench(path).file
    except ConfigurationError as error:
        return BenchAtBoot(path, problems={"": str(error)})
    resources = {name: entry.resource for name, entry in bench.instruments.items() if entry.resource}
    try:
        with BenchLock(resources, holder):
            return _switch_off(path, bench, resources, deadline_s)
    except InUseError as error:
        return BenchAtBoot(path, problems={"": str(error)})


def _switch_off(path: Path, bench: BenchFile, resources: dict[str, str], deadline_s: float) -> BenchAtBoot:
    off: list[str] = []
    left = orders_for(bench, resources, ()).instruments
    while True:
        hands = Hands()
        problems = hands.reach(left)
        limit_s = max((limit_for(order.timeout_s) for order in left), default=0.0)
        try:
            done, failed = carry_out(hands.actions(limit_s, lambda action: action))
        finally:
            hands.close()
        off += done
        problems |= failed
        left = tuple(order for order in left if order.name in problems)
        if not left or time.monotonic() >= deadline_s:
            return BenchAtBoot(path, off=tuple(off), problems=problems)
        threading.Event().wait(_AGAIN_S)


def _go_on(entry: AtWork, *, is_safe: bool) -> SessionAtBoot:
    folder = Path(entry.session)
    if entry.is_running():
        return SessionAtBoot(entry.session, "runs", f"process {entry.holder.pid} is at work on it")
    if not folder.is_dir():
        forget(entry)
        return SessionAtBoot(entry.session, "sealed", "it is a folder no more")
    by_hand = f'aimdlab resume "{entry.session}"'
    if not is_safe:
        return SessionAtBoot(entry.session, "cannot go on", f"its bench is not safe. See to that, then: {by_hand}")
    if not entry.resume:
        return SessionAtBoot(
            entry.session, "waits", f"its campaign does not say `unattended: {{resume: true}}`. By hand: {by_hand}"
        )
    try:
        output, pid = start_beside(folder, entry.resume, entry.folder)
    except OSError as error:
        return SessionAtBoot(entry.session, "cannot go on", f"it cannot be started: {error}. By hand: {by_hand}")
    return SessionAtBoot(entry.session, "gone on", f"process {pid} goes on with it; what it says is in {output}")
