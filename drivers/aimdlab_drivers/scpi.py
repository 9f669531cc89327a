"""The base of drivers for SCPI instruments that keep their errors in ``SYSTem:ERRor?`` as Keysight does.

A group of settings goes out as one message, chained with ``;:``; the question for errors follows at once as a message
of its own, so that the group costs one round trip. It is not chained to the group: a parser that meets an unknown
header may drop the rest of the message, and then a refusal would look like an instrument that is gone.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import Role
from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError

Own = TypeVar("Own", bound="ScpiDriver")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ERROR = re.compile(r'\s*([+-]?\d+)\s*,\s*"(.*)"\s*')
# Longer than the queue of any instrument; reached only by one that reports an error for being asked.
_MOST_ERRORS = 64
_MOST_NAMED = 4
_OVERFLOW = "-350 "  # SCPI 1999.0 vol. 2, 21.8.1: it stands for the errors that the full queue could not take
_POWER_ON = 128  # PON, bit 7 of the standard event status register (IEEE 488.2, 11.5.1.1.2)


def chain(*commands: str) -> str:
    """Several commands, each from the root, as one program message."""
    return ";:".join(commands)


def number(value: float) -> str:
    """A number as program data, with every digit that any setting resolves."""
    return f"{value:.12g}"


def one_job(
    method: Callable[Concatenate[Own, Parameters], Result],
) -> Callable[Concatenate[Own, Parameters], Result]:
    """Have all messages of a driver's method go out as one job of the link: threads are changed once, not for each."""

    @functools.wraps(method)
    def whole(self: Own, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return self.in_one_job(lambda: method(self, *args, **kwargs))

    return whole


class ScpiDriver:
    """Identity, settings with their errors read, and queries of numbers.

    Args:
        name: the instrument's name in the bench file.
        link: its connection; None while planning, when nothing may be sent.
    """

    ROLES: ClassVar[frozenset[Role]]
    MODELS: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[BaseModel]]
    NEEDS_LINK: ClassVar[bool] = True

    def __init__(self, name: str, link: Link | None) -> None:
        self._name = name
        self._connection = link
        self._was_restarted = False

    @property
    def _link(self) -> Link:
        if self._connection is None:
            raise InstrumentError("not connected: this driver was made for planning only", instrument=self._name)
        return self._connection

    def identify(self) -> Identity:
        """Who answers ``*IDN?``; LinkError if it does not have the four fields of IEEE 488.2, 10.14."""
        reply = self._link.query("*IDN?")
        fields = [field.strip() for field in reply.split(",")]
        if len(fields) != 4 or not fields[1]:
            raise LinkError(
                f"the answer {reply!r} is not maker, model, serial number, firmware",
                instrument=self._name,
                command="*IDN?",
            )
        return Identity(*fields)

    def was_restarted(self) -> bool:
        """Whether it was switched off and on since this was asked last: PON in ``*ESR?``, which reading clears.

        So does ``*CLS``: a driver that sends it while the settings must still hold calls this first, and adds it up.
        """
        self._note_restart()
        was, self._was_restarted = self._was_restarted, False
        return was

    def in_one_job(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in the thread of the link, while the caller waits."""
        return self._link.run(work)

    def _note_restart(self) -> None:
        (events,) = self._numbers("*ESR?")
        self._was_restarted = self._was_restarted or bool(int(events) & _POWER_ON)

    @one_job
    def _apply(self, *commands: str) -> None:
        """Send settings as one message; InstrumentRefusal if the instrument reports any error."""
        message = chain(*commands)
        self._link.write(message)
        self._raise_errors(message)

    def _raise_errors(self, message: str) -> None:
        """Empty the error queue; InstrumentRefusal names ``message`` and every error that was in it."""
        errors = self._errors()
        if not errors:
            return
        more = f"; and {len(errors) - _MOST_NAMED} more" if len(errors) > _MOST_NAMED else ""
        if any(error.startswith(_OVERFLOW) for error in errors):
            more += ". Its error queue was full, so that some of these may be older than this command"
        raise InstrumentRefusal(
            f"it reports {'; '.join(errors[:_MOST_NAMED])}{more}", instrument=self._name, command=message
        )

    def _errors(self) -> list[str]:
        errors: list[str] = []
        while len(errors) < _MOST_ERRORS:
            reply = self._link.query("SYST:ERR?")
            match = _ERROR.fullmatch(reply)
            if match is None:
                raise LinkError(
                    f"the answer {reply!r} is not an entry of an error queue",
                    instrument=self._name,
                    command="SYST:ERR?",
                )
            if int(match[1]) == 0:
                return errors
            errors.append(f'{match[1]} "{match[2]}"')
        raise InstrumentError(
            f"its error queue does not end; the first error is {errors[0]}. Switch it off and on again.",
            instrument=self._name,
            command="SYST:ERR?",
        )

    def _numbers(self, *queries: str) -> tuple[float, ...]:
        """One finite number for each query, asked in one message."""
        message = chain(*queries)
        reply = self._link.query(message)
        try:
            values = tuple(float(field) for field in reply.split(";"))
        except ValueError:
            values = ()
        if len(values) != len(queries) or not all(math.isfinite(value) for value in values):
            expected = "a number" if len(queries) == 1 else f"{len(queries)} numbers"
            raise LinkError(f"the answer {reply!r} is not {expected}", instrument=self._name, command=message)
        return values

    def _refuse(self, message: str, command: str) -> InstrumentRefusal:
        return InstrumentRefusal(message, instrument=self._name, command=command)

    def _cannot(self, message: str) -> InstrumentError:
        return InstrumentError(message, instrument=self._name)
