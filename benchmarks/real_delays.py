"""Exposure time over wall time on the real clock, with instruments as slow as real ones; and where the rest goes.

Four sequences of 15 s on the bench of Annex D, 20 ms per command (each of a chain), 50 ms for arming, links of 100
MB/s: the run takes some two minutes, baseline and check included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from aimdlab.procedures.injection.procedure import InjectionProcedure
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.exposure import EXPOSURE
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Score
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from benchmarks.figure import Figure, Outcome
from benchmarks.lab import Kind, lab, run
from benchmarks.recorded import Recorder

_GENERATOR = 'delays: {command: "20 ms", transfer: "100 MB/s"}'
_OSCILLOSCOPE = 'delays: {command: "20 ms", arming: "50 ms", transfer: "100 MB/s"}'
_FEW = Kind("gradient_injected_tier_1.yaml", "20 kHz", t_off='["20 ms"]', t_dwell='["0.5 ms"]')


@dataclass
class Taken:
    """One sequence: wall time and commands of each of its parts, in the order of the step; see :func:`measure`."""

    wall_s: dict[str, float] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)
    exposure_s: float = 0.0
    watched_s: float = 0.0

    @property
    def total_s(self) -> float:
        """Wall time of the whole sequence."""
        return sum(self.wall_s.values())


def measure() -> tuple[Outcome, list[str]]:
    """The figure, a round for each sequence, and lines that say where the time beside the exposure goes."""
    with lab(_FEW) as campaign, ExitStack() as stack:
        _slow_down(campaign.parents[1] / "worlds" / "annex_d_pacemaker.yaml")
        clock = _PartClock()
        stack.enter_context(clock.listening())
        stack.enter_context(_around(InjectionProcedure, "finish", clock.finishing))
        stack.enter_context(_around(SessionFolder, "commit", clock.committing))
        run(campaign, campaign.parent / "session", clock, clock="real", started=clock.meet)
    return Outcome(FIGURE, tuple((taken.total_s, taken.exposure_s) for taken in clock.taken)), list(_lines(clock.taken))


def _lines(taken: list[Taken]) -> Iterator[str]:
    total_s = statistics.mean(one.total_s for one in taken)
    exposed_s = statistics.mean(one.exposure_s for one in taken)
    watched_s = statistics.mean(one.watched_s for one in taken) - exposed_s
    yield f"{len(taken)} sequences of {exposed_s:.2f} s took {total_s:.2f} s each; of the {total_s - exposed_s:.2f} s:"
    for part in taken[0].wall_s:
        part_s = statistics.mean(one.wall_s[part] for one in taken) - (exposed_s if part == "expose" else 0.0)
        commands = statistics.mean(one.commands.get(part, 0) for one in taken)
        more = f", of which the device is watched before and after for {watched_s:.2f} s" if part == "expose" else ""
        yield f"  {part:8s} {part_s:7.3f} s, {commands:.0f} commands{more}"


class _PartClock(Recorder):
    """Takes the time of each part of a sequence and counts its commands."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self._current = Taken()
        self._part, self._since_s = "begin", time.monotonic()

    def phase(self, step: Step, name: str) -> None:
        self._turn(name)

    def finishing(self, finish: Callable[..., Any], *arguments: Any) -> Any:
        self._turn("finish")
        return finish(*arguments)

    def committing(self, commit: Callable[..., Any], folder: SessionFolder, attempt: Attempt) -> Any:
        self._turn("commit")
        self._current.exposure_s = attempt.exposure_s
        self._current.watched_s = max((one.span_s for one in attempt.captures if one.kind == EXPOSURE), default=0.0)
        committed = commit(folder, attempt)
        self._turn("end")
        return committed

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        self._turn("begin")
        super().attempt_done(step, attempt, score)
        if step.kind == KIND_SEQUENCE:
            self.taken.append(self._current)
        self._current = Taken()

    def _turn(self, part: str) -> None:
        now_s = time.monotonic()
        parts, commands = self._current.wall_s, self._current.commands
        parts[self._part] = parts.get(self._part, 0.0) + now_s - self._since_s
        said = sum(len(message.command.split(";:")) for message in self.said_since())
        commands[self._part] = commands.get(self._part, 0) + said
        self._part, self._since_s = part, now_s


@contextmanager
def _around(owner: type, name: str, call: Callable[..., Any]) -> Iterator[None]:
    """While it lasts, the method ``name`` goes through ``call``."""
    method = getattr(owner, name)
    with mock.patch.object(owner, name, lambda *arguments: call(method, *arguments)):
        yield


def _slow_down(world: Path) -> None:
    text = world.read_text(encoding="utf-8")
    slow = text.replace("transport: socket}", f"transport: socket, {_GENERATOR}}}")
    slow = slow.replace("transport: hislip\n", f"transport: hislip\n    {_OSCILLOSCOPE}\n")
    if slow.count("delays: ") != text.count("transport: "):
        raise RuntimeError(f"not every instrument of {world} was slowed down")
    world.write_text(slow, encoding="utf-8")


def _never() -> Any:
    raise RuntimeError("the rounds of this figure are the sequences of one run")


FIGURE = Figure("exposure of a step, slow instruments", "exposure time", _never, 0.995)
