"""A fault that waits for its message or its time, and one that goes on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from aimdlab_simulators.faults.fault import Fault
from aimdlab_simulators.faults.kinds import LinkFault
from aimdlab_simulators.scpi.errors import ScpiError
from aimdlab_simulators.scpi.syntax import units


@dataclass
class Waiting:
    """A fault and where its count stands.

    Attributes:
        from_s: world time from which on it may strike; inf until its attempt has begun.
        counted: messages since then.
        struck: how often it has.
    """

    fault: Fault
    from_s: float
    counted: int = 0
    struck: int = 0

    @property
    def left(self) -> bool:
        """Whether it may come once more."""
        return self.struck < self.fault.times


@dataclass
class Struck:
    """What is told of a fault that struck.

    Attributes:
        where: instrument or node.
        step, attempt, name: what was being done; -1 and "" before the first attempt.
        at_s: world time.
        command: the beginning of the message at which it struck; "" if it waited for its time.
        messages: at how many it has.
    """

    fault: str
    where: str
    step: int
    attempt: int
    name: str
    at_s: float
    command: str
    messages: int


@dataclass
class Acting:
    """A fault of the link that goes on over several messages."""

    fault: LinkFault
    told: Struck
    messages: float
    until_s: float  # on the machine's monotonic clock

    def is_over(self) -> bool:
        """Whether the next message is an ordinary one."""
        return self.messages < 1 or time.monotonic() >= self.until_s


class Question:
    """Whether a message asks for anything; found out when somebody wants to know."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._known: bool | None = None

    def __bool__(self) -> bool:
        if self._known is None:
            try:
                self._known = any(unit.query for unit in units(self._message))
            except ScpiError:
                self._known = False
        return self._known


def fits(one: Fault, message: bytes, asks: Question) -> bool:
    """Whether a fault can strike at a message; ``asks``: whether that is answered."""
    if one.command is not None and one.command.upper().encode("ascii", "replace") not in message.upper():
        return False
    return not one.NEEDS_ANSWER or bool(asks)


def acting(one: LinkFault, told: Struck) -> Acting:
    """How it goes on after its first message."""
    if isinstance(one.for_, int):
        return Acting(one, told, one.for_ - 1, math.inf)
    return Acting(one, told, math.inf, time.monotonic() + one.for_)
