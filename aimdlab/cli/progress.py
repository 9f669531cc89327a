"""Progress of a run at the terminal: step, what it does, verdict counts, time to go."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from aimdlab.cli.output import duration, status
from aimdlab.cli.verdicts import STYLE
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.results import Score, Verdict
from aimdlab.sequencer.plan import Plan


class TerminalProgress:
    """Shows a run on standard error: two live lines at a terminal, else a line per attempt."""

    def __init__(self, plan: Plan) -> None:
        self._total_s = self._remaining_s = plan.exposure_s
        self._started_s = time.monotonic()
        self._last: dict[str, Verdict] = {}
        self._bar = Progress(
            BarColumn(bar_width=20), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}")
        )
        self._task: TaskID = self._bar.add_task("", total=len(plan.steps))
        self._live = Live(console=status, transient=True, refresh_per_second=4) if status.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def step_started(self, step: Step, attempt: int) -> None:
        """Show the step."""
        self._show(step, f"attempt {attempt}" if attempt > 1 else "starts")

    def phase(self, step: Step, name: str) -> None:
        """Show the part of the step."""
        self._show(step, name)

    def trouble(self, message: str) -> None:
        """Say it in a line of its own, which stays."""
        status.print(f"[yellow]{escape(message)}[/]", soft_wrap=True)

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        """Count the verdict."""
        if step.id not in self._last:
            self._remaining_s -= step.exposure_s
            self._bar.advance(self._task)
        self._last[step.id] = score.verdict
        if self._live is None:
            tried = f" (attempt {attempt})" if attempt > 1 else ""
            verdict = f"[{STYLE[score.verdict]}]{score.verdict}[/]"
            status.print(f"step {step.id}  {escape(step.title)}  {verdict}{tried}", soft_wrap=True)

    def omitted(self, step: Step) -> None:
        """Count it; a line would be one of thousands."""
        self._bar.advance(self._task)
        self._last[step.id] = Verdict.OMITTED

    def done_before(self, step: Step, verdict: Verdict) -> None:
        """Count it; it takes no time any more."""
        self._total_s -= step.exposure_s
        self._remaining_s -= step.exposure_s
        self._bar.advance(self._task)
        self._last[step.id] = verdict

    def _show(self, step: Step, what: str) -> None:
        if self._live is None:
            return
        counts = Counter(self._last.values())
        said = " ".join(f"[{STYLE[verdict]}]{count} {verdict}[/]" for verdict, count in counts.items())
        self._bar.update(self._task, description=f"{said}  about {self._eta()} to go")
        line = Text.from_markup(f"[bold]{what:8}[/] {step.id}  {escape(step.title)}", overflow="ellipsis")
        line.no_wrap = True
        self._live.update(Group(self._bar, line))

    def _eta(self) -> str:
        """Wall time to go: the exposure that remains, at the pace of what is done (before that: its own duration)."""
        done_s = self._total_s - self._remaining_s
        pace = (time.monotonic() - self._started_s) / done_s if done_s > 0 else 1.0
        return duration(max(self._remaining_s, 0.0) * pace)
