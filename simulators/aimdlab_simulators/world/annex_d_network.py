"""The injection network of Annex D in the world: each point answers exactly to the edges of what drives it."""

from __future__ import annotations

import math

import numpy as np

from aimdlab.signals.tissue_interface import Interface
from aimdlab.signals.transfer import HeldSource, Reals, Transfer
from aimdlab.standard.annex_d import TABLE_D_1, values
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.config import AnnexDNetworkConfig
from aimdlab_simulators.world.held import held_source
from aimdlab_simulators.world.signal import Signal, Volts

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
_CLOSE_CUTS = 65


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

    Exact for held levels and their one-pole amplifier (see ``held_source``); other shapes are taken in fine steps.
    """

    def __init__(self, source: Signal, transfer: Transfer) -> None:
        self._source = source
        self._transfer = transfer
        self._memory_s = _FORGOTTEN * transfer.slowest_s

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        if not self._transfer.rates_per_s.size:
            return self._transfer.direct * self._source.samples(t0_s, dt_s, n)
        source = held_source(self._source, t0_s - self._memory_s, t0_s + (n - 1) * dt_s)
        if source is None:
            return self._in_fine_steps(t0_s, dt_s, n)
        return self._transfer.respond(source, self._memory_s + np.arange(n, dtype=np.float64) * dt_s)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        if end_s - start_s <= _CLOSE_S and (close := self._close_bounds(start_s, end_s)) is not None:
            return close
        low, high = self._source.bounds(start_s - self._memory_s, end_s)
        # Each mode shows a weighted mean of what the source was.
        shares = np.append(self._transfer.weights, self._transfer.direct)
        ends = np.sort(np.outer(shares, [low, high]), axis=1).sum(axis=0)
        return _widened(float(ends[0]), float(ends[1]))

    def _close_bounds(self, start_s: float, end_s: float) -> tuple[float, float] | None:
        # The pole of an amplifier only averages over what it would be without it: so much earlier is looked at, too.
        if isinstance(self._source, VoltageAmplifier):
            start_s -= self._source.settled_s
        source = held_source(self._source, start_s - self._memory_s, end_s)
        if source is None or (source.tails is not None and not isinstance(self._source, VoltageAmplifier)):
            return None
        steps = HeldSource(source.starts_s, source.levels)
        left, right = self._memory_s, self._memory_s + (end_s - start_s)
        inside = steps.starts_s[(steps.starts_s > left) & (steps.starts_s < right)]
        cuts = np.sort(np.concatenate([np.linspace(left, right, _CLOSE_CUTS), inside]))
        # Between two cuts the source is constant and every mode monotone.
        level = self._transfer.direct * steps.levels[steps.piece_at(cuts)]
        low, high = level[:-1].copy(), level[:-1].copy()
        for term in self._transfer.mode_terms(steps, cuts):
            low += np.minimum(term[:-1], term[1:])
            high += np.maximum(term[:-1], term[1:])
        last = self._transfer.respond(steps, cuts[-1:])[0]
        return _widened(min(float(low.min()), last), max(float(high.max()), last))

    def _in_fine_steps(self, t0_s: float, dt_s: float, n: int) -> Volts:
        fastest_s = float((-1.0 / self._transfer.rates_per_s).min())
        fine = min(_MOST_STEPS_PER_SAMPLE, max(1, math.ceil(dt_s / fastest_s * _STEPS_PER_TIME_CONSTANT)))
        h_s = dt_s / fine
        run_in = min(_MOST_RUN_IN, math.ceil(self._memory_s / h_s))
        levels: Reals = self._source.samples(t0_s - run_in * h_s, h_s, run_in + (n - 1) * fine + 1)
        # A step stands for the time around its sample; where nothing changes there is none.
        changed = np.flatnonzero(np.append(True, levels[1:] != levels[:-1]))
        steps = HeldSource(np.multiply(changed - 0.5, h_s, dtype=np.float64), levels[changed])
        return self._transfer.respond(steps, (run_in + np.arange(n, dtype=np.float64) * fine) * h_s)


class SumOfPoints:
    """A Signal: two contributions at one point, what is injected and what the device delivers."""

    def __init__(self, first: Signal, second: Signal) -> None:
        self._parts = first, second

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        return self._parts[0].samples(t0_s, dt_s, n) + self._parts[1].samples(t0_s, dt_s, n)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts: the sum of both parts' bounds."""
        both = [part.bounds(start_s, end_s) for part in self._parts]
        return sum(low for low, _ in both), sum(high for _, high in both)


def _widened(low: float, high: float) -> tuple[float, float]:
    """By the rounding of sums and what is forgotten."""
    slack = 1e-9 * (abs(low) + abs(high))
    return low - slack, high + slack
