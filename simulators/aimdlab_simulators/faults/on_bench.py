"""What faults do to an instrument, its server or a node of the world."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from aimdlab_simulators.faults.fault import Fault
from aimdlab_simulators.faults.kinds import (
    ErrorQueued,
    FullErrorQueue,
    PowerCycle,
    Refuse,
    Stuck,
    WorldFault,
    WrongIdentity,
)
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.servers.wire import Gate, Wire


class Server(Protocol):
    """The door of one instrument."""

    instrument: ScpiInstrument
    gate: Gate | None

    def shut(self, for_s: float) -> None:
        """Hang up on everybody now, and on whoever comes within ``for_s`` real seconds."""
        ...


class Disturbed(Protocol):
    """The world as faults see it."""

    def disturb(self, name: str, kind: str, **parameters: Any) -> None:
        """Let something happen to a node."""
        ...


class Fate(Enum):
    """What becomes of the message at which a fault strikes."""

    CARRIED_OUT = auto()
    LOST = auto()
    CUT_OFF = auto()  # lost, and its connection with it


@dataclass
class _Swapped:
    """Another instrument in the place of one."""

    serial: str  # of the right one
    until_s: float  # on the machine's monotonic clock


class Condition:
    """What faults have made of the instruments: who is off, who is another one.

    Args:
        servers: by instrument.
        world: where the nodes are.
    """

    def __init__(self, servers: Mapping[str, Server], world: Disturbed) -> None:
        self._servers = servers
        self._world = world
        self._off_until_s: dict[str, float] = {}
        self._swapped: dict[str, _Swapped] = {}

    def befall(self, one: Fault) -> Fate:
        """Let it happen; says what becomes of the message at which it struck."""
        match one:
            case Refuse():
                self._server(one).shut(one.for_)
                return Fate.CUT_OFF
            case PowerCycle():
                return self._power_cycle(one)
            case WrongIdentity():
                self._swap(one)
                return Fate.CUT_OFF
            case WorldFault():
                self._world.disturb(str(one.node), one.fault, **one.parameters())
            case _:
                _confuse(one, self._server(one).instrument)
        return Fate.CARRIED_OUT

    def is_off(self, name: str) -> bool:
        """Whether nobody is behind the connection just now."""
        return time.monotonic() < self._off_until_s.get(name, 0.0)

    def put_right(self, name: str, wire: Wire) -> None:
        """Bring back the right instrument when its time has come; raises ConnectionAbortedError for the other one's."""
        swapped = self._swapped.get(name)
        if swapped is None or time.monotonic() < swapped.until_s:
            return
        del self._swapped[name]
        instrument = self._servers[name].instrument
        instrument.serial = swapped.serial
        instrument.power_cycle()
        if wire.opened_s < swapped.until_s:
            wire.break_off()

    def _power_cycle(self, one: PowerCycle) -> Fate:
        server = self._server(one)
        server.instrument.power_cycle()
        if one.hold_connection:
            self._off_until_s[str(one.instrument)] = time.monotonic() + one.for_
        else:
            server.shut(one.for_)
        return Fate.LOST if one.hold_connection else Fate.CUT_OFF

    def _swap(self, one: WrongIdentity) -> None:
        name, server = str(one.instrument), self._server(one)
        right = self._swapped[name].serial if name in self._swapped else server.instrument.serial
        self._swapped[name] = _Swapped(right, math.inf if one.for_ is None else time.monotonic() + one.for_)
        server.instrument.serial = one.serial
        server.instrument.power_cycle()
        server.shut(0.0)

    def _server(self, one: Fault) -> Server:
        return self._servers[str(one.instrument)]


def _confuse(one: Fault, instrument: ScpiInstrument) -> None:
    with instrument.lock:
        match one:
            case FullErrorQueue():
                for _ in range(instrument.ERROR_QUEUE_LENGTH + 1):
                    instrument.report_error(-113, "Undefined header")
            case ErrorQueued():
                instrument.report_error(one.code, one.text)
            case Stuck():
                now_s = instrument.timebase.now_s()
                instrument.stuck_until_s = math.inf if one.for_ is None else now_s + one.for_
            case _:
                raise AssertionError(one.fault)
