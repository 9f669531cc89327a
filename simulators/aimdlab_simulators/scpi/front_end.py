"""The front end of a simulated instrument: program messages in, response messages out; no command of its own."""

from __future__ import annotations

import logging
import math
import threading
from typing import Any, ClassVar

from aimdlab_simulators.scpi.command import Answer, Call, patterns_of
from aimdlab_simulators.scpi.delays import Delays
from aimdlab_simulators.scpi.errors import ScpiError
from aimdlab_simulators.scpi.pattern import CommandTree, parse_pattern
from aimdlab_simulators.scpi.response import Response, Stream
from aimdlab_simulators.scpi.status import ERROR_AVAILABLE, OPERATION_COMPLETE, Status
from aimdlab_simulators.scpi.syntax import Unit, units
from aimdlab_simulators.timebase import Cancellation, Timebase

_log = logging.getLogger(__name__)
_LOOK_AGAIN_S = 0.05


class _WaitAbandonedError(Exception):
    """The client that waits has gone, or has cleared the device."""


def _tree_of(cls: type) -> CommandTree:
    tree = CommandTree()
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            for text in patterns_of(member):
                tree.add(parse_pattern(text), name)
    return tree


class _Watch:
    """Ends a wait when the client has gone, the device was cleared, or another message may have changed something."""

    def __init__(self, instrument: FrontEnd, cancelled: Cancellation | None) -> None:
        self._instrument = instrument
        self._activity = instrument.activity
        self._clears = instrument.clears
        self._cancelled = cancelled

    @property
    def abandoned(self) -> bool:
        """Whether the client does not wait any more."""
        gone = self._cancelled is not None and self._cancelled.is_set()
        return gone or self._instrument.clears != self._clears

    def is_set(self) -> bool:
        """Whether there is a reason to look again."""
        return self._instrument.activity != self._activity or self.abandoned


