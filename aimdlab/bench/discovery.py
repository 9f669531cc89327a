"""Drivers, procedures and simulated benches are found by entry point: a lab's own package is no different from ours."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from aimdlab.errors import ConfigurationError

DRIVERS = "aimdlab.drivers"
SIMULATED_BENCHES = "aimdlab.simulated_benches"


def available(group: str) -> dict[str, EntryPoint]:
    """Every entry point of ``group``, by name."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def find(group: str, name: str) -> Any:
    """The object that ``name`` of ``group`` stands for; ConfigurationError if it does not exist or cannot be loaded."""
    found = available(group)
    what = group.rpartition(".")[2].rstrip("s").replace("_", " ")
    if name not in found:
        close = get_close_matches(name, found, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(f"there is no {what} {name!r}.{hint} Installed: {', '.join(found) or 'none'}.")
    try:
        return found[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the {what} {name!r} ({found[name].value}) cannot be loaded: {error}. Reinstall the package it comes from."
        ) from error
