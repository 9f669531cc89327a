"""Brings instruments back after a fault: a new connection, who answers, the driver's known state.

What the instruments are set to for a step is set, and read back, by the next attempt at it. An instrument that is gone
is called again and again with growing pauses. All this takes real time; on a simulated bench the world's time goes on
by as much, so that what cools down or starts up there does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from aimdlab.bench.bench import Bench, Connected
from aimdlab.bench.driver import TellsRestarts
from aimdlab.bench.roles import ResettableAmplifier
from aimdlab.config.faults import FaultKind
from aimdlab.errors import (
    AmplifierTripError,
    IdentityError,
    InstrumentError,
    InstrumentRestartedError,
    LinkError,
    ProbeLostError,
    SafeStateError,
)

Result = TypeVar("Result")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_TICK_S = 0.1  # how soon a person is heard

_KINDS: tuple[tuple[type[InstrumentError], FaultKind], ...] = (
    (LinkError, FaultKind.LINK),
    (InstrumentRestartedError, FaultKind.RESTARTED),
    (IdentityError, FaultKind.IDENTITY),
    (AmplifierTripError, FaultKind.TRIP),
    (ProbeLostError, FaultKind.PROBE),
)


def kind_of(fault: InstrumentError) -> FaultKind:
    """The kind of a fault; what an instrument refuses or cannot do is a refusal."""
    return next((kind for error, kind in _KINDS if isinstance(fault, error)), FaultKind.REFUSAL)


class Recovery:
    """Recovery of the instruments of one bench.

    Args:
        bench: connected.
        limit_s: how long an instrument that is gone is called again, real time; once at least.
        attention: called while it waits; raises what a person wants.
    """

    def __init__(self, bench: Bench, limit_s: float, attention: Callable[[], None]) -> None:
        self._bench = bench
        self._limit_s = limit_s
        self._attention = attention
        self._pause = threading.Event()  # never set; Event.wait is the portable interruptible sleep
        self._known = {name: _connections(connected) for name, connected in bench.instruments.items()}
        # To ask clears what an instrument says: whoever said so is kept until it is brought back.
        self._restarted: set[str] = set()

    def begin(self) -> None:
        """Every instrument was initialised just now: that it was switched on before is no fault."""
        for name, connected in self._bench.instruments.items():
            _ask_restarted(connected)
            self._known[name] = _connections(connected)
        self._restarted.clear()

    def check_restarts(self) -> None:
        """InstrumentRestartedError if an instrument was switched off and on since it was initialised."""

        def ask(name: str, connected: Connected) -> None:
            if _ask_restarted(connected):
                self._restarted.add(name)

        with ExitStack() as asking:
            for name, connected in reversed(self._bench.instruments.items()):
                asking.enter_context(self._bench.meanwhile(name, partial(ask, name, connected)))
        for name in self._bench.instruments:
            if name in self._restarted:
                raise InstrumentRestartedError(
                    "it was switched off and on, or lost its power, in between: what it was set to is lost. Look at "
                    "its mains plug and switch.",
                    instrument=name,
                    command="*ESR?",
                )

    def distrust(self, fault: InstrumentError) -> None:
        """Close the connection over which a reply came that made no sense, also if the driver alone saw that."""
        connected = self._bench.instruments.get(fault.instrument)
        if isinstance(fault, LinkError) and connected is not None and connected.link is not None:
            connected.link.give_up(str(fault))

    def restarted(self) -> list[str]:
        """Instruments that said that they were switched off and on, and were not brought back since."""
        return [name for name in self._bench.instruments if name in self._restarted]

    def cut_off(self) -> list[str]:
        """Instruments without a connection, or with a new one of which nobody asked who answers."""
        return [
            name
            for name, connected in self._bench.instruments.items()
            if connected.link is not None and (connected.link.is_broken or _connections(connected) != self._known[name])
        ]

    def bring_back(self, name: str, *, anew: bool) -> None:
        """Connect, identify, initialise.

        Args:
            name: of the instrument.
            anew: over a new connection, even if there is one.

        Raises:
            IdentityError: another instrument answers than at the start of the run.
            InstrumentError: it did not come back in time; the last reason.
        """
        connected = self._bench.instruments[name]
        self._again(name, "brought to its known state", lambda tried: self._bring_back(connected, anew=anew or tried))

    def reset_amplifier(self, name: str) -> None:
        """Clear the fault of an amplifier, again and again while its cause (it is too hot) is still there.

        Raises:
            InstrumentError: it cannot be reset from here, or the fault stayed.
        """
        connected = self._bench.instruments[name]
        driver = connected.driver
        if not isinstance(driver, ResettableAmplifier):
            raise InstrumentError("it cannot be reset from here", instrument=name)

        def reset(_tried: bool) -> None:
            if name in self.cut_off():
                self._bring_back(connected, anew=True)
            driver.reset_fault()

        self._again(name, "reset", reset)

    def until_safe(self) -> SafeStateError | None:
        """Make the bench safe, again and again while an instrument is gone; the last error if that did not help."""
        unsafe: SafeStateError | None = None
        for _ in self._tries():
            try:
                self._bench.make_safe()
            except SafeStateError as error:
                unsafe = error
            else:
                return None
        return unsafe

    def _bring_back(self, connected: Connected, *, anew: bool) -> None:
        name, link, driver = connected.equipment.name, connected.link, connected.driver
        if link is not None:
            if anew or link.is_broken:
                link.reconnect()
            answered = driver.identify()
            if answered != connected.identity:
                raise IdentityError(
                    f"another instrument answers than at the start of the run: {answered.manufacturer} "
                    f"{answered.model}, serial {answered.serial or 'unknown'}, firmware "
                    f"{answered.firmware or 'unknown'}. Connect the one that the run began with.",
                    instrument=name,
                    command="*IDN?",
                )
        driver.initialise()
        _ask_restarted(connected)
        self._restarted.discard(name)
        self._known[name] = _connections(connected)

    def _again(self, name: str, done: str, work: Callable[[bool], Result]) -> Result:
        """``work``, told whether it failed before, until it succeeds or the time is over; recorded either way."""
        started_s = time.monotonic()
        last: InstrumentError | None = None
        tries = 0
        for tries in self._tries():
            try:
                result = work(last is not None)
            except IdentityError as error:
                last = error
                break  # nobody swaps it back while it is called again
            except InstrumentError as error:
                last = error
                self.distrust(error)
            else:
                took_s = time.monotonic() - started_s
                self._bench.events.record(
                    "instrument.recovered",
                    f"{name} answers and was {done}",
                    source=name,
                    durable=True,
                    tries=tries,
                    seconds=round(took_s, 3),
                )
                return result
        assert last is not None  # noqa: S101 - it is tried once at least
        self._bench.events.record(
            "instrument.not_recovered",
            f"{name} could not be {done}: {last}",
            source=name,
            durable=True,
            tries=tries,
            seconds=round(time.monotonic() - started_s, 3),
        )
        raise last

    def _tries(self) -> Iterator[int]:
        """Count the tries, with a growing pause before each but the first, until the time is over."""
        deadline_s = time.monotonic() + self._limit_s
        pause_s, number = _FIRST_PAUSE_S, 1
        while True:
            self._attention()
            yield number
            if time.monotonic() + pause_s > deadline_s:
                return
            self._wait(pause_s)
            pause_s, number = min(2 * pause_s, _LONGEST_PAUSE_S), number + 1

    def _wait(self, duration_s: float) -> None:
        clock = self._bench.clock
        if clock.kind == "real":
            clock.sleep(duration_s)
            return
        # The token is kept meanwhile: nobody else's time may jump. Then the world's time follows.
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._pause.wait(min(left_s, _TICK_S))
            self._attention()
        clock.sleep(duration_s)


def _connections(connected: Connected) -> int:
    return connected.link.connections if connected.link is not None else 0


def _ask_restarted(connected: Connected) -> bool:
    return isinstance(connected.driver, TellsRestarts) and connected.driver.was_restarted()
