"""``aimdlab simulate``."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from types import FrameType
from typing import Any

from rich import box
from rich.table import Table

from aimdlab.bench.simulated import serve_command
from aimdlab.cli.output import console, print_json
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import load_bench, resolve
from aimdlab.errors import ConfigurationError, SimulationError


def simulate(bench: Path, host: str, base_port: int, scenario: Path | None = None, *, as_json: bool) -> int:
    """Serve the bench in the foreground until Ctrl-C, SIGTERM or a shutdown over the control socket.

    With a ``scenario``, its faults happen.
    """
    loaded = load_bench(bench)
    if loaded.file.simulated is None:
        raise ConfigurationError(f"{bench}: this is a real bench; there is nothing to simulate.")
    world = resolve(loaded.source, ("simulated", "world"), loaded.file.simulated.world)
    # The server ends with its standard input, which closes with this process however that ends.
    command = serve_command(world, ("--host", host, "--base-port", str(base_port), "--until-eof"), scenario)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        # The server gets Ctrl-C from the terminal itself; here it only must not end us before the server has ended.
        previous = {number: signal.signal(number, _pass_on(process)) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                status = process.wait()
                raise _failed(status)
            _show(loaded.file, json.loads(line), as_json=as_json)
            process.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    return 0


def _failed(status: int) -> Exception:
    text = "the simulated bench did not start; it says why above."
    return ConfigurationError(text) if status == ConfigurationError.exit_status else SimulationError(text)


def _pass_on(process: subprocess.Popen[str]) -> Any:
    def handler(_number: int, _frame: FrameType | None) -> None:
        process.terminate()

    return handler


def _show(file: BenchFile, hello: dict[str, Any], *, as_json: bool) -> None:
    roles: dict[str, list[str]] = {}
    for role, entry in file.roles.items():
        roles.setdefault(entry.instrument, []).append(role)
    rows = [
        {"instrument": name, "roles": roles.get(name, []), "resource": entry["resource"], "model": entry["model"]}
        for name, entry in hello["instruments"].items()
    ]
    if as_json:
        print_json(
            {
                "bench": file.name,
                "control": hello["control"],
                "instruments": rows,
                "scenario": hello["scenario"],
            }
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("instrument", "role", "VISA resource", "model"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(row["instrument"], ", ".join(row["roles"]) or "-", row["resource"], row["model"])
    console.print(table)
    console.print(f"control socket {hello['control']} (aimdlab run ... --attach {hello['control']})", soft_wrap=True)
    if hello["scenario"]:
        console.print("[yellow]training[/]: faults happen as the scenario says", soft_wrap=True)
    console.print("serving in real time until Ctrl-C", soft_wrap=True)
