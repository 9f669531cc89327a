"""What the guardian does once the run is dead: end it if it hangs, make the bench safe, start another run."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aimdlab._platform import detached_popen_kwargs, is_that_process, kill_process
from aimdlab.bench.guardian.hands import Hands
from aimdlab.bench.guardian.log import Log
from aimdlab.bench.guardian.orders import Orders
from aimdlab.bench.guardian.watch import Fate
from aimdlab.bench.safe_state import SafeAction, SafeResult, carry_out, not_safe

_GONE_LIMIT_S = 10.0
_POLL_S = 0.01
_MOST_OUTPUTS = 1000


class Aftermath:
    """Acts once for a run that died or hangs."""

    def __init__(self, orders: Orders, hands: Hands, log: Log) -> None:
        self._orders = orders
        self._hands = hands
        self._log = log

    def make_safe(self, fate: Fate) -> bool:
        """End a run that hangs, then switch everything off, until it is done or given up; whether all is off."""
        run = f"the run (process {self._orders.pid})"
        if fate is Fate.HANGS:
            silence = f"for {self._orders.silence_s:g} s"
            self._log.record(
                "run_hangs", f"{run} has given no sign of life {silence}; it is ended", aloud=True, run=self._orders.pid
            )
            self._end_run()
        else:
            self._log.record(
                "run_died", f"{run} has gone without a word; everything is switched off", aloud=True,
                run=self._orders.pid,
            )  # fmt: skip
        done, problems = _carry_out(self._hands, self._log, self._orders.give_up_s)
        if problems:
            self._log.record("not_safe", str(not_safe(problems)), aloud=True, problems=problems)
        elif done:
            self._log.record("safe", f"the bench is safe: {', '.join(done)}", aloud=True)
        return not problems

    @staticmethod
    def carry_out_now(hands: Hands, log: Log) -> tuple[list[str], dict[str, str]]:
        """Switch off what can be reached beside a run that is alive; the names done, and every other problem."""
        done, problems = _carry_out(hands, log, None)
        if problems:
            log.record("not_safe", str(not_safe(problems)), aloud=True, problems=problems)
        return done, problems

    def replace(self, session: Path | None, *, safe: bool, wanted: bool) -> None:
        """Start the command that goes on with the session, if there is one and the bench is safe."""
        if not self._orders.replacement or not wanted:
            return
        why_not = ""
        if not safe:
            why_not = "the bench is not safe"
        elif session is None or not session.is_dir():
            why_not = "there is no session to go on with"
        elif not self._run_has_gone(_GONE_LIMIT_S):
            why_not = f"its process {self._orders.pid} is still there"
        if why_not or session is None:
            self._log.record("not_replaced", f"no other run is started: {why_not}", aloud=True)
            return
        try:
            output, process = start_beside(session, self._orders.replacement, self._orders.folder)
        except OSError as error:
            self._log.record("not_replaced", f"no other run can be started: {error}", aloud=True)
            return
        self._log.record(
            "replaced",
            f"another run goes on in its place (process {process}); what it says is in {output}",
            aloud=True,
            run=process,
            output=str(output),
            command=list(self._orders.replacement),
        )

    def _end_run(self) -> None:
        try:
            was_there = kill_process(self._orders.pid, self._orders.started)
        except OSError as error:
            self._log.record("failed", f"the run cannot be ended: {error}", aloud=True)
            return
        if was_there and not self._run_has_gone(_GONE_LIMIT_S):
            self._log.record("failed", f"the run is still there {_GONE_LIMIT_S:g} s after it was ended", aloud=True)
        else:
            self._log.record("run_killed", "the run that hung is gone", run=self._orders.pid)

    def _run_has_gone(self, limit_s: float) -> bool:
        deadline_s = time.monotonic() + limit_s
        while is_that_process(self._orders.pid, self._orders.started):
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(_POLL_S)
        return True


def _carry_out(hands: Hands, log: Log, limit_s: float | None) -> tuple[list[str], dict[str, str]]:
    def tell(result: SafeResult) -> None:
        if not result.problem:
            log.record(
                "made_safe",
                f"{result.instrument} is safe after {result.took_s:.2f} s",
                instrument=result.instrument,
                took_s=round(result.took_s, 4),
            )

    return carry_out(hands.actions(limit_s, lambda action: _telling(action, log)), tell)


def _telling(action: SafeAction, log: Log) -> SafeAction:
    """The same action, which says at its first failure that it will be tried again."""
    told = threading.Event()

    def act() -> None:
        try:
            action.act()
        except Exception as error:
            if not told.is_set():
                told.set()
                log.record(
                    "not_off_yet",
                    f"{action.instrument} is not off yet and is tried again for {action.limit_s:g} s: {error}",
                    aloud=True,
                    instrument=action.instrument,
                    problem=str(error),
                )
            raise

    return replace(action, act=act)


def start_beside(session: Path, command: Sequence[str], folder: str) -> tuple[Path, int]:
    """Start a command that goes on with a session, in the working folder ``folder``; its output and its process.

    The output is a new file beside the session's folder, which goes when it is sealed. OSError if it cannot be started.
    """
    for number in range(1, _MOST_OUTPUTS):
        output = session.with_name(f"{session.name}.replacement-{number}.txt")
        try:
            stream = output.open("xb")
        except FileExistsError:
            continue
        with stream:
            process = subprocess.Popen(  # noqa: S603 - the command that the run gave
                command,
                cwd=folder or None,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                **detached_popen_kwargs(),
            )
        return output, process.pid
    raise FileExistsError(f"there are {_MOST_OUTPUTS} replacements of {session} already")
