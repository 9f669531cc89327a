"""What an oscilloscope input makes of the voltage at its node: gain error, offset error, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.signal import Signal, Silence, Volts

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
    """One input connector."""

    def __init__(self, errors: InputErrors, *, seed: int, name: str) -> None:
        self.errors = errors
        self._node: Signal = Silence()
        self._key = noise.stream_key(seed, f"scope/{name}")

    def connect(self, node: Signal) -> None:
        """Put the probe on ``node``."""
        self._node = node

    @property
    def signal(self) -> Signal:
        """The ideal voltage at the probe's tip (what the trigger looks at, without noise)."""
        return self._node if self.errors.connected else Silence()

    def volts(
        self, t0_s: float, dt_s: float, n: int, *, counter: tuple[int, int], first: int = 0, stride: int = 1
    ) -> Volts:
        """Volts at the connector at ``t0_s + i * dt_s``, shape (n,).

        Sample i takes noise number ``first + i * stride`` of the acquisition ``counter``, so that a thinned-out reading
        holds the very samples of the full one.
        """
        errors = self.errors
        volts = self.signal.samples(t0_s, dt_s, n)
        volts *= (1.0 + errors.gain_error) / errors.attenuation
        if errors.offset_error_v:
            volts += errors.offset_error_v
        if errors.noise_v:
            numbers = noise.gaussian(self._key, counter, first, stride, n)
            numbers *= np.float32(errors.noise_v)
            volts += numbers
        return volts
