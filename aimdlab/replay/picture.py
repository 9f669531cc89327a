"""A picture of one attempt: both monitors in volts against time, what was found and judged, the limits, the verdict.

Drawn into a PNG without a display. A whole exposure is hundreds of thousands of samples: it is drawn as the envelope of
its extremes, so that no spike is lost, with the decisive interval and the decisive pulse enlarged below.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox

from aimdlab.capture import Capture
from aimdlab.replay.decisive import Decisive, decisive, intervals_of, limit_on
from aimdlab.replay.view import AttemptView
from aimdlab.scoring.codes import FloatArray
from aimdlab.scoring.criteria import allowed
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.results import Criterion, Outcome, Verdict

_COLOUR = {
    Verdict.PASS: "#1a7f37",
    Verdict.FAIL: "#c62828",
    Verdict.INCONCLUSIVE: "#b26a00",
    Verdict.INVALID: "#8e24aa",
    Verdict.OMITTED: "#666666",
    Verdict.NOT_RUN: "#666666",
}
_INJECTION, _DEVICE = "injection_monitor", "device_monitor"
_WINDOW, _LIMIT, _ATTENTION, _MARKED, _LEVEL = "#fff4cc", "#c62828", "#f6b8b8", "#d9e8f6", "#2e7d32"
_CURVE = {_INJECTION: "#5b6770", _DEVICE: "#0b5394"}
_WITH_LEAK = "#a9c4e0"
_TITLE = {
    _INJECTION: "injected signal (injection monitor)",
    _DEVICE: "device's output (device monitor)",
}
_LEGEND = (
    (_WINDOW, "judged"),
    (_MARKED, "interval enlarged below"),
    (_ATTENTION, "interval that decides"),
    (_WITH_LEAK, "device monitor as recorded"),
    (_CURVE[_DEVICE], "injected signal taken off"),
)
_BINS = 2400
_INCHES, _DPI = (15.0, 10.5), 100
_AROUND_PULSE_WIDTHS = 4.0
_AROUND_INTERVAL = 0.12
_BEGINNING_S = 0.1
_WRAP = 190
_ROWS = 8
_ROW = 1.0 / (_ROWS + 1)


def draw(view: AttemptView, stream: BinaryIO) -> None:
    """Write the picture of an attempt as PNG."""
    figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    where = decisive(view.replay.score, view.marks)
    with rc_context({"text.parse_math": False}):  # a dollar in a note is no formula
        _Picture(figure, view, where).draw()
        figure.savefig(stream, format="png", metadata={"Title": f"step {view.step.step_id}"})


class _Picture:
    """The parts of one figure."""

    def __init__(self, figure: Figure, view: AttemptView, where: Decisive) -> None:
        self._figure, self._view, self._where = figure, view, where
        self._score = view.replay.score
        self._criteria = [outcome.criterion for outcome in self._score.outcomes]
        self._marks = view.marks[where.place] if view.marks else None
        captures = view.attempt.captures
        self._device = self._marks.capture if self._marks is not None else _last(captures, _DEVICE)
        self._injection = _partner(captures, self._device)
        self._verify = next((one for one in captures if one.kind == "verify"), None)

    def draw(self) -> None:
        head = self._headline()
        if not self._view.attempt.captures:
            readings = [f"{one.name}: {one.values[-1]:g}" for one in self._view.attempt.readings if one.values.size]
            said = "; ".join(readings) or "nothing was recorded in this attempt"
            self._figure.text(0.5, 0.7, said, ha="center", size=14, color="#444444")
            self._table(self._figure.add_axes((0.06, 0.35, 0.925, 0.25)))
            return
        if self._device is None and self._verify is not None:
            grid = self._figure.add_gridspec(
                2, 1, height_ratios=(2.2, 1), left=0.06, right=0.985, top=head, bottom=0.02
            )
            self._proof(self._figure.add_subplot(grid[0]))
            self._table(self._figure.add_subplot(grid[1]))
            return
        several = len(self._view.marks) > 1
        columns = 2 + (self._verify is not None and self._verify is not self._injection)
        grid = self._figure.add_gridspec(
            5, columns, height_ratios=(1.0, 1.6, 1.4, 0.9, 1.6), left=0.06, right=0.985, top=head, bottom=0.02,
            hspace=0.6, wspace=0.17,
        )  # fmt: skip
        injected = self._figure.add_subplot(grid[0, :])
        device = self._figure.add_subplot(grid[1, :], sharex=injected)
        self._whole(injected, self._injection, _INJECTION)
        self._whole(device, self._device, _DEVICE)
        device.set_xlabel("time after the trigger in s", size=8)
        upper = [self._figure.add_subplot(grid[2, column]) for column in range(columns)]
        lower = [self._figure.add_subplot(grid[3, column]) for column in range(2)]
        if several:
            self._beats(upper[0])
            self._zoom(lower[0], self._device, _DEVICE, self._around_interval(), "decisive beat")
        else:
            self._zoom(upper[0], self._device, _DEVICE, self._around_interval(), self._interval_title())
            self._zoom(lower[0], self._injection, _INJECTION, self._around_interval(), "")
        self._zoom(upper[1], self._device, _DEVICE, self._around_pulse(), self._pulse_title(), pulse=True)
        self._zoom(lower[1], self._injection, _INJECTION, self._around_pulse(), "", pulse=True)
        if columns > 2:
            upper[2].remove()
            self._proof(self._figure.add_subplot(grid[2:4, 2]))
        self._table(self._figure.add_subplot(grid[4, :]))

    def _headline(self) -> float:
        """The verdict and what was tried; returns how far up the page what follows may reach."""
        view, score, figure = self._view, self._score, self._figure
        of = len(view.step.records)
        tried = f"attempt {view.attempt.number}" + (f" of {of}" if of > 1 else "")
        # What was recorded is what counts, whatever comes out now.
        verdict = view.replay.recorded.verdict
        colour = _COLOUR[verdict if view.reproduced else Verdict.FAIL]
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
        handles.append(Line2D([], [], color=_LIMIT, linestyle="--", linewidth=0.9, label="limits"))
        handles.append(Line2D([], [], color="black", marker="v", linestyle="", markersize=5, label="pulse found"))
        self._figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.99, 0.955), ncols=7, fontsize=8,
                            frameon=False, handlelength=1.4, columnspacing=1.2)  # fmt: skip

    def _whole(self, axes: Axes, capture: Capture | None, channel: str) -> None:
        """One monitor over the whole capture."""
        which = ""
        if len(self._view.marks) > 1:
            which = f": beat {self._where.place + 1} of {len(self._view.marks)}"
        _prepare(axes, _TITLE[channel] + which)
        if capture is None:
            _nothing(axes)
            return
        self._curve(axes, capture, channel, (capture.t0_s, capture.t0_s + capture.span_s))
        self._window(axes)
        axes.set_xlim(capture.t0_s, capture.t0_s + capture.span_s)
        if channel == _DEVICE:
            self._found(axes, labelled=True)
        else:
            self._level(axes)

    def _curve(
        self,
        axes: Axes,
        capture: Capture,
        channel: str,
        around_s: tuple[float, float],
        in_ms_from: float | None = None,
    ) -> None:
        """A stretch of a monitor; the device's with and without what leaks into it."""
        leak_v = self._marks.leak_v if self._marks is not None and channel == _DEVICE else None
        if leak_v is not None:
            _curve(axes, capture, *around_s, _WITH_LEAK, in_ms_from=in_ms_from)
        _curve(axes, capture, *around_s, _CURVE[channel], in_ms_from=in_ms_from, without_v=leak_v)

    def _found(self, axes: Axes, *, labelled: bool) -> None:
        """The pulses, the limits on their amplitude, and the decisive interval."""
        marks, interval = self._marks, self._where.interval
        problem = self._view.unmarked or (marks.problem if marks is not None else "")
        if problem:
            axes.text(0.5, 0.5, textwrap.fill(problem, 110), transform=axes.transAxes, ha="center", va="center",
                      size=9, color=_COLOUR[Verdict.INVALID], bbox={"facecolor": "white", "alpha": 0.85})  # fmt: skip
        if marks is None:
            return
        _amplitude_limits(axes, self._criteria, marks.polarity)
        if marks.times_s.size:
            tops = marks.polarity * np.nan_to_num(marks.amplitudes_v, nan=0.0)
            shape = "v" if marks.polarity > 0 else "^"
            axes.plot(marks.times_s, tops, shape, color="black", markersize=5, zorder=4)
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.12 * (high - low))
            if labelled:
                count = f"{marks.times_s.size} pulses found"
                axes.set_title(count, size=7.5, loc="right", pad=3)
        if interval is not None:
            colour = _ATTENTION if self._where.interval_decides else _MARKED
            axes.axvspan(interval.start_s, interval.end_s, color=colour, zorder=0.5, linewidth=0)

    def _window(self, axes: Axes) -> None:
        if self._marks is not None and self._marks.window_s is not None:
            axes.axvspan(*self._marks.window_s, color=_WINDOW, zorder=0, linewidth=0)

    def _level(self, axes: Axes) -> None:
        level_v = self._view.attempt.scoring.get("expected_ivamp_v")
        if isinstance(level_v, float) and level_v > 0:
            for sign in (1, -1):
                axes.axhline(sign * level_v, color=_LEVEL, linestyle=":", linewidth=0.9)
            axes.set_title(f"dotted: {level_v:.4g} V asked for", size=7.5, loc="right", pad=3, color=_LEVEL)

    def _zoom(
        self,
        axes: Axes,
        capture: Capture | None,
        channel: str,
        around_s: tuple[float, float] | None,
        title: str,
        *,
        pulse: bool = False,
    ) -> None:
        """A stretch of one monitor, enlarged."""
        _prepare(axes, title)
        if capture is None or around_s is None:
            _nothing(axes)
            return
        self._curve(axes, capture, channel, around_s, in_ms_from=self._pulse_s() if pulse else None)
        if pulse:
            origin_s = self._pulse_s()
            axes.set_xlim((around_s[0] - origin_s) * 1e3, (around_s[1] - origin_s) * 1e3)
            axes.set_xlabel(f"ms after the {'trigger' if self._where.pulse is None else 'edge'}", size=8)
            if channel == _DEVICE and self._marks is not None:
                _amplitude_limits(axes, self._criteria, self._marks.polarity)
                self._one_pulse(axes, self._marks)
        else:
            self._window(axes)
            axes.set_xlim(*around_s)
            axes.set_xlabel("s", size=8)
            if channel == _DEVICE:
                self._found(axes, labelled=False)
        if channel == _INJECTION:
            axes.set_ylabel("injected, V", size=8)

    def _one_pulse(self, axes: Axes, marks: Marks) -> None:
        at = self._where.pulse
        if at is None:
            return
        height_v, width_s = float(marks.amplitudes_v[at]), float(marks.widths_s[at])
        if math.isnan(height_v) or math.isnan(width_s):
            return
        half_v = marks.polarity * height_v / 2
        colour = _LIMIT if self._where.pulse_decides else "black"
        axes.annotate(
            "", xy=(0.0, half_v), xytext=(width_s * 1e3, half_v), arrowprops={"arrowstyle": "<->", "color": colour}
        )
        axes.text(
            width_s * 1e3 * 1.15,
            half_v,
            f"{width_s * 1e3:.4g} ms\nmean {height_v:.4g} V",
            size=8,
            color=colour,
            va="center",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )

    def _beats(self, axes: Axes) -> None:
        """The longest interval of every beat."""
        _prepare(axes, "interval after the exposed pulse, beat by beat", "s")
        beats, longest = [], []
        for number, one in enumerate(self._view.marks, start=1):
            found = intervals_of(one)
            if found:
                beats.append(number)
                longest.append(max(interval.length_s for interval in found))
        axes.plot(beats, longest, "o", color=_CURVE[_DEVICE], markersize=5)
        if self._where.place + 1 in beats:
            axes.plot(self._where.place + 1, longest[beats.index(self._where.place + 1)], "o", color="black",
                      markersize=9, fillstyle="none")  # fmt: skip
        for limit in (*limit_on(self._criteria, "pulse_interval_max"), *limit_on(self._criteria, "pulse_interval_min")):
            if limit is not None:
                axes.axhline(limit, color=_LIMIT, linestyle="--", linewidth=1)
        axes.set_xlabel("beat", size=8)

    def _proof(self, axes: Axes) -> None:
        """The fast capture that proves the level."""
        verify = self._verify
        never = "; the device's output was not recorded" if self._device is None else ""
        _prepare(axes, f"the level, recorded fast before the exposure{never}")
        if verify is None:
            _nothing(axes)
            return
        _curve(axes, verify, verify.t0_s, verify.t0_s + verify.span_s, _CURVE[_INJECTION], in_ms_from=0.0)
        axes.set_xlabel("ms after the trigger", size=8)
        self._level(axes)

    def _around_interval(self) -> tuple[float, float] | None:
        interval, capture = self._where.interval, self._device
        if interval is None or capture is None:
            return None if capture is None else (capture.t0_s, capture.t0_s + capture.span_s)
        margin_s = _AROUND_INTERVAL * interval.length_s
        return max(interval.start_s - margin_s, capture.t0_s), min(
            interval.end_s + margin_s, capture.t0_s + capture.span_s
        )

    def _pulse_s(self) -> float:
        return float(self._marks.times_s[self._where.pulse]) if self._marks and self._where.pulse is not None else 0.0

    def _around_pulse(self) -> tuple[float, float] | None:
        capture = self._device
        if capture is None:
            return None
        if self._marks is None or self._where.pulse is None:
            return max(-_BEGINNING_S / 10, capture.t0_s), min(_BEGINNING_S, capture.t0_s + capture.span_s)
        at_s, width_s = self._pulse_s(), float(self._marks.widths_s[self._where.pulse])
        reach_s = _AROUND_PULSE_WIDTHS * (width_s if math.isfinite(width_s) and width_s > 0 else 1e-3)
        return max(at_s - reach_s / 2, capture.t0_s), min(at_s + reach_s, capture.t0_s + capture.span_s)

    def _interval_title(self) -> str:
        interval = self._where.interval
        if interval is None:
            return "no interval could be told"
        name = "shortest" if self._is_shortest() else "longest"
        lower, upper = (
            limit_on(self._criteria, "pulse_interval_min")[0],
            limit_on(self._criteria, "pulse_interval_max")[1],
        )
        limit = f"allowed at least {lower:.4g} s" if name == "shortest" and lower is not None else ""
        if name == "longest" and upper is not None:
            limit = f"allowed at most {upper:.4g} s"
        seen = "recorded in part, at least " if interval.is_cut else ""
        return f"{name} interval: {seen}{interval.length_s:.4f} s" + (f" ({limit})" if limit else "")

    def _is_shortest(self) -> bool:
        outcome = self._where.outcome
        return (
            self._where.interval_decides and outcome is not None and outcome.criterion.feature == "pulse_interval_min"
        )

    def _pulse_title(self) -> str:
        if self._where.pulse is None:
            return "no pulse is judged; this is the beginning"
        outcome = self._where.outcome
        if self._where.pulse_decides and outcome is not None:
            return f"the pulse that decides ({outcome.criterion.feature}), allowed {allowed(outcome.criterion)}"
        return "the exposed pulse" if len(self._view.marks) > 1 else "the smallest pulse"

    def _table(self, axes: Axes) -> None:
        """Every criterion with what was measured."""
        axes.axis("off")
        outcomes = self._score.outcomes
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
            cell.get_text().set_color(_COLOUR[outcome.verdict])
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


