"""Features of a pulse train: count, intervals, amplitudes, widths over the exposure, and what is left after it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from aimdlab.scoring.codes import FloatArray
from aimdlab.scoring.pulses import PulseTrain
from aimdlab.scoring.results import Criterion, Feature, find_feature

_Which = Callable[[FloatArray], np.intp]

PULSE_FEATURES = {
    "pulse_count": "1",
    "pulse_interval_min": "s",
    "pulse_interval_max": "s",
    "pulse_interval_mean": "s",
    "pulse_interval_cut": "s",
    "pulse_amplitude_min": "V",
    "pulse_amplitude_max": "V",
    "pulse_width_min": "s",
    "pulse_width_max": "s",
}
"""What :func:`pulse_features` yields: unit by name."""

EXPOSURE_FEATURES = {
    "rectified_offset": "V",
    "leak_distortion": "1",
    "recovery_interval": "s",
    "recovery_delay": "s",
    "recovery_pulses": "1",
    "recovery_amplitude_min": "V",
}
"""What :func:`exposure_features` yields: unit by name."""

_RECOVERIES = ("recovery_interval", "recovery_delay")


def pulse_features(train: PulseTrain, start_s: float, end_s: float) -> tuple[Feature, ...]:
    """What the pulses within [``start_s``, ``end_s``] are like.

    Intervals are those that touch the window, so a pulse recorded before or after it closes the interval that the
    window's end cuts. Where the capture holds no such pulse, the time to the capture's end is a *cut gap*: the interval
    is at least that long. Cut gaps count for ``pulse_interval_max``, and ``pulse_interval_cut`` is the largest (0 if
    there is none), so that :func:`interval_doubt` can say what they may hide. NaN stands where there is no pulse to
    measure, and everywhere if the train could not be resolved.
    """
    if train.problem:
        return tuple(Feature(name, math.nan, unit, math.nan) for name, unit in PULSE_FEATURES.items())
    within = (train.times_s >= start_s) & (train.times_s <= end_s)
    count = int(np.count_nonzero(within))
    intervals, gaps = _intervals(train, start_s, end_s)
    times = train.times_s[within]
    mean_s = float(times[-1] - times[0]) / (count - 1) if count > 1 else math.nan
    u_mean_s = _u_interval(train, mean_s) / max(count - 1, 1)
    amplitudes, u_amplitudes = train.amplitudes_v[within], train.u_amplitudes_v[within]
    widths = train.widths_s[within]
    short_s, long_s = _extreme(widths, np.argmin), _extreme(widths, np.argmax)
    least_s = float(intervals.min()) if intervals.size else math.nan
    most_s = float(np.concatenate((intervals, gaps)).max())
    cut_s = float(gaps.max(initial=0.0))
    values = {
        "pulse_count": (float(count), 0.0),
        "pulse_interval_min": (least_s, _u_interval(train, least_s)),
        "pulse_interval_max": (most_s, _u_interval(train, most_s)),
        "pulse_interval_mean": (mean_s, u_mean_s),
        "pulse_interval_cut": (cut_s, _u_interval(train, cut_s)),
        "pulse_amplitude_min": _extreme_with_u(amplitudes, u_amplitudes, np.argmin),
        "pulse_amplitude_max": _extreme_with_u(amplitudes, u_amplitudes, np.argmax),
        "pulse_width_min": (short_s, _u_interval(train, short_s)),
        "pulse_width_max": (long_s, _u_interval(train, long_s)),
    }
    return tuple(Feature(name, values[name][0], unit, values[name][1]) for name, unit in PULSE_FEATURES.items())


def exposure_features(train: PulseTrain, end_s: float) -> tuple[Feature, ...]:
    """What an injected signal that ended at ``end_s`` leaves, outside pulses and after it.

    Returns:
        ``rectified_offset`` (V, mean level of the device monitor outside pulses during the exposure, against before and
        after it: input diodes that conduct rectify); ``leak_distortion`` (1, root mean square of what is left of the
        injected signal where it leaks, beyond noise, over that of the leak; 0 if the path is linear);
        ``recovery_interval`` (s, from the last pulse under exposure, or from its end if there was none, to the next
        pulse), ``recovery_delay`` (s, from the end of the exposure to that pulse), ``recovery_pulses`` (after the
        exposure, as far as recorded), ``recovery_amplitude_min`` (V, of them). Without a pulse after the exposure both
        times are what was recorded of them: they last at least that long.
    """
    if train.problem:
        return tuple(Feature(name, math.nan, unit, math.nan) for name, unit in EXPOSURE_FEATURES.items())
    after = train.times_s > end_s
    count = int(np.count_nonzero(after))
    next_s = float(train.times_s[after][0]) if count else max(train.end_s, end_s)
    before_s = train.times_s[(train.times_s >= 0.0) & ~after]
    interval_s = next_s - (float(before_s[-1]) if before_s.size else end_s)
    values = {
        "rectified_offset": (train.rest_shift_v, train.u_rest_shift_v),
        "leak_distortion": (train.leak_distortion, train.u_leak_distortion),
        "recovery_interval": (interval_s, _u_interval(train, interval_s)),
        "recovery_delay": (next_s - end_s, _u_interval(train, next_s - end_s)),
        "recovery_pulses": (float(count), 0.0),
        "recovery_amplitude_min": _extreme_with_u(train.amplitudes_v[after], train.u_amplitudes_v[after], np.argmin),
    }
    return tuple(Feature(name, values[name][0], unit, values[name][1]) for name, unit in EXPOSURE_FEATURES.items())


def interval_doubt(criterion: Criterion, features: tuple[Feature, ...], expected_interval_s: float) -> str:
    """Why intervals that meet ``criterion`` are not beyond doubt, or "".

    An interval of which only a gap g was seen is at least g long and, if the device's next pulse was not late, at most
    g plus one expected interval. If that exceeds the upper limit on ``pulse_interval_max``, a whole beat may be missing
    unseen. Without an expected interval (NaN) nothing bounds it. A recovery of which no pulse was recorded is longer
    than what was, and nobody knows by how much.
    """
    if criterion.feature in _RECOVERIES and criterion.upper is not None:
        if find_feature(features, "recovery_pulses").value > 0:
            return ""
        return f"{criterion.feature}: no pulse was recorded after the exposure; record longer to see the device recover"
    if criterion.feature != "pulse_interval_max" or criterion.upper is None:
        return ""
    cut_s = find_feature(features, "pulse_interval_cut").value
    if cut_s == 0 or cut_s + expected_interval_s <= criterion.upper:
        return ""
    return (
        f"pulse_interval_max: an interval was recorded only in part ({cut_s:.4g} s of it), so a pause of more than "
        f"{criterion.upper:.6g} s may be hidden; record at least {criterion.upper:.4g} s before and after the exposure"
    )


def _intervals(train: PulseTrain, start_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
    """Intervals between pulses that touch the window, and the gaps at its ends that no recorded pulse closes."""
    times = train.times_s
    before = int(np.searchsorted(times, start_s, side="right")) - 1  # the last pulse up to the window's beginning
    after = int(np.searchsorted(times, end_s, side="left"))  # the first from its end on
    touching = times[max(before, 0) : min(after, times.size - 1) + 1]
    front_s, back_s = min(start_s, train.start_s), max(end_s, train.end_s)
    gaps: list[float] = []
    if not touching.size:
        gaps.append(back_s - front_s)
    else:
        if before < 0:
            gaps.append(float(touching[0]) - front_s)
        if after >= times.size:
            gaps.append(back_s - float(touching[-1]))
    return np.diff(touching), np.array(gaps, dtype=np.float64)


def _extreme_with_u(values: FloatArray, u: FloatArray, which: _Which) -> tuple[float, float]:
    measured = np.isfinite(values)  # a pulse cut by the capture's end has no amplitude and no width
    if not measured.any():
        return math.nan, math.nan
    at = int(which(values[measured]))
    return float(values[measured][at]), float(u[measured][at])


def _extreme(values: FloatArray, which: _Which) -> float:
    return _extreme_with_u(values, values, which)[0]


def _u_interval(train: PulseTrain, value_s: float) -> float:
    if math.isnan(value_s):
        return math.nan
    return math.hypot(math.sqrt(2) * train.u_time_s, train.u_time_base * value_s)
