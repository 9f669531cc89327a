"""``aimdlab run`` in a process of its own that says how much memory it and the simulation took: Linux alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from command_line import Lab

_CHILD = """
import json, resource, sys
from pathlib import Path
from aimdlab.cli import main
try:
    status = main()
except SystemExit as ended:
    status = ended.code
lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
own_kb = int(lines["VmHWM"].split()[0])
children_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"status": status, "own_kb": own_kb, "children_kb": children_kb}), file=sys.stderr)
"""


@dataclass(frozen=True)
class Measured:
    """What a run came to.

    Attributes:
        status: exit status.
        result: its JSON.
        own_bytes: the largest memory of the run's process.
        children_bytes: of the largest of its children, which is the simulation.
    """

    status: int
    result: dict[str, Any]
    own_bytes: int
    children_bytes: int


def measured_run(lab: Lab, timeout_s: float) -> Measured:
    """Run the lab's campaign on the virtual clock."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CHILD,
         "run", str(lab.campaign), "--session", str(lab.session), "--clock", "virtual", "--json"],
        cwd=lab.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", check=False,
        timeout=timeout_s,
    )  # fmt: skip
    assert done.stdout, done.stderr
    said = json.loads(done.stderr.splitlines()[-1])
    return Measured(said["status"], json.loads(done.stdout), said["own_kb"] * 1024, said["children_kb"] * 1024)
