"""One window of the oscilloscope that watches the injection network and the device: armed, started, complete."""

from __future__ import annotations

from collections.abc import Callable

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import Clock
from aimdlab.bench.roles import ScopeSetup
from aimdlab.errors import InstrumentError
from aimdlab.scoring.exposure import DEVICE_MONITOR

_POLL_S = 0.02
# From the command to the edge, and the roundings of the time base: after this the first question is answered with yes.
_SETTLED_S = 1e-3
# How long an oscilloscope may take longer than the window before the acquisition counts as not triggered.
_PATIENCE_S = 2.0


def acquire(bench: Bench, setup: ScopeSetup, start: Callable[[], None]) -> bool:
    """Record one window that ``start`` sets off; False if the oscilloscope never triggered.

    Raises InstrumentError if it does not even get ready to, which no signal is needed for.
    """
    scope, clock = bench.monitor(DEVICE_MONITOR)[0], bench.clock
    before_s, after_s = scope.window_s(setup)
    scope.configure(setup)
    scope.arm()
    clock.sleep(before_s + _SETTLED_S)
    if not _poll(clock, scope.is_armed):
        raise scope_fault(bench, "it was armed, and did not get ready for a trigger")
    start()
    clock.sleep(after_s + _SETTLED_S)
    complete = _poll(clock, scope.is_complete)
    if not complete:
        scope.stop()
    return complete


def scope_fault(bench: Bench, what: str) -> InstrumentError:
    """A fault of the oscilloscope itself."""
    return InstrumentError(
        f"{what}, whatever the signal. Switch it off and on if that comes again.",
        instrument=bench.file.monitors[DEVICE_MONITOR].instrument,
    )


def _poll(clock: Clock, condition: Callable[[], bool]) -> bool:
    """Ask until ``condition`` holds or the patience, of bench time, is over."""
    deadline_s = clock.now_s() + _PATIENCE_S
    while not condition():
        if clock.now_s() >= deadline_s:
            return False
        clock.sleep(_POLL_S)
    return True
