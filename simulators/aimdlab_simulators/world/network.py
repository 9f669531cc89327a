"""The injection network: resistors between the amplifier (C) and the device port, with a monitor point (K)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimdlab_simulators.world.pieces import Pieces
from aimdlab_simulators.world.signal import Signal, Silence, Volts
from aimdlab_simulators.world.stepped import Parts, Share, samples_of, sum_of_parts, sum_of_pieces


@dataclass(frozen=True)
class Resistors:
    """Values of the network, in ohm. ::

        C --source-- D --series-- port --monitor_upper-- K
                                   |                     |
                                 load              monitor_lower
                                   |                     |
                                  case                  case

    ``load`` is everything across the port: the terminating resistor and the device's own input.
    """

    source: float
    series: float
    load: float
    monitor_upper: float
    monitor_lower: float

    @property
    def monitor_ratio(self) -> float:
        """Volts at K for one volt at the port."""
        return self.monitor_lower / (self.monitor_upper + self.monitor_lower)

    def injected(self) -> dict[str, float]:
        """Volts at each point for one volt at C, the device at rest."""
        monitor = self.monitor_upper + self.monitor_lower
        port_load = 1.0 / (1.0 / self.load + 1.0 / monitor)
        total = self.source + self.series + port_load
        port = port_load / total
        return {"C": 1.0, "D": 1.0 - self.source / total, "port": port, "K": port * self.monitor_ratio}

    def paced(self) -> dict[str, float]:
        """Volts at each point for one volt of a pacing pulse at the port, C at rest."""
        back = self.source / (self.source + self.series)
        return {"C": 0.0, "D": back, "port": 1.0, "K": self.monitor_ratio}


class NetworkPoint:
    """A Signal: one point of the network, the superposition of what is injected and what the device delivers."""

    def __init__(self, injected: Signal, injected_ratio: float, device: Signal | None, device_ratio: float) -> None:
        self._injected = injected
        self._injected_ratio = injected_ratio
        self._device: Signal = device if device is not None and device_ratio != 0.0 else Silence()
        self._device_ratio = device_ratio

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        if (parts := self.parts(t0_s, t0_s + (n - 1) * dt_s)) is not None:
            return samples_of(parts, dt_s, n)
        volts = self._injected.samples(t0_s, dt_s, n)
        volts *= self._injected_ratio
        if not isinstance(self._device, Silence):
            volts += self._device_ratio * self._device.samples(t0_s, dt_s, n)
        return volts

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of (see ``stepped.parts_of``)."""
        return sum_of_parts(self._shares(), start_s, end_s)

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The sum of both (see ``stepped.Stepped``)."""
        return sum_of_pieces(self._shares(), start_s, end_s, near=near)

    def _shares(self) -> list[Share]:
        parts = [Share(self._injected, self._injected_ratio)]
        if not isinstance(self._device, Silence):
            parts.append(Share(self._device, self._device_ratio))
        return parts

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts: the sum of both parts' bounds."""
        parts = np.array(
            [
                np.sort(np.multiply(self._injected.bounds(start_s, end_s), self._injected_ratio)),
                np.sort(np.multiply(self._device.bounds(start_s, end_s), self._device_ratio)),
            ]
        ).sum(axis=0)
        return float(parts[0]), float(parts[1])
