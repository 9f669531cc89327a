"""The commands of the record and their help; they stand at the top level."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimdlab.cli.options import Json

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
