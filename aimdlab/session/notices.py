"""What a session says by itself between attempts: that the disk will be full, that the PC keeps UTC no more."""

from __future__ import annotations

from aimdlab.session.event_log import EventLog
from aimdlab.session.pc_clock import SYNCHRONISATION, clock_facts, synchronisation
from aimdlab.session.room import Room, size


class Notices:
    """Tells the event log, once each time, what the technician should see to before it stops the run."""

    def __init__(self, room: Room, events: EventLog) -> None:
        self._room, self._events = room, events
        self._told_of_shortage = False
        self._synchronised = synchronisation().synchronised

    def tell_of_shortage(self, attempts: int) -> None:
        """Say in good time, and once, that the disk will be full before the plan is done; ``attempts`` are in it."""
        needed, free = self._room.shortage()
        if needed > free and not self._told_of_shortage:
            judged = "by what it took so far" if attempts else "if the captures are noisy"
            self._events.record(
                "room.short",
                f"the disk will be full before the campaign is done: {judged}, {size(needed)} are still needed for it "
                f"and its sealed copy, and {size(free)} are free. Make room; the run stops safely before it is full.",
                source="session",
                durable=True,
                needed_bytes=needed,
                free_bytes=free,
            )
        self._told_of_shortage = needed > free

    def tell_of_clock(self) -> None:
        """Say that the PC's clock is kept to UTC no more, or again; between attempts, where nothing waits for it."""
        state = synchronisation()
        if state.synchronised != self._synchronised:
            self._synchronised = state.synchronised
            self._events.record(
                SYNCHRONISATION,
                f"the PC's clock is kept to UTC: {state.synchronised} ({state.told})",
                source="session",
                pc_clock=clock_facts(),
            )
