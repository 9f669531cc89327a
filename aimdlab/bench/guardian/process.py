"""The guardian's process: its pipes, its signals. It ends with the run, whatever becomes of that."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time

from aimdlab.bench._visa import shared_manager
from aimdlab.bench.guardian.log import Log
from aimdlab.bench.guardian.messages import lines, message, parse
from aimdlab.bench.guardian.outlet import Outlet, to_descriptor
from aimdlab.bench.guardian.watchman import Guardian, Incoming

_FLUSH_LIMIT_S = 2.0


def main() -> int:
    """Watch over the run at the other end of standard input; the exit status."""
    _obey_no_signal()
    answers = Outlet("answers", to_descriptor(1))
    # Without a standard error, its number may become that of a connection.
    terminal = Outlet("terminal", to_descriptor(2 if sys.__stderr__ else os.open(os.devnull, os.O_WRONLY)))
    log = Log(terminal.put)
    incoming: Incoming = queue.SimpleQueue()
    threading.Thread(target=_read, args=(incoming,), name="orders", daemon=True).start()
    shared_manager("@py")  # while the run is still busy with its files
    answers.put(message("hello", os.getpid()))
    status = Guardian(incoming, answers.put, log).run()
    deadline_s = time.monotonic() + _FLUSH_LIMIT_S
    for outlet in (log, answers, terminal):
        outlet.finish(deadline_s)
    return status


def _read(incoming: Incoming) -> None:
    try:
        for line in lines(0):
            incoming.put(parse(line))
    except ValueError as error:
        incoming.put(("unreadable", str(error)))
        for _ in lines(0):  # so that the end is seen all the same
            pass
    incoming.put(("end", None))


def _obey_no_signal() -> None:
    """Ctrl-C and the like are for the run; the guardian ends with it.

    Handlers, not SIG_IGN: that would be passed on to a run that is started in place of a dead one.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: None)
