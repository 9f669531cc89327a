"""The commands and their help; each does its work in a module of its own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import aimdlab

app = typer.Typer(
    name="aimdlab",
    help="Runs the test bench on which active implants are proven safe for MRI (ISO/TS 10974).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=(
        "Exit status: 0 nothing but PASS and OMITTED (or nothing to judge), 1 some other verdict, 2 wrong usage or "
        "configuration, 3 bench or instrument fault, 4 stopped by a person, 5 record altered or not reproducible."
    ),
)


class ClockChoice(StrEnum):
    """The clocks of ``--clock``."""

    REAL = "real"
    VIRTUAL = "virtual"


class VolumeChoice(StrEnum):
    """The volumes of ``--volume``."""

    COMPLIANCE = "compliance"
    IMPLANT = "implant"
    OUTSIDE = "outside"


Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
CampaignPath = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Campaign file (YAML).")]
Clock = Annotated[
    ClockChoice | None,
    typer.Option(help="Time of a simulated bench: virtual (the default there) does not wait; a real bench is real."),
]
Attach = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Use a simulated bench that runs already, by its control address.")
]
Operator = Annotated[str, typer.Option(metavar="NAME", help="Who runs it, for the record; default: the login name.")]

Tier2Field = Annotated[
    float | None, typer.Option("--tier2-bg-mt", metavar="MT", help="TIER2BG of Tier 2, peak to peak, in mT.")
]
_VOLUME_HELP = "The largest volume that holds a part of the"


def _version(asked: bool) -> None:
    if asked:
        print(f"aimdlab {aimdlab.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: aimdlab demo --out my-first-session")
def demo(
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to put the session; default: a new folder here.")
    ] = None,
    clock: Clock = None,
    json: Json = False,
) -> None:
    """Run a small campaign on a simulated bench and show its verdicts."""
    from aimdlab.cli import demo as command

    raise typer.Exit(command.demo(out, clock.value if clock else None, as_json=json))


@app.command(epilog="Example: aimdlab init my-lab")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder.")],
    json: Json = False,
) -> None:
    """Make a lab folder: commented benches, devices, campaigns and tests to start from."""
    from aimdlab.cli import init as command

    raise typer.Exit(command.init(folder, as_json=json))


@app.command(epilog="Example: aimdlab plan configs/campaigns/demo.yaml --steps")
def plan(
    campaign: CampaignPath,
    steps: Annotated[bool, typer.Option("--steps", help="List every step.")] = False,
    json: Json = False,
) -> None:
    """Say what a campaign would run: steps, exposure time, storage, coverage. Connects to nothing."""
    from aimdlab.cli import plan as command

    raise typer.Exit(command.plan(campaign, list_steps=steps, as_json=json))


@app.command(epilog="Example: aimdlab check configs/campaigns/demo.yaml")
def check(campaign: CampaignPath, attach: Attach = "", json: Json = False) -> None:
    """Check the configuration, then that every instrument answers as the bench file says. Nothing is switched on."""
    from aimdlab.cli import check as command

    raise typer.Exit(command.check(campaign, attach, as_json=json))


@app.command(epilog="Example: aimdlab run configs/campaigns/demo.yaml --session sessions/monday")
def run(
    campaign: CampaignPath,
    session: Annotated[Path, typer.Option(metavar="PATH", help="A new folder while it runs, PATH.h5 when sealed.")],
    clock: Clock = None,
    attach: Attach = "",
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Run a campaign and seal its session. Ctrl-C ends it with every output off."""
    from aimdlab.cli import run as command

    raise typer.Exit(command.run(campaign, session, clock.value if clock else None, attach, operator, as_json=json))


@app.command(epilog='Example: aimdlab tell sessions/monday note "door opened"')
def tell(
    session: Annotated[Path, typer.Argument(metavar="PATH", help="The session folder of a running session.")],
    word: Annotated[str, typer.Argument(metavar="pause|continue|stop|abort|note|answer")],
    text: Annotated[str, typer.Argument(help="The note or the answer.")] = "",
    json: Json = False,
) -> None:
    """Speak to a running session."""
    from aimdlab.cli import tell as command

    raise typer.Exit(command.tell(session, word, text, as_json=json))


@app.command(epilog="Example: aimdlab simulate configs/benches/simulated_gradient_injection.yaml --base-port 5025")
def simulate(
    bench: Annotated[Path, typer.Argument(metavar="BENCH", help="Bench file of a simulated bench (YAML).")],
    base_port: Annotated[
        int, typer.Option(help="First TCP port; the instruments take it and those after it. 0: any free ports.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    json: Json = False,
) -> None:
    """Serve the simulated instruments of a bench to any VISA client until stopped (Ctrl-C)."""
    from aimdlab.cli import simulate as command

    raise typer.Exit(command.simulate(bench, host, base_port, as_json=json))


@app.command(epilog="Example: aimdlab instruments --json")
def instruments(json: Json = False) -> None:
    """List the installed drivers and simulated instruments."""
    from aimdlab.cli import instruments as command

    raise typer.Exit(command.instruments(as_json=json))


levels = typer.Typer(
    help="Print the levels that the standard asks for, by test and tier.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: aimdlab levels gradient-injected --tier 1 --volume implant --lead-cm 100 --json",
)
app.add_typer(levels, name="levels")


@levels.command(
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


@levels.command("gradient-radiated", epilog="Example: aimdlab levels gradient-radiated --tier 1 --volume implant")
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


calibrate = typer.Typer(
    help="Calibrate what lies between the instruments and the device.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: aimdlab calibrate gradient-network --json",
)
app.add_typer(calibrate, name="calibrate")


@calibrate.command("gradient-network", epilog='Example: aimdlab calibrate gradient-network --spurious "0.3 mV" --json')
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
