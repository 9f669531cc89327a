"""The command line. Heavy imports stay inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import traceback
from types import FrameType

from aimdlab._platform import keep_freed_memory
from aimdlab.cli.visible import visible
from aimdlab.errors import AimdlabError, StoppedByPersonError

# Outside the contract's 0 to 5 on purpose: a crash must never look like a verdict.
_CRASHED = 70


def main() -> None:
    """Run the command line and exit with the contract's status."""
    # As an error of ours, Ctrl-C keeps its status 4 wherever it comes; a run puts its own handlers in place.
    signal.signal(signal.SIGINT, _stop)
    keep_freed_memory()
    from aimdlab.cli.app import app

    try:
        app()
    except AimdlabError as error:
        sys.exit(_report(str(error), type(error).__name__, error.exit_status))
    except Exception as error:  # noqa: BLE001 - the last line of defence: told in full, with a status of its own
        with contextlib.suppress(OSError):
            traceback.print_exc()
        sys.exit(_report(f"aimdlab itself failed, please report this: {error!r}", type(error).__name__, _CRASHED))


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise StoppedByPersonError("stopped by Ctrl-C")


def _report(message: str, kind: str, status: int) -> int:
    """Tell what went wrong, on standard error and with ``--json`` on standard output too; either may be closed."""
    with contextlib.suppress(OSError):
        if "--json" in sys.argv:
            print(json.dumps({"error": {"kind": kind, "message": message, "exit_status": status}}), flush=True)
    with contextlib.suppress(OSError):
        print(f"error: {visible(message)}", file=sys.stderr, flush=True)
    return status
