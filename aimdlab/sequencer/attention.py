"""What a person wants of a run: Ctrl-C, a stop signal, or a command in the session's inbox.

Looked at whenever the run waits, and between the parts of a step. Ctrl-C, SIGTERM, a closed terminal end the run at the
next such place: what is being written is finished, outputs go off, what was committed stays. A second, or ``abort``,
means now: an instrument that keeps the run waiting is waited for no longer, and the guardian switches off at once over
its own connections. A signal only raises a flag, however often it comes, so nothing can cut the switching off or a
half-written record short.

Whenever it is looked at, the run shows the guardian that it lives, and sees that the guardian does.
"""

from __future__ import annotations

import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from aimdlab.bench.events import EventSink
from aimdlab.errors import GuardianError, StoppedByPersonError
from aimdlab.session.inbox import Command, Inbox

_POLL_S = 0.2
# Of a storm of signals the guardian hears once in that time: each is a handler within the handler of the one before.
_ASK_AGAIN_S = 1.0

# Those that the operating system has: a closed terminal is SIGHUP, Ctrl-\\ SIGQUIT, Windows' Ctrl-Break SIGBREAK.
_STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")


class Watcher(Protocol):
    """Who watches over the run: the guardian, as the run sees it."""

    def sign(self) -> None:
        """The run's main thread lives."""
        ...

    def check(self) -> None:
        """Raise GuardianError if nobody watches any more."""
        ...

    def make_safe_now(self) -> None:
        """Switch every source off, beside the run; returns at once, also in a signal's handler."""
        ...

    def forbid_replacement(self) -> None:
        """A person ends the run: no other one takes its place; returns at once, also in a signal's handler."""
        ...


class Attention:
    """Collects the wishes of persons; :meth:`check` raises StoppedByPersonError once one of them is to stop."""

    def __init__(self) -> None:
        self._inbox: Inbox | None = None
        self._events: EventSink | None = None
        self._watcher: Watcher | None = None
        self._stop_reason = ""
        self._urgent = False
        self._told_of_loss = False
        self._paused = False
        self._next_poll_s = 0.0
        self._ask_again_s = 0.0
        self._answers: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def listen(self, inbox: Inbox, events: EventSink) -> None:
        """Take commands from ``inbox`` from now on."""
        self._inbox, self._events = inbox, events

    def show_to(self, watcher: Watcher | None) -> None:
        """Show ``watcher`` signs of life from now on; None: nobody watches any more, and nobody need."""
        self._watcher = watcher
        if watcher is not None and self._stop_reason:
            watcher.forbid_replacement()

    def stop(self, reason: str, *, urgent: bool = False) -> None:
        """Ask for a stop; an urgent one, or the second, is for now."""
        is_first = not self._stop_reason
        self._urgent = self._urgent or urgent or not is_first
        self._stop_reason = self._stop_reason or reason
        self._tell_watcher(is_first=is_first, is_urgent=self._urgent)

    def _tell_watcher(self, *, is_first: bool, is_urgent: bool) -> None:
        watcher = self._watcher
        if watcher is None:
            return
        if is_first:
            watcher.forbid_replacement()
        now_s = time.monotonic()
        if is_urgent and now_s >= self._ask_again_s:
            self._ask_again_s = now_s + _ASK_AGAIN_S
            watcher.make_safe_now()

    def check(self) -> None:
        """Raise StoppedByPersonError if somebody wants to stop, GuardianError if nobody watches over the run any more.

        Cheap enough to be called often.
        """
        self._poll()
        if self._stop_reason:
            raise StoppedByPersonError(self._stop_reason)
        if self._watcher is not None:
            if threading.current_thread() is threading.main_thread():
                self._watcher.sign()
            self._watcher.check()

    def watch(self) -> None:
        """While an instrument is waited for: raise StoppedByPersonError if somebody wants to stop at once.

        GuardianError if nobody watches over the run any more. Each once: what is waited for later is the way out.
        """
        if self._watcher is not None:
            self._watcher.sign()
        self._poll()
        if self._urgent:
            self._urgent = False
            raise StoppedByPersonError(self._stop_reason)
        if self._watcher is not None and not self._told_of_loss:
            try:
                self._watcher.check()
            except GuardianError:
                self._told_of_loss = True
                raise

    def answer(self) -> tuple[str, str] | None:
        """The next answer from the inbox and who gave it, or None."""
        try:
            said = self._answers.get_nowait()
        except queue.Empty:
            return None
        return said.text, said.sender

    def pause_if_asked(self, make_safe: Callable[[], None]) -> None:
        """Between steps: if a pause was asked for, make the bench safe and wait for ``continue``."""
        self.check()
        if not self._is_paused():
            return
        make_safe()
        self.report("run.paused", "the run waits for 'continue'; the bench is safe")
        waiting = threading.Event()  # never set; Event.wait is the portable interruptible sleep
        while self._is_paused():
            waiting.wait(_POLL_S)
            self.check()
        self.report("run.continued", "the run goes on")

    def obey(self, command: Command) -> None:
        """Take a command of a person."""
        match command.word:
            case "stop" | "abort":
                urgent = command.word == "abort"
                self.stop(f"{command.word} asked for by {command.sender or 'somebody'}", urgent=urgent)
            case "answer":
                self._answers.put(command)
            case "pause":
                self._paused = True
            case "continue":
                self._paused = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C and every other wish of the system to end the process ask for a stop while the context lasts."""
        known = [getattr(signal, name) for name in _STOP_SIGNALS if hasattr(signal, name)]
        previous = {number: signal.signal(number, self._on_signal) for number in known}
        heard, told = socket.socketpair()
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        passing_on = threading.Thread(target=self._pass_on, args=(heard, frozenset(known)), name="signals", daemon=True)
        passing_on.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            told.close()
            passing_on.join()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _pass_on(self, heard: socket.socket, stops: frozenset[int]) -> None:
        """Tell the guardian of signals beside the main thread, which hears none while it hangs in a library."""
        count = 0
        with heard:
            while numbers := heard.recv(64):
                before, count = count, count + sum(number in stops for number in numbers)
                self._tell_watcher(is_first=count > 0 and not before, is_urgent=count > 1)

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

    def report(self, kind: str, message: str) -> None:
        """Put what happened between the run and persons into the event log, once there is one."""
        if self._events is not None:
            self._events.record(kind, message, source="sequencer", durable=True)
