"""Time and memory against the number of steps and against samples per capture: ``python -m benchmarks.growth``.

Each point is measured once, in a process of its own (:mod:`benchmarks.growth_point`), in seconds of the processor, so
that a busy machine does little harm. Prints a table with the exponent of growth over the larger half of the sizes: 1 is
linear, 0 is flat. Keeps the points in ``benchmarks/history/`` and draws the curves into ``docs/``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from aimdlab.sequencer.progress import Silent
from benchmarks.growth_point import BY_SAMPLES, BY_STEPS
from benchmarks.history import keep_growth
from benchmarks.lab import FULL, Kind, lab, run

_DOCS = Path(__file__).parents[1] / "docs"
_SHIPPED = Path(__file__).parents[1] / "configs" / "campaigns"
_ONE = Kind(FULL.campaign, "20 kHz", tbpw='["0.2 ms"]', cycles="[2]", t_off='["20 ms"]', t_dwell='["0.5 ms"]')
_FEWEST_STEPS = 100
# What the oscilloscope with the deepest memory records at which rate: it ends at 20 million samples.
_DEEP = "gradient_injected_long_captures.yaml"
_SCORED = {1_000_000: "50 kHz", 4_000_000: "200 kHz", 20_000_000: "1 MHz"}
_MB = 1e6
_TITLES = {"steps": "steps", "samples": "samples per capture"}


@dataclass(frozen=True)
class Curve:
    """What one kind of work took at each size.

    Attributes:
        name: the work, a key of :mod:`benchmarks.growth_point`.
        sizes: steps, or samples per capture.
        cpu_s, wall_s, memory_mb: of each; memory is the peak, less what the process had before, inputs
            included; less than 1 MB counts as 1 MB.
    """

    name: str
    sizes: tuple[int, ...]
    cpu_s: tuple[float, ...]
    wall_s: tuple[float, ...]
    memory_mb: tuple[float, ...]

    def exponent(self, values: Sequence[float]) -> float:
        """Of the power of the size that ``values`` grow with, over the larger half of the sizes; NaN for one size."""
        half = len(self.sizes) // 2 if len(self.sizes) > 2 else 0
        sizes, found = self.sizes[half:], values[half:]
        if len(sizes) < 2:
            return float("nan")
        return float(np.polyfit(np.log(sizes), np.log(found), 1)[0])


def main() -> None:
    """Measure, show, keep, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="Time and memory against size.")
    parser.add_argument(
        "--most-steps", type=int, default=10_000, metavar="N", help="the largest session (10000; 0: none)"
    )
    parser.add_argument("--least-samples", type=int, default=1000, metavar="N", help="the shortest capture (1000)")
    parser.add_argument("--most-samples", type=int, default=10**8, metavar="N", help="the longest (10^8; 0: none)")
    parser.add_argument("--keep-nothing", action="store_true", help="neither history nor curves")
    chosen = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=140)
    with lab(_ONE) as campaign:
        folder = campaign.parents[2]
        run(campaign, folder / "recorded", Silent())
        found = {
            "steps": list(_by_steps(folder, chosen.most_steps, console)) if chosen.most_steps else [],
            "samples": list(_by_samples(folder, (chosen.least_samples, chosen.most_samples), console)),
        }
    for unit, curves in found.items():
        if curves:
            console.print(_table(_TITLES[unit], unit.removesuffix("s"), curves))
    if chosen.keep_nothing:
        return
    kept = keep_growth({unit: [vars(curve) for curve in curves] for unit, curves in found.items() if curves})
    console.print(f"Kept as benchmarks/history/{kept.name}.")
    for unit, curves in found.items():
        if curves:
            draw(_DOCS / f"growth-{unit}.svg", _TITLES[unit], curves)


