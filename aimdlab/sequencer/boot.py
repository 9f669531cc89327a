"""After a restart of the PC: every bench it knows is made safe, and what may go on by itself goes on."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aimdlab._platform import Holder
from aimdlab.bench.guardian.aftermath import start_beside
from aimdlab.bench.guardian.hands import Hands
from aimdlab.bench.guardian.orders import InstrumentOrder
from aimdlab.bench.lock import BenchLock, guardian_locks
from aimdlab.bench.safe_state import carry_out, limit_for
from aimdlab.config.campaign import load_bench
from aimdlab.errors import ConfigurationError, InUseError
from aimdlab.sequencer.guarding import orders_for
from aimdlab.sequencer.known import AtWork, damaged_notes, forget, known_benches, sessions_at_work

# Between two calls of an instrument that is still starting.
_AGAIN_S = 2.0
# Windows delivers Ctrl-C only between two waits.
_SLICE_S = 0.2

Happening = Literal["runs", "sealed", "gone on", "waits", "cannot go on"]


@dataclass(frozen=True)
class BenchAtBoot:
    """What became of one bench.

    Attributes:
        bench: its file.
        off: instruments that are safe.
        in_use: who has it in hand and looks after it, or "".
        problems: why others may still be on; by name, "" for the bench as a whole.
    """

    bench: Path
    off: tuple[str, ...] = ()
    in_use: str = ""
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
    turns: dict[Path, threading.Lock] = {}
    found = {
        note: BenchAtBoot(note, problems={"": "this note of a bench is damaged. Look at every bench, then remove it."})
        for note in damaged_notes()
    }

    def work(bench: Path) -> None:
        try:
            found[bench] = _make_safe(bench, holder, deadline_s, turns)
        except Exception as error:  # noqa: BLE001 - of one bench; reported, and the others go off
            found[bench] = BenchAtBoot(bench, problems={"": f"{type(error).__name__}: {error}"})

    # All at once: one that does not answer keeps no other on.
    at_work = [threading.Thread(target=work, args=(bench,), daemon=True) for bench in known_benches()]
    for thread in at_work:
        thread.start()
    for thread in at_work:
        while thread.is_alive():
            thread.join(_SLICE_S)
    return [found[bench] for bench in sorted(found)]


def go_on(benches: list[BenchAtBoot]) -> list[SessionAtBoot]:
    """Go on with the sessions that may, on benches that are safe; say what becomes of the others."""
    unsafe = {str(bench.bench) for bench in benches if bench.problems or bench.in_use}
    return [_go_on(entry, is_safe=entry.bench not in unsafe) for entry in sessions_at_work()]


def _make_safe(path: Path, holder: Holder, deadline_s: float, turns: dict[Path, threading.Lock]) -> BenchAtBoot:
    """Make one bench safe; in turn with others that share an instrument, which this process would find in use."""
    try:
        bench = load_bench(path).file
    except ConfigurationError as error:
        return BenchAtBoot(path, problems={"": str(error)})
    resources = {name: entry.resource for name, entry in bench.instruments.items() if entry.resource}
    off: list[str] = []
    try:
        left = orders_for(bench, resources, ()).instruments
        while True:
            with ExitStack() as stack:
                for lock in guardian_locks(resources.values()):
                    stack.enter_context(turns.setdefault(lock, threading.Lock()))
                stack.enter_context(BenchLock(resources, holder))
                done, problems = _switch_off(left)
            off += done
            left = tuple(order for order in left if order.name in problems)
            if not left or time.monotonic() >= deadline_s:
                return BenchAtBoot(path, off=tuple(off), problems=problems)
            threading.Event().wait(_AGAIN_S)
    except InUseError as error:
        return BenchAtBoot(path, off=tuple(off), in_use=str(error))


def _switch_off(left: tuple[InstrumentOrder, ...]) -> tuple[list[str], dict[str, str]]:
    """Try each once: the names of those that are off, and the problem of every other."""
    hands = Hands()
    problems = hands.reach(left)
    limit_s = max((limit_for(order.timeout_s) for order in left), default=0.0)
    try:
        done, failed = carry_out(hands.actions(limit_s, lambda action: action))
    finally:
        hands.close()
    return done, problems | failed


def _go_on(entry: AtWork, *, is_safe: bool) -> SessionAtBoot:
    folder = Path(entry.session)
    if entry.is_running():
        return SessionAtBoot(entry.session, "runs", f"process {entry.holder.pid} is at work on it")
    if not folder.is_dir():
        forget(entry)
        return SessionAtBoot(entry.session, "sealed", "it is a folder no more")
    by_hand = f'aimdlab resume "{entry.session}"'
    if not is_safe:
        return SessionAtBoot(
            entry.session, "cannot go on", f"its bench is not safe, or in use. See to that, then: {by_hand}"
        )
    if not entry.resume:
        return SessionAtBoot(
            entry.session, "waits", f"its campaign does not say `unattended: {{resume: true}}`. By hand: {by_hand}"
        )
    try:
        output, pid = start_beside(folder, entry.resume, entry.folder)
    except OSError as error:
        return SessionAtBoot(entry.session, "cannot go on", f"it cannot be started: {error}. By hand: {by_hand}")
    return SessionAtBoot(entry.session, "gone on", f"process {pid} goes on with it; what it says is in {output}")
