"""What the event log says of a session as a whole that whoever reads its table should know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aimdlab.errors import RecordAlteredError
from aimdlab.session.acceptance import ACCEPTED, Acceptance, acceptances
from aimdlab.session.events import Event
from aimdlab.session.pc_clock import JUMPED

STRUCK = "simulation.fault"
"""Kind of an event: a fault was let strike the simulated bench, as a scenario says or by hand."""

REMARKABLE = (ACCEPTED, JUMPED, STRUCK)


@dataclass(frozen=True)
class Remarks:
    """What is remarkable.

    Attributes:
        accepted: what persons accepted when the session was gone on with.
        clock_jumps_s: how far the PC's wall clock jumped, each time; forward is positive.
        faults_struck: how many faults struck on purpose; any of them makes it training.
    """

    accepted: tuple[Acceptance, ...] = ()
    clock_jumps_s: tuple[float, ...] = ()
    faults_struck: int = 0

    @property
    def clock_in_words(self) -> str:
        """Of the jumps, for a person who reads the stamps; "" if there were none."""
        if not self.clock_jumps_s:
            return ""
        times = "once" if len(self.clock_jumps_s) == 1 else f"{len(self.clock_jumps_s)} times"
        largest_s = max(self.clock_jumps_s, key=abs)
        return f"jumped {times}, at most by {largest_s:+.0f} s; order and durations do not depend on it"


def remarks_of(events: Iterable[Event]) -> Remarks:
    """The remarks of a log, or of its remarkable events alone.

    Raises RecordAlteredError for an event that is not what its kind says.
    """
    remarkable = [event for event in events if event.kind in REMARKABLE]
    struck = sum(event.kind == STRUCK for event in remarkable)
    return Remarks(tuple(acceptances(remarkable)), tuple(_jumps_s(remarkable)), struck)


def _jumps_s(events: Sequence[Event]) -> list[float]:
    jumps_s = []
    for event in events:
        if event.kind == JUMPED:
            jumped_s = event.data.get("jumped_s")
            if not isinstance(jumped_s, float):
                raise RecordAlteredError(f"{event.name} was altered: it reports no jump")
            jumps_s.append(jumped_s)
    return jumps_s
