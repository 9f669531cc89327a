"""How an instrument declares its commands: a decorator on the method that carries one out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aimdlab_simulators.scpi.argument import Argument
from aimdlab_simulators.scpi.errors import ScpiError
from aimdlab_simulators.scpi.response import Stream
from aimdlab_simulators.timebase import Cancellation

Answer = str | bytes | int | float | Stream | None
_PATTERNS = "_scpi_patterns"
Handler = TypeVar("Handler", bound=Callable[..., Answer])


def command(*patterns: str) -> Callable[[Handler], Handler]:
    """Let a method ``(self, call: Call) -> Answer`` carry out the commands or queries that ``patterns`` spell.

    ``"[SOURce#:]FREQuency[:FIXed]"`` is a setting, with ``?`` at the end a query. A query returns str or bytes (sent
    as they are) or a Stream, int (NR1) or float (NR3); a setting returns None.
    """

    def mark(method: Handler) -> Handler:
        setattr(method, _PATTERNS, (*getattr(method, _PATTERNS, ()), *patterns))
        return method

    return mark


def patterns_of(method: object) -> tuple[str, ...]:
    """The patterns that ``command`` has put on a method."""
    found: tuple[str, ...] = getattr(method, _PATTERNS, ())
    return found


class Call:
    """One command as received.

    Attributes:
        suffixes: one number per ``#`` of the pattern, in its order; 1 where left out.
        cancelled: says whether the client is gone or has given up, for commands that wait.
        query: whether it came with a question mark.
    """

    def __init__(
        self,
        suffixes: tuple[int, ...],
        arguments: tuple[bytes, ...],
        *,
        query: bool = False,
        cancelled: Cancellation | None = None,
    ) -> None:
        self.suffixes = suffixes
        self.query = query
        self.cancelled = cancelled
        self._raw = arguments
        self._used = 0

    @property
    def args(self) -> tuple[Argument, ...]:
        """All arguments."""
        self._used = len(self._raw)
        return tuple(Argument(raw) for raw in self._raw)

    @property
    def count(self) -> int:
        """How many arguments were sent."""
        return len(self._raw)

    @property
    def excess(self) -> bool:
        """Whether there are arguments that nobody has looked at."""
        return self._used < len(self._raw)

    def argument(self, index: int = 0) -> Argument:
        """The argument at ``index``; -109 if it was left out."""
        found = self.optional(index)
        if found is None:
            raise ScpiError(-109, "Missing parameter")
        return found

    def optional(self, index: int = 0) -> Argument | None:
        """The argument at ``index``, None if it was left out."""
        self._used = max(self._used, index + 1)
        return Argument(self._raw[index]) if index < len(self._raw) and self._raw[index] else None

    def numbers(self, start: int) -> list[float]:
        """All arguments from ``start`` on as plain decimal numbers, for long lists of them; -104 if one is not."""
        self._used = len(self._raw)
        try:
            return [float(raw) for raw in self._raw[start:]]
        except ValueError:
            raise ScpiError(-104, "Data type error") from None

    def suffix(self, index: int, maximum: int) -> int:
        """The suffix at ``index``; -114 if it is not in 1..``maximum``."""
        number = self.suffixes[index]
        if not 1 <= number <= maximum:
            raise ScpiError(-114, "Header suffix out of range")
        return number
