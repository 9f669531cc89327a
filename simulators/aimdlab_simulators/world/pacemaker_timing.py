"""The timing of a pacemaker: which event comes next, and what it does to the timer."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.exceedances import Exceedances
from aimdlab_simulators.world.pacemaker_settings import PacemakerSettings

_NEVER = Exceedances(math.inf)


class PacemakerTiming:
    """Lives from event to event; ties go to a pulse first, then to a reset, then to a sensed event.

    A cycle begins with a paced or sensed event: blanking, then noise sampling to the end of refractory, then sensing
    until the next pulse is due. A triggered pulse that the upper rate holds back leaves the device deaf until it comes.
    Programming takes effect at once: the cycle in hand ends with the new interval, but no sooner than now.

    Attributes:
        until_s: world time up to which it lived.
        paced_s: when its last pulse was due, -inf before the first.
        beats: pulses due so far.
        sensed: events sensed so far.
        noisy_cycles: cycles in which it paced asynchronously so far.
        reset_at_s: when it was last reset, or None.
        defaults: whether it was reset and not programmed since.
    """

    def __init__(self, settings: PacemakerSettings, key: int, pace: Callable[[float], None]) -> None:
        self._settings = settings
        self._key = key
        self._pace = pace
        self._sensing: Exceedances = _NEVER
        self._resetting: Exceedances = _NEVER
        self._event_s = 0.0
        self.paced_s = -math.inf
        self._pending_s: float | None = None
        self._programmed_s = 0.0
        self._draw = (-1, 0.0)  # the cycle it was drawn for
        self._noisy = False
        self.until_s = 0.0
        self.beats = 0
        self.sensed = 0
        self.noisy_cycles = 0
        self.reset_at_s: float | None = None
        self.defaults = False

    @property
    def event_s(self) -> float:
        """When the cycle in hand began: nothing of before is asked for any more."""
        return self._event_s

    def program(self, settings: PacemakerSettings, sensing: Exceedances | None, now_s: float) -> None:
        """Go on with these settings; it must have lived up to ``now_s``."""
        self._settings, self._sensing = settings, sensing or _NEVER
        self._programmed_s, self._pending_s, self._noisy = now_s, None, False
        self.defaults = False

    def listen(self, sensing: Exceedances | None, resetting: Exceedances | None) -> None:
        """Take what is detected from here."""
        self._sensing = sensing or _NEVER
        self._resetting = resetting or _NEVER

    @property
    def mode(self) -> str:
        """VOO, VVI or VVT; after a reset VVI."""
        return "VVI" if self.defaults else self._settings.mode

    @property
    def due_s(self) -> float:
        """World time of the next pulse if nothing is sensed before it."""
        return self._due_s()

    def live(self, now_s: float) -> None:
        """Go on to ``now_s``; all that is detected before that must be known."""
        while self.until_s < now_s:
            due_s = self._due_s()
            stop_s = min(due_s, now_s)
            sampled_s = self._event_s + self._settings.refractory_s
            if self._pending_s is None and self.until_s < sampled_s:
                stop_s = min(stop_s, sampled_s)
            reset_s = self._resetting.first(self.until_s, stop_s) if not self.defaults else None
            listen_s = stop_s if reset_s is None else reset_s
            sensed_s = self._first_sensed(max(sampled_s, self.until_s), listen_s)
            if sensed_s is not None:
                self._sense(sensed_s)
            elif reset_s is not None:
                self._reset(reset_s)
            elif stop_s == due_s:
                self._pulse(due_s)
            else:
                self.until_s = stop_s
                if stop_s == sampled_s and self._pending_s is None:
                    self._judge_noise(sampled_s)

    def _due_s(self) -> float:
        if self._pending_s is not None:
            return self._pending_s
        settings = self._settings
        reset, reversion = settings.reset, settings.noise_reversion
        interval_s = settings.interval_s
        if self.defaults and reset is not None:
            interval_s = reset.interval_s
        if self._noisy and reversion is not None and reversion.interval_s is not None:
            interval_s = max(reversion.interval_s, settings.refractory_s)
        jitter = settings.jitter * self._drawn() if settings.jitter else 0.0
        return max(self._event_s + interval_s * max(0.1, 1.0 + jitter), self._programmed_s)

    def _drawn(self) -> float:
        """The normal number of the cycle in hand."""
        cycle = self.beats + self.sensed
        if self._draw[0] != cycle:
            self._draw = cycle, noise.one(self._key, (cycle, 0))
        return self._draw[1]

    def _first_sensed(self, start_s: float, end_s: float) -> float | None:
        if self.mode == "VOO" or self._pending_s is not None or self._noisy:
            return None
        return self._sensing.first(start_s, end_s)

    def _sense(self, at_s: float) -> None:
        self.sensed += 1
        self._begin_cycle(at_s)
        if self.mode == "VVT":
            self._pending_s = max(at_s, self.paced_s + self._settings.upper_interval_s)

    def _reset(self, at_s: float) -> None:
        reset = self._settings.reset
        if reset is not None:
            self.reset_at_s, self.defaults = at_s, True
            self._begin_cycle(at_s)
            self._pending_s = at_s + reset.pause_s

    def _pulse(self, at_s: float) -> None:
        self.beats += 1
        self._pending_s = None
        self.paced_s = at_s
        self._begin_cycle(at_s)
        self._pace(at_s)

    def _begin_cycle(self, at_s: float) -> None:
        self._event_s = self.until_s = at_s
        self._noisy = False

    def _judge_noise(self, end_s: float) -> None:
        reversion = self._settings.noise_reversion
        if reversion is None or self.mode == "VOO":
            return
        found_s = self._sensing.onsets(self._event_s + self._settings.blanking_s, end_s)
        gaps_s = (later - sooner for sooner, later in pairwise(found_s))
        self._noisy = any(gap_s <= reversion.window_s for gap_s in gaps_s)
        self.noisy_cycles += self._noisy
