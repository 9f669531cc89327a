"""The commands of ``benchmarks/`` as a person starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from patience import LIMIT_S

ROOT = Path(__file__).parents[2]


def benchmark(
    module: str, *arguments: str, within: Path = ROOT, patience: float = 1.0
) -> subprocess.CompletedProcess[str]:
    """``python -m MODULE ARGUMENTS`` to its end, which may take ``patience`` times as long as a command otherwise."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        cwd=within,
        # No bytecode: a module that a test writes anew within a second, as long as before, would be taken for the old.
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=patience * LIMIT_S,
    )
