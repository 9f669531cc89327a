"""Attempts scored again on several cores, handed back in the order of commit, whatever their number the same.

Every worker is a process that opens the session for itself; it is given records one by one, so that nobody holds more
than a few attempts. It leaves Ctrl-C to the process that started it, and ends when that process does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

from aimdlab._platform import children_deaf_to_ctrl_c, keep_freed_memory, usable_cores
from aimdlab.errors import WorkerLostError
from aimdlab.replay.attempt import AttemptReplay, Limits, replay_attempt
from aimdlab.replay.scorings import TestScoring, scorings_of
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.base import Session
from aimdlab.session.reader import open_session

MOST_WORKERS = 2
"""Unless more are asked for: each takes some 150 MB."""
_ATTEMPTS_PER_WORKER = 30
"""For fewer than this a worker takes longer to start (0.7 s) than to score them."""
_WAITING_PER_WORKER = 3


def workers_for(attempts: int) -> int:
    """How many workers are worth their start for so many attempts on this computer."""
    return max(1, min(MOST_WORKERS, usable_cores(), attempts // _ATTEMPTS_PER_WORKER))


def replay_all(
    session: Session, records: Iterable[StoredRecord], limits: Limits | None, workers: int
) -> Iterator[AttemptReplay]:
    """Score attempts again; with one worker in this process.

    Raises RecordAlteredError, RecordError: the first in the order of commit. WorkerLostError if a worker died.
    """
    if workers <= 1:
        scorings = scorings_of(session.header)
        for record in records:
            yield replay_attempt(session, record, scorings, limits)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(session.path, limits),
    )
    waiting: deque[Future[AttemptReplay]] = deque()
    resource_tracker.ensure_running()  # which would let Ctrl-C through when it is started with the first worker
    try:
        for record in records:
            with children_deaf_to_ctrl_c():  # a submission may start a worker
                waiting.append(pool.submit(_replay, record))
            if len(waiting) >= _WAITING_PER_WORKER * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerLostError(
            "a worker process ended without a word while it scored attempts; the system may have ended it for want of "
            "memory. Nothing was changed. Close other programs, or use --jobs 1."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass
class _Worker:
    """What a worker process keeps."""

    path: Path
    limits: Limits | None
    session: Session | None = None
    scorings: tuple[TestScoring, ...] = ()


_worker: _Worker | None = None


def _begin(path: Path, limits: Limits | None) -> None:
    global _worker  # noqa: PLW0603 - what a pool's initializer leaves for its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _worker = _Worker(path, limits)


def _replay(record: StoredRecord) -> AttemptReplay:
    if _worker is None:
        raise RuntimeError("a worker begins with its initializer")
    if _worker.session is None:  # here, where an error is handed back
        _worker.session = open_session(_worker.path)
        _worker.scorings = scorings_of(_worker.session.header)
    return replay_attempt(_worker.session, record, _worker.scorings, _worker.limits)


def _end_with_parent() -> None:
    """A pool's workers wait for ever once the process that feeds them was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
