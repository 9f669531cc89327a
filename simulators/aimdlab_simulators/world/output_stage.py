"""The output stage of an amplifier: enabled or not, tripped, too hot, or with a gain that has drifted.

Whatever happens to it is part of the signal's history: a window in which it tripped shows the output before and after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from aimdlab_simulators.timebase import SimulatorError, Timebase
from aimdlab_simulators.world.factor_history import FactorHistory
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import near_pieces

# What may happen to a stage (``OutputStage.disturb``): its parameters, and which of them must be given.
_KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "trip": (frozenset(), frozenset()),
    "overheat": (frozenset({"for"}), frozenset({"for"})),
    "drift": (frozenset({"factor", "for"}), frozenset({"factor"})),
    "reset": (frozenset(), frozenset()),
}
_SEARCHED_S = 2.0


class OutputStage:
    """Switches and scales what an amplifier puts out; ``factor`` is what its gain is multiplied by over time.

    A trip is kept until a reset, and the stage is then as its enable line says. Overload protection acts at once; it
    finds the first moment at which the demanded output is above its level, in curves to 20 us.

    Attributes:
        factor: 0 while the stage is off.
    """

    def __init__(self, past: Past, timebase: Timebase, *, enabled: bool = True) -> None:
        self.factor = FactorHistory(past, float(enabled))
        self._past = past
        self._timebase = timebase
        self._enabled = enabled
        self._tripped = False
        self._hot_until_s = -math.inf
        self._drift = 1.0
        self._drift_until_s = -math.inf
        self._demand: Signal | None = None
        self._above_v = math.inf
        self._lived_s = 0.0
        self._trips = 0
        self._watchers: list[Callable[[float], None]] = []

    def protect(self, demand: Signal, above_v: float) -> None:
        """Trip where ``demand``, the output before clipping and drift, is above ``above_v``, zero to peak."""
        self._demand, self._above_v = demand, above_v
        self._lived_s = max(self._timebase.now_s(), 0.0)
        self._past.before_forgetting(lambda horizon_s, _: self.live(horizon_s + _SEARCHED_S))

    def before_change(self, watcher: Callable[[float], None]) -> None:
        """Call ``watcher(now_s)`` before what happens after ``now_s`` is changed."""
        self._watchers.append(watcher)

    def source_changes(self, now_s: float) -> None:
        """What drives the amplifier changes from ``now_s`` on: what was searched after that is searched again."""
        with self._past.lock:
            self._lived_s = min(self._lived_s, now_s)

    @property
    def can_trip(self) -> bool:
        """Whether it has overload protection, which may have acted where nobody has looked yet."""
        return self._demand is not None

    def live(self, end_s: float) -> None:
        """Find out whether the overload protection acted up to ``end_s``."""
        with self._past.lock:
            while self._demand is not None and self._lived_s < end_s:
                stop_s = min(end_s, self._lived_s + _SEARCHED_S) if self._is_on else end_s
                at_s = self._overload(self._demand, self._lived_s, stop_s) if self._is_on else None
                self._lived_s = stop_s
                if at_s is not None:
                    self._trip(at_s)

    def enable(self, on: bool) -> None:
        """The enable line says so from now on."""
        with self._past.lock:
            if on != self._enabled:
                now_s = self._about_to_change()
                self._enabled = on
                self._follow(now_s)

    def reset(self) -> None:
        """Clear a trip, unless it is still too hot."""
        with self._past.lock:
            now_s = self._about_to_change()
            self._tripped = self._tripped and now_s < self._hot_until_s
            self._follow(now_s)

    def disturb(self, kind: str, **parameters: float) -> None:
        """Let something happen now.

        ``trip``; ``overheat`` (``for``: seconds until it is cool again): tripped, and a reset before that fails;
        ``drift`` (``factor``, ``for``: seconds, else for ever): the gain is so many times what it was; ``reset``: the
        button at the front.

        Raises:
            SimulatorError: there is no such kind, or a parameter is missing, too many or makes no sense.
        """
        if kind not in _KINDS:
            raise SimulatorError(f"nothing called {kind!r} can happen to an amplifier; there are {', '.join(_KINDS)}.")
        known, needed = _KINDS[kind]
        if not needed <= parameters.keys() <= known:
            given = ", ".join(sorted(parameters)) or "none"
            raise SimulatorError(f"{kind} takes {', '.join(sorted(known)) or 'no parameter'}; there are: {given}.")
        duration_s = parameters.get("for", math.inf)
        if not duration_s > 0.0 or not math.isfinite(parameters.get("factor", 1.0)):
            raise SimulatorError(f"{kind} needs a duration above 0 and a finite factor.")
        if kind == "reset":
            self.reset()
            return
        with self._past.lock:
            now_s = self._about_to_change()
            if kind == "drift":
                self._drift, self._drift_until_s = parameters["factor"], now_s + duration_s
                self._follow(now_s)
                return
            if kind == "overheat":
                self._hot_until_s = now_s + duration_s
            self._trip(now_s)

    def is_tripped(self) -> bool:
        """What the fault contact says now."""
        with self._past.lock:
            self._look()
            return self._tripped

    def is_too_hot(self) -> bool:
        """What the over-temperature contact says now."""
        return self._timebase.now_s() < self._hot_until_s

    def observe(self) -> dict[str, object]:
        """The state now, fit for JSON; ``gain_factor`` is 0 while nothing comes out."""
        with self._past.lock:
            now_s = self._look()
            return {
                "enabled": self._enabled,
                "tripped": self._tripped,
                "over_temperature": now_s < self._hot_until_s,
                "gain_factor": self.factor.at(now_s),
                "trips": self._trips,
            }

    @property
    def _is_on(self) -> bool:
        return self._enabled and not self._tripped

    def _look(self) -> float:
        now_s = self._timebase.now_s()
        self.live(now_s)
        return now_s

    def _about_to_change(self) -> float:
        """Let everything live up to now, which it returns."""
        now_s = self._timebase.now_s()
        for watcher in self._watchers:
            watcher(now_s)
        self.live(now_s)
        self._past.tidy(now_s)
        return now_s

    def _trip(self, at_s: float) -> None:
        self._trips += not self._tripped
        self._tripped = True
        self._follow(at_s)

    def _follow(self, at_s: float) -> None:
        """Let the factor follow the state from ``at_s`` on."""
        on = float(self._is_on)
        if at_s < self._drift_until_s:
            self.factor.follow(at_s, (at_s, on * self._drift), (self._drift_until_s, on))
        else:
            self.factor.follow(at_s, (at_s, on))

    def _overload(self, demand: Signal, start_s: float, end_s: float) -> float | None:
        """The first moment of the closed interval at which too much is demanded of the stage; None if there is none."""
        starts, factors = self.factor.steps(start_s, end_s)
        if float(np.abs(factors).max()) * max(map(abs, demand.bounds(start_s, end_s))) <= self._above_v:
            return None
        pieces = near_pieces(demand, start_s, end_s)
        pieces = pieces.refined(np.union1d(pieces.begins_s, starts))
        low, high = pieces.extremes()
        factor = np.abs(factors[np.searchsorted(starts, pieces.begins_s, "right") - 1])
        over = np.flatnonzero(np.maximum(np.abs(low), np.abs(high)) * factor > self._above_v)
        return start_s + float(pieces.begins_s[over[0]]) if over.size else None
