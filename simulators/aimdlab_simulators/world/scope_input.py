"""What an oscilloscope input makes of the voltage at its node: gain error, offset error, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aimdlab_simulators.timebase import SimulatorError
from aimdlab_simulators.world import noise
from aimdlab_simulators.world.signal import Signal, Silence
from aimdlab_simulators.world.unplugged import Unplugged

_STEP_BITS = 32


@dataclass(frozen=True)
class InputErrors:
    """How an input departs from the ideal.

    Attributes:
        noise_v: standard deviation of the noise of one sample, at the input connector.
        gain_error: relative.
        offset_error_v: at the input connector.
        attenuation: of the probe that is fitted: 10 divides the voltage at the tip by 10.
        connected: False for a probe that is unplugged: noise alone.
    """

    noise_v: float = 0.0
    gain_error: float = 0.0
    offset_error_v: float = 0.0
    attenuation: float = 1.0
    connected: bool = True


class Acquisitions:
    """Which acquisition it is: the key of all noise, set by ``World.mark`` and counted by the oscilloscope."""

    def __init__(self) -> None:
        self._step = 0
        self._attempt = 0
        self._count = 0

    def mark(self, step: int, attempt: int) -> None:
        """A new attempt at a step begins: its acquisitions are counted from 0."""
        self._step, self._attempt, self._count = step, attempt, 0

    def next(self) -> tuple[int, int]:
        """The noise counter of one more acquisition: (acquisition number, step and attempt)."""
        self._count += 1
        return self._count - 1, ((self._step & (2**_STEP_BITS - 1)) << _STEP_BITS) | (
            self._attempt & (2**_STEP_BITS - 1)
        )


class ScopeInput:
    """One input connector.

    Attributes:
        key: of its noise.
    """

    DISTURBANCES: tuple[str, ...] = ("unplug",)

    def __init__(self, errors: InputErrors, *, seed: int, name: str) -> None:
        self.errors = errors
        self._node: Signal = Silence()
        self._unplugged: Unplugged | None = None
        self.key = noise.stream_key(seed, f"scope/{name}")

    def connect(self, node: Signal) -> None:
        """Put the probe on ``node``."""
        self._node = node

    def disturb(self, kind: str, *, now_s: float, **parameters: float) -> None:
        """Let something happen at world time ``now_s``.

        ``unplug`` (``for``: seconds, else for ever): the probe is off.

        Raises:
            SimulatorError: there is no such kind, or a parameter is missing, too many or makes no sense.
        """
        if kind not in self.DISTURBANCES:
            known = ", ".join(self.DISTURBANCES)
            raise SimulatorError(f"nothing called {kind!r} can happen to an oscilloscope input; there is {known}.")
        duration_s = parameters.pop("for", math.inf)
        if parameters or not duration_s > 0.0:
            raise SimulatorError(f"{kind} takes `for`, a duration above 0, and nothing else.")
        before = self._unplugged.stretches if self._unplugged is not None else ()
        self._unplugged = Unplugged(self._node, (*before, (now_s, now_s + duration_s)))

    @property
    def signal(self) -> Signal:
        """The ideal voltage at the probe's tip (what the trigger looks at, without noise)."""
        if not self.errors.connected:
            return Silence()
        return self._node if self._unplugged is None else self._unplugged
