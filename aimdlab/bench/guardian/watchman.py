"""The guardian at work: orders, watch, what is done once the run is over. It acts once and ends."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aimdlab._platform import FileLock, is_that_process
from aimdlab.bench.guardian.aftermath import Aftermath
from aimdlab.bench.guardian.hands import Hands
from aimdlab.bench.guardian.log import Log
from aimdlab.bench.guardian.messages import message
from aimdlab.bench.guardian.orders import Orders
from aimdlab.bench.guardian.watch import Fate, Watch

_TICK_S = 0.2
_LOOK_AT_PROCESS_S = 1.0
# On top of the time for making safe: what killing the run, closing and starting another run may take together.
_MARGIN_S = 30.0

Incoming = queue.SimpleQueue[tuple[str, Any]]


class Guardian:
    """Watches over one run.

    Args:
        incoming: what the run says, ("end", None) once its end of the pipe is closed.
        answer: takes one line for the run.
        log: where everything is recorded.
    """

    def __init__(self, incoming: Incoming, answer: Callable[[str], None], log: Log) -> None:
        self._incoming = incoming
        self._answer = answer
        self._log = log
        self._hands = Hands()
        self._locks: list[FileLock] = []
        self._session: Path | None = None
        self._may_replace = True
        self._was_armed = False
        self._over = threading.Event()
        self._prepared = threading.Event()
        self._problems: dict[str, str] = {}

    def run(self) -> int:
        """Take the orders, watch, act once, end; the exit status."""
        try:
            orders = self._await_orders()
        except ValueError as error:
            return self._refuse(f"the guardian cannot read its orders: {_short(error)}")
        if orders is None:
            return 0
        threading.Thread(target=self._prepare, args=(orders,), name="prepare", daemon=True).start()
        try:
            fate = self._watch(orders)
        except ValueError as error:
            return self._refuse(f"the guardian does not understand the run: {error}")
        self._over.set()
        if fate is Fate.DISMISSED:
            _end_after(_MARGIN_S)
            self._log.record("dismissed", "the run has made the bench safe and ends")
            self._let_go()
            return 0
        _end_after(2 * orders.give_up_s + _MARGIN_S)
        self._prepared.wait(orders.give_up_s)
        after = Aftermath(orders, self._hands, self._log)
        safe = after.make_safe(fate)
        self._let_go()
        ready = self._prepared.is_set() and not self._problems
        after.replace(self._session, safe=safe, wanted=self._may_replace and ready)
        return 0 if safe else 3

    def _await_orders(self) -> Orders | None:
        """The orders; None if the run ends before it gives any: nothing is known and nothing was switched on.

        ValueError (pydantic's ValidationError is one) if something else comes.
        """
        while True:
            match self._incoming.get():
                case "age", int() | float():
                    self._answer(message("heard"))
                case "replace", False:
                    self._may_replace = False
                case ("end", None) | ("dismissed", True):
                    return None
                case "orders", value:
                    return Orders.model_validate(value)
                case word, value:
                    raise ValueError(f"orders were expected, not {word!r} ({value!r})")

    def _watch(self, orders: Orders) -> Fate:
        """Wait until the run is over, in one way or another; ValueError if it says what nobody understands."""
        watch = Watch(orders.silence_s)
        look_at_process_s = 0.0
        while True:
            try:
                word, value = self._incoming.get(timeout=_TICK_S)
            except queue.Empty:
                pass
            else:
                self._take(watch, word, value)
            now_s = time.monotonic()
            if now_s >= look_at_process_s:  # somebody else might hold the pipe open
                look_at_process_s = now_s + _LOOK_AT_PROCESS_S
                if not is_that_process(orders.pid, orders.started):
                    watch.end()
            fate = watch.look(now_s)
            if fate is not Fate.ALIVE:
                return fate

    def _take(self, watch: Watch, word: str, value: Any) -> None:
        match word, value:
            case "age", int() | float():
                watch.heard(float(value))
                self._answer(message("heard"))
            case "armed", bool():
                watch.arm(value)
                if value and not self._was_armed:
                    self._was_armed = True
                    self._log.record("armed", "outputs may be on from now on: a run that gives no sign is replaced")
                self._answer(message("armed", value))
            case "session", str():
                self._session = Path(value)
                self._log.follow(self._session)
            case "safe", True:
                self._log.record("asked", "the run asks to have the bench made safe at once")
                threading.Thread(target=self._make_safe_now, name="safe now", daemon=True).start()
            case "replace", False:
                self._may_replace = False
            case "dismissed", True:
                watch.dismiss()
            case "end", None:
                watch.end()
            case "prepared", None:
                self._answer(message("ready", self._problems))
            case _:
                raise ValueError(f"{word!r}: {value!r}")

    def _prepare(self, orders: Orders) -> None:
        taken = self._take_locks(orders)
        if taken:
            self._release_locks()  # nobody shall wait for one who waits
        self._problems = taken or self._hands.reach(orders.instruments)
        names = ", ".join(order.name for order in orders.instruments) or "nothing"
        if self._problems:
            self._log.record("failed", "it cannot watch over this run", problems=self._problems)
        else:
            self._log.record("ready", f"it can reach {names}", run=orders.pid, silence_s=orders.silence_s)
        self._prepared.set()
        self._incoming.put(("prepared", None))

    def _take_locks(self, orders: Orders) -> dict[str, str]:
        """Take every lock, waiting for the guardian of the run before; what is wrong, if they are not to be had."""
        deadline_s = time.monotonic() + orders.lock_wait_s
        for path in orders.locks:
            lock = FileLock(Path(path))
            try:
                while not lock.acquire():
                    if time.monotonic() >= deadline_s or self._over.wait(_TICK_S):
                        held = lock.read().strip() or "nobody says who"
                        return {"guardian": f"another guardian still watches over this bench ({path}: {held})"}
                lock.write(f"guardian, process {os.getpid()}, of the run with process {orders.pid}\n")
            except OSError as error:
                return {"guardian": f"{path} cannot be locked: {error}"}
            self._locks.append(lock)
        return {}

    def _make_safe_now(self) -> None:
        if self._prepared.is_set():
            done, problems = Aftermath.carry_out_now(self._hands, self._log)
            self._answer(message("safe", {"done": done, "problems": problems}))

    def _let_go(self) -> None:
        self._hands.close()
        self._release_locks()

    def _release_locks(self) -> None:
        while self._locks:
            lock = self._locks.pop()
            try:
                lock.release(remove=True)
            except OSError as error:
                self._log.record("failed", f"the lock {lock.path} cannot be removed: {error}")

    def _refuse(self, why: str) -> int:
        self._log.record("failed", why, aloud=True)
        self._answer(message("refused", why))
        return 2


def _end_after(limit_s: float) -> None:
    """End this process then, whatever it does: it must not be left behind."""
    timer = threading.Timer(limit_s, os._exit, (3,))
    timer.daemon = True
    with suppress(RuntimeError, MemoryError):  # no thread is to be had, and outputs come first
        timer.start()


def _short(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()[:5])
    return str(error)
