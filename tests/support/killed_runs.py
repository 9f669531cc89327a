"""A campaign that is killed (kill -9) at random moments and gone on with until it is sealed, watched from its bench.

When the sources went off is seen where it counts: at the simulated instruments, which live on.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aimdlab.session.reader import open_session
from command_line import COMMAND, Control, Lab
from patience import LIMIT_S

Moment = Callable[["subprocess.Popen[str]", Path], None]
Committed = list[tuple[int, int, str]]


@dataclass
class Kills:
    """What was seen.

    Attributes:
        kills: how many there were.
        off_s: real time from each kill with a source on until all were off.
        ended: runs that came to their end before they were killed.
        sessions: how many were sealed.
        attempts: how many they hold.
    """

    kills: int = 0
    off_s: list[float] = field(default_factory=list)
    ended: int = 0
    sessions: int = 0
    attempts: int = 0

    def describe(self) -> str:
        """One line with the distribution."""
        times = sorted(self.off_s)

        def at(share: float) -> str:
            return f"{times[min(int(share * len(times)), len(times) - 1)] * 1e3:.0f} ms" if times else "-"

        return (
            f"kill -9 of a running campaign: {self.kills} kills, {self.sessions} sessions sealed with {self.attempts} "
            f"attempts, none lost, none doubled; a source was on at {len(times)} kills, all were off after "
            f"{at(0)} (least), {at(0.5)} (median), {at(0.95)} (95 %), {at(1)} (most)"
        )


def at_any_moment(chance: random.Random, longest_s: float, control: Control) -> Moment:
    """Kills come at any moment of a run, from its start on; every other one as soon after as a source is on."""

    def wait(run: subprocess.Popen[str], _session: Path) -> None:
        while_on = chance.random() < 0.5
        try:
            run.wait(timeout=chance.uniform(0, longest_s))
        except subprocess.TimeoutExpired:
            while while_on and run.poll() is None and not _is_on(control):
                pass
            if run.poll() is None:
                raise

    return wait


def after_some_attempts(chance: random.Random, most: int) -> Moment:
    """Kills come some time after one of the next attempts was committed, however fast the computer is."""

    def wait(run: subprocess.Popen[str], session: Path) -> None:
        wanted = len(list(session.glob("attempts/*.h5"))) + chance.randint(1, most)
        pause = threading.Event()
        while run.poll() is None and len(list(session.glob("attempts/*.h5"))) < wanted:
            pause.wait(0.01)  # between two looks
        run.wait(timeout=chance.uniform(0, 0.3))

    return wait


def kill_until_sealed(lab: Lab, control: Control, attach: str, session: Path, seen: Kills, **how: Any) -> None:
    """Run the lab's campaign into ``session``, killed again and again, to its seal; asserts that nothing is lost.

    Args:
        how: ``moment`` at which it is killed, ``most`` kills.
    """
    command: list[str | Path] = ["run", lab.campaign, "--session", session, "--attach", attach]
    known: Committed = []
    left: int = how["most"]
    moment: Moment = how["moment"]
    said = lab.folder / "said.txt"
    while not session.with_suffix(".h5").exists() or session.exists():
        with said.open("w", encoding="utf-8") as stream, subprocess.Popen(
            [*COMMAND, *map(str, command)],
            cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream, text=True,
        ) as run:  # fmt: skip
            try:
                if left:
                    moment(run, session)
                status = run.wait(timeout=10 * LIMIT_S if not left else 0)
                assert status == 0, said.read_text(encoding="utf-8")
                seen.ended += 1
            except subprocess.TimeoutExpired:
                left -= 1
                seen.kills += 1
                _kill(run, control, seen)
        if not (session / "session.h5").exists() and not session.with_suffix(".h5").exists():
            shutil.rmtree(session, ignore_errors=True)  # killed before it began
            continue
        command = ["resume", session, "--attach", attach]
        now = _committed(session)
        assert now[: len(known)] == known, "nothing committed is lost"
        known = now
    lab.cli("seal", session)  # what a killed seal left lying about
    assert set(Counter((step, number) for step, number, _ in known).values()) == {1}, "nothing is doubled"
    seen.sessions += 1
    seen.attempts += len(known)


def _kill(run: subprocess.Popen[str], control: Control, seen: Kills) -> None:
    was_on = _is_on(control)
    run.kill()
    killed_s = time.monotonic()
    while _is_on(control):
        was_on = True
        assert time.monotonic() < killed_s + LIMIT_S, "a source stays on"
    if was_on:
        seen.off_s.append(time.monotonic() - killed_s)
    run.wait(timeout=LIMIT_S)


def _is_on(control: Control) -> bool:
    return any(channel["output"] for channel in control.generator()["channels"].values())


def _committed(session: Path) -> Committed:
    with open_session(session) as found:
        found.verify()
        return [(record.step, record.number, record.sha256) for record in found.records()]
