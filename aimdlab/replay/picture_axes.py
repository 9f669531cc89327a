"""What every part of a picture is drawn with: the colours, a frame with its title, and a capture's curve.

A capture of too many samples is drawn as the envelope of its extremes, so that no spike is lost.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.scoring.codes import FloatArray
from aimdlab.scoring.results import Verdict

INJECTION, DEVICE = "injection_monitor", "device_monitor"
COLOUR = {
    Verdict.PASS: "#1a7f37",
    Verdict.FAIL: "#c62828",
    Verdict.INCONCLUSIVE: "#b26a00",
    Verdict.INVALID: "#8e24aa",
    Verdict.OMITTED: "#666666",
    Verdict.NOT_RUN: "#666666",
}
WINDOW, LIMIT, ATTENTION, MARKED, LEVEL = "#fff4cc", "#c62828", "#f6b8b8", "#d9e8f6", "#2e7d32"
CURVE = {INJECTION: "#5b6770", DEVICE: "#0b5394"}
WITH_LEAK = "#a9c4e0"

_BINS = 2400
_BLOCK = 1 << 18


def prepare(axes: Axes, title: str, unit: str = "V") -> None:
    """Title, unit of the values and grid."""
    axes.set_title(title, size=9, loc="left", pad=3)
    axes.set_ylabel(unit, size=8)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)


def nothing(axes: Axes) -> None:
    """Say that there is nothing to show."""
    axes.text(0.5, 0.5, "nothing recorded or found", transform=axes.transAxes, ha="center", color="#888888", size=9)
    axes.set_xticks([])
    axes.set_yticks([])


def curve(
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
    if first >= stop:
        nothing(axes)
        return
    many = stop - first > 2 * _BINS
    # Where each bin begins; every sample is one of its own if there are few.
    at = first + (
        np.linspace(0, stop - first, _BINS, endpoint=False).astype(np.int64) if many else np.arange(stop - first)
    )
    times = capture.t0_s + capture.dt_s * at
    if in_ms_from is not None:
        times = (times - in_ms_from) * 1e3
    if many:
        low, high = _envelope(capture, at, stop, without_v)
        axes.fill_between(times, low, high, color=colour, linewidth=0.4, step="post", zorder=2)
    else:
        axes.plot(times, _volts(capture, first, stop, without_v), color=colour, linewidth=0.9, zorder=2)


def _envelope(
    capture: Capture, at: NDArray[np.int64], stop: int, without_v: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest value of each bin, of which few at a time are put into volts: a capture may be long."""
    low, high = np.empty(at.size), np.empty(at.size)
    ends = np.append(at[1:], stop)
    begin = 0
    while begin < at.size:
        end = max(begin + 1, int(np.searchsorted(ends, at[begin] + _BLOCK, side="right")))
        volts = _volts(capture, int(at[begin]), int(ends[end - 1]), without_v)
        bins = at[begin:end] - at[begin]
        low[begin:end], high[begin:end] = np.fmin.reduceat(volts, bins), np.fmax.reduceat(volts, bins)
        begin = end
    return low, high


def _volts(capture: Capture, first: int, stop: int, without_v: FloatArray | None) -> FloatArray:
    codes = capture.codes[first:stop]
    volts: FloatArray = codes.astype(np.float64) * capture.scale + capture.offset
    if capture.hole_code is not None:
        volts[codes == capture.hole_code] = np.nan
    if without_v is not None:
        volts -= without_v[first:stop]
    return volts
