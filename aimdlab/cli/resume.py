"""``aimdlab resume``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aimdlab.cli import verdicts
from aimdlab.cli.output import status
from aimdlab.cli.run import attended
from aimdlab.sequencer.consent import Consent
from aimdlab.sequencer.opening import BenchChoice
from aimdlab.sequencer.resume import resume_campaign, session_folder

__all__ = ["BenchChoice", "resume"]


def resume(
    session: Path,
    campaign: Path | None,
    choice: BenchChoice,
    operator: str,
    accept: tuple[Sequence[str], str],
    *,
    as_json: bool,
) -> int:
    """Go on with an interrupted session, show the table of all of it; returns the exit status.

    ``accept`` are the codes of what a person accepts, and the reason.
    """
    folder = session_folder(session)
    codes, reason = accept
    consent = Consent(tuple(codes), reason, operator) if codes or reason else None
    outcome = attended(
        folder, operator, lambda attendance: resume_campaign(folder, campaign, choice, attendance, consent)
    )
    if outcome.run is None and not as_json:
        status.print("there was nothing left to run: the session was sealed", soft_wrap=True)
    return verdicts.show(outcome, as_json=as_json)
