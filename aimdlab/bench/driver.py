"""What every driver is: a class found by entry point, with a link, an identity and a way to be made safe."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from aimdlab.bench.roles import Role

Result = TypeVar("Result")


@dataclass(frozen=True)
class Identity:
    """Who answered.

    Attributes:
        manufacturer, model, serial, firmware: the four fields of ``*IDN?``; "" where an instrument does not tell.
    """

    manufacturer: str
    model: str
    serial: str
    firmware: str


class Link(Protocol):
    """One connection to one instrument, owned by one worker thread; nobody else touches it.

    Called from another thread, every method runs in the worker and the caller waits on the bench clock; called
    inside a function given to :meth:`run` or :meth:`submit`, it runs at once, without a change of threads. Text is
    ASCII without terminator.
    """

    @property
    def name(self) -> str:
        """The instrument's name in the bench file."""
        ...

    @property
    def resource(self) -> str:
        """VISA resource string."""
        ...

    def write(self, command: str) -> None:
        """Send one message."""
        ...

    def write_block(self, command: str, payload: bytes) -> None:
        """Send ``command`` followed by ``payload`` as a definite-length block."""
        ...

    def query(self, command: str) -> str:
        """Send one message and read one line."""
        ...

    def query_block(self, command: str) -> memoryview:
        """Send one message and read a definite-length block by its own length, into memory of its own."""
        ...

    def run(self, work: Callable[[], Result]) -> Result:
        """Do ``work``, which may send and read several messages, as one job of the worker thread."""
        ...

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Run ``work`` in the worker thread; wait for it with ``clock.wait``."""
        ...

    def close(self) -> None:
        """Close the connection and end the worker; does not touch the instrument's settings."""
        ...


@runtime_checkable
class TellsRestarts(Protocol):
    """A driver whose instrument can tell that it was switched off and on, also where no connection broke by it."""

    def was_restarted(self) -> bool:
        """Whether it was, since this was asked last; costs one round trip."""
        ...


@runtime_checkable
class DiffersByModel(Protocol):
    """A driver whose models differ in what can be planned with them."""

    def plan_for(self, model: str) -> None:
        """Plan for the model that the bench file names, before it is connected; an unknown one changes nothing."""
        ...


@runtime_checkable
class BeginsAttempts(Protocol):
    """A driver that sends within one attempt only what it did not send in it before."""

    def begin_attempt(self) -> None:
        """Another attempt begins: whatever was set before is sent anew. Sends nothing itself."""
        ...


class Driver(Protocol):
    """One instrument family.

    Attributes:
        ROLES: roles that the class can play.
        MODELS: the models it was written for, as ``*IDN?`` spells them.
        Options: model of the ``options`` of the bench file.
        NEEDS_LINK: False for an instrument that the PC cannot talk to (a passive amplifier).
    """

    ROLES: ClassVar[frozenset[Role]]
    MODELS: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[BaseModel]]
    NEEDS_LINK: ClassVar[bool]

    def __init__(self, name: str, link: Link | None, options: Any) -> None: ...

    def identify(self) -> Identity:
        """Who answers; must be safe to ask in any state. Nothing is changed."""
        ...

    def initialise(self) -> None:
        """Bring the instrument to the driver's known state, every output off, its error queue empty."""
        ...

    def make_safe(self) -> None:
        """Every output off, in any state."""
        ...
