"""How far a replay is, on standard error: a live bar at a terminal, else a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from aimdlab.cli.output import duration, status
from aimdlab.replay.attempt import AttemptReplay

_LINE_EVERY = 500


class ReplayProgress:
    """Counts attempts."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self._done = 0
        self._bar = (
            Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.completed}/{task.total} attempts"),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=status,
                transient=True,
            )
            if status.is_terminal
            else None
        )
        self._task: TaskID | None = None

    def told(self, planned: int, attempt: AttemptReplay) -> None:
        """An attempt was scored again; there are about ``planned``, retries come on top."""
        self._done += 1
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("", total=planned)
            total = max(planned, self._done)
            self._bar.update(self._task, completed=self._done, total=total, description=attempt.step_id)
        elif self._done % _LINE_EVERY == 0:
            elapsed_s = time.monotonic() - self._started_s
            to_go_s = elapsed_s / self._done * max(planned - self._done, 0)
            status.print(f"{self._done} of about {planned} attempts scored again, about {duration(to_go_s)} to go")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
