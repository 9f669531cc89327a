"""The program that knows only the format (tests/session/independent_checker.py), called without a process of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
from cryptography.exceptions import InvalidSignature

__all__ = ["NOTICES", "check_independently", "spell"]

NOTICES = (AssertionError, InvalidSignature, KeyError, OSError, ValueError)
"""What it raises for a file that is not as it was sealed."""


def _load() -> ModuleType:
    path = Path(__file__).parents[1] / "session" / "independent_checker.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_CHECKER = _load()


def spell(value: Any) -> str:
    """How it spells a JSON value before it hashes it."""
    text: str = _CHECKER.spell(value)
    return text


def check_independently(path: Path) -> dict[str, Any]:
    """What it finds: "root", "last", "signed_by"; one of NOTICES if the file is not as it was sealed."""
    with h5py.File(path) as file:
        found: dict[str, Any] = _CHECKER.check(file)
    return found
