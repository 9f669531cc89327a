"""Commands as a person waits for them, against a Python that only imports the libraries they cannot do without.

Both are processes of their own, and both find their modules compiled, as an installation has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Measure, in_turns

HELP = ("--help",)
PLAN = ("plan", str(Path(__file__).parents[1] / "configs" / "campaigns" / "gradient_injected_tier_1.yaml"))


@contextmanager
def command(arguments: Sequence[str], libraries: str, repeats: int) -> Iterator[Measure]:
    """``aimdlab`` with ``arguments``, and the import of ``libraries``."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(*told: str) -> None:
            subprocess.run([sys.executable, *told], env=environment, check=True, stdout=subprocess.DEVNULL)

        yield lambda: in_turns(
            lambda: run("-m", "aimdlab", *arguments), lambda: run("-c", f"import {libraries}"), repeats
        )