def _prepare(axes: Axes, title: str, unit: str = "V") -> None:
    axes.set_title(title, size=9, loc="left", pad=3)
    axes.set_ylabel(unit, size=8)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing recorded or found", transform=axes.transAxes, ha="center", color="#888888", size=9)
    axes.set_xticks([])
    axes.set_yticks([])


def _amplitude_limits(axes: Axes, criteria: Sequence[Criterion], polarity: int) -> None:
    lower, upper = limit_on(criteria, "pulse_amplitude_min")[0], limit_on(criteria, "pulse_amplitude_max")[1]
    for limit_v in (lower, upper):
        if limit_v is not None:
            axes.axhline(polarity * limit_v, color=_LIMIT, linestyle="--", linewidth=0.9)


def _curve(
    axes: Axes,
    capture: Capture,
    from_s: float,
    to_s: float,
    colour: str,
    *,
    in_ms_from: float | None = None,
    without_v: FloatArray | None = None,
) -> None:
    """A stretch of a capture in volts: its samples, or the envelope of its extremes where they are too many."""
    first = max(0, math.floor((from_s - capture.t0_s) / capture.dt_s))
    stop = min(capture.n, math.ceil((to_s - capture.t0_s) / capture.dt_s) + 1)
    volts = _volts(capture, first, stop)
    if without_v is not None:
        volts -= without_v[first:stop]
    if not volts.size:
        _nothing(axes)
        return
    times = capture.t0_s + capture.dt_s * np.arange(first, first + volts.size)
    if in_ms_from is not None:
        times = (times - in_ms_from) * 1e3
    if volts.size <= 2 * _BINS:
        axes.plot(times, volts, color=colour, linewidth=0.9, zorder=2)
        return
    at = np.linspace(0, volts.size, _BINS, endpoint=False).astype(np.int64)
    low, high = np.fmin.reduceat(volts, at), np.fmax.reduceat(volts, at)
    axes.fill_between(times[at], low, high, color=colour, linewidth=0.4, step="post", zorder=2)


def _volts(capture: Capture, first: int, stop: int) -> FloatArray:
    codes = capture.codes[first:stop]
    volts: FloatArray = codes.astype(np.float64) * capture.scale + capture.offset
    if capture.hole_code is not None:
        volts[codes == capture.hole_code] = np.nan
    return volts


def _last(captures: Sequence[Capture], channel: str) -> Capture | None:
    """The last capture of a channel that is no proof of a level."""
    return next((one for one in reversed(captures) if one.channel == channel and one.kind != "verify"), None)


def _partner(captures: Sequence[Capture], device: Capture | None) -> Capture | None:
    """The injection monitor's capture of the same moment as the device monitor's."""
    if device is None:
        return next((one for one in reversed(captures) if one.channel == _INJECTION), None)
    place = next(place for place, one in enumerate(captures) if one is device)
    before = [one for one in captures[:place] if one.channel == _INJECTION and one.kind == device.kind]
    after = [one for one in captures[place:] if one.channel == _INJECTION and one.kind == device.kind]
    return before[-1] if before else next(iter(after), None)
