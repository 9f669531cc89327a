"""Arguments and options that several commands share."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ClockChoice(StrEnum):
    """The clocks of ``--clock``."""

    REAL = "real"
    VIRTUAL = "virtual"


Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
CampaignPath = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Campaign file (YAML).")]
Clock = Annotated[
    ClockChoice | None,
    typer.Option(help="Time of a simulated bench: virtual (the default there) does not wait; a real bench is real."),
]
Attach = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Use a simulated bench that runs already, by its control address.")
]
Scenario = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Training on a simulated bench: let the faults of this scenario file happen."),
]
Operator = Annotated[str, typer.Option(metavar="NAME", help="Who runs it, for the record; default: the login name.")]


def login_name() -> str:
    """Who is logged in: the operator unless told otherwise."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name, e.g. in a container
        return "unknown"
