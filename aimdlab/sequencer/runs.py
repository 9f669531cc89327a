"""The runs of a session, as its event log tells of them: which process has it in hand, and how the last one ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab.errors import ConfigurationError
from aimdlab.session.canonical import Encodable
from aimdlab.session.events import Event
from aimdlab.session.inbox import RECEIVED
from aimdlab.session.pc_clock import FACTS, clock_facts

STARTED, RESUMED, INTERRUPTED, ENDED = "run.started", "run.resumed", "run.interrupted", "run.ended"
GIVEN_UP, SEALING = "run.given_up", "run.sealing"
"""A person seals what was interrupted as it is; seals what had come to its end. Neither is a run."""

_MOST_IN_VAIN = 3

DIED = "the run ended without a word: killed, or the power went"


@dataclass(frozen=True)
class Owner:
    """The process that a run is, or was.

    Attributes:
        pid: its number.
        started: see :func:`aimdlab._platform.process_started`.
        host: name of its computer.
    """

    pid: int
    started: str
    host: str

    def is_at_work(self) -> bool:
        """Whether that process lives, and is another than this one; never of another computer's, which nobody knows."""
        if self.pid == os.getpid() or not _platform.is_process_alive(self.pid):
            return False
        started = _platform.process_started(self.pid)
        if started and self.started:
            return started == self.started  # also where the computer got another name meanwhile
        return self.host == platform.node()  # what nobody tells is taken for the same


@dataclass(frozen=True)
class Runs:
    """What the log says of the runs so far.

    Attributes:
        count: how many there were.
        last: kind of the last event of a run, or "" if none began.
        message: its message.
        ended_early: why the run that ended left steps out, or "".
        owner: the process of the last run, or of whoever sealed after it; None if it was not told.
        at_step: the step at which the last run went on, or "".
        times: how many runs in a row went on there.
        wish: "pause", "stop" or "abort" if a person asked the last run for that and it died before it ended.
    """

    count: int = 0
    last: str = ""
    message: str = ""
    ended_early: str = ""
    owner: Owner | None = None
    at_step: str = ""
    times: int = 0
    wish: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the last run came to its end, so that only the seal is missing."""
        return self.last == ENDED

    @property
    def interruption(self) -> str:
        """Why the last run did not come to its end, for the technician."""
        if not self.last:
            return "no run began"
        return self.message if self.last == INTERRUPTED else DIED

    def refuse_if_in_vain(self, path: Path, step: str) -> None:
        """Raise ConfigurationError if so many runs have gone on at ``step`` that another one would end there too."""
        if step and step == self.at_step and self.times >= _MOST_IN_VAIN:
            raise ConfigurationError(
                f"{path}: {self.times} runs in a row went on at step {step} and did not come past it. Nobody is there "
                f'to see why, so no other is started. Look at the event log, then: aimdlab resume "{path}"'
            )

    def refuse_if_at_work(self, path: Path) -> None:
        """Raise ConfigurationError if the process of the last run lives on this computer."""
        if self.owner is not None and self.owner.is_at_work():
            raise ConfigurationError(
                f"{path} is in the hands of a run that is at work: process {self.owner.pid} on this computer. Wait "
                f'until it ends, or stop it with "aimdlab tell {path} stop". If it hangs, end that process first.'
            )


def owner_data() -> dict[str, Encodable]:
    """This process, its boot and the state of the PC's clock, for the event that begins a run."""
    pid = os.getpid()
    return {
        "pid": pid,
        "process_started": _platform.process_started(pid),
        "host": platform.node(),
        FACTS: clock_facts(),
    }


def read_runs(events: Iterable[Event]) -> Runs:
    """The runs of a session from its events."""
    runs = Runs()
    for event in events:
        if event.kind in (STARTED, RESUMED):
            at_step = str(event.data.get("next_step", ""))
            times = runs.times + 1 if at_step == runs.at_step else 1
            owner = _owner(event.data)
            wish = runs.wish if event.data.get("unattended") else ""  # a person who goes on decides anew
            runs = Runs(runs.count + 1, event.kind, event.message, "", owner, at_step, times, wish)
        elif event.kind in (INTERRUPTED, ENDED):
            why = str(event.data.get("ended_early", ""))
            owner = _owner(event.data) or runs.owner
            runs = replace(runs, last=event.kind, message=event.message, ended_early=why, owner=owner, wish="")
        elif event.kind == RECEIVED:
            runs = replace(runs, wish=_wish(runs.wish, str(event.data.get("command", ""))))
        elif event.kind in (GIVEN_UP, SEALING):
            why = str(event.data.get("ended_early", "")) or runs.ended_early
            runs = replace(runs, owner=_owner(event.data) or runs.owner, ended_early=why)
    return runs


def _wish(before: str, word: str) -> str:
    """What a person wants of a run after another word; a stop is not taken back."""
    if before in ("stop", "abort") or word in ("note", "answer"):
        return before
    return "" if word == "continue" else word


def _owner(data: dict[str, Any]) -> Owner | None:
    pid = data.get("pid")  # not there before it was told
    if not isinstance(pid, int) or not 0 < pid < 1 << 31:
        return None
    return Owner(pid, str(data.get("process_started", "")), str(data.get("host", "")))
