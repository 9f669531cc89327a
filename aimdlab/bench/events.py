"""Where the bench reports what happens; the session's event log is one."""

from __future__ import annotations

from typing import Any, Protocol


class EventSink(Protocol):
    """Takes one event."""

    def record(self, kind: str, message: str, *, source: str, durable: bool = False, **data: Any) -> None:
        """Take ``message`` of ``kind`` from ``source``; ``durable`` events are on the disk before this returns."""
        ...


class NoEvents:
    """For a bench without a session (``aimdlab check``)."""

    def record(self, kind: str, message: str, *, source: str, durable: bool = False, **data: Any) -> None:
        """Forget it."""
