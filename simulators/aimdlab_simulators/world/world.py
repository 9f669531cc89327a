"""A simulated bench: instruments and what lies between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.timebase import SimulatorError, Timebase
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.pacemaker import MODES, Pacemaker
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions, ScopeInput

_OF_AMPLIFIERS = ("drift", "trip", "overheat")
_RESET = "reset"


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
        amplifiers: Mapping[str, VoltageAmplifier],
        resettable: Collection[str],
        answering: Sequence[str],
        timebase: Timebase,
    ) -> None:
        self.instruments = dict(instruments)
        self.transports = dict(transports)
        self._past = past
        self._acquisitions = tuple(acquisitions)
        self._pacemakers = dict(pacemakers)
        self._amplifiers = dict(amplifiers)
        self._resettable = frozenset(resettable)
        self._inputs: dict[str, ScopeInput] = {
            f"{name}.{number}": connector
            for name, instrument in self.instruments.items()
            for number, connector in getattr(instrument, "inputs", {}).items()
        }
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

    @property
    def disturbances(self) -> dict[str, tuple[str, ...]]:
        """What can happen to which node or oscilloscope input; of an amplifier "reset" too if a line of its does it."""
        amplifiers = {
            name: (*_OF_AMPLIFIERS, _RESET) if name in self._resettable else _OF_AMPLIFIERS for name in self._amplifiers
        }
        return amplifiers | {name: connector.DISTURBANCES for name, connector in self._inputs.items()}

    def disturb(self, name: str, kind: str, **parameters: float) -> None:
        """Let something happen now to a node or an oscilloscope input (see their ``disturb``).

        Raises:
            SimulatorError: there is no such node, or it cannot happen to it.
        """
        with self._past.lock:
            if name in self._amplifiers:
                self._amplifiers[name].disturb(kind, **parameters)
            elif name in self._inputs:
                self._inputs[name].disturb(kind, now_s=self._timebase.now_s(), **parameters)
            else:
                known = ", ".join(self.disturbances) or "none"
                raise SimulatorError(f"nothing can happen to {name!r}; there are: {known}.")

    def observe(self) -> dict[str, object]:
        """The state of every instrument, amplifier and device, by name, fit for JSON."""
        state: dict[str, object] = {name: instrument.observe() for name, instrument in self.instruments.items()}
        state |= {name: amplifier.observe() for name, amplifier in self._amplifiers.items()}
        return state | {name: device.observe() for name, device in self._pacemakers.items()}
