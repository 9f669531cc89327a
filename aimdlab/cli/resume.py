"""``aimdlab resume``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aimdlab.cli import verdicts
from aimdlab.cli.output import status
from aimdlab.cli.run import attended
from aimdlab.sequencer.consent import Consent
from aimdlab.sequencer.interrupted import session_folder
from aimdlab.sequencer.opening import BenchChoice
from aimdlab.sequencer.resume import resume_campaign

__all__ = ["Asked", "BenchChoice", "resume"]


@dataclass(frozen=True)
class Asked:
    """The options.

    Attributes:
        campaign: the campaign file, if it is not where the session says.
        choice: clock and simulated bench.
        operator: who goes on.
        accept: codes of what a person accepts although it differs.
        reason: why.
        unattended: nobody is there.
    """

    campaign: Path | None
    choice: BenchChoice
    operator: str
    accept: Sequence[str]
    reason: str
    unattended: bool


def resume(session: Path, asked: Asked, *, as_json: bool) -> int:
    """Go on with an interrupted session, show the table of all of it; returns the exit status."""
    folder = session_folder(session)
    consent = Consent(tuple(asked.accept), asked.reason, asked.operator) if asked.accept or asked.reason else None
    outcome = attended(
        folder,
        asked.operator,
        lambda attendance: resume_campaign(folder, asked.campaign, asked.choice, attendance, consent),
        unattended=asked.unattended,
    )
    if outcome.run is None and not as_json:
        status.print("there was nothing left to run: the session was sealed", soft_wrap=True)
    return verdicts.show(outcome, as_json=as_json)
