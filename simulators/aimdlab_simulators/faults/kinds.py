"""The kinds of fault, as a scenario file says them: what happens, and for how long."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field

from aimdlab.config.units import Time, si
from aimdlab_simulators.faults.fault import Fault, MessagesOrTime


class LinkFault(Fault):
    """Strikes at messages; ``for_``: how many of them, or for how many real seconds every one."""

    NEEDS_MESSAGE: ClassVar[bool] = True

    for_: MessagesOrTime = Field(default=1, alias="for")


class AnswerFault(LinkFault):
    """Befalls only messages that are answered: questions."""

    NEEDS_ANSWER: ClassVar[bool] = True


class Drop(LinkFault):
    """The message is carried out, half of the answer comes, then the connection is reset."""

    fault: Literal["drop"]


class Hang(LinkFault):
    """The message is not carried out and nothing ever comes on this connection again, which stays."""

    fault: Literal["hang"]


class Late(AnswerFault):
    """The answer comes ``by`` real seconds late."""

    fault: Literal["late"]
    by: Time = Field(default=si(1.0), gt=0, le=3600)


class Corrupt(AnswerFault):
    """Bytes of the answer arrive altered.

    Attributes:
        part: the "text" of a line (bytes that are no text), the "header" of a block (no number any more; of a line, its
            text), or the "terminator" (another byte in its place).
    """

    fault: Literal["corrupt"]
    part: Literal["text", "header", "terminator"] = "header"


class Truncate(AnswerFault):
    """The answer breaks off half way, or after ``keep`` bytes; the connection stays, or is closed."""

    fault: Literal["truncate"]
    keep: int | None = Field(default=None, ge=0)
    close: bool = False


class Repeat(AnswerFault):
    """The answer comes twice."""

    fault: Literal["repeat"]


class Swap(AnswerFault):
    """The answer is kept back until the next one on this connection was sent."""

    fault: Literal["swap"]


class Flood(LinkFault):
    """After the message and its answer, ``bytes`` that nobody asked for."""

    fault: Literal["flood"]
    bytes: int = Field(default=64, ge=1, le=1_000_000)


class Refuse(Fault):
    """Every connection is closed, and new ones are for so many real seconds."""

    fault: Literal["refuse"]
    for_: Time = Field(default=si(2.0), alias="for", ge=0, le=86400)


class PowerCycle(Fault):
    """Off for so many real seconds and on again: outputs off, settings and volatile memory lost, PON set.

    Attributes:
        hold_connection: a gateway keeps the connections; nobody answers while it is off.
    """

    fault: Literal["power_cycle"]
    for_: Time = Field(default=si(1.0), alias="for", ge=0, le=86400)
    hold_connection: bool = False


class WrongIdentity(Fault):
    """Another instrument, just switched on, answers at this address; for so many real seconds, or for good."""

    fault: Literal["wrong_identity"]
    serial: str = Field(default="XX00000000", min_length=1, pattern=r"^[ -+\--~]+$")
    for_: Time | None = Field(default=None, alias="for", ge=0)


class FullErrorQueue(Fault):
    """The error queue is full; its last entry is -350."""

    fault: Literal["full_error_queue"]


class ErrorQueued(Fault):
    """An error stands in the queue."""

    fault: Literal["error"]
    code: int = Field(default=-310, ge=-32768, le=32767)
    text: str = Field(default="System error", pattern=r"^[ !#-~]+$")


class Stuck(Fault):
    """Says that an operation goes on: for so many seconds of world time, or until it is reset or switched off."""

    fault: Literal["stuck"]
    for_: Time | None = Field(default=None, alias="for", gt=0)


class WorldFault(Fault):
    """Befalls a node of the world."""

    NEEDS_NODE: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """What ``World.disturb`` is told."""
        return {}


class LastingWorldFault(WorldFault):
    """Is over after ``for_`` seconds of world time."""

    for_: Time = Field(default=si(5.0), alias="for", gt=0, le=1e9)

    def parameters(self) -> dict[str, Any]:
        """How long."""
        return super().parameters() | {"for": self.for_}


class Unplug(LastingWorldFault):
    """The probe of an oscilloscope input is off."""

    fault: Literal["unplug"]


class Drift(LastingWorldFault):
    """The gain of an amplifier is multiplied by ``factor``."""

    fault: Literal["drift"]
    factor: Annotated[float, Field(gt=0, le=100)] = 0.7

    def parameters(self) -> dict[str, Any]:
        """How long, and by how much."""
        return super().parameters() | {"factor": self.factor}


class Trip(WorldFault):
    """A drive amplifier trips: off, its fault contact active until it is reset."""

    fault: Literal["trip"]


class Overheat(LastingWorldFault):
    """A drive amplifier is too hot: off, and cannot be reset before it has cooled down."""

    fault: Literal["overheat"]


_Any = (
    Drop
    | Hang
    | Late
    | Corrupt
    | Truncate
    | Repeat
    | Swap
    | Flood
    | Refuse
    | PowerCycle
    | WrongIdentity
    | FullErrorQueue
    | ErrorQueued
    | Stuck
    | Unplug
    | Drift
    | Trip
    | Overheat
)
AnyFault = Annotated[_Any, Field(discriminator="fault")]
KINDS: tuple[str, ...] = tuple(get_args(kind.model_fields["fault"].annotation)[0] for kind in get_args(_Any))
