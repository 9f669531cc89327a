"""Digital wires: from the line of a digital port to what it switches, and from a contact to the line that reads it."""

from __future__ import annotations

from collections.abc import Callable


class DigitalOutput:
    """A line that an instrument may pull low; high while it does not, through the pull-up."""

    def __init__(self) -> None:
        self._high = True
        self._followers: list[Callable[[bool], None]] = []

    def connect(self, follower: Callable[[bool], None]) -> None:
        """Let ``follower(high)`` know the level now and whenever it changes."""
        self._followers.append(follower)
        follower(self._high)

    def drive(self, high: bool) -> None:
        """Put the line on a level."""
        if high != self._high:
            self._high = high
            for follower in self._followers:
                follower(high)


class DigitalInput:
    """A line that an instrument reads; high while nothing is connected, through the pull-up."""

    def __init__(self) -> None:
        self._level: Callable[[], bool] | None = None

    def connect(self, level: Callable[[], bool]) -> None:
        """Read what ``level()`` says."""
        self._level = level

    @property
    def is_high(self) -> bool:
        """The level now."""
        return True if self._level is None else self._level()
