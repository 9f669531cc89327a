"""What a person wants of a run: Ctrl-C, a stop signal, or a command in the session's inbox.

Looked at whenever the run waits, and between the parts of a step. Ctrl-C, SIGTERM, a closed terminal end the run at the
next such place: what is being written is finished, outputs go off, what was committed stays. A signal only raises a
flag, however often it comes, so nothing can cut the switching off or a half-written record short.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from aimdlab.bench.events import EventSink
from aimdlab.errors import StoppedByPersonError
from aimdlab.session.inbox import Command, Inbox

_POLL_S = 0.2

# Those that the operating system has: a closed terminal is SIGHUP, Ctrl-\\ SIGQUIT, Windows' Ctrl-Break SIGBREAK.
_STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")


class Attention:
    """Collects the wishes of persons; :meth:`check` raises StoppedByPersonError once one of them is to stop."""

    def __init__(self) -> None:
        self._inbox: Inbox | None = None
        self._events: EventSink | None = None
        self._stop_reason = ""
        self._paused = False
        self._next_poll_s = 0.0

    def listen(self, inbox: Inbox, events: EventSink) -> None:
        """Take commands from ``inbox`` from now on."""
        self._inbox, self._events = inbox, events

    def stop(self, reason: str) -> None:
        """Ask for a stop."""
        self._stop_reason = self._stop_reason or reason

    def check(self) -> None:
        """Raise StoppedByPersonError if somebody wants to stop; cheap enough to be called often."""
        self._poll()
        if self._stop_reason:
            raise StoppedByPersonError(self._stop_reason)

    def pause_if_asked(self, make_safe: Callable[[], None]) -> None:
        """Between steps: if a pause was asked for, make the bench safe and wait for ``continue``."""
        self.check()
        if not self._is_paused():
            return
        make_safe()
        self._report("run.paused", "the run waits for 'continue'; the bench is safe")
        waiting = threading.Event()  # never set; Event.wait is the portable interruptible sleep
        while self._is_paused():
            waiting.wait(_POLL_S)
            self.check()
        self._report("run.continued", "the run goes on")

    def obey(self, command: Command) -> None:
        """Take a command of a person."""
        match command.word:
            case "stop" | "abort":
                self.stop(f"{command.word} asked for by {command.sender or 'somebody'}")
            case "pause":
                self._paused = True
            case "continue":
                self._paused = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C and every other wish of the system to end the process ask for a stop while the context lasts."""
        known = [getattr(signal, name) for name in _STOP_SIGNALS if hasattr(signal, name)]
        previous = {number: signal.signal(number, self._on_signal) for number in known}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.stop(f"stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}")

    def _is_paused(self) -> bool:
        return self._paused

    def _poll(self) -> None:
        if self._inbox is None or time.monotonic() < self._next_poll_s:
            return
        self._next_poll_s = time.monotonic() + _POLL_S
        for command in self._inbox.poll():
            self.obey(command)

    def _report(self, kind: str, message: str) -> None:
        if self._events is not None:
            self._events.record(kind, message, source="sequencer", durable=True)
