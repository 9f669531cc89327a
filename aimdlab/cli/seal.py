"""``aimdlab seal``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.markup import escape

from aimdlab.cli import verdicts
from aimdlab.cli.options import login_name
from aimdlab.cli.output import console, print_json
from aimdlab.cli.signature import key_json, signed_with
from aimdlab.sequencer.interrupted import seal_session
from aimdlab.session.reader import open_session

_SAID = {
    "sealed": "sealed",
    "finished the seal": "the seal was interrupted and is finished now",
    "nothing": "sealed before; nothing was done",
}


def seal(session: Path, *, as_json: bool) -> int:
    """Seal an interrupted session as it is, say what was done; returns the exit status."""
    outcome = seal_session(session, login_name())
    with open_session(outcome.session) as sealed:
        found = [result.verdict for result in sealed.steps()]
    exit_status = verdicts.status_of(found)
    if as_json:
        print_json(
            {
                "session": str(outcome.session),
                "did": outcome.did,
                "signing_key": key_json(outcome.key) if outcome.key is not None else None,
                "ended_early": outcome.ended_early,
                "verdicts": dict(Counter(verdict.value for verdict in found)),
                "exit_status": exit_status,
            }
        )
        return exit_status
    console.print(_SAID[outcome.did])
    if outcome.ended_early:
        console.print(f"[bold red]ended early:[/] {escape(outcome.ended_early)}", soft_wrap=True)
    console.print(verdicts.counted(found))
    console.print(escape(f"sealed session: {outcome.session}"), soft_wrap=True)
    if outcome.key is not None:
        console.print(escape(signed_with(outcome.key)), soft_wrap=True)
    return exit_status
