"""``aimdlab demo``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from aimdlab.cli import verdicts
from aimdlab.cli.output import new_folder
from aimdlab.cli.run import execute
from aimdlab.config.shipped import shipped_root
from aimdlab.sequencer.opening import BenchChoice, ClockKind


def demo(out: Path | None, clock: ClockKind | None, *, as_json: bool) -> int:
    """Run the shipped demonstration; 0 if it ended as a healthy demo should: every step PASS."""
    folder = out or Path(f"aimdlab-demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    new_folder(folder)
    campaign = shipped_root() / "configs" / "campaigns" / "demo.yaml"
    outcome = execute(campaign, folder / "session", BenchChoice(clock))
    return verdicts.show(outcome, as_json=as_json)
