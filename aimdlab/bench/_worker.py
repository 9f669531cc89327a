"""The thread that owns a connection: jobs one after the other, and another thread if a call in one never returns.

A thread that hangs in a library cannot be ended. It is left behind with what it holds; whoever waited for it is told,
and what it does when it comes back after all counts for nothing.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from aimdlab.bench._watch import WATCH
from aimdlab.bench.clock import Clock
from aimdlab.errors import LinkError

Result = TypeVar("Result")
_Job = tuple["Future[object]", Callable[[], object]]

# On top of all time-outs: a busy machine may be late to say that a call is back, a hung one says it never.
_HANG_MARGIN_S = 10.0


class Abandoned(BaseException):
    """The call came back after it was given up; whatever the thread was doing is over."""


class _Shift:
    """One thread at work, and the call that it is in.

    Attributes:
        in_hand: the future of the job that is being done.
        call: what the call in hand does, for a technician.
        due_s: monotonic time by which it must be back; None between calls.
        is_abandoned: the call hung; set under the worker's lock, and only while a call is in hand.
    """

    def __init__(self, name: str, work: Callable[[_Shift], None]) -> None:
        self.in_hand: Future[object] | None = None
        self.call = ""
        self.due_s: float | None = None
        self.is_abandoned = False
        self.thread = threading.Thread(target=work, args=(self,), name=f"link {name}", daemon=True)

    def is_overdue(self, now_s: float) -> bool:
        due_s = self.due_s
        return due_s is not None and now_s >= due_s


class LinkWorker:
    """Does the jobs of one link.

    Args:
        name: of the link.
        clock: the bench clock; a token is held while there is something to do.
        hung: told what hung, under the worker's lock, when a call was given up; says what to tell who waits.
    """

    def __init__(self, name: str, clock: Clock, hung: Callable[[str], LinkError]) -> None:
        self._name = name
        self._clock = clock
        self._hung = hung
        self._lock = threading.Lock()
        self._is_closed = False
        self._closing: Future[None] = Future()
        self._left_behind: set[threading.Thread] = set()
        self._unwanted: weakref.WeakSet[Future[Any]] = weakref.WeakSet()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._shift = _Shift(name, self._work)
        self._shift.thread.start()
        WATCH.add(self)

    @property
    def is_here(self) -> bool:
        """Whether the caller is the thread at work."""
        return threading.current_thread() is self._shift.thread

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._is_closed

    @property
    def has_closed(self) -> bool:
        """Whether the last job is done."""
        return self._closing.done()

    @property
    def is_unwanted(self) -> bool:
        """Whether nobody waits any more for the job in hand; asked inside it."""
        in_hand = self._shift.in_hand
        return in_hand is not None and in_hand in self._unwanted

    def disown(self, future: Future[Any]) -> None:
        """Whoever waited for a job was called away; any thread."""
        self._unwanted.add(future)

    def submit(self, work: Callable[[], Result]) -> Future[Result] | None:
        """Have ``work`` done, at once in the thread at work; None if nothing more is taken of the caller."""
        future: Future[Result] = Future()
        if self.is_here:
            _run(future, work)
            return future
        with self._lock:
            if self._is_closed or threading.current_thread() in self._left_behind:
                return None
            self._clock.begin_work()  # given back when the job is done
            self._jobs.put((future, work))  # type: ignore[arg-type]  # the queue holds futures of any result
        return future

    def close(self, last: Callable[[], None]) -> None:
        """Do ``last`` after the jobs submitted before, then end; any thread, more than once."""
        inside = self.is_here
        with self._lock:
            first, self._is_closed = not self._is_closed, True
            if first:
                if not inside:
                    self._clock.begin_work()
                    self._jobs.put((self._closing, last))  # type: ignore[arg-type]
                self._jobs.put(None)
        if inside:
            if first:
                _run(self._closing, last)
            return
        with contextlib.suppress(LinkError):  # what hangs while it is closed is left behind
            self._clock.wait(self._closing)
        self._shift.thread.join()

    @contextlib.contextmanager
    def may_hang(self, call: str, time_s: float) -> Iterator[None]:
        """Around every call that may never return; Abandoned if it returned too late."""
        shift = self._shift
        shift.call = call
        self.allow(time_s)
        try:
            yield
        finally:
            with self._lock:
                shift.due_s = None
            if shift.is_abandoned:
                raise Abandoned

    def allow(self, time_s: float) -> None:
        """From now on the call in hand may take ``time_s``, and a margin."""
        shift = self._shift
        if self.is_here:  # not a thread that was left behind and came back
            shift.due_s = time.monotonic() + time_s + _HANG_MARGIN_S

    def end_overdue(self, now_s: float) -> None:
        """Give the call in hand up if it hangs; called by the watch."""
        shift = self._shift
        if not shift.is_overdue(now_s):
            return
        with self._lock:
            if self._shift is not shift or not shift.is_overdue(now_s):
                return
            shift.is_abandoned = True
            self._left_behind.add(shift.thread)
            future, error = shift.in_hand, self._hung(shift.call)
            self._shift = _Shift(self._name, self._work)
        self._shift.thread.start()
        if future is not None:
            future.set_exception(error)
        self._clock.end_work()

    def _work(self, shift: _Shift) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            shift.in_hand = future
            try:
                if future.set_running_or_notify_cancel():
                    _run(future, work)
            except Abandoned:
                with self._lock:
                    self._left_behind.discard(shift.thread)
                return  # who waited was told, and the token given back, when the call was given up
            self._clock.end_work()
            shift.in_hand = None
            del job, future, work  # a capture of megabytes must not live until the next job
        WATCH.remove(self)


def _run(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        result = work()
    except Abandoned:
        raise
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
        future.set_exception(error)
    else:
        future.set_result(result)
