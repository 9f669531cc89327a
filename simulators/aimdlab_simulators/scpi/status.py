"""The status model of IEEE 488.2 clause 11 and the error queue of SCPI 1999.0 vol. 2, 21.8."""

from __future__ import annotations

from collections import deque

OPERATION_COMPLETE = 1
QUERY_ERROR = 4
DEVICE_ERROR = 8
EXECUTION_ERROR = 16
COMMAND_ERROR = 32
POWER_ON = 128

ERROR_AVAILABLE = 4  # bits of the status byte
MESSAGE_AVAILABLE = 16
EVENT_SUMMARY = 32
MASTER_SUMMARY = 64


class Status:
    """Event status register, its enable masks and the error queue.

    Attributes:
        events: the standard event status register; bit 7 (power on) is set at the start.
        event_enable: what ``*ESE`` sets.
        service_enable: what ``*SRE`` sets, without bit 6.
        errors: (code, text), oldest first.
    """

    def __init__(self, queue_length: int) -> None:
        self.events = POWER_ON
        self.event_enable = 0
        self.service_enable = 0
        self.errors: deque[tuple[int, str]] = deque()
        self._queue_length = queue_length

    def report(self, code: int, text: str) -> None:
        """Queue an error and set its event bit; when the queue is full its last entry becomes -350."""
        self.events |= _event_bit(code)
        if len(self.errors) < self._queue_length:
            self.errors.append((code, text))
        else:
            self.errors[-1] = (-350, "Queue overflow")

    def next_error(self) -> tuple[int, str]:
        """Take the oldest error; (0, "No error") when there is none."""
        return self.errors.popleft() if self.errors else (0, "No error")

    def clear(self) -> None:
        """Empty the queue and the event register (``*CLS``); the enable masks stay."""
        self.errors.clear()
        self.events = 0

    def take_events(self) -> int:
        """Read and clear the event register (``*ESR?``)."""
        events, self.events = self.events, 0
        return events

    def byte(self, own_bits: int, *, message_available: bool) -> int:
        """The status byte with the master summary in bit 6.

        Args:
            own_bits: what the model puts into bits 0 to 3 and 7.
            message_available: whether a response is waiting for the client that asks.
        """
        byte = own_bits | (MESSAGE_AVAILABLE if message_available else 0)
        if self.events & self.event_enable:
            byte |= EVENT_SUMMARY
        return byte | (MASTER_SUMMARY if byte & self.service_enable else 0)


def _event_bit(code: int) -> int:
    if -200 < code <= -100:
        return COMMAND_ERROR
    if -300 < code <= -200:
        return EXECUTION_ERROR
    if -500 < code <= -400:
        return QUERY_ERROR
    return DEVICE_ERROR
