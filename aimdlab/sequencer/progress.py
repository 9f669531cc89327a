"""Where a run shows how far it is; the command line implements it, a run without anybody watching uses Silent."""

from __future__ import annotations

from typing import Protocol

from aimdlab.procedures.protocol import Step
from aimdlab.scoring.results import Score, Verdict


class Progress(Protocol):
    """Is told of every turn of a run."""

    def step_started(self, step: Step, attempt: int) -> None:
        """An attempt at ``step`` begins."""
        ...

    def phase(self, step: Step, name: str) -> None:
        """The attempt enters a part of the step: "prepare", "verify", "expose", "fault", "score"."""
        ...

    def trouble(self, message: str) -> None:
        """An instrument failed, or came back; said at once, since somebody may have to switch off by hand."""
        ...

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        """The attempt is committed."""
        ...

    def omitted(self, step: Step) -> None:
        """``step`` is left out, with its rationale."""
        ...

    def done_before(self, step: Step, verdict: Verdict) -> None:
        """``step`` was done by a run that was interrupted."""
        ...


class Silent:
    """Shows nothing."""

    def step_started(self, step: Step, attempt: int) -> None:
        """Nothing."""

    def phase(self, step: Step, name: str) -> None:
        """Nothing."""

    def trouble(self, message: str) -> None:
        """Nothing."""

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        """Nothing."""

    def omitted(self, step: Step) -> None:
        """Nothing."""

    def done_before(self, step: Step, verdict: Verdict) -> None:
        """Nothing."""
