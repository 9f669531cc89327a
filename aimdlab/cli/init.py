"""``aimdlab init``."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.markup import escape

from aimdlab.cli.output import console, new_folder, print_json
from aimdlab.config.shipped import FOLDERS, shipped_root
from aimdlab.errors import ConfigurationError


def init(folder: Path, *, as_json: bool) -> int:
    """Copy the shipped YAML into a new folder; nothing that is there is touched."""
    made = []
    new_folder(folder)
    try:
        for name in FOLDERS:
            source = shipped_root() / name
            for file in sorted(source.rglob("*.yaml")):
                target = folder / name / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                made.append(target)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror or error}.") from error
    if as_json:
        print_json({"folder": str(folder), "files": [str(path) for path in made]})
        return 0
    for path in made:
        console.print(escape(str(path)), soft_wrap=True)
    campaign = folder / "configs" / "campaigns" / "demo.yaml"
    console.print(escape(f"\nTry: aimdlab plan {campaign}"), soft_wrap=True)
    console.print(escape(f"     aimdlab run {campaign} --session {folder / 'sessions' / 'first'}"), soft_wrap=True)
    return 0
