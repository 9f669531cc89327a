"""``aimdlab resume``."""

from __future__ import annotations

from pathlib import Path

from aimdlab.cli import verdicts
from aimdlab.cli.output import status
from aimdlab.cli.run import attended
from aimdlab.sequencer.opening import BenchChoice
from aimdlab.sequencer.resume import resume_campaign, session_folder

__all__ = ["BenchChoice", "resume"]


def resume(session: Path, campaign: Path | None, choice: BenchChoice, operator: str, *, as_json: bool) -> int:
    """Go on with an interrupted session, show the table of all of it; returns the exit status."""
    folder = session_folder(session)
    outcome = attended(folder, operator, lambda attendance: resume_campaign(folder, campaign, choice, attendance))
    if outcome.run is None and not as_json:
        status.print("there was nothing left to run: the session was sealed", soft_wrap=True)
    return verdicts.show(outcome, as_json=as_json)
