"""``aimdlab check``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markup import escape

from aimdlab._platform import Holder
from aimdlab.bench.operator import TerminalOperator
from aimdlab.cli.options import login_name
from aimdlab.cli.output import console, print_json
from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.opening import BenchChoice, open_bench
from aimdlab.sequencer.plan import make_plan
from aimdlab.session.header import utc_now


def check(campaign: Path, attach: str, *, as_json: bool) -> int:
    """Configuration, then bench; 0 if both are as the files say."""
    made = make_plan(load_campaign(campaign))
    operator = TerminalOperator(sys.stdin, sys.stderr)
    holder = Holder.here(login_name(), utc_now())
    # The real clock: nothing is waited for, and an attached bench keeps its own time.
    with open_bench(made.campaign, BenchChoice("real", attach), Attention(), operator, holder, None) as opened:
        equipment = opened.bench.equipment_list()
    if as_json:
        steps = {"steps": len(made.steps), "steps_to_do": len(made.steps_to_do)}
        print_json({"campaign": str(campaign), **steps, "equipment": equipment})
        return 0
    console.print(f"configuration: {len(made.steps_to_do)} steps can be done", soft_wrap=True)
    for entry in equipment:
        who = f"{entry['manufacturer']} {entry['model']} {entry['serial']} {entry['firmware']}".strip()
        where = f" at {entry['resource']}" if entry["resource"] else " (not connected to the PC)"
        console.print(escape(f"{entry['name']}: {who}{where}"), soft_wrap=True)
    console.print("bench: every instrument answers as the bench file says; nothing was switched on", soft_wrap=True)
    return 0
