"""``aimdlab tell``."""

from __future__ import annotations

import getpass
from pathlib import Path

from rich.markup import escape

from aimdlab.cli.output import console, print_json
from aimdlab.session.inbox import send


def tell(session: Path, word: str, text: str, *, as_json: bool) -> int:
    """Put a command into the inbox of a running session."""
    sender = f"tell by {getpass.getuser()}"
    send(session, word, text, sender)
    if as_json:
        print_json({"session": str(session), "command": word, "text": text, "sender": sender})
    else:
        console.print(escape(f"said to {session}: {word} {text}".rstrip()), soft_wrap=True)
    return 0
