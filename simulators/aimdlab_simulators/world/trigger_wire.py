"""A trigger wire: from the trigger output of one instrument to the external trigger input of another.

Instruments are evaluated when somebody looks, so a trigger is often found after it happened. What it started must be in
place before anybody pulls what lies behind it: the receiving instrument therefore brings the wire up to date before it
changes anything (``TriggerInput.live``), and the sending one searches in steps that no device outlives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

# A device's pulse has crossed every level within this, whatever lies between it and the oscilloscope.
_AFTER_PULSE_S = 1e-3
# How far a device may live on after a trigger that was not found yet: far below anything that it reacts to.
_FINE_S = 20e-6


class TriggerInput:
    """The external trigger connector of an instrument.

    Args:
        edge: takes a rising edge at a world time.
        listens: whether an edge would do anything now.
    """

    def __init__(self, edge: Callable[[float], None], listens: Callable[[], bool]) -> None:
        self.edge = edge
        self.listens = listens
        self._output: TriggerOutput | None = None

    def connect(self, output: TriggerOutput) -> None:
        """Put the wire in."""
        self._output = output
        output.add(self)

    def live(self, now_s: float) -> None:
        """Take every edge up to ``now_s``."""
        if self._output is not None:
            self._output.settle(now_s)


class TriggerOutput:
    """The trigger output of an instrument: a rising edge whenever it triggers.

    Args:
        settle: brings the instrument up to a world time; finds its triggers and hands them to ``fire``.
    """

    def __init__(self, settle: Callable[[float], None]) -> None:
        self._settle = settle
        self._settling = False
        self._inputs: list[TriggerInput] = []
        self._pulses: Sequence[Callable[[], tuple[float, float]]] = ()

    def add(self, entrance: TriggerInput) -> None:
        """One more input at the wire."""
        self._inputs.append(entrance)

    def watch(self, pulses: Sequence[Callable[[], tuple[float, float]]]) -> None:
        """The devices whose pulses may trigger: each says when it paced last, and when its next pulse is due."""
        self._pulses = tuple(pulses)

    @property
    def is_heard(self) -> bool:
        """Whether an edge would start anything."""
        return any(entrance.listens() for entrance in self._inputs)

    def settle(self, now_s: float) -> None:
        """Find and hand over every trigger up to ``now_s``; what a trigger starts does not ask again."""
        if self._settling or not self.is_heard:
            return
        self._settling = True
        try:
            self._settle(now_s)
        finally:
            self._settling = False

    def fire(self, at_s: float) -> None:
        """The instrument triggered at ``at_s``."""
        settling, self._settling = self._settling, True
        try:
            for entrance in self._inputs:
                entrance.edge(at_s)
        finally:
            self._settling = settling

    def stretches(self, start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        """The interval in steps to be searched for a trigger, in order; one step if nothing hangs on it.

        A step ends where a device is due to pulse, and steps are short after that, and at first if a pulse has just
        begun or was due: what the trigger starts then reaches every device before the device has lived on.
        """
        if not self.is_heard:
            yield start_s, end_s
            return
        begun = (start_s if due_s <= start_s else min(paced_s, start_s) for paced_s, due_s in self._known())
        fine_until_s = max(begun, default=-math.inf) + _AFTER_PULSE_S
        while start_s < end_s:
            due_s = min((due_s for _, due_s in self._known() if due_s > start_s), default=end_s)
            stop_s = min(due_s, end_s)
            if start_s < fine_until_s:
                stop_s = min(stop_s, start_s + _FINE_S)
            yield start_s, stop_s
            if stop_s >= due_s:
                fine_until_s = stop_s + _AFTER_PULSE_S
            start_s = stop_s

    def _known(self) -> Iterator[tuple[float, float]]:
        return (pulse() for pulse in self._pulses)
