"""``python -m benchmarks [--only TEXT] [--rounds N] [--keep-nothing] [--slow]``: a table, and JSON in the history.

Differences under a factor of 1.3 are noise on a shared machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.figure import NOISE, ROUNDS, Outcome, is_different, run
from benchmarks.figures import FIGURES
from benchmarks.history import keep, last_ratios
from benchmarks.real_delays import measure as measure_real_delays

_WIDTH = 180  # of a file or pipe


def main() -> None:
    """Measure, show, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios to a floor, measured in turns.")
    parser.add_argument("--only", default="", metavar="TEXT", help="figures whose name holds TEXT; implies the next")
    parser.add_argument("--keep-nothing", action="store_true", help="do not add to the history")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"rounds of each figure ({ROUNDS})")
    parser.add_argument("--slow", action="store_true", help="also a run on the real clock, some two minutes")
    chosen = parser.parse_args()
    figures = [figure for figure in FIGURES if chosen.only.lower() in figure.name.lower()]
    if not (figures or chosen.slow) or chosen.rounds < 1:
        parser.error("there is nothing to measure")
    before = last_ratios()
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    outcomes = []
    for number, figure in enumerate(figures, 1):
        with console.status(f"{number} of {len(figures)}: {figure.name}"):
            outcomes.append(run(figure, chosen.rounds))
    notes: list[str] = []
    if chosen.slow:
        with console.status("a run on the real clock"):
            outcome, notes = measure_real_delays()
        outcomes.append(outcome)
    console.print(_table(outcomes, before))
    console.print(
        f"Ratio: speed relative to the floor, median of {chosen.rounds} rounds and their range. Less than a factor of "
        f"{NOISE:g} apart is noise."
    )
    for note in notes:
        console.print(note, soft_wrap=True)
    if not (chosen.only or chosen.keep_nothing):
        console.print(f"Kept as benchmarks/history/{keep(outcomes).name}.")


def _table(outcomes: list[Outcome], before: Mapping[tuple[str, str], float]) -> Table:
    table = Table()
    for heading in ("figure", "floor"):
        table.add_column(heading)
    for heading in ("own", "floor's", "ratio", "range", "wanted"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    table.add_column("last kept")
    for outcome in outcomes:
        figure = outcome.figure
        table.add_row(
            figure.name,
            figure.floor,
            _time(outcome.own_s),
            _time(outcome.floor_s),
            f"{outcome.ratio:.2f}",
            f"{outcome.ratios[0]:.2f} to {outcome.ratios[-1]:.2f}",
            "" if figure.at_least is None else f"{figure.at_least:g}",
            outcome.verdict,
            _change(outcome.ratio, before.get((figure.name, figure.floor))),
        )
    return table


def _change(ratio: float, before: float | None) -> str:
    if before is None:
        return "new"
    if not is_different(ratio, before):
        return ""
    return f"{'faster' if ratio > before else 'slower'} by {max(ratio / before, before / ratio):.1f}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


if __name__ == "__main__":
    main()
