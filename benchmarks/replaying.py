"""Scoring a session again against NumPy's sum of the same raw codes: on one core, and what a second one brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aimdlab.replay.session import replay_session
from aimdlab.sequencer.progress import Silent
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from benchmarks.figure import Measure, Round, in_turns
from benchmarks.lab import FULL, lab, run

_TIMES = 4


@contextmanager
def against_a_sum() -> Iterator[Measure]:
    """On one core; the codes of an attempt are in memory for the sum, and in the sealed file for the replay."""
    with _recorded() as path:
        codes = _codes(path)
        yield lambda: in_turns(lambda: _again(path, 1), lambda: [one.sum() for one in codes], 1)


@contextmanager
def on_two_cores() -> Iterator[Measure]:
    """Two workers, which have to start, against half of what one takes."""
    with _recorded() as recorded:
        path = _repeated(recorded, _TIMES)

        def measure() -> Round:
            both_s, one_s = in_turns(lambda: _again(path, 2), lambda: _again(path, 1), 1)
            return both_s, one_s / 2

        yield measure


@contextmanager
def _recorded() -> Iterator[Path]:
    with lab(FULL) as campaign:
        yield run(campaign, campaign.parents[2] / "recorded", Silent()).session


def _repeated(path: Path, times: int) -> Path:
    """The same attempts so many times, at so many more steps: a worker takes most of a second to start."""
    with open_session(path) as session:
        steps = session.header.plan
        plan = tuple(
            {**step, "step_id": f"{step['step_id']}/{time}", "index": time * len(steps) + index}
            for time in range(times)
            for index, step in enumerate(steps)
        )
        header = replace(session.header, plan=plan, signing_key="")
        with SessionFolder.create(path.with_name("repeated"), header) as longer:
            for time in range(times):
                for attempt in session.attempts():
                    step = time * len(steps) + attempt.step
                    longer.commit(replace(attempt, step=step, step_id=str(plan[step]["step_id"])))
            return seal(longer)


def _codes(path: Path) -> list[NDArray[np.uint16]]:
    with open_session(path) as session:
        return [np.asarray(one.codes, np.uint16) for attempt in session.attempts() for one in attempt.captures]


def _again(path: Path, workers: int) -> None:
    with open_session(path) as session:
        if not replay_session(session, workers).is_reproduced:
            raise RuntimeError("the recorded session is not reproduced")
