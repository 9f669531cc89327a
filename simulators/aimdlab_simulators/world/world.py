"""A simulated bench: instruments and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.timebase import SimulatorError, Timebase
from aimdlab_simulators.world.pacemaker import MODES, Pacemaker
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
        answering: Sequence[str],
        timebase: Timebase,
    ) -> None:
        self.instruments = dict(instruments)
        self.transports = dict(transports)
        self._past = past
        self._acquisitions = tuple(acquisitions)
        self._pacemakers = dict(pacemakers)
        self._answering = {name: pacemakers[name] for name in answering}
        self._timebase = timebase

    def mark(self, step: int, attempt: int) -> None:
        """An attempt at a step begins: noise is keyed by both, acquisitions are counted from 0 again."""
        with self._past.lock:
            for acquisitions in self._acquisitions:
                acquisitions.mark(step, attempt)

    def program(self, mode: str, device: str | None = None) -> list[str]:
        """Switch a device to "normal" or "mr"; without a name, every one that has such modes. Says which were switched.

        Raises:
            SimulatorError: there is no such device, or no such mode.
        """
        if mode not in MODES:
            raise SimulatorError(f"there is no mode {mode!r}; there are {' and '.join(MODES)}.")
        chosen = [name for name, pacemaker in self._answering.items() if mode in pacemaker.modes]
        if device is not None:
            if device not in self._answering:
                raise SimulatorError(
                    f"no device {device!r} answers; there are: {', '.join(self._answering) or 'none'}."
                )
            if device not in chosen:
                raise SimulatorError(f"{device} has one mode only: its entry in the world file has no normal_mode.")
            chosen = [device]
        for name in chosen:
            self._answering[name].program(mode, self._timebase.now_s())
        return chosen

    def interrogate(self) -> dict[str, dict[str, str | float | bool]]:
        """What a programmer reads of every device that answers, by name (see ``Pacemaker.interrogate``)."""
        now_s = self._timebase.now_s()
        return {name: device.interrogate(now_s) for name, device in self._answering.items()}

    def observe(self) -> dict[str, object]:
        """The state of every instrument and device, by name, fit for JSON."""
        state: dict[str, object] = {name: instrument.observe() for name, instrument in self.instruments.items()}
        return state | {name: device.observe() for name, device in self._pacemakers.items()}
