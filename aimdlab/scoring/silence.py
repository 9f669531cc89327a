"""Whether nothing was injected in a baseline, from the capture of the injection monitor."""

from __future__ import annotations

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.back_coupling import BackCoupling, PacedStretches, paced_stretches
from aimdlab.scoring.codes import Trace, clipped_at, trace_of
from aimdlab.scoring.injection import quality_problem
from aimdlab.scoring.pulses import REST_FRACTION, DevicePulse, PulseTrain
from aimdlab.scoring.runs import Stretches, extremes_within, nothing_of, prefix_sums, stretches

_OFFSET_FRACTION = 0.2
_SIGNAL_FRACTION = 0.05
"""Parts of full scale that a level, and anything that changes, may reach."""
_GUARD = 4
_SPIKE = 1.2
"""Heights of a device pulse that its edges may reach on the injection monitor, for less than a microsecond."""
_WHERE = "injection monitor (baseline)"


def silence_problem(
    capture: Capture,
    train: PulseTrain,
    pulse: DevicePulse,
    back_coupling: float = 0.0,
) -> str:
    """Why the injection monitor does not show silence, or "".

    A clipped or missing sample proves nothing. The mean may be up to 20 % of the capture's full scale (and of a quarter
    of the device's pulse amplitude at most); anything that changes, up to 5 % of full scale. While the device paces it
    drives the network itself: within its pulses and twice their width after them, a quarter of their amplitude is
    allowed; on their edges, where they come back to the injection monitor (``back_coupling``), all of it.

    Not seen: a signal below 5 % of full scale, a constant level below 20 %, and what hides within the device's pulses
    for the whole baseline. The range therefore decides how much is seen: full scale should be at most twenty times the
    smallest amplitude that will be injected.
    """
    trace = trace_of(capture)
    paced = paced_stretches(train, pulse)
    spiked = BackCoupling(trace, paced, 0.0).edges if back_coupling else nothing_of(trace.n)
    clipped = int(np.count_nonzero(~spiked.hold(clipped_at(capture)))) if trace.clipped else 0
    problem = quality_problem(clipped, trace.holes, _WHERE)
    if problem:
        return problem
    quiet = _driven(trace, paced).complement()
    extremes = extremes_within(trace, quiet)
    if extremes is None:
        return f"{_WHERE}: pulses of the device leave no moment at which silence could be seen"
    ends_v = [abs(code * capture.scale + capture.offset) for code in (capture.code_min, capture.code_max)]
    full_scale_v = min(ends_v)
    before = prefix_sums(trace, np.column_stack((quiet.begin, quiet.end)).ravel())
    mean = int((before[1::2] - before[::2]).sum()) / quiet.size
    level_v = abs(mean - trace.zero_code) * trace.scale
    signal_v = _farthest(extremes, mean) * trace.scale
    peak_v = _farthest(extremes_within(trace, spiked.complement()), trace.zero_code) * trace.scale
    spike_v = _farthest(extremes_within(trace, spiked), trace.zero_code) * trace.scale
    most_v = REST_FRACTION * pulse.amplitude_v
    for what, found_v, allowed_v in (
        ("constantly", level_v, min(_OFFSET_FRACTION * full_scale_v, most_v)),
        ("changing", signal_v, min(_SIGNAL_FRACTION * full_scale_v, most_v)),
        ("while the device paces", peak_v, most_v),
        ("on edges of the device's pulses", spike_v, _SPIKE * pulse.amplitude_v),
    ):
        if not found_v <= allowed_v:
            return (
                f"{_WHERE}: {found_v:.3g} V {what}, where nothing should be injected (allowed {allowed_v:.3g} V); "
                "is the generator's output off?"
            )
    return ""


def _farthest(extremes: tuple[int, int] | None, code: float) -> float:
    return max(abs(extreme - code) for extreme in extremes) if extremes is not None else 0.0


def _driven(trace: Trace, paced: PacedStretches) -> Stretches:
    """Within the device's pulses and twice their width after them."""
    dt, t0_s = trace.capture.dt_s, trace.capture.t0_s
    begin = np.floor((paced.starts_s - t0_s) / dt).astype(np.int64) - _GUARD
    end = np.ceil((paced.starts_s + 3 * (paced.ends_s - paced.starts_s) - t0_s) / dt).astype(np.int64) + _GUARD
    return stretches(np.clip(begin, 0, trace.n), np.clip(end, 0, trace.n), trace.n)
