"""Where the wall time of a sequence goes, part by part: ``python -m benchmarks.parts`` on the virtual clock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean
from typing import Any
from unittest import mock

from aimdlab.procedures.injection.procedure import InjectionProcedure
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.exposure import EXPOSURE
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Score
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from benchmarks.lab import FULL, lab, run
from benchmarks.recorded import Recorder

EXPOSE = "expose"


@dataclass
class Taken:
    """One sequence, its parts in the order of the step.

    Attributes:
        wall_s: real time of each part.
        cpu_s: processor time of this process, all its threads.
        messages: sent in each part.
        commands: in these; a message may chain several.
        exposure_s: bench time for which the device was exposed.
        watched_s: bench time that was recorded, before and after the exposure too.
    """

    wall_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    exposure_s: float = 0.0
    watched_s: float = 0.0

    @property
    def total_s(self) -> float:
        """Wall time of the whole sequence."""
        return sum(self.wall_s.values())


class PartClock(Recorder):
    """Takes the time of each part of a sequence and counts what is said in it.

    Attributes:
        taken: every sequence so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self._current = Taken()
        self._part, self._since_s, self._cpu_since_s = "begin", time.monotonic(), time.process_time()

    @contextmanager
    def around_the_run(self) -> Iterator[None]:
        """Hears what it must."""
        with (
            self.listening(),
            _around(InjectionProcedure, "finish", self._finishing),
            _around(SessionFolder, "commit", self._committing),
        ):
            yield

    def phase(self, step: Step, name: str) -> None:
        self._turn(name)

    def _finishing(self, finish: Callable[..., Any], *arguments: Any) -> Any:
        self._turn("finish")
        return finish(*arguments)

    def _committing(self, commit: Callable[..., Any], folder: SessionFolder, attempt: Attempt) -> Any:
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
        now_s, cpu_now_s = time.monotonic(), time.process_time()
        now, said = self._current, self.said_since()
        now.wall_s[self._part] = now.wall_s.get(self._part, 0.0) + now_s - self._since_s
        now.cpu_s[self._part] = now.cpu_s.get(self._part, 0.0) + cpu_now_s - self._cpu_since_s
        now.messages[self._part] += len(said)
        now.commands[self._part] += sum(len(message.command.split(";:")) for message in said)
        self._part, self._since_s, self._cpu_since_s = part, now_s, cpu_now_s


def in_words(taken: Sequence[Taken], *, real: bool) -> Iterator[str]:
    """Means over all sequences; on the ``real`` clock the exposure is taken off where it passes."""
    total_s, exposed_s = mean(one.total_s for one in taken), mean(one.exposure_s for one in taken)
    beside_s = exposed_s if real else 0.0
    yield f"{len(taken)} sequences of {exposed_s:.2f} s took {total_s:.3f} s each; of the {total_s - beside_s:.3f} s:"
    for part in taken[0].wall_s:
        part_s = mean(one.wall_s[part] for one in taken) - (beside_s if part == EXPOSE else 0.0)
        cpu_s = mean(one.cpu_s[part] for one in taken)
        messages, commands = (mean(count[part] for count in each) for each in zip(*map(_said, taken), strict=True))
        said = f"{messages:.0f} messages with {commands:.0f} commands"
        yield f"  {part:8s} {part_s:8.4f} s, {cpu_s:.4f} s of the processor, {said}"
    watched_s = mean(one.watched_s for one in taken) - exposed_s
    yield f"Before and after each exposure the device is watched for {watched_s:.2f} s together, as the test asks for."
    if real:
        yield f"Exposed or watched: {(exposed_s + watched_s) / total_s:.3f} of the wall time."


def _said(taken: Taken) -> tuple[Counter[str], Counter[str]]:
    return taken.messages, taken.commands


def main() -> None:
    """On the virtual clock, the bench of Annex D."""
    with lab(FULL) as campaign:
        clock = PartClock()
        with clock.around_the_run():
            run(campaign, campaign.parent / "session", clock, started=clock.meet)
        print("\n".join(in_words(clock.taken, real=False)))


@contextmanager
def _around(owner: type, name: str, call: Callable[..., Any]) -> Iterator[None]:
    """While it lasts, the method ``name`` goes through ``call``."""
    method = getattr(owner, name)
    with mock.patch.object(owner, name, lambda *arguments: call(method, *arguments)):
        yield


if __name__ == "__main__":
    main()
