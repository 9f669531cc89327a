"""Who holds a lock, as its file tells people."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass

from aimdlab import _platform


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file says.

    Attributes:
        pid, host, user: the process.
        started: see :func:`aimdlab._platform.process_started`.
        since_utc: when it was taken.
        session: for which session; "" for none.
    """

    pid: int
    started: str
    host: str
    user: str
    since_utc: str
    session: str = ""

    @classmethod
    def here(cls, user: str, since_utc: str, session: str = "") -> Holder:
        """This process."""
        pid = os.getpid()
        return cls(pid, _platform.process_started(pid), platform.node(), user, since_utc, session)

    @classmethod
    def read(cls, text: str) -> Holder | None:
        """The holder that a lock's file tells of, or None."""
        try:
            told = json.loads(text)
            return cls(**{**told, "pid": int(told["pid"])})
        except (ValueError, TypeError, KeyError):
            return None

    def write(self) -> str:
        """What stands in the lock's file."""
        return json.dumps(vars(self), ensure_ascii=False)

    def describe(self) -> str:
        """For the technician."""
        what = f", session {self.session}" if self.session else ""
        return f"process {self.pid} of {self.user or 'somebody'} on {self.host}, since {self.since_utc}{what}"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is on another computer: another name, and not the same start of the same system."""
        if self.host == platform.node():
            return False
        boot = self.started.partition("/")[0]
        return not boot or boot != _platform.process_started(os.getpid()).partition("/")[0]
