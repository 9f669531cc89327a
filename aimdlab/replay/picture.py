"""A picture of one attempt: both monitors in volts against time, what was found and judged, the limits, the verdict.

Drawn into a PNG without a display: the headline, the whole exposure, the decisive interval and the decisive pulse
enlarged below, and the table of criteria.
"""

from __future__ import annotations

import textwrap
from typing import BinaryIO

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from aimdlab.replay.decisive import decisive
from aimdlab.replay.picture_axes import ATTENTION, COLOUR, CURVE, DEVICE, INJECTION, LIMIT, MARKED, WINDOW, WITH_LEAK
from aimdlab.replay.picture_panels import Panels
from aimdlab.replay.picture_table import show_table
from aimdlab.replay.view import AttemptView
from aimdlab.scoring.results import Verdict

_LEGEND = (
    (WINDOW, "judged"),
    (MARKED, "interval enlarged below"),
    (ATTENTION, "interval that decides"),
    (WITH_LEAK, "device monitor as recorded"),
    (CURVE[DEVICE], "injected signal taken off"),
)
_INCHES, _DPI = (15.0, 10.5), 100
_WRAP = 190


def draw(view: AttemptView, stream: BinaryIO) -> None:
    """Write the picture of an attempt as PNG."""
    figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    panels = Panels(view, decisive(view.replay.score, view.marks))
    with rc_context({"text.parse_math": False}):  # a dollar in a note is no formula
        _Picture(figure, view, panels).draw()
        figure.savefig(stream, format="png", metadata={"Title": f"step {view.step.step_id}"})


class _Picture:
    """The arrangement of one figure."""

    def __init__(self, figure: Figure, view: AttemptView, panels: Panels) -> None:
        self._figure, self._view, self._panels = figure, view, panels
        self._score = view.replay.score

    def draw(self) -> None:
        panels, details = self._panels, self._panels.details
        head = self._headline()
        if not self._view.attempt.captures:
            readings = [f"{one.name}: {one.values[-1]:g}" for one in self._view.attempt.readings if one.values.size]
            said = "; ".join(readings) or "nothing was recorded in this attempt"
            self._figure.text(0.5, 0.7, said, ha="center", size=14, color="#444444")
            show_table(self._figure.add_axes((0.06, 0.35, 0.925, 0.25)), self._score.outcomes)
            return
        if panels.device is None and panels.verify is not None:
            grid = self._figure.add_gridspec(
                2, 1, height_ratios=(2.2, 1), left=0.06, right=0.985, top=head, bottom=0.02
            )
            panels.proof(self._figure.add_subplot(grid[0]))
            show_table(self._figure.add_subplot(grid[1]), self._score.outcomes)
            return
        columns = 2 + (panels.verify is not None and panels.verify is not panels.injection)
        grid = self._figure.add_gridspec(
            5, columns, height_ratios=(1.0, 1.6, 1.4, 0.9, 1.6), left=0.06, right=0.985, top=head, bottom=0.02,
            hspace=0.6, wspace=0.17,
        )  # fmt: skip
        injected = self._figure.add_subplot(grid[0, :])
        device = self._figure.add_subplot(grid[1, :], sharex=injected)
        panels.whole(injected, panels.injection, INJECTION)
        panels.whole(device, panels.device, DEVICE)
        device.set_xlabel("time after the trigger in s", size=8)
        upper = [self._figure.add_subplot(grid[2, column]) for column in range(columns)]
        lower = [self._figure.add_subplot(grid[3, column]) for column in range(2)]
        if details.in_beats:
            panels.beats(upper[0])
            panels.zoom(lower[0], panels.device, DEVICE, details.around_interval_s(), "decisive beat")
        else:
            panels.zoom(upper[0], panels.device, DEVICE, details.around_interval_s(), details.interval_title())
            panels.zoom(lower[0], panels.injection, INJECTION, details.around_interval_s(), "")
        panels.zoom(upper[1], panels.device, DEVICE, details.around_pulse_s(), details.pulse_title(), pulse=True)
        panels.zoom(lower[1], panels.injection, INJECTION, details.around_pulse_s(), "", pulse=True)
        if columns > 2:
            upper[2].remove()
            panels.proof(self._figure.add_subplot(grid[2:4, 2]))
        show_table(self._figure.add_subplot(grid[4, :]), self._score.outcomes)

    def _headline(self) -> float:
        """The verdict and what was tried; returns how far up the page what follows may reach."""
        view, score, figure = self._view, self._score, self._figure
        of = len(view.step.records)
        tried = f"attempt {view.attempt.number}" + (f" of {of}" if of > 1 else "")
        # What was recorded is what counts, whatever comes out now.
        verdict = view.replay.recorded.verdict
        colour = COLOUR[verdict if view.reproduced else Verdict.FAIL]
        figure.text(0.015, 0.972, str(verdict), size=20, weight="bold", color=colour, va="center")
        title = f"step {view.step.step_id} (index {view.step.index}), {tried}: {view.step.planned.get('title', '')}"
        figure.text(0.17, 0.979, title, size=11, weight="bold", va="center")
        figure.text(
            0.17, 0.958, f"{view.test}, started {view.attempt.started_utc}", size=9, va="center", color="#444444"
        )
        said = [score.reason]
        if not view.reproduced:
            said.insert(
                0,
                f"NOT REPRODUCED, now {score.verdict}: recorded {verdict} ({view.replay.recorded.reason}); "
                f"{len(view.replay.differences)} values come out differently",
            )
        said += [note for note in view.attempt.notes if note not in score.reason and score.reason not in note]
        lines = [line for text in said for line in textwrap.wrap(text, _WRAP)]
        colour = "#222222" if score.verdict is Verdict.PASS and view.reproduced else colour
        figure.text(0.015, 0.938, "\n".join(lines), size=9.5, va="top", color=colour)
        self._legend()
        return 0.895 - 0.017 * max(len(lines) - 1, 0)

    def _legend(self) -> None:
        """What the colours stand for, in the upper right corner."""
        handles: list[Artist] = [Patch(facecolor=colour, label=words) for colour, words in _LEGEND]
        handles.append(Line2D([], [], color=LIMIT, linestyle="--", linewidth=0.9, label="limits"))
        handles.append(Line2D([], [], color="black", marker="v", linestyle="", markersize=5, label="pulse found"))
        self._figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.99, 0.955), ncols=7, fontsize=8,
                            frameon=False, handlelength=1.4, columnspacing=1.2)  # fmt: skip
