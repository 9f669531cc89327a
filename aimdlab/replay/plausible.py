"""Whether an attempt's parameters can be those of its captures, before they are scored.

Whoever forges a record can make the scoring expect a signal that fills the memory or takes days to compute. The bounds
are far from what any bench records: a capture that is honest, but too short or too coarse, is for the scoring to judge.
"""

from __future__ import annotations

from collections.abc import Mapping

from aimdlab.errors import RecordAlteredError
from aimdlab.scoring.exposure import DEVICE_MONITOR
from aimdlab.scoring.parameters import Scalar
from aimdlab.session.model import Attempt

_MOST_CYCLES = 10_000
"""Of a burst; Table 2 of ISO/TS 10974:2012 has up to 20."""
_SAMPLES_PER_CYCLE = 4
"""Fewer do not show one."""
_MOST_PULSES = 1 << 20
"""Of an exposure."""
_MOST_LAG_SAMPLES = 2000
_LAG_PART = 100
"""A capture lasts that many times its monitor's lag, where that is more samples."""
_MOST_LAGS = 64
"""Of an injection network; each is one capacitor."""


def refuse_absurd(attempt: Attempt) -> None:
    """Raise RecordAlteredError naming the first parameter that goes beyond what the attempt's captures could show.

    More is allowed where the largest capture has more samples; what is missing or mistyped is left to the scoring.
    """
    samples = max((capture.n for capture in attempt.captures), default=0)
    cycles = _number(attempt.parameters, "cycles")
    if cycles > max(_MOST_CYCLES, samples / _SAMPLES_PER_CYCLE):
        raise _absurd(attempt, "parameter 'cycles'", f"asks for {cycles:g} cycles", samples)
    pulses = _pulses(attempt, cycles)
    if pulses > max(_MOST_PULSES, samples):
        longest_s = max((capture.span_s for capture in attempt.captures), default=0.0)
        exposure_s = _number(attempt.scoring, "exposure_s")
        too_long = exposure_s > 2.0 * longest_s
        which = "'exposure_s' of its scoring asks" if too_long else "parameters 'tbpw_s', 't_dwell_s', 't_off_s' ask"
        raise _absurd(attempt, which, f"for some {pulses:.3g} pulses in {exposure_s:g} s", samples)
    lags = str(attempt.scoring.get("coupling_lags") or "")
    if lags.count(":") > _MOST_LAGS:
        raise _absurd(attempt, "'coupling_lags' of its scoring", f"holds {lags.count(':')} lags", samples)
    lag_s = _number(attempt.scoring, "monitor_lag_s")
    if lag_s <= 0.0:
        return
    for capture in attempt.captures:
        if capture.channel == DEVICE_MONITOR and lag_s > max(_MOST_LAG_SAMPLES, capture.n / _LAG_PART) * capture.dt_s:
            raise _absurd(attempt, "'monitor_lag_s' of its scoring", f"is {lag_s / capture.dt_s:g} samples", samples)


def _pulses(attempt: Attempt, cycles: float) -> float:
    """How many pulses A and B the exposure would have; 0 if that cannot be said."""
    if "t_off_s" not in attempt.parameters:  # one burst at a time
        return 2.0 * cycles
    tbpw_s, t_dwell_s, t_off_s = (_number(attempt.parameters, name) for name in ("tbpw_s", "t_dwell_s", "t_off_s"))
    period_s = 2.0 * cycles * (tbpw_s + t_dwell_s) + t_off_s
    exposure_s = _number(attempt.scoring, "exposure_s")
    if min(cycles, tbpw_s, period_s) <= 0.0 or min(t_dwell_s, t_off_s) < 0.0:
        return 0.0  # no signal; the scoring says so
    return 2.0 * cycles * (exposure_s / period_s + 1.0)


def _number(record: Mapping[str, Scalar], key: str) -> float:
    """A value of a record; 0 where there is none, which no bound refuses."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return float("inf")


def _absurd(attempt: Attempt, which: str, what: str, samples: int) -> RecordAlteredError:
    return RecordAlteredError(
        f"attempt {attempt.number} at step {attempt.step} ({attempt.step_id}): {which} {what}, but the largest of its "
        f"captures has {samples} samples; no bench records that, so it was altered together with its hashes"
    )
