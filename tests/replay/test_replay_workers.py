"""A replay by several processes says what one says, and ends with them."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from aimdlab.errors import StoppedByPersonError, WorkerLostError
from aimdlab.replay.attempt import AttemptReplay
from aimdlab.replay.session import replay_session
from aimdlab.replay.workers import replay_all
from aimdlab.session.reader import open_session


def test_several_processes_say_what_one_says(injected: Path) -> None:
    def seen(workers: int) -> list[AttemptReplay]:
        with open_session(injected) as session:
            return list(replay_all(session, session.records(), None, workers))

    one, two = seen(1), seen(2)
    assert [attempt.index for attempt in one] == list(range(6))
    # NaN is in it, which equals nothing: by their words.
    assert list(map(repr, one)) == list(map(repr, two))


def test_a_worker_that_dies_is_an_error_and_no_hang(injected: Path) -> None:
    with open_session(injected) as session:
        records = itertools.cycle(session.records())
        results = replay_all(session, records, None, 2)
        next(results)
        for child in multiprocessing.active_children():
            child.kill()
        with pytest.raises(WorkerLostError, match="--jobs 1") as caught:
            for _ in results:
                pass
    assert caught.value.exit_status == 70
    assert multiprocessing.active_children() == []


def test_a_stop_ends_every_worker(injected: Path) -> None:
    def stop(_planned: int, _attempt: AttemptReplay) -> None:
        raise StoppedByPersonError("stopped by Ctrl-C")

    with open_session(injected) as session, pytest.raises(StoppedByPersonError):
        replay_session(session, 2, stop)
    assert multiprocessing.active_children() == []


def test_workers_leave_ctrl_c_to_the_process_that_started_them(injected: Path) -> None:
    with open_session(injected) as session:
        results = replay_all(session, itertools.islice(itertools.cycle(session.records()), 12), None, 2)
        first = next(results)
        if os.name == "posix":
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGINT)
        assert len([first, *results]) == 12