def _by_steps(folder: Path, most: int, console: Console) -> Iterator[Curve]:
    sizes = _decades(_FEWEST_STEPS, most)
    points: dict[str, list[Mapping[str, float]]] = {name: [] for name in BY_STEPS}
    for size in sizes:
        place = folder / str(size)
        for part in ("configs", "sequences"):
            shutil.copytree(folder / part, place / part)
        shutil.copy(folder / "recorded.h5", place)
        # As it ships: what was changed for the recorded sequence is not what is planned here.
        shutil.copy(_SHIPPED / FULL.campaign, place / "configs/campaigns")
        for name, found in points.items():
            found.append(_point(name, size, place, console))
        shutil.rmtree(place)
    for name, found in points.items():
        yield _curve(name, sizes, found)


def _by_samples(folder: Path, span: tuple[int, int], console: Console) -> Iterator[Curve]:
    least, most = span
    if most < least:
        return
    for name in BY_SAMPLES:
        if name != "score":
            sizes = _decades(least, most)
            yield _curve(name, sizes, [_point(name, size, folder, console) for size in sizes])
    sizes, points = [], []
    for recorded, rate in _SCORED.items():
        if recorded <= most:
            with lab(replace(_ONE, campaign=_DEEP, exposure_rate=rate)) as campaign:
                run(campaign, campaign.parents[2] / "recorded", Silent())
                sizes.append(recorded)
                points.append(_point("score", recorded, campaign.parents[2], console))
    if sizes:
        yield _curve("score", sizes, points)


def _decades(first: int, last: int) -> list[int]:
    sizes = [first]
    while sizes[-1] * 10 <= last:
        sizes.append(sizes[-1] * 10)
    return sizes


def _point(name: str, size: int, folder: Path, console: Console) -> Mapping[str, float]:
    with console.status(f"{name}, {size}"):
        command = [sys.executable, "-m", "benchmarks.growth_point", name, str(size), str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    point: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return point


def _curve(name: str, sizes: Sequence[int], points: Sequence[Mapping[str, float]]) -> Curve:
    return Curve(
        name,
        tuple(sizes),
        tuple(point["cpu_s"] for point in points),
        tuple(point["wall_s"] for point in points),
        tuple(max(1.0, (point["peak_bytes"] - point["before_bytes"]) / _MB) for point in points),
    )


def _table(title: str, unit: str, curves: Sequence[Curve]) -> Table:
    table = Table(title=f"Against {title}")
    table.add_column("work")
    for heading in (title, "processor s", "wall s", f"us per {unit}", "memory MB", "grows as", "memory grows as"):
        table.add_column(heading, justify="right")
    for curve in curves:
        for place, size in enumerate(curve.sizes):
            last = place == len(curve.sizes) - 1
            table.add_row(
                curve.name if place == 0 else "",
                f"{size:,}".replace(",", " "),
                f"{curve.cpu_s[place]:.3f}",
                f"{curve.wall_s[place]:.3f}",
                f"{curve.cpu_s[place] / size * 1e6:.4g}",
                f"{curve.memory_mb[place]:.1f}",
                f"size^{curve.exponent(curve.cpu_s):.2f}" if last else "",
                f"size^{curve.exponent(curve.memory_mb):.2f}" if last else "",
                end_section=last,
            )
    return table


def draw(path: Path, title: str, curves: Sequence[Curve]) -> None:
    """Time and memory of every curve, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "growth"  # the same points give the same file
    figure, panes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for pane, what, of in (
        (panes[0], "processor time / s", "cpu_s"),
        (panes[1], "memory beyond the inputs / MB", "memory_mb"),
    ):
        for curve in curves:
            values: Any = getattr(curve, of)
            pane.plot(curve.sizes, values, marker="o", label=curve.name)
        size, most = max((curve.sizes[-1], getattr(curve, of)[-1]) for curve in curves)
        first = min(curve.sizes[0] for curve in curves)
        pane.plot([first, size], [most * first / size, most], "--", color="grey", label="in proportion")
        pane.set(xscale="log", yscale="log", xlabel=title, ylabel=what)
        pane.grid(visible=True, alpha=0.3)
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
