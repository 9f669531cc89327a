"""The commands and their help; each does its work in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import aimdlab
from aimdlab.cli import app_calibrate, app_levels, app_record
from aimdlab.cli.options import Attach, CampaignPath, Clock, Json, Operator, Scenario
from aimdlab.cli.short_lived import short_lived

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
    with short_lived():
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
    scenario: Scenario = None,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Run a campaign and seal its session. Ctrl-C ends it with every output off."""
    from aimdlab.cli import run as command

    chosen = command.BenchChoice(clock.value if clock else None, attach, scenario)
    raise typer.Exit(command.run(campaign, session, chosen, operator, as_json=json))


@app.command(epilog="Example: aimdlab resume sessions/monday")
def resume(
    session: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a session that was interrupted.")],
    campaign: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The campaign file, if it is not where it was.")
    ] = None,
    clock: Clock = None,
    attach: Attach = "",
    scenario: Scenario = None,
    operator: Operator = "",
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Accept what differs from the beginning: the code that the refusal shows; with --reason, --operator.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why that does not matter; recorded with your name.")
    ] = "",
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Nobody is here: questions wait for `aimdlab tell PATH answer TEXT`.")
    ] = False,
    json: Json = False,
) -> None:
    """Go on with an interrupted session at its first step that is not done, to the end, and seal it."""
    from aimdlab.cli import resume as command

    chosen = command.BenchChoice(clock.value if clock else None, attach, scenario)
    asked = command.Asked(campaign, chosen, operator, accept or [], reason, unattended)
    raise typer.Exit(command.resume(session, asked, as_json=json))


@app.command(epilog="Example: aimdlab seal sessions/monday")
def seal(
    session: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a session that was interrupted.")],
    json: Json = False,
) -> None:
    """Seal an interrupted session as it is, or finish a seal that was interrupted."""
    from aimdlab.cli import seal as command

    raise typer.Exit(command.seal(session, as_json=json))


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
    scenario: Scenario = None,
    json: Json = False,
) -> None:
    """Serve the simulated instruments of a bench to any VISA client until stopped (Ctrl-C)."""
    from aimdlab.cli import simulate as command

    raise typer.Exit(command.simulate(bench, host, base_port, scenario, as_json=json))


@app.command(epilog="Example: aimdlab instruments --json")
def instruments(json: Json = False) -> None:
    """List the installed drivers and simulated instruments."""
    from aimdlab.cli import instruments as command

    raise typer.Exit(command.instruments(as_json=json))


@app.command(epilog="Example: aimdlab doctor --at-boot")
def doctor(
    at_boot: Annotated[
        bool,
        typer.Option("--at-boot", help="After a restart: make every known bench safe, go on with what may go on."),
    ] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long --at-boot waits for instruments that start too.")
    ] = 120.0,
    json: Json = False,
) -> None:
    """Look whether this computer is fit to run a bench; --at-boot: do what is to be done after its restart."""
    from aimdlab.cli import doctor as command

    raise typer.Exit(command.doctor(at_boot=at_boot, wait_s=wait, as_json=json))


app.add_typer(app_record.app)
app.add_typer(app_levels.app, name="levels")
app.add_typer(app_calibrate.app, name="calibrate")
