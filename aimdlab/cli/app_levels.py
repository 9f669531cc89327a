"""``aimdlab levels`` and its help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aimdlab.cli.options import Json


class VolumeChoice(StrEnum):
    """The volumes of ``--volume``."""

    COMPLIANCE = "compliance"
    IMPLANT = "implant"
    OUTSIDE = "outside"


Tier2Field = Annotated[
    float | None, typer.Option("--tier2-bg-mt", metavar="MT", help="TIER2BG of Tier 2, peak to peak, in mT.")
]
_VOLUME_HELP = "The largest volume that holds a part of the"

app = typer.Typer(
    help="Print the levels that the standard asks for, by test and tier.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: aimdlab levels gradient-injected --tier 1 --volume implant --lead-cm 100 --json",
)


@app.command(
    "gradient-injected", epilog="Example: aimdlab levels gradient-injected --tier 1 --volume implant --lead-cm 100"
)
def levels_gradient_injected(
    tier: Annotated[int, typer.Option(min=1, max=3, help="Tier of 20.2.1 to 20.2.3.")],
    volume: Annotated[VolumeChoice, typer.Option(help=f"{_VOLUME_HELP} system.")],
    lead_cm: Annotated[
        float | None,
        typer.Option(
            metavar="CM",
            help="Tier 1, and Tier 2 by TIER2BG: length of the lead or external antenna; leadless: terminal spacing.",
        ),
    ] = None,
    tier2_bg_mt: Tier2Field = None,
    loop_area_m2: Annotated[
        float | None, typer.Option(metavar="M2", help="Tier 2 without TIER2BG: largest loop area of the lead.")
    ] = None,
    ivamp_max_v: Annotated[
        float | None, typer.Option(metavar="V", help="Tier 3: IVAMPMAX, the largest voltage along the lead's path.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the amplitude IVAMP for every pulse width and field (20.2)."""
    from aimdlab.cli import levels as command

    raise typer.Exit(
        command.gradient_injected(
            tier,
            volume.value,
            lead_cm=lead_cm,
            tier2_bg_mt=tier2_bg_mt,
            loop_area_m2=loop_area_m2,
            ivamp_max_v=ivamp_max_v,
            as_json=json,
        )
    )


@app.command("gradient-radiated", epilog="Example: aimdlab levels gradient-radiated --tier 1 --volume implant")
def levels_gradient_radiated(
    tier: Annotated[int, typer.Option(min=1, max=2, help="Tier of 20.3.2 and 20.3.3.")],
    volume: Annotated[VolumeChoice | None, typer.Option(help=f"{_VOLUME_HELP} device; Tier 2 does without it.")] = None,
    tier2_bg_mt: Tier2Field = None,
    json: Json = False,
) -> None:
    """Print the fields B_G, with dB/dt for every slew time (20.3)."""
    from aimdlab.cli import levels as command

    raise typer.Exit(
        command.gradient_radiated(tier, volume.value if volume else None, tier2_bg_mt=tier2_bg_mt, as_json=json)
    )
