"""A simulated bench: instruments and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.world.pacemaker import Pacemaker
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions


class World:
    """Everything of one world file.

    Attributes:
        instruments: by name, in the order of the file.
        transports: "socket" or "hislip", by the same names.
    """

    def __init__(
        self,
        *,
        instruments: Mapping[str, ScpiInstrument],
        transports: Mapping[str, str],
        past: Past,
        acquisitions: Sequence[Acquisitions],
        pacemakers: Mapping[str, Pacemaker],
    ) -> None:
        self.instruments = dict(instruments)
        self.transports = dict(transports)
        self._past = past
        self._acquisitions = tuple(acquisitions)
        self._pacemakers = dict(pacemakers)

    def mark(self, step: int, attempt: int) -> None:
        """An attempt at a step begins: noise is keyed by both, acquisitions are counted from 0 again."""
        with self._past.lock:
            for acquisitions in self._acquisitions:
                acquisitions.mark(step, attempt)

    def observe(self) -> dict[str, object]:
        """The state of every instrument and device, by name, fit for JSON."""
        state: dict[str, object] = {name: instrument.observe() for name, instrument in self.instruments.items()}
        return state | {name: device.observe() for name, device in self._pacemakers.items()}
