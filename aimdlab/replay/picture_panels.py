"""The parts of a picture that show captures: both monitors whole and enlarged, beat by beat, and the proven level."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from aimdlab.capture import Capture
from aimdlab.replay.decisive import Decisive, intervals_of, limit_on
from aimdlab.replay.picture_axes import (
    ATTENTION,
    COLOUR,
    CURVE,
    DEVICE,
    INJECTION,
    LEVEL,
    LIMIT,
    MARKED,
    WINDOW,
    WITH_LEAK,
    curve,
    nothing,
    prepare,
)
from aimdlab.replay.picture_details import Details
from aimdlab.replay.view import AttemptView
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.results import Criterion, Verdict

_TITLE = {
    INJECTION: "injected signal (injection monitor)",
    DEVICE: "device's output (device monitor)",
}


class Panels:
    """The captures of one attempt, drawn into the axes they are given.

    Attributes:
        device: the device monitor's capture that was judged, or the last one; None if there is none.
        injection: the injection monitor's of the same moment, or None.
        verify: the fast capture that proves the level, or None.
        details: what is enlarged.
    """

    def __init__(self, view: AttemptView, where: Decisive) -> None:
        self._view, self._where = view, where
        self._criteria = [outcome.criterion for outcome in view.replay.score.outcomes]
        self._marks = view.marks[where.place] if view.marks else None
        captures = view.attempt.captures
        self.device = self._marks.capture if self._marks is not None else _last(captures, DEVICE)
        self.injection = _partner(captures, self.device)
        self.verify = next((one for one in captures if one.kind == "verify"), None)
        self.details = Details(where, self._marks, self.device, self._criteria, in_beats=len(view.marks) > 1)

    def whole(self, axes: Axes, capture: Capture | None, channel: str) -> None:
        """One monitor over the whole capture."""
        which = ""
        if len(self._view.marks) > 1:
            which = f": beat {self._where.place + 1} of {len(self._view.marks)}"
        prepare(axes, _TITLE[channel] + which)
        if capture is None:
            nothing(axes)
            return
        self._curve(axes, capture, channel, (capture.t0_s, capture.t0_s + capture.span_s))
        self._window(axes)
        axes.set_xlim(capture.t0_s, capture.t0_s + capture.span_s)
        if channel == DEVICE:
            self._found(axes, labelled=True)
        else:
            self._level(axes)

    def zoom(
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
        prepare(axes, title)
        if capture is None or around_s is None:
            nothing(axes)
            return
        self._curve(axes, capture, channel, around_s, in_ms_from=self.details.pulse_s() if pulse else None)
        if pulse:
            origin_s = self.details.pulse_s()
            axes.set_xlim((around_s[0] - origin_s) * 1e3, (around_s[1] - origin_s) * 1e3)
            axes.set_xlabel(f"ms after the {'trigger' if self._where.pulse is None else 'edge'}", size=8)
            if channel == DEVICE and self._marks is not None:
                _amplitude_limits(axes, self._criteria, self._marks.polarity)
                self._one_pulse(axes, self._marks)
        else:
            self._window(axes)
            axes.set_xlim(*around_s)
            axes.set_xlabel("s", size=8)
            if channel == DEVICE:
                self._found(axes, labelled=False)
        if channel == INJECTION:
            axes.set_ylabel("injected, V", size=8)

    def beats(self, axes: Axes) -> None:
        """The longest interval of every beat."""
        prepare(axes, "interval after the exposed pulse, beat by beat", "s")
        beats, longest = [], []
        for number, one in enumerate(self._view.marks, start=1):
            found = intervals_of(one)
            if found:
                beats.append(number)
                longest.append(max(interval.length_s for interval in found))
        axes.plot(beats, longest, "o", color=CURVE[DEVICE], markersize=5)
        if self._where.place + 1 in beats:
            axes.plot(self._where.place + 1, longest[beats.index(self._where.place + 1)], "o", color="black",
                      markersize=9, fillstyle="none")  # fmt: skip
        for limit in (*limit_on(self._criteria, "pulse_interval_max"), *limit_on(self._criteria, "pulse_interval_min")):
            if limit is not None:
                axes.axhline(limit, color=LIMIT, linestyle="--", linewidth=1)
        axes.set_xlabel("beat", size=8)

    def proof(self, axes: Axes) -> None:
        """The fast capture that proves the level."""
        verify = self.verify
        never = "; the device's output was not recorded" if self.device is None else ""
        prepare(axes, f"the level, recorded fast before the exposure{never}")
        if verify is None:
            nothing(axes)
            return
        curve(axes, verify, verify.t0_s, verify.t0_s + verify.span_s, CURVE[INJECTION], in_ms_from=0.0)
        axes.set_xlabel("ms after the trigger", size=8)
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
        leak_v = self._marks.leak_v if self._marks is not None and channel == DEVICE else None
        if leak_v is not None:
            curve(axes, capture, *around_s, WITH_LEAK, in_ms_from=in_ms_from)
        curve(axes, capture, *around_s, CURVE[channel], in_ms_from=in_ms_from, without_v=leak_v)

    def _found(self, axes: Axes, *, labelled: bool) -> None:
        """The pulses, the limits on their amplitude, and the decisive interval."""
        marks, interval = self._marks, self._where.interval
        problem = self._view.unmarked or (marks.problem if marks is not None else "")
        if problem:
            axes.text(0.5, 0.5, textwrap.fill(problem, 110), transform=axes.transAxes, ha="center", va="center",
                      size=9, color=COLOUR[Verdict.INVALID], bbox={"facecolor": "white", "alpha": 0.85})  # fmt: skip
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
            colour = ATTENTION if self._where.interval_decides else MARKED
            axes.axvspan(interval.start_s, interval.end_s, color=colour, zorder=0.5, linewidth=0)

    def _window(self, axes: Axes) -> None:
        if self._marks is not None and self._marks.window_s is not None:
            axes.axvspan(*self._marks.window_s, color=WINDOW, zorder=0, linewidth=0)

    def _level(self, axes: Axes) -> None:
        level_v = self._view.attempt.scoring.get("expected_ivamp_v")
        if isinstance(level_v, float) and level_v > 0:
            for sign in (1, -1):
                axes.axhline(sign * level_v, color=LEVEL, linestyle=":", linewidth=0.9)
            axes.set_title(f"dotted: {level_v:.4g} V asked for", size=7.5, loc="right", pad=3, color=LEVEL)

    def _one_pulse(self, axes: Axes, marks: Marks) -> None:
        at = self._where.pulse
        if at is None:
            return
        height_v, width_s = float(marks.amplitudes_v[at]), float(marks.widths_s[at])
        if math.isnan(height_v) or math.isnan(width_s):
            return
        half_v = marks.polarity * height_v / 2
        colour = LIMIT if self._where.pulse_decides else "black"
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


def _amplitude_limits(axes: Axes, criteria: Sequence[Criterion], polarity: int) -> None:
    lower, upper = limit_on(criteria, "pulse_amplitude_min")[0], limit_on(criteria, "pulse_amplitude_max")[1]
    for limit_v in (lower, upper):
        if limit_v is not None:
            axes.axhline(polarity * limit_v, color=LIMIT, linestyle="--", linewidth=0.9)


def _last(captures: Sequence[Capture], channel: str) -> Capture | None:
    """The last capture of a channel that is no proof of a level."""
    return next((one for one in reversed(captures) if one.channel == channel and one.kind != "verify"), None)


def _partner(captures: Sequence[Capture], device: Capture | None) -> Capture | None:
    """The injection monitor's capture of the same moment as the device monitor's."""
    if device is None:
        return next((one for one in reversed(captures) if one.channel == INJECTION), None)
    place = next(place for place, one in enumerate(captures) if one is device)
    before = [one for one in captures[:place] if one.channel == INJECTION and one.kind == device.kind]
    after = [one for one in captures[place:] if one.channel == INJECTION and one.kind == device.kind]
    return before[-1] if before else next(iter(after), None)
