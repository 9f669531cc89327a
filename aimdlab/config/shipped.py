"""Where the YAML that ships with aimdlab is: inside the wheel, or beside the package in a source tree."""

from __future__ import annotations

from pathlib import Path

import aimdlab

FOLDERS = ("configs", "sequences")


def shipped_root() -> Path:
    """The folder that holds ``configs`` and ``sequences``."""
    package = Path(aimdlab.__file__).resolve().parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent
