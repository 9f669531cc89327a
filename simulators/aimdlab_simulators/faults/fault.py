"""What every fault of a scenario file says: where and when it strikes, and how often."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Time, si, to_si

_MOST_MESSAGES = 1_000_000


def _messages_or_time(value: object) -> object:
    """A whole number of messages as it is, a time in seconds as a float."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"expected a whole number of messages or a time like '3 s', got {value!r}")  # noqa: TRY004
    if isinstance(value, int):
        return value
    return si(to_si(value, "s", "3 s"))


MessagesOrTime = Annotated[
    Annotated[int, Field(ge=1, le=_MOST_MESSAGES, strict=True)] | Annotated[float, Field(gt=0)],
    BeforeValidator(_messages_or_time),
]


class Fault(ConfigModel):
    """What every entry of a scenario says.

    Attributes:
        instrument: whom it befalls; of a fault of the world, whose messages are counted.
        step: only in attempts at this step, by its name in the plan ("1/0003"); they begin the count of messages and
            of time anew.
        attempt: only from this attempt at the step on.
        after: world time from the beginning of the attempt, or of the world, before which nothing happens.
        message: strikes at the Nth message that it can befall.
        command: counts only messages that contain this text.
        times: how often it comes in all; with a step, once per attempt.
    """

    NEEDS_NODE: ClassVar[bool] = False
    NEEDS_MESSAGE: ClassVar[bool] = False
    NEEDS_ANSWER: ClassVar[bool] = False

    fault: str
    instrument: str | None = None
    node: str | None = None
    step: str | None = Field(default=None, min_length=1)
    attempt: int = Field(default=1, ge=1)
    after: Time | None = Field(default=None, ge=0)
    message: int | None = Field(default=None, ge=1, le=_MOST_MESSAGES)
    command: str | None = Field(default=None, min_length=1)
    times: int = Field(default=1, ge=1, le=1000)

    @property
    def waits_for_message(self) -> bool:
        """Whether it strikes at a message; else at its time."""
        return self.NEEDS_MESSAGE or self.message is not None or self.command is not None

    @property
    def where(self) -> str:
        """What it befalls, in a word."""
        return str(self.node if self.NEEDS_NODE else self.instrument)

    @model_validator(mode="after")
    def _whole(self) -> Fault:
        if not self.NEEDS_NODE and self.node is not None:
            raise ValueError(f"{self.fault} befalls an instrument, not a node; say `instrument`")
        if self.attempt != 1 and self.step is None:
            raise ValueError("an attempt is one at a step; say `step`")
        return self
