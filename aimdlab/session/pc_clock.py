"""The PC's clocks as a session stamps them: UTC for people, monotonic time for order and duration.

The wall clock may be set, by a person or by time synchronisation, at any time. Nothing is decided by it; that it
jumped, and whether it is kept to UTC at all, is recorded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aimdlab import _platform
from aimdlab._platform import TimeSynchronisation
from aimdlab.session.canonical import Encodable

JUMPED = "clock.jumped"
SYNCHRONISATION = "clock.synchronisation"

FACTS = "pc_clock"
"""Key in the data of the first event that a process writes to a log: :func:`clock_facts`."""

# A step; what slewing changes between two stamps at the kernel's fastest rate (500 ppm) is none.
_JUMP_S = 1.0
_SLEWED = 5e-4
_ASKED_AGAIN_S = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stamp:
    """One moment by both clocks of the PC; ``monotonic_s`` means something within one boot only."""

    utc: datetime
    monotonic_s: float

    @classmethod
    def now(cls) -> Stamp:
        """This moment."""
        return cls(_EPOCH + timedelta(microseconds=time.time_ns() // 1000), time.monotonic())

    @property
    def text(self) -> str:
        """UTC in ISO 8601 with microseconds and "Z"."""
        return self.utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_now() -> str:
    """The PC's wall clock, ISO 8601 with microseconds and "Z"."""
    return Stamp.now().text


def clock_facts() -> dict[str, Encodable]:
    """This boot, and whether the wall clock is kept to UTC, for an event."""
    state = synchronisation()
    return {
        "boot": _platform.boot_id(),
        "synchronised": state.synchronised,
        "told": state.told,
        "max_error_s": state.max_error_s,
    }


def clock_texts() -> dict[str, str]:
    """The same for the header's host, whose facts are texts, with the monotonic companion of its creation."""
    state = synchronisation()
    return {
        "boot": _platform.boot_id(),
        "created_monotonic_s": repr(time.monotonic()),
        "utc_synchronised": state.synchronised,
        "utc_synchronisation": state.told,
        "utc_max_error_s": "" if state.max_error_s is None else repr(state.max_error_s),
    }


@dataclass
class _Asked:
    """What the system said last; it is asked at most once a minute, which starts a program on Windows."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    state: TimeSynchronisation | None = None
    again_s: float = 0.0


_asked = _Asked()


def synchronisation() -> TimeSynchronisation:
    """Whether the wall clock is kept to UTC, not older than a minute."""
    with _asked.lock:
        if _asked.state is None or time.monotonic() >= _asked.again_s:
            _asked.state = _platform.time_synchronisation()
            _asked.again_s = time.monotonic() + _ASKED_AGAIN_S
        return _asked.state


@dataclass(frozen=True)
class LastStamp:
    """The stamp of the last event of a log, and the boot it was made in ("" if the log does not say)."""

    utc: str
    monotonic_s: float
    boot: str

    def after(self, stamp_utc: str, monotonic_s: float, data: Mapping[str, Any]) -> LastStamp:
        """That of the next event."""
        facts = data.get(FACTS)
        boot = facts.get("boot") if isinstance(facts, dict) else None
        return LastStamp(stamp_utc, monotonic_s, boot if isinstance(boot, str) else self.boot)


NO_STAMP = LastStamp("", 0.0, "")


class JumpWatch:
    """Notices where the wall clock went another way than monotonic time between two stamps.

    Args:
        last: that of the last event of the log, by whomever it was written.
    """

    def __init__(self, last: LastStamp = NO_STAMP) -> None:
        self._last: Stamp | None = None
        self._other_boot: datetime | None = None
        try:
            utc = datetime.fromisoformat(last.utc)
        except ValueError:  # no event yet; or somebody's text, which says nothing of this clock
            return
        if utc.tzinfo is None:
            return
        if last.boot and last.boot == _platform.boot_id():
            self._last = Stamp(utc, last.monotonic_s)
        else:
            self._other_boot = utc

    def jumped_s(self, now: Stamp) -> float:
        """How far the wall clock jumped since the last stamp that was taken; 0 if it did not.

        Of the time between two boots only a jump back can be known.
        """
        if self._last is not None:
            passed_s = now.monotonic_s - self._last.monotonic_s
            jump_s = (now.utc - self._last.utc).total_seconds() - passed_s
            return jump_s if abs(jump_s) > _JUMP_S + _SLEWED * abs(passed_s) else 0.0
        if self._other_boot is not None:
            behind_s = (now.utc - self._other_boot).total_seconds()
            return behind_s if behind_s < -_JUMP_S else 0.0
        return 0.0

    def take(self, stamp: Stamp) -> None:
        """Compare with ``stamp`` from now on."""
        self._last, self._other_boot = stamp, None


def jump_in_words(jumped_s: float) -> str:
    """For the technician."""
    way = "forward" if jumped_s > 0 else "back"
    cause = "it was set, or the PC slept" if jumped_s > 0 else "it was set"
    return (
        f"the PC's wall clock went {way} by {abs(jumped_s):.1f} s since the event before: {cause}. "
        "Order and durations do not depend on it."
    )
