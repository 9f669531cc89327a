"""The commands of the record and their help; they stand at the top level."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimdlab.cli.options import Json, Operator

app = typer.Typer(rich_markup_mode=None)

SessionPath = Annotated[
    Path, typer.Argument(metavar="SESSION", help="A sealed file, or the folder of a session that is not sealed yet.")
]


@app.command(epilog="Example: aimdlab verify sessions/monday.h5 --key records/bench_one.pub.pem")
def verify(
    session: SessionPath,
    key: Annotated[
        Path | None,
        typer.Option(metavar="PUBLIC_KEY_FILE", help="The bench's public key, from your records; it must have signed."),
    ] = None,
    json: Json = False,
) -> None:
    """Prove that a session is what was recorded, or name the first record altered, added, removed or moved."""
    from aimdlab.cli import verify as command

    raise typer.Exit(command.verify(session, key, as_json=json))


@app.command(epilog="Example: aimdlab replay sessions/monday.h5 --step 1/0003 --plot")
def replay(
    session: SessionPath,
    device: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score by the limits of this device file, into a new record beside SESSION."),
    ] = None,
    step: Annotated[
        str | None, typer.Option(metavar="N", help="One step alone: its index in the plan, from 0, or its name.")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option(metavar="K", help="Which attempt at --step; default: the one that decides.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw --step as the technician saw it, into a PNG.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file for what --device or --plot makes; default: beside.")
    ] = None,
    operator: Operator = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that share the work; default: up to the cores.")
    ] = None,
    json: Json = False,
) -> None:
    """Score a session again from its raw bytes and compare; under other limits; or show one exposure."""
    from aimdlab.cli import replay as command

    asked = command.Asked(device, step, attempt, plot, out, operator, jobs)
    raise typer.Exit(command.replay(session, asked, as_json=json))
