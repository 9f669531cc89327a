"""``aimdlab plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, covers, duration, print_json, size
from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.plan import Plan, make_plan


def plan(campaign: Path, *, list_steps: bool, as_json: bool) -> int:
    """Show the plan; always 0 if there is one."""
    made = make_plan(load_campaign(campaign))
    if as_json:
        print_json(_as_json(made, list_steps=list_steps))
        return 0
    names = (made.campaign.campaign.file.name, made.campaign.bench.file.name)
    console.print(f"[bold]{escape(names[0])}[/] on {escape(names[1])}", soft_wrap=True)
    for number, test in enumerate(made.tests, start=1):
        file = test.subject.test.file
        console.print(escape(f"{number}. {file.name} ({file.edition}, {file.clause}, {file.method})"), soft_wrap=True)
        console.print(f"   {covers(test.as_record())}", soft_wrap=True)
    if list_steps:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("step", "signal", "exposure"):
            table.add_column(name)
        for step in made.steps:
            table.add_row(step.id, escape(step.title), duration(step.exposure_s))
        console.print(table)
    baselines = sum(step.kind == "baseline" for step in made.steps)
    console.print(f"steps      {len(made.steps)}, of them {baselines} baseline")
    console.print(f"exposure   {duration(made.exposure_s)}, without retries")
    console.print(f"storage    {size(made.storage_bytes)} before compression; twice that while the session is sealed")
    console.print("omissions  none")
    console.print("people     nobody is needed once it runs")
    return 0


def _as_json(made: Plan, *, list_steps: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "campaign": made.campaign.campaign.file.name,
        "bench": made.campaign.bench.file.name,
        "device": made.campaign.device.file.name,
        "tests": [test.as_record() for test in made.tests],
        "steps": len(made.steps),
        "exposure_s": made.exposure_s,
        "storage_bytes": made.storage_bytes,
        "omissions": [],
    }
    if list_steps:
        result["step_list"] = [step.as_record() for step in made.steps]
    return result
