"""``aimdlab instruments``."""

from __future__ import annotations

import inspect
from typing import Any

from rich import box
from rich.table import Table

from aimdlab.bench.discovery import DRIVERS, available, find
from aimdlab.cli.output import console, print_json
from aimdlab.errors import ConfigurationError


def instruments(*, as_json: bool) -> int:
    """List the installed drivers; one that cannot be loaded is listed with its error."""
    rows = [_describe(name) for name in available(DRIVERS)]
    if as_json:
        print_json({"drivers": rows})
        return 0
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("driver", "plays", "what", "package"):
        table.add_column(column, no_wrap=column != "what")
    for row in rows:
        table.add_row(row["name"], ", ".join(row["roles"]) or "-", row["error"] or row["summary"], row["package"])
    console.print(table)
    console.print("models of each: aimdlab instruments --json")
    return 0


def _describe(name: str) -> dict[str, Any]:
    point = available(DRIVERS)[name]
    package = point.dist.name if point.dist is not None else ""
    row: dict[str, Any] = {"name": name, "package": package, "roles": [], "models": [], "summary": "", "error": ""}
    try:
        driver = find(DRIVERS, name)
    except ConfigurationError as error:
        return row | {"error": str(error)}
    summary = (inspect.getdoc(driver) or "").partition("\n")[0]
    return row | {"roles": sorted(driver.ROLES), "models": list(driver.MODELS), "summary": summary}
