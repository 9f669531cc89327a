"""The injection network of Annex D in the world: each point answers exactly to the edges of what drives it."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.signals.tissue_interface import Interface
from aimdlab.signals.transfer import Transfer
from aimdlab.standard.annex_d import TABLE_D_1, values
from aimdlab_simulators.world.config import AnnexDNetworkConfig
from aimdlab_simulators.world.pieces import Pieces, bounds_of, filtered
from aimdlab_simulators.world.signal import Signal, Volts
from aimdlab_simulators.world.stepped import (
    Parts,
    Share,
    answer_of,
    exact_pieces,
    near_pieces,
    samples_of,
    sum_of_parts,
    sum_of_pieces,
)

# The points of a world file by node of the interface.
_NODES = {"C": "C", "D": "D", "port": "F", "K": "K"}
# What lies more time constants back has decayed to e^-30 (1e-13).
_FORGOTTEN = 30.0
# A source of other shapes is held in steps so fine against the fastest mode, but no finer than so many per sample.
_STEPS_PER_TIME_CONSTANT = 4.0
_MOST_STEPS_PER_SAMPLE = 8
_MOST_RUN_IN = 100_000
# Up to this length bounds follow the pieces; beyond it the range of the source must do.
_CLOSE_S = 0.1


def annex_d_interface(config: AnnexDNetworkConfig) -> Interface:
    """The interface of a world file: Table D.1, each component with its deviation."""
    deviations = {str(name): ratio for name, ratio in config.deviations.items()}
    real = {name: value * (1.0 + deviations.get(name, 0.0)) for name, value in values(TABLE_D_1).items()}
    return Interface(
        real,
        cx_f=config.cx,
        connection=config.connection,
        terminals=config.terminals,
        load_ohm=config.load_resistance,
        load_f=config.load_capacitance,
        monitor_ohm=config.monitor_resistance,
        monitor_f=config.monitor_capacitance,
    )


def annex_d_points(interface: Interface, source: Signal) -> tuple[dict[str, Signal], dict[str, Transfer]]:
    """By point: what is injected there, and the transfer of a pacing pulse from the port to there.

    While the device paces, the port has the pulse on top of what is injected: its output resistance is not modelled.
    """
    injected: dict[str, Signal] = {
        point: FilteredPoint(source, interface.injected.transfer(node)) for point, node in _NODES.items()
    }
    paced = {point: interface.paced.transfer(node) for point, node in _NODES.items() if node != "C"}
    return injected, paced


class FilteredPoint:
    """A Signal: ``source`` through ``transfer``.

    Exact for whatever gives its pieces: held levels, their amplifier, a device. Other shapes are taken in fine steps.
    """

    def __init__(self, source: Signal, transfer: Transfer) -> None:
        self._source = source
        self._transfer = transfer
        self._memory_s = _FORGOTTEN * transfer.slowest_s

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        if not self._transfer.rates_per_s.size:
            return self._transfer.direct * self._source.samples(t0_s, dt_s, n)
        if (parts := self.parts(t0_s, t0_s + (n - 1) * dt_s)) is not None:
            return samples_of(parts, dt_s, n)
        return self._in_fine_steps(t0_s, dt_s, n)

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of (see ``stepped.parts_of``)."""
        if not self._transfer.rates_per_s.size:
            return Share(self._source, self._transfer.direct).parts(start_s, end_s)
        source = exact_pieces(self._source, start_s - self._memory_s, end_s)
        return None if source is None else [(answer_of(source, self._transfer), self._memory_s)]

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The voltage as pieces (see ``stepped.Stepped``)."""
        source = (near_pieces if near else exact_pieces)(self._source, start_s - self._memory_s, end_s)
        return None if source is None else filtered(source, self._transfer)[0].after(self._memory_s)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        if end_s - start_s <= _CLOSE_S and (close := self.pieces(start_s, end_s, near=False)) is not None:
            return bounds_of(close)
        low, high = self._source.bounds(start_s - self._memory_s, end_s)
        # Each mode shows a weighted mean of what the source was.
        shares = np.append(self._transfer.weights, self._transfer.direct)
        ends = np.sort(np.outer(shares, [low, high]), axis=1).sum(axis=0)
        slack = 1e-9 * float(np.abs(ends).sum())
        return float(ends[0]) - slack, float(ends[1]) + slack

    def _in_fine_steps(self, t0_s: float, dt_s: float, n: int) -> Volts:
        fastest_s = float((-1.0 / self._transfer.rates_per_s).min())
        fine = min(_MOST_STEPS_PER_SAMPLE, max(1, math.ceil(dt_s / fastest_s * _STEPS_PER_TIME_CONSTANT)))
        h_s = dt_s / fine
        run_in = min(_MOST_RUN_IN, math.ceil(self._memory_s / h_s))
        start_s = t0_s - run_in * h_s
        levels = self._source.samples(start_s, h_s, run_in + (n - 1) * fine + 1)
        # A step stands for the time around its sample; where nothing changes there is none.
        changed = np.flatnonzero(np.append(True, levels[1:] != levels[:-1]))
        begins_s = np.maximum(changed - 0.5, 0.0) * h_s
        steps = Pieces.held(start_s, begins_s, levels[changed], levels.size * h_s)
        return filtered(steps, self._transfer)[0].samples(run_in * h_s, dt_s, n)


class SumOfPoints:
    """A Signal: two contributions at one point, what is injected and what the device delivers."""

    def __init__(self, first: Signal, second: Signal) -> None:
        self._parts = first, second

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        if (parts := self.parts(t0_s, t0_s + (n - 1) * dt_s)) is not None:
            return samples_of(parts, dt_s, n)
        volts = self._parts[0].samples(t0_s, dt_s, n)
        volts += self._parts[1].samples(t0_s, dt_s, n)
        return volts

    def parts(self, start_s: float, end_s: float) -> Parts | None:
        """What its samples are made of (see ``stepped.parts_of``)."""
        return sum_of_parts(self._parts, start_s, end_s)

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The sum of both (see ``stepped.Stepped``)."""
        return sum_of_pieces(self._parts, start_s, end_s, near=near)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts: the sum of both parts' bounds."""
        both = [part.bounds(start_s, end_s) for part in self._parts]
        return sum(low for low, _ in both), sum(high for _, high in both)
