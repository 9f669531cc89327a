"""A process to be killed: goes on with a session (or begins it) and tells of every commit, or seals it.

session_process.py commit FOLDER STEPS
session_process.py begin FOLDER STEPS   the same, and tells before it makes or opens the folder
session_process.py seal FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal


def attempt_of(step: int) -> Attempt:
    codes = (np.arange(50_000) * (step + 1)).astype(np.int16)
    capture = Capture("device_monitor", "exposure", codes, 1e-3, 0.0, "V", 1e-6, 0.0, -32768, 32767)
    score = Score(Verdict.PASS, "", (), ())
    clocks = (0.0, 0.0, 0.0, 0.0, 15.0)
    return Attempt(step, f"step/{step}", 1, "sequence", {}, {}, "", "", *clocks, (capture,), (), score)


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(what: str, path: Path, steps: int = 0) -> None:
    if what == "seal":
        folder = SessionFolder.open(path)
        tell("sealing")
        seal(folder)
        return
    if what == "begin":
        tell("begins")
    if path.exists():
        folder = SessionFolder.open(path)
        done = sum(1 for _ in open_session(path).records())
    else:
        plan = tuple({"step_id": f"step/{step}"} for step in range(steps))
        folder, done = SessionFolder.create(path, new_header(title="killed", plan=plan, configuration={})), 0
    for step in range(done, steps):
        folder.events.record("step.started", f"step {step}", source="test")
        digest = folder.commit(attempt_of(step))
        tell(f"{step} {digest}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *(int(argument) for argument in sys.argv[3:]))
