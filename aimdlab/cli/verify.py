"""``aimdlab verify``."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from aimdlab.cli.output import console, print_json
from aimdlab.errors import ConfigurationError
from aimdlab.session.reader import open_session


def verify(path: Path, key: Path | None, *, as_json: bool) -> int:
    """Recompute every hash of a session; 0 if nothing was altered."""
    if key is not None:
        raise ConfigurationError(f"{key}: sessions are not signed yet")
    with open_session(path) as session:
        session.verify()
        shown = session.path
    if as_json:
        print_json({"session": str(shown), "exit_status": 0})
    else:
        console.print(escape(f"{shown}: nothing was altered"), soft_wrap=True)
    return 0
