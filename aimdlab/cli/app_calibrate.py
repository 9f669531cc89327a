"""``aimdlab calibrate`` and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from aimdlab.cli.options import Json

app = typer.Typer(
    help="Calibrate what lies between the instruments and the device.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: aimdlab calibrate gradient-network --json",
)


@app.command("gradient-network", epilog='Example: aimdlab calibrate gradient-network --spurious "0.3 mV" --json')
def calibrate_gradient_network(
    test_level: Annotated[str, typer.Option(metavar="VOLTAGE", help="Test signal at C, peak.")] = "1 V",
    test_frequency: Annotated[str, typer.Option(metavar="FREQUENCY", help="Of the test signal.")] = "500 kHz",
    spurious: Annotated[str, typer.Option(metavar="VOLTAGE", help="The generator's spurious signal, peak.")] = "1 mV",
    spurious_frequency: Annotated[str, typer.Option(metavar="FREQUENCY", help="Of the spurious signal.")] = "50 Hz",
    json: Json = False,
) -> None:
    """Compute which Cx keeps the low-frequency reading of Annex D, D.2 below its limit. Measures nothing."""
    from aimdlab.cli import calibrate as command

    raise typer.Exit(command.gradient_network(test_level, test_frequency, spurious, spurious_frequency, as_json=json))
