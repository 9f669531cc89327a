"""Is the other process alive? Decided from what was heard of it, and from the time in which this one was awake."""

from __future__ import annotations

from enum import Enum

# A longer gap between two looks means that this process, or the whole PC, stood still; so may have the other.
_LONGEST_GAP_S = 1.0


class AwakeTime:
    """Counts time only as far as this process observed it: after a pause of the whole PC nobody was silent."""

    def __init__(self) -> None:
        self._looked_s: float | None = None

    def passed_s(self, now_s: float) -> float:
        """How much of the time since the last call counts, at the monotonic time ``now_s``."""
        before_s, self._looked_s = self._looked_s, now_s
        return 0.0 if before_s is None else min(max(0.0, now_s - before_s), _LONGEST_GAP_S)


class Pulse:
    """How long something that is counted up now and then has stood still."""

    def __init__(self) -> None:
        self.still_s = 0.0
        self._count = 0

    def feel(self, count: int, passed_s: float) -> None:
        """It stands at ``count`` now, ``passed_s`` of observed time after the last look."""
        self.still_s = 0.0 if count != self._count else self.still_s + passed_s
        self._count = count


class Fate(Enum):
    """What has become of the run."""

    ALIVE = "alive"
    DISMISSED = "dismissed"
    DIED = "died"
    HANGS = "hangs"


class Watch:
    """The guardian's look at the run.

    Args:
        silence_s: how long an armed run's main thread may give no sign of life, in observed time.
    """

    def __init__(self, silence_s: float) -> None:
        self._limit_s = silence_s
        self._silent_s = 0.0
        self._awake = AwakeTime()
        self._armed = False
        self._ended = False
        self._dismissed = False

    def heard(self, age_s: float) -> None:
        """A line came; the main thread's last sign was ``age_s`` before."""
        self._silent_s = age_s

    def arm(self, on: bool) -> None:
        """From now on the run may, or may not, be judged; to say so is a sign of life."""
        self._armed = on
        self._silent_s = 0.0

    def end(self) -> None:
        """The run's end of the pipe is closed, or its process is gone."""
        self._ended = True

    def dismiss(self) -> None:
        """The run says that the bench is safe and that it needs no guardian any more."""
        self._dismissed = True

    def look(self, now_s: float) -> Fate:
        """What has become of the run at the monotonic time ``now_s``."""
        self._silent_s += self._awake.passed_s(now_s)
        if self._dismissed:
            return Fate.DISMISSED
        if self._ended:
            return Fate.DIED
        if self._armed and self._silent_s > self._limit_s:
            return Fate.HANGS
        return Fate.ALIVE
