"""The run's side of its guardian: starts it, tells it what to watch, gives signs of life, notices its loss."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from aimdlab._platform import detached_popen_kwargs
from aimdlab.bench.guardian.messages import lines, message, parse
from aimdlab.bench.guardian.orders import Orders
from aimdlab.bench.guardian.watch import AwakeTime, Pulse
from aimdlab.errors import GuardianError

_SIGN_S = 0.2
_SLICE_S = 0.2
# Imports on a busy computer; a guardian that dies while it starts is noticed at once.
_START_LIMIT_S = 120.0
_UNANSWERED_LIMIT_S = 5.0
_END_LIMIT_S = 10.0
_KILLED_LIMIT_S = 30.0

_AFTER = "Nobody would switch the bench off if the run died, so the run stops."


class Keeper:
    """Keeps one guardian.

    In order: :meth:`start`, :meth:`brief`, :meth:`require_ready`; then :meth:`sign` and :meth:`check` again and again
    in the main thread, :meth:`session` and :meth:`arm` when it is so; :meth:`dismiss` once the bench is safe. A run
    that ends without dismissing it is taken for dead.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._outgoing: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._signs = 0
        self._answers = 0
        self._greeted = False
        self._leaving = False
        self._ready = threading.Event()
        self._made_safe: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._armed = threading.Event()
        self._problems: dict[str, str] = {}
        self._lost = ""
        self._orders: Orders | None = None

    @property
    def pid(self) -> int:
        """The guardian's process; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the process and return at once, so that it gets ready while the run reads its files.

        Raises GuardianError if that cannot be.
        """
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "aimdlab.bench.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                **detached_popen_kwargs(),
            )
        except OSError as error:
            raise GuardianError(f"the guardian cannot be started: {error}. Nothing was switched on.") from error
        work = (self._process,)
        self._listener = threading.Thread(target=self._listen, args=work, name="guardian answers", daemon=True)
        self._speaker = threading.Thread(target=self._speak, args=work, name="guardian signs", daemon=True)
        self._listener.start()
        self._speaker.start()

    def brief(self, orders: Orders) -> None:
        """Tell it what to watch; it connects to the instruments at once."""
        self._orders = orders
        self._say("orders", orders.model_dump(mode="json"))

    def require_ready(self, attention: Callable[[], None] = lambda: None) -> None:
        """Wait until it can reach every instrument; ``attention`` is called meanwhile.

        Raises GuardianError, which names each instrument that it cannot reach; nothing was switched on.
        """
        deadline_s = time.monotonic() + self._ready_limit_s()
        while not self._ready.wait(_SLICE_S):
            attention()
            if time.monotonic() > deadline_s and self._process is not None:
                self._end_it("does not get ready", self._process)
            if self._lost:
                raise GuardianError(f"{self._lost}. Nothing was switched on.")
        if self._problems:
            each = "\n".join(f"  {name}: {problem}" for name, problem in self._problems.items())
            raise GuardianError(
                "the guardian, which switches the bench off if the run dies, cannot watch over it, so the run does not "
                f"begin:\n{each}\nNothing was switched on."
            )

    def session(self, folder: Path) -> None:
        """From now on it also logs into the session's ``folder``."""
        self._say("session", str(folder.absolute()))

    def arm(self, on: bool) -> None:
        """Tell it whether outputs may be on: only then a run that gives no sign of life is ended.

        Returns once it knows; GuardianError if it is lost instead.
        """
        self.sign()
        self._armed.clear()
        self._say("armed", on)
        while not self._armed.wait(_SLICE_S):
            self.check()  # one that does not answer is ended, and lost then
            self.sign()

    def sign(self) -> None:
        """A sign of life of the main thread; as cheap as can be."""
        self._signs += 1

    def check(self) -> None:
        """Raise GuardianError as soon as the guardian is gone or hangs; the run must stop then."""
        if self._lost:
            raise GuardianError(f"{self._lost}. {_AFTER} Resume the session when it is known why.")

    def make_safe_now(self) -> None:
        """Have everything switched off at once over the guardian's own connections; returns without waiting.

        Instruments with ``guardian: takeover`` are left to the run. May be called in a signal handler.
        """
        self._say("safe")  # no lock is taken: a handler could wait for whom it interrupted

    def wait_made_safe(self, limit_s: float) -> dict[str, str] | None:
        """What :meth:`make_safe_now` could not switch off, by name; None if it has not come to an end in time."""
        try:
            return self._made_safe.get(timeout=limit_s)
        except queue.Empty:
            return None

    def forbid_replacement(self) -> None:
        """A person wants the run to end: no other run is started, however this one ends."""
        self._say("replace", False)

    def dismiss(self) -> None:
        """The bench is safe: let the guardian end and wait for that; one that does not is killed."""
        self._leave("dismissed")

    def hand_over(self) -> None:
        """The bench could not be made safe: leave it to the guardian, which goes on trying after the run has ended."""
        self.forbid_replacement()
        self._leave(None)

    def _leave(self, word: str | None) -> None:
        process = self._process
        if process is None or self._leaving:
            return
        self._leaving = True
        if word is not None:
            self._say(word)
        self._outgoing.put(None)
        if word is None:
            self._speaker.join(_END_LIMIT_S)  # this process may end at once, and with it what was not said yet
            return
        try:
            process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_KILLED_LIMIT_S)
        self._speaker.join(_END_LIMIT_S)
        self._listener.join(_END_LIMIT_S)

    def _say(self, word: str, value: Any = True) -> None:
        self._outgoing.put(message(word, value))

    def _ready_limit_s(self) -> float:
        if self._orders is None:
            raise ValueError("brief it first")
        timeouts_s = [order.timeout_s for order in self._orders.instruments]
        return _START_LIMIT_S + self._orders.lock_wait_s + 3 * max(timeouts_s, default=0.0)

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why

    def _end_it(self, because: str, process: subprocess.Popen[bytes]) -> None:
        self._lose(f"the guardian (process {process.pid}) {because}; it was ended")
        process.kill()

    # --- in threads ------------------------------------------------------------------------------------------------

    def _speak(self, process: subprocess.Popen[bytes]) -> None:
        """Send what is to be sent, and signs of life; notice when no answer comes."""
        awake, main_thread, guardian = AwakeTime(), Pulse(), Pulse()
        next_sign_s = time.monotonic()
        with cast(IO[bytes], process.stdin) as stream:
            try:
                while (line := self._next(next_sign_s)) is not None:
                    passed_s = awake.passed_s(time.monotonic())
                    main_thread.feel(self._signs, passed_s)
                    guardian.feel(self._answers, passed_s)
                    if not line:
                        line = message("age", round(main_thread.still_s, 3))
                        next_sign_s = time.monotonic() + _SIGN_S
                    stream.write(line.encode() + b"\n")
                    limit_s = _UNANSWERED_LIMIT_S if self._greeted else _START_LIMIT_S
                    if guardian.still_s > limit_s and not self._leaving:
                        self._end_it(f"has not answered for {limit_s:g} s", process)
            except OSError:  # it is gone, which the other thread tells
                return

    def _next(self, until_s: float) -> str | None:
        """The next line to send, "" once it is time for a sign of life, None when all is said."""
        left_s = until_s - time.monotonic()
        try:
            return self._outgoing.get(timeout=left_s) if left_s > 0 else ""
        except queue.Empty:
            return ""

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        with cast(IO[bytes], process.stdout) as stream:
            try:
                for line in lines(stream.fileno()):
                    self._take(*parse(line))
            except ValueError as error:
                self._end_it(f"says what nobody understands ({error})", process)
        status = process.wait()
        if not self._leaving:
            self._lose(f"the guardian (process {process.pid}) has ended by itself, with status {status}")

    def _take(self, word: str, value: Any) -> None:
        self._answers += 1
        match word, value:
            case "hello", int():
                self._greeted = True
            case "heard", True:
                pass
            case "ready", dict():
                self._problems = value
                self._ready.set()
            case "safe", {"done": list(), "problems": dict() as problems}:
                self._made_safe.put(problems)
            case "armed", bool():
                self._armed.set()
            case "refused", str():
                self._lose(value)
            case _:
                raise ValueError(f"{word!r}: {value!r}")
