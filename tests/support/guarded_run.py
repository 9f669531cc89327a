"""A run with a guardian, as a program: switches the generator on and gives signs of life until it is told otherwise.

Argument: JSON of ``orders`` (of the process that wrote them), ``generator`` (resource), ``session`` (folder). Says what it does in JSON lines, and obeys words on standard input: ``hang``, ``safe``,
``dismiss``, ``hand over``, ``end``.
"""

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from aimdlab._platform import process_started
from aimdlab.bench.clock import RealClock
from aimdlab.bench.guardian.keeper import Keeper
from aimdlab.bench.guardian.messages import lines
from aimdlab.bench.guardian.orders import Orders
from aimdlab.bench.link import VisaLink
from aimdlab.errors import GuardianError
from patience import LIMIT_S

WORDS: "queue.SimpleQueue[str]" = queue.SimpleQueue()


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def listen() -> None:
    for line in lines(0):  # not through sys.stdin, whose lock would be held at the interpreter's end
        WORDS.put(line.decode())


def watch(keeper: Keeper) -> None:
    """Until a word says otherwise, or the guardian is lost."""
    while True:
        keeper.sign()
        keeper.check()
        try:
            word = WORDS.get(timeout=0.05)
        except queue.Empty:
            continue
        if word == "hang":
            say(hanging=True)
            while True:
                time.sleep(LIMIT_S)
        elif word == "safe":
            keeper.make_safe_now()
            say(safe=keeper.wait_made_safe(LIMIT_S))
        elif word == "dismiss":
            keeper.dismiss()
            say(dismissed=True)
        elif word == "hand over":
            keeper.hand_over()
            say(handed_over=True)
            return
        elif word == "end":
            return


def main() -> int:
    wanted = json.loads(sys.argv[1])
    keeper = Keeper()
    keeper.start()
    say(guardian=keeper.pid)
    pid = os.getpid()
    keeper.brief(Orders.model_validate({**wanted["orders"], "pid": pid, "started": process_started(pid)}))
    try:
        keeper.require_ready()
    except GuardianError as error:
        say(refused=str(error))
        keeper.dismiss()
        return 3
    keeper.session(Path(wanted["session"]))
    link = VisaLink.open("generator", wanted["generator"], RealClock(), timeout_s=LIMIT_S)
    link.write("OUTP1 ON")
    on = link.query("OUTP1?")
    keeper.arm(True)  # a real run does so before: here a busy machine shall not be taken for a run that hangs
    say(on=on)
    threading.Thread(target=listen, daemon=True).start()
    try:
        watch(keeper)
    except GuardianError as error:
        say(lost=str(error))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
