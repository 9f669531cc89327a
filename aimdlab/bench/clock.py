"""The bench clock: real time, or the virtual time of a simulated bench.

Everything that waits for the bench waits here, never in an instrument. Virtual time moves only when nobody has work:
every thread that does something holds a *token* (``begin_work`` / ``end_work``); a thread that sleeps, or waits for
another thread's result, gives its token up for that time. When the last token is gone, time jumps to the earliest
sleeper.
VISA time-outs, heartbeats and locks never use this clock: they stay on real monotonic time.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Protocol, TypeVar

from aimdlab.errors import SimulationError

Result = TypeVar("Result")


# Real seconds between two looks up from a wait: Windows delivers Ctrl-C only between them.
_POLL_S = 0.2


class Clock(Protocol):
    """Bench time in seconds; zero is arbitrary."""

    @property
    def kind(self) -> str:
        """ "real" or "virtual"."""
        ...

    def now_s(self) -> float:
        """The present bench time."""
        ...

    def sleep_until(self, t_s: float) -> None:
        """Wait until bench time ``t_s``; raises what the attention callback raises (a person wants to stop)."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Wait for ``duration_s`` of bench time."""
        ...

    def wait(self, future: Future[Result]) -> Result:
        """The result of another thread's work; bench time may pass meanwhile.

        In the main thread it raises what the watch callback raises (a person wants to stop at once).
        """
        ...

    def begin_work(self) -> None:
        """Take a token: bench time stands still while anybody holds one (virtual time)."""
        ...

    def end_work(self) -> None:
        """Give a token back."""
        ...


def _nothing() -> None:
    return None


class RealClock:
    """Real monotonic time.

    Args:
        attention: called at least every ``tick_s`` of a long sleep, in the sleeping thread; raises to end the sleep.
        tick_s: longest time without attention.
        watch: called now and then while the main thread waits for another thread's result; raises to end the wait.
    """

    kind = "real"

    def __init__(
        self,
        attention: Callable[[], None] = _nothing,
        tick_s: float = 0.1,
        watch: Callable[[], None] = _nothing,
    ) -> None:
        self._attention = attention
        self._tick_s = tick_s
        self._watch = watch
        self._pause = threading.Event()  # never set; Event.wait is the portable interruptible sleep

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep_until(self, t_s: float) -> None:
        """Wait in ticks, so that a person's wish to stop is heard."""
        self._attention()
        while (remaining_s := t_s - time.monotonic()) > 0:
            self._pause.wait(min(remaining_s, self._tick_s))
            self._attention()

    def sleep(self, duration_s: float) -> None:
        """Wait for ``duration_s``."""
        self.sleep_until(self.now_s() + duration_s)

    def wait(self, future: Future[Result]) -> Result:
        """The result of ``future``."""
        _wait_until_done(future, self._watch)
        return future.result()

    def begin_work(self) -> None:
        """Real time passes whoever works."""

    def end_work(self) -> None:
        """Real time passes whoever works."""


class VirtualClock:
    """The time of a simulated bench, advanced only when every participant waits.

    The thread that makes the clock holds the first token.

    Args:
        advance: moves the simulated world to the time given and returns the time reached (the control socket).
        start_s: world time at the start.
        attention: called before and after a sleep, and in the main thread during it; raises to end it.
        watch: called now and then while the main thread waits for another thread's result; raises to end the wait.
    """

    kind = "virtual"

    def __init__(
        self,
        advance: Callable[[float], float],
        start_s: float,
        attention: Callable[[], None] = _nothing,
        watch: Callable[[], None] = _nothing,
    ) -> None:
        self._advance = advance
        self._attention = attention
        self._watch = watch
        self._lock = threading.Lock()
        self._now_s = start_s
        self._tokens = 1
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._failure: BaseException | None = None

    def now_s(self) -> float:
        """World time."""
        with self._lock:
            return self._now_s

    def sleep_until(self, t_s: float) -> None:
        """Give the token up until world time ``t_s``."""
        self._attention()
        woken = threading.Event()
        sleeper = (t_s, next(self._order), woken)
        with self._lock:
            if t_s <= self._now_s:
                return
            heapq.heappush(self._sleepers, sleeper)
            self._release()
        try:
            while not woken.wait(_POLL_S):
                if threading.current_thread() is threading.main_thread():
                    self._attention()
        except BaseException:
            self._withdraw(sleeper)
            raise
        if self._failure is not None:
            raise self._failure
        self._attention()

    def sleep(self, duration_s: float) -> None:
        """Give the token up for ``duration_s`` of world time."""
        self.sleep_until(self.now_s() + duration_s)

    def wait(self, future: Future[Result]) -> Result:
        """The result of ``future``.

        The thread that completes it hands this thread's token back before it gives up its own.
        """
        taken: list[bool] = []

        def take_back() -> None:
            with self._lock:
                if not taken:
                    taken.append(True)
                    self._tokens += 1

        future.add_done_callback(lambda _: take_back())
        try:
            self.end_work()
            _wait_until_done(future, self._watch)
            take_back()  # the result is there a moment before the callbacks are called
        except BaseException:  # Ctrl-C; whoever waited has work again
            take_back()
            raise
        return future.result()

    def begin_work(self) -> None:
        """Take a token."""
        with self._lock:
            self._tokens += 1

    def end_work(self) -> None:
        """Give a token back; the last one to do so moves time on."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        self._tokens -= 1
        if self._tokens > 0 or not self._sleepers:
            return
        try:
            self._now_s = max(self._now_s, self._advance(self._sleepers[0][0]))
        except BaseException as error:
            # Whoever sleeps must not sleep for ever because the world is gone: each sleeper raises it.
            interrupted = not isinstance(error, Exception)
            self._failure = SimulationError("interrupted while time was moved on") if interrupted else error
            while self._sleepers:
                self._wake_first()
            if interrupted:
                raise
            return
        while self._sleepers and self._sleepers[0][0] <= self._now_s:
            self._wake_first()

    def _withdraw(self, sleeper: tuple[float, int, threading.Event]) -> None:
        """Take a sleeper that will not wait any longer off, and its token back unless it has it already."""
        with self._lock:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)
                self._tokens += 1

    def _wake_first(self) -> None:
        _, _, woken = heapq.heappop(self._sleepers)
        self._tokens += 1
        woken.set()


def _wait_until_done(future: Future[Result], watch: Callable[[], None]) -> None:
    """Wait for a future without taking what it holds; concurrent.futures.wait takes several times as long."""
    while not future.done():
        try:
            future.exception(timeout=_POLL_S)
        except TimeoutError:
            if threading.current_thread() is threading.main_thread():
                watch()
        except CancelledError:
            continue
