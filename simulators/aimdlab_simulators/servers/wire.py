"""One client's connection as faults of the link see it, and the gate at which they strike."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NoReturn, Protocol

from aimdlab_simulators.scpi import Response, ScpiInstrument
from aimdlab_simulators.timebase import Cancellation


class Wire(ABC):
    """A conversation: a message is carried out, what the instrument answers is said.

    Attributes:
        opened_s: when it began, on the machine's monotonic clock.
        is_silent: nothing that comes on it is carried out or answered any more.
        held: says a response that was kept back, once the next one was said.
    """

    def __init__(self) -> None:
        self.opened_s = time.monotonic()
        self.is_silent = False
        self.held: Callable[[], None] | None = None

    @abstractmethod
    def carry_out(self, message: bytes) -> Response | None:
        """Let the instrument do ``message``; its response with the terminator, or None."""

    @abstractmethod
    def say(self, *responses: Response, end: bool = True) -> None:
        """Send responses, each complete or, without ``end``, broken off where it stops."""

    @abstractmethod
    def spill(self, data: bytes) -> None:
        """Put bytes on the connection as they are, outside of any response."""

    @abstractmethod
    def later(self, response: Response) -> Callable[[], None]:
        """What says ``response`` as the answer to the message in hand, whatever was said in between."""

    @abstractmethod
    def break_off(self) -> NoReturn:
        """End the conversation with a reset; raises ConnectionAbortedError for the thread that serves it."""

    @abstractmethod
    def is_set(self) -> bool:
        """Whether the client has gone."""


class Gate(Protocol):
    """What every message to an instrument passes through when faults may strike."""

    def exchange(self, message: bytes, wire: Wire) -> None:
        """Carry out ``message`` and answer it, or do to it what a fault does."""
        ...


def exchange(message: bytes, wire: Wire, gate: Gate | None) -> None:
    """Carry out ``message`` and say what the instrument answers, through the gate if there is one."""
    if gate is not None:
        gate.exchange(message, wire)
    elif (response := wire.carry_out(message)) is not None:
        wire.say(response)


def ask(instrument: ScpiInstrument, message: bytes, cancelled: Cancellation) -> Response | None:
    """Carry out ``message`` after the time that it takes on the link; the response with its terminator, or None."""
    instrument.delays.wait_for_transfer(len(message))
    response = instrument.respond(message, cancelled)
    return None if response is None else response.ended(b"\n")
