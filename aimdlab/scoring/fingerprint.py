"""Which state of the scoring code made a number: two states of one version are told apart."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PARTS = ("capture.py", "procedures", "scoring", "signals", "standard")
_DIGITS = 16


@functools.cache
def scoring_fingerprint() -> str:
    """The first digits of a SHA-256 over every source file that a score can depend on; "unknown" without sources.

    Line ends do not matter: a checkout on Windows has others.
    """
    digest = hashlib.sha256()
    found = False
    for part in _PARTS:
        path = _ROOT / part
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(f"{source.relative_to(_ROOT).as_posix()}\0".encode())
            digest.update(source.read_bytes().replace(b"\r\n", b"\n"))
            found = True
    return digest.hexdigest()[:_DIGITS] if found else "unknown"
