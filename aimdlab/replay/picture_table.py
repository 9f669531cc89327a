"""The table under a picture: every criterion with what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from aimdlab.replay.picture_axes import COLOUR
from aimdlab.scoring.criteria import allowed
from aimdlab.scoring.results import Outcome

_ROWS = 8
_ROW = 1.0 / (_ROWS + 1)


def show_table(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    """Every criterion with what was measured."""
    axes.axis("off")
    if not outcomes:
        axes.text(0.0, 0.9, "no criterion was applied", size=9)
        return
    rows = [_row(outcome) for outcome in outcomes]
    height = min(1.0, _ROW * (len(rows) + 1))
    table = axes.table(
        cellText=rows,
        colLabels=["feature", "measured", "U (k u)", "allowed", "rule", "clause", "verdict"],
        cellLoc="left",
        colWidths=[0.2, 0.13, 0.1, 0.22, 0.12, 0.08, 0.15],
        bbox=Bbox.from_bounds(0.0, 1.0 - height, 1.0, height),
        edges="B",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8.5 if len(rows) <= _ROWS else 7)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#cccccc")
        cell.PAD = 0.01
    for place, outcome in enumerate(outcomes, start=1):
        cell = table[place, 6]
        cell.get_text().set_color(COLOUR[outcome.verdict])
        cell.get_text().set_fontweight("bold")


def _row(outcome: Outcome) -> list[str]:
    criterion = outcome.criterion
    unit = "" if criterion.unit == "1" else f" {criterion.unit}"
    u = criterion.coverage_factor * outcome.u
    return [
        criterion.feature,
        f"{outcome.value:.6g}{unit}" if math.isfinite(outcome.value) else "not measured",
        f"{u:.2g}{unit}" if math.isfinite(u) else "-",
        allowed(criterion),
        criterion.rule.value.replace("_", " "),
        criterion.clause,
        str(outcome.verdict),
    ]
