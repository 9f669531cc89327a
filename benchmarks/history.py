"""What is kept of a run: one JSON file in ``benchmarks/history/``, named by day and commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figure import Outcome

HISTORY = Path(__file__).parent / "history"
_MEASURED = (":/aimdlab", ":/drivers", ":/simulators", ":/benchmarks/*.py")
_PACKAGES = ("h5py", "hdf5plugin", "numpy", "pydantic", "pyvisa", "pyvisa-py", "typer")


def last_ratios() -> Mapping[tuple[str, str], float]:
    """Of the newest file, by name of the figure and of its floor; empty if there is none."""
    newest = max(HISTORY.glob("[0-9]*.json"), key=lambda path: _read(path)["utc"], default=None)
    if newest is None:
        return {}
    return {(row["figure"], row["floor"]): row["ratio"] for row in _read(newest)["rows"]}


def keep(outcomes: Iterable[Outcome]) -> Path:
    """Write a new file; a run of the same day and commit is not overwritten."""
    return _keep({"rows": [_row(outcome) for outcome in outcomes]}, "")


def keep_growth(curves: Mapping[str, Any]) -> Path:
    """The same of a growth benchmark, in a file of its own name."""
    return _keep(curves, "growth-")


def _keep(content: Mapping[str, Any], prefix: str) -> Path:
    now = datetime.now(UTC)
    commit = _git("rev-parse", "--short=8", "HEAD") or "unknown"
    record = {
        "utc": now.isoformat(timespec="seconds"),
        "commit": commit,
        "changed": bool(_git("status", "--porcelain", "--", *_MEASURED)),
        "machine": _machine(),
        **content,
    }
    HISTORY.mkdir(exist_ok=True)
    path, number = HISTORY / f"{prefix}{now:%Y-%m-%d}-{commit}.json", 1
    while path.exists():
        number += 1
        path = HISTORY / f"{prefix}{now:%Y-%m-%d}-{commit}-{number}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "figure": outcome.figure.name,
        "floor": outcome.figure.floor,
        "own_s": outcome.own_s,
        "floor_s": outcome.floor_s,
        "ratio": outcome.ratio,
        "ratios": outcome.ratios,
        "at_least": outcome.figure.at_least,
        "verdict": outcome.verdict,
    }


def _machine() -> dict[str, Any]:
    return {
        "architecture": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        # How many wanted to run: other work on the machine is the largest part of the noise.
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=HISTORY.parent.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository: a source archive
        return ""
    return done.stdout.strip()
