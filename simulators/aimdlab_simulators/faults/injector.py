"""When faults strike: at a message, at the beginning of an attempt, at a world time; and what struck."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from aimdlab_simulators.faults.at_random import Draw
from aimdlab_simulators.faults.fault import Fault
from aimdlab_simulators.faults.kinds import LinkFault
from aimdlab_simulators.faults.on_bench import Condition, Disturbed, Fate, Server
from aimdlab_simulators.faults.on_link import ordinary, tamper
from aimdlab_simulators.faults.scenario import Places, Scenario, fault_of
from aimdlab_simulators.faults.waiting import Acting, Question, Struck, Waiting, acting, fits
from aimdlab_simulators.servers.wire import Wire
from aimdlab_simulators.timebase import Timebase

_SHOWN_BYTES = 80


@dataclass(frozen=True)
class _Attempt:
    """What is being done; step and attempt are -1 before the first."""

    step: int = -1
    attempt: int = -1
    name: str = ""


class Injector:
    """Watches messages, attempts and world time, and lets the faults of a scenario happen. Safe from any thread.

    Args:
        servers: doors of the instruments, by name; they get a gate as soon as there is a fault for anything.
        world: whose nodes can be disturbed.
        places: what can be befallen.
        timebase: world time.
        scenario: what happens.
    """

    def __init__(
        self,
        servers: Mapping[str, Server],
        world: Disturbed,
        places: Places,
        timebase: Timebase,
        scenario: Scenario | None = None,
    ) -> None:
        scenario = scenario or Scenario()
        self.text = scenario.text
        self._servers = servers
        self._places = places
        self._timebase = timebase
        self._condition = Condition(servers, world)
        self._lock = threading.Lock()  # guards what follows; never held while a fault happens
        self._waiting: list[Waiting] = []
        self._acting: dict[str, Acting] = {}
        self._struck: list[Struck] = []
        self._now = _Attempt()
        self._draw = Draw(scenario.random, places) if scenario.random is not None else None
        self._drawn: Waiting | None = None
        self._firing = threading.Lock()  # faults that wait for a time happen one after the other
        self._clock: threading.Thread | None = None
        self._clock_changed = threading.Event()
        self._closed = False
        if scenario.faults or scenario.random:
            self._open_gates()
        for one in scenario.faults:
            self._add(one)

    # -- from the control socket

    @property
    def struck(self) -> list[dict[str, object]]:
        """Every fault that struck, in order (see ``Struck``)."""
        with self._lock:
            return [asdict(told) for told in self._struck]

    def inject(self, data: Mapping[str, object]) -> None:
        """Add one fault, written as in a scenario file; ConfigurationError if it is none."""
        one = fault_of(data, self._places)
        self._open_gates()
        self._add(one)
        self.fire()

    def mark(self, step: int, attempt: int, name: str = "") -> None:
        """An attempt begins; ``name`` is that of its step in the plan."""
        with self._lock:
            self._now = _Attempt(step, attempt, name)
            now_s = self._timebase.now_s()
            for waiting in self._waiting:
                if waiting.fault.step is not None:
                    waiting.from_s = (
                        now_s + (waiting.fault.after or 0.0) if self._is_for_now(waiting.fault) else math.inf
                    )
                    waiting.counted = 0
            drawn = self._draw.for_attempt(step, attempt) if self._draw is not None else None
            self._drawn = None if drawn is None else Waiting(drawn, now_s)
        self.fire()
        self._watch_clock()

    def advance_to(self, to_s: float) -> float:
        """Put virtual time to ``to_s``; on the way every fault whose time comes happens at its very time."""
        while math.isfinite(to_s) and (due_s := self._next_due_s()) <= to_s:
            self._timebase.advance_to(due_s)
            self.fire()
        return self._timebase.advance_to(to_s)

    def close(self) -> None:
        """Let nothing happen any more."""
        self._closed = True
        self._clock_changed.set()

    # -- from the servers

    def gate(self, name: str) -> _Gate:
        """What messages to the instrument ``name`` pass through."""
        return _Gate(self, name)

    def exchange(self, name: str, message: bytes, wire: Wire) -> None:
        """See ``servers.wire.Gate``; for the instrument ``name``."""
        if wire.is_silent or self._condition.is_off(name):
            return
        self._condition.put_right(name, wire)
        one = self._at_message(name, message)
        if one is None:
            ordinary(message, wire)
        elif isinstance(one, LinkFault):
            tamper(one, message, wire)
        else:
            fate = self._condition.befall(one)
            if fate is Fate.CARRIED_OUT:
                ordinary(message, wire)
            elif fate is Fate.CUT_OFF:
                wire.break_off()

    # -- inside

    def _open_gates(self) -> None:
        for name, server in self._servers.items():
            server.gate = server.gate or self.gate(name)

    def _add(self, one: Fault) -> None:
        with self._lock:
            now_s = self._timebase.now_s() + (one.after or 0.0)
            self._waiting.append(Waiting(one, now_s if one.step is None or self._is_for_now(one) else math.inf))
        self._watch_clock()

    def _is_for_now(self, one: Fault) -> bool:
        return one.step in (self._now.name, str(self._now.step)) and self._now.attempt >= one.attempt

    def _at_message(self, name: str, message: bytes) -> Fault | None:
        """The fault that strikes at this message, if one does."""
        with self._lock:
            asks = Question(message)
            going_on = self._acting.get(name)
            if going_on is not None:
                if going_on.is_over():
                    del self._acting[name]
                elif fits(going_on.fault, message, asks):
                    going_on.messages -= 1
                    going_on.told.messages += 1
                    return going_on.fault
            now_s = self._timebase.now_s()
            for waiting in self._waiting if self._drawn is None else [*self._waiting, self._drawn]:
                one = waiting.fault
                if one.instrument != name or not one.waits_for_message or not waiting.left or now_s < waiting.from_s:
                    continue
                if not fits(one, message, asks):
                    continue
                waiting.counted += 1
                if waiting.counted >= (one.message or 1):
                    told = self._strikes(waiting, now_s, message)
                    if isinstance(one, LinkFault):
                        self._acting[name] = acting(one, told)
                    return one
        return None

    def _strikes(self, waiting: Waiting, now_s: float, message: bytes = b"") -> Struck:
        one, now = waiting.fault, self._now
        waiting.struck += 1
        waiting.counted = 0
        waiting.from_s = math.inf if one.step is not None else now_s + (one.after or 0.0)
        shown = message[:_SHOWN_BYTES].decode("ascii", "replace").strip()
        told = Struck(one.fault, one.where, now.step, now.attempt, now.name, now_s, shown, int(bool(message)))
        self._struck.append(told)
        return told

    # -- faults that wait for a time

    def fire(self) -> None:
        """Let everything happen whose time has come."""
        with self._firing:
            for one in self._take_due():
                self._condition.befall(one)

    def _take_due(self) -> list[Fault]:
        with self._lock:
            now_s = self._timebase.now_s()
            due = [waiting for waiting in self._timed() if waiting.from_s <= now_s]
            for waiting in due:
                self._strikes(waiting, now_s)
            return [waiting.fault for waiting in due]

    def _next_due_s(self) -> float:
        with self._lock:
            return min((waiting.from_s for waiting in self._timed()), default=math.inf)

    def _timed(self) -> Iterable[Waiting]:
        return (waiting for waiting in self._waiting if waiting.left and not waiting.fault.waits_for_message)

    def _watch_clock(self) -> None:
        """In real time nobody advances the world, so that a thread waits for what is to come."""
        if self._next_due_s() == math.inf:
            return
        self._clock_changed.set()
        with self._lock:
            if self._clock is None:
                self._clock = threading.Thread(target=self._fire_in_time, name="faults", daemon=True)
                self._clock.start()

    def _fire_in_time(self) -> None:
        while not self._closed:
            self._clock_changed.clear()
            due_s = self._next_due_s()
            if due_s == math.inf:
                self._clock_changed.wait()
            elif self._timebase.wait_until(due_s, self._clock_changed):
                self.fire()


class _Gate:
    """The gate of one instrument (see ``servers.wire.Gate``)."""

    def __init__(self, injector: Injector, name: str) -> None:
        self._injector = injector
        self._name = name

    def exchange(self, message: bytes, wire: Wire) -> None:
        """Let the injector have it."""
        self._injector.exchange(self._name, message, wire)