class FrontEnd:
    """Carries out messages by the commands that subclasses declare with ``@command``, and keeps their time and status.

    See :class:`aimdlab_simulators.scpi.instrument.ScpiInstrument`, which has the common commands.
    """

    ERROR_QUEUE_LENGTH: ClassVar[int] = 20
    _commands: ClassVar[CommandTree] = CommandTree()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls._commands = _tree_of(cls)

    def __init__(self, *, name: str, maker: str, model: str, serial: str, firmware: str, timebase: Timebase) -> None:
        self.name = name
        self.maker = maker
        self.model = model
        self.serial = serial
        self.firmware = firmware
        self.timebase = timebase
        self.delays = Delays()
        self.lock = threading.RLock()
        self.status = Status(self.ERROR_QUEUE_LENGTH)
        self._completion_wanted = False  # *OPC was sent and its operation may still run
        self.activity = 0  # counts what could change for how long an operation goes on
        self.clears = 0
        self.stuck_until_s = -math.inf

    # -- for servers and the control socket

    def handle(self, message: bytes, cancelled: Cancellation | None = None) -> bytes | None:
        """The same as ``respond``, the response as a whole."""
        response = self.respond(message, cancelled)
        return None if response is None else response.whole()

    def respond(self, message: bytes, cancelled: Cancellation | None = None) -> Response | None:
        """Carry out one program message (without its terminator); the response, or None if nothing was asked.

        After a syntax error the rest of the message is dropped; after any other error it goes on.

        Args:
            message: any bytes.
            cancelled: set when the client has gone; ends a wait for a pending operation.
        """
        answers: list[bytes | Stream] = []
        path: tuple[str, ...] = ()
        with self.lock:
            self.activity += 1
            self._settle_completion()
            try:
                for unit in units(message):
                    if unit.first:
                        path = ()
                    self.delays.wait_for_command()
                    path = self._carry_out(unit, path, answers, cancelled)
            except ScpiError as error:
                self.report_error(error.code, error.text)
            except _WaitAbandonedError:
                return None
        return Response.of(answers) if answers else None

    def status_byte(self, *, message_available: bool = False) -> int:
        """The status byte (serial poll, HiSLIP AsyncStatusQuery, ``*STB?``)."""
        with self.lock:
            self._settle_completion()
            return self.status.byte(self.status_bits(), message_available=message_available)

    def device_clear(self) -> None:
        """Give up waiting for pending operations; settings, registers and the queue stay (IEEE 488.2, 5.8)."""
        with self.lock:
            self.clears += 1
            self._completion_wanted = False

    def power_cycle(self) -> None:
        """Off and on again: what ``*RST`` does, volatile memory empty, registers and queue as at power-on."""
        with self.lock:
            self.clears += 1  # nobody waits for what it was doing
            self.reset()
            self.lose_memory()
            self.status = Status(self.ERROR_QUEUE_LENGTH)

    @property
    def is_stuck(self) -> bool:
        """Whether it says that an operation goes on, whatever it does."""
        return self.timebase.now_s() < self.stuck_until_s

    def observe(self) -> dict[str, object]:
        """The state for the control socket, fit for JSON; subclasses add outputs and main settings."""
        with self.lock:
            return {"model": self.model, "serial": self.serial, "errors": [list(error) for error in self.status.errors]}

    # -- for subclasses

    def reset(self) -> None:
        """``*RST``: subclasses put their settings back and call this."""
        self._completion_wanted = False
        self.stuck_until_s = -math.inf

    def lose_memory(self) -> None:
        """What is gone without power and stays at ``*RST``: waveforms that were loaded, say."""

    def report_error(self, code: int, text: str) -> None:
        """Queue an error and set its bit in the event status register."""
        with self.lock:
            self.status.report(code, text)

    def pending_until_s(self) -> float | None:
        """World time at which the pending overlapped operation ends (inf if unknown), None if there is none."""
        return None

    def trigger(self) -> None:
        """``*TRG`` and the HiSLIP trigger message."""
        raise ScpiError(-211, "Trigger ignored")

    def options(self) -> str:
        """The answer to ``*OPT?``."""
        return "0"

    def self_test(self) -> int:
        """The answer to ``*TST?``: 0 passed."""
        return 0

    def status_bits(self) -> int:
        """Bits 0 to 3 and 7 of the status byte: here bit 2 while the error queue holds something."""
        return ERROR_AVAILABLE if self.status.errors else 0

    def format_error(self, code: int, text: str) -> str:
        """An entry of the error queue as this maker writes it."""
        return f'{code:+d},"{text}"'

    def render(self, value: str | bytes | int | float) -> bytes:
        """A query's value as this maker writes it: NR3 for a float, NR1 for an int."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode("latin-1", "replace")
        return str(int(value)).encode() if isinstance(value, int) else f"{value:+.14E}".encode()

    def wait_for_completion(self, call: Call) -> None:
        """Block the client until no operation is pending; other connections are served meanwhile."""
        while (until_s := self._pending_s()) is not None:
            watch = _Watch(self, call.cancelled)
            # An end that is far or unknown is asked for again as world time goes on.
            look_again_s = min(until_s, self.timebase.now_s() + _LOOK_AGAIN_S)
            self.lock.release()
            try:
                self.timebase.wait_until(look_again_s, watch)
            finally:
                self.lock.acquire()
            if watch.abandoned:
                raise _WaitAbandonedError

    # -- inside

    def _carry_out(
        self, unit: Unit, path: tuple[str, ...], answers: list[bytes | Stream], cancelled: Cancellation | None
    ) -> tuple[str, ...]:
        """Run one unit; the path for the next one."""
        prefix = () if unit.common else path
        found = self._commands.find(prefix + unit.nodes, query=unit.query)
        if found is None and (other := unit.unglued()) is not None:
            unit = other
            found = self._commands.find(prefix + unit.nodes, query=unit.query)
        if found is None:
            self.report_error(-113, "Undefined header")
            return path
        target, suffixes = found
        call = Call(suffixes, unit.arguments, query=unit.query, cancelled=cancelled)
        try:
            answer: Answer = getattr(self, target)(call)
            if answer is not None:
                answers.append(answer if isinstance(answer, Stream) else self.render(answer))
            if call.excess:
                self.report_error(-108, "Parameter not allowed")
        except ScpiError as error:
            self.report_error(error.code, error.text)
        except _WaitAbandonedError:
            raise
        except Exception:  # noqa: BLE001 - a simulator at fault answers as an instrument would, and says so in the log
            _log.exception("%s: the simulator failed in %s %r", self.name, target, unit.nodes)
            self.report_error(-310, "System error")
        return path if unit.common else prefix + unit.nodes[:-1]

    def _pending_s(self) -> float | None:
        if self.is_stuck:
            return self.stuck_until_s
        until_s = self.pending_until_s()
        return None if until_s is None or until_s <= self.timebase.now_s() else until_s

    def _settle_completion(self) -> None:
        if self._completion_wanted and self._pending_s() is None:
            self._completion_wanted = False
            self.status.events |= OPERATION_COMPLETE
