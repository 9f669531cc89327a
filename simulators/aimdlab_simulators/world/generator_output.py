"""The output of a signal generator over the last minutes: what played from when."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.pieces import Pieces, joined
from aimdlab_simulators.world.signal import Volts
from aimdlab_simulators.world.steps import held_steps, near_steps
from aimdlab_simulators.world.waveforms import Constant, Waveform


@dataclass(frozen=True)
class Program:
    """Something that plays until the next program begins.

    Attributes:
        start_s: world time from which it is at the output.
        waveform: what plays.
        anchor_s: world time of the waveform's own beginning, at or before ``start_s``.
    """

    start_s: float
    waveform: Waveform
    anchor_s: float


class GeneratorOutput:
    """A Signal: the open-circuit voltage of one generator channel.

    A node downstream that must see every change in order (a device that senses) registers with ``before_change``.
    """

    def __init__(self, past: Past) -> None:
        self._past = past
        self._programs = [Program(-math.inf, Constant(), 0.0)]
        self._watchers: list[Callable[[float], None]] = []
        past.on_forgetting(self._forget)

    @property
    def lock(self) -> threading.RLock:
        """The lock of the world: held by whoever decides what plays."""
        return self._past.lock

    def before_change(self, watcher: Callable[[float], None], *, first: bool = False) -> None:
        """Call ``watcher(now_s)`` before what happens after ``now_s`` is changed, ``first`` before all others."""
        self._watchers.insert(0 if first else len(self._watchers), watcher)

    def play(self, now_s: float, *programs: tuple[float, Waveform, float]) -> None:
        """From ``now_s`` on the output follows ``programs``, (start_s, waveform, anchor_s) each, in order of time."""
        with self._past.lock:
            for watcher in self._watchers:
                watcher(now_s)
            # A program that began at this very instant was never at the output.
            while len(self._programs) > 1 and self._programs[-1].start_s >= now_s:
                self._programs.pop()
            self._programs += [Program(max(start_s, now_s), waveform, anchor) for start_s, waveform, anchor in programs]
            self._past.tidy(now_s)

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,)."""
        volts = np.empty(n)
        with self._past.lock:
            done = 0
            k = self._index_at(t0_s)
            while done < n:
                program = self._programs[k]
                end = n
                if k + 1 < len(self._programs):
                    end = min(n, max(done, math.ceil((self._programs[k + 1].start_s - t0_s) / dt_s)))
                if end > done:
                    tau0_s = (t0_s - program.anchor_s) + done * dt_s
                    volts[done:end] = program.waveform.values(tau0_s, dt_s, end - done)
                done = end
                k += 1
        return volts

    def programs(self, start_s: float, end_s: float) -> list[Program]:
        """What plays within the closed interval, in order; the first may have begun before it."""
        with self._past.lock:
            return self._programs[self._index_at(start_s) : self._index_at(end_s) + 1]

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        low, high = math.inf, -math.inf
        with self._past.lock:
            for k in range(self._index_at(start_s), self._index_at(end_s) + 1):
                program = self._programs[k]
                last_s = self._programs[k + 1].start_s if k + 1 < len(self._programs) else math.inf
                left_s, right_s = max(start_s, program.start_s), min(end_s, last_s)
                part = program.waveform.bounds(left_s - program.anchor_s, right_s - program.anchor_s)
                low, high = min(low, part[0]), max(high, part[1])
        return low, high

    def pieces(self, start_s: float, end_s: float, *, near: bool) -> Pieces | None:
        """The output as pieces (see ``stepped.Stepped``)."""
        programs, parts = self.programs(start_s, end_s), []
        for k, program in enumerate(programs):
            left_s = max(start_s, program.start_s)
            right_s = programs[k + 1].start_s if k + 1 < len(programs) else end_s
            find = near_steps if near else held_steps
            steps = find(program.waveform, left_s - program.anchor_s, right_s - program.anchor_s)
            if steps is None:
                return None
            parts.append(Pieces.held(left_s, *steps, right_s - left_s))
        return joined(parts)

    def _index_at(self, t_s: float) -> int:
        return bisect_right(self._programs, t_s, key=lambda program: program.start_s) - 1

    def _forget(self, horizon_s: float) -> None:
        # The first program reaches back for ever: what came before the one at the horizon is gone.
        del self._programs[: self._index_at(horizon_s)]
        first = self._programs[0]
        self._programs[0] = Program(-math.inf, first.waveform, first.anchor_s)
