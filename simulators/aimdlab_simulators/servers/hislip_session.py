"""One HiSLIP client: its two connections and what was exchanged on them."""

from __future__ import annotations

import threading

from aimdlab_simulators.servers.hislip_messages import MAX_MESSAGE_BYTES
from aimdlab_simulators.servers.listener import Connection

_RELEASE_WAIT_S = 5.0
_RMT_DELIVERED = 1
_BEFORE_FIRST_ID = 0xFFFF_FEFE  # the first message of a session has 0xFFFF_FF00


class Session:
    """State shared by the threads of the two channels; also the Cancellation of what the client waits for.

    Attributes:
        synchronous: the connection of program messages.
        asynchronous: the other one, None until it is there.
        client_max_bytes: the largest message of the protocol that the client takes, header included.
        received: what has come of a program message whose DataEnd is still missing.
        clearing: between AsyncDeviceClear and DeviceClearComplete everything on the synchronous channel is dropped.
        response_waits: a response was sent and the client has not said that it was read (the MAV bit).
    """

    def __init__(self, synchronous: Connection) -> None:
        self.synchronous = synchronous
        self.asynchronous: Connection | None = None
        self.client_max_bytes = MAX_MESSAGE_BYTES
        self.received = bytearray()
        self.clearing = False
        self.response_waits = False
        self._progress = threading.Condition()
        self._done_id: int | None = _BEFORE_FIRST_ID
        self._closed = False

    def is_set(self) -> bool:
        """Whether the client has gone or wants to be cleared."""
        return self._closed or self.clearing or self.synchronous.is_set()

    def delivered_if(self, control: int) -> None:
        """Take note of the RMT-delivered bit in a client's message."""
        if control & _RMT_DELIVERED:
            self.response_waits = False

    def begin_clear(self) -> None:
        """Drop what comes until the client says that its side is clear too."""
        self.clearing = True

    def end_clear(self) -> None:
        """Begin afresh after a device clear."""
        self.received.clear()
        self.response_waits = False
        self.clearing = False
        with self._progress:
            self._done_id = None  # what was sent before does not count any more

    def done(self, message_id: int) -> None:
        """Take note that a message has been carried out."""
        with self._progress:
            self._done_id = message_id
            self._progress.notify_all()

    def wait_until_done(self, message_id: int) -> None:
        """Let messages up to ``message_id`` be carried out first, as long as that takes no more than a few seconds.

        Clients that have sent nothing yet name id 0.
        """
        with self._progress:
            self._progress.wait_for(lambda: self._closed or self._is_done(message_id), _RELEASE_WAIT_S)

    def close(self) -> None:
        """Hang up both connections."""
        self._closed = True
        for connection in (self.synchronous, self.asynchronous):
            if connection is not None:
                connection.hang_up()
        with self._progress:
            self._progress.notify_all()

    def _is_done(self, message_id: int) -> bool:
        if self._done_id is None or (self._done_id == _BEFORE_FIRST_ID and message_id == 0):
            return True
        ahead = (message_id - self._done_id) & 0xFFFF_FFFF  # ids wrap around
        return ahead == 0 or ahead > 0x7FFF_FFFF
