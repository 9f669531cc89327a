"""Whether the injected signal was there for the whole exposure, from the slow *exposure* capture of its monitor."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.codes import Trace, trace_of
from aimdlab.scoring.injection import (
    ExpectedInjection,
    InjectionTolerance,
    monitor_pulses,
    quality_features,
    quality_problem,
    u_interval,
    u_voltage,
)
from aimdlab.scoring.plateaus import pulse_levels, rest_of
from aimdlab.scoring.results import Feature
from aimdlab.scoring.timing import (
    clock_of,
    clock_tolerance,
    displacement_s,
    found_pulses,
    slack_s,
    start_slack_s,
    wanted_pulses,
)

_SIGMAS = 6.0
"""What noise may add to a limit: one of some hundred thousand samples goes beyond once in more than a thousand
exposures."""
_REST_TOLERANCES = 2.0
"""What may be there between pulses, in level tolerances; offset and settling of the amplifier stay below."""
_LEAST_SAMPLES = 1.99
"""Samples on pulse A, so that one lies within it whichever way the oscilloscope averages."""
_WHERE = "injection monitor (exposure)"
_SIGNS = (("a", 1), ("b", -1))


def measure_presence(
    capture: Capture, expected: ExpectedInjection, exposure_s: float, undisturbed: Trace | None = None
) -> tuple[Feature, ...]:
    """Features of the injected signal over the exposure [0, ``exposure_s``], which starts with pulse A at t = 0.

    Every pulse A (joined ones count as one) and B is found and held against where it belongs; on ``undisturbed``, if
    something that is known was taken off the capture.

    Returns:
        ``injection_pulses_a``, ``injection_pulses_b`` (found to begin within the exposure), with ``_expected`` (the
        least that must be there) and ``_most`` (the most that may be); ``injection_displacement_a``, ``_b`` (s, largest
        distance of a start or an end from where it belongs; a missing or added pulse displaces those that follow);
        ``injection_start_error`` (s, of the first pulse B), ``injection_period_error`` (relative, over all of them),
        ``injection_end`` (s, end of the last pulse found); ``injection_level_a_min``, ``_max`` and the same of B (V,
        magnitudes: plateau means pulse by pulse), ``injection_mean_...`` (V, the same over 16 parts of the exposure),
        ``injection_sample_...`` (V, of single samples on plateaus), ``injection_part_a``, ``_b`` (pulses in the
        smallest of the parts); ``injection_rest_peak`` (V, largest magnitude away from pulses), ``injection_noise`` (V,
        of a sample), ``injection_step`` (V, resolution); ``injection_clipped``, ``injection_holes`` (samples),
        ``injection_covered``, ``injection_sample_interval`` (s), ``injection_clock_tolerance`` (relative). NaN where
        nothing is.
    """
    trace = trace_of(capture) if undisturbed is None else undisturbed
    dt, clock_limit = capture.dt_s, clock_tolerance(capture.u_time)
    until = (exposure_s - capture.t0_s) / dt
    slack = slack_s(dt, clock_limit, exposure_s)
    pulses = {sign: monitor_pulses(trace, expected.ivamp_v / 2, sign) for _, sign in _SIGNS}
    wanted = {sign: wanted_pulses(expected.signal, sign, exposure_s, slack) for _, sign in _SIGNS}
    found = {sign: found_pulses(trace, pulses[sign], exposure_s, slack_s(dt, 0.0, 0.0)) for _, sign in _SIGNS}
    clock = clock_of(found[-1], wanted[-1])
    rest = rest_of(trace, pulses[1], pulses[-1], until)
    u = u_interval(trace, 0.0)
    features: list[Feature] = []
    for name, sign in _SIGNS:
        displaced = displacement_s(found[sign], wanted[sign], clock)
        levels = pulse_levels(trace, pulses[sign], until)
        features += [
            Feature(f"injection_pulses_{name}", float(found[sign].starts_s.size), "1", 0.0),
            Feature(f"injection_pulses_{name}_expected", float(wanted[sign].certain), "1", 0.0),
            Feature(f"injection_pulses_{name}_most", float(wanted[sign].starts_s.size), "1", 0.0),
            Feature(f"injection_displacement_{name}", displaced, "s", u),
        ]
        for what, least, most in (
            ("level", levels.lowest, levels.highest),
            ("mean", levels.least_mean, levels.most_mean),
            ("sample", levels.lowest_sample, levels.highest_sample),
        ):
            for end, value in (("min", least), ("max", most)):
                u_v = u_voltage(trace, value, rest.noise_v, 1)
                features.append(Feature(f"injection_{what}_{name}_{end}", value, "V", u_v))
        features.append(Feature(f"injection_part_{name}", float(levels.group), "1", 0.0))
    ends_s = np.concatenate([seen.ends_s for seen in found.values()])
    ends_s = ends_s[np.isfinite(ends_s)]
    end_s = float(ends_s.max()) if ends_s.size else math.nan
    covered_s = min(trace.time_s(trace.n - 1), exposure_s) - max(capture.t0_s, 0.0)
    u_rate = u_interval(trace, clock.span_s) / (clock.span_s or math.inf)
    features += [
        Feature("injection_start_error", clock.start_s, "s", u),
        Feature("injection_period_error", clock.rate, "1", u_rate),
        Feature("injection_end", end_s, "s", u_interval(trace, exposure_s)),
        Feature("injection_rest_peak", rest.peak_v, "V", u_voltage(trace, rest.peak_v, rest.noise_v, 1)),
        Feature("injection_noise", rest.noise_v, "V", 0.0),
        Feature("injection_step", trace.step * trace.scale, "V", 0.0),
        *quality_features(trace, "injection"),
        Feature("injection_covered", covered_s, "s", u_interval(trace, covered_s)),
        Feature("injection_sample_interval", dt, "s", capture.u_time * dt),
        Feature("injection_clock_tolerance", clock_limit, "1", 0.0),
    ]
    return tuple(features)


def prove_presence(
    features: Iterable[Feature], expected: ExpectedInjection, exposure_s: float, tolerance: InjectionTolerance
) -> tuple[bool, str]:
    """Whether the features of :func:`measure_presence` prove the exposure, and if not why, for the technician."""
    found = {feature.name: feature.value for feature in features}
    dt = found["injection_sample_interval"]
    problem = quality_problem(found["injection_clipped"], found["injection_holes"], _WHERE)
    problem = problem or coverage_problem(found["injection_covered"], exposure_s, dt, _WHERE)
    if not problem and expected.signal.tapw_s < _LEAST_SAMPLES * dt:
        problem = (
            f"{_WHERE}: sampled every {dt * 1e6:g} us, too slow for pulses A of {expected.signal.tapw_s * 1e6:g} us; "
            "two samples must fall on each"
        )
    if not problem and found["injection_pulses_b_expected"] == 0:
        problem = f"{_WHERE}: the exposure of {exposure_s:g} s is too short for one cycle of the signal"
    problem = problem or _timing_problem(found, exposure_s, dt) or _level_problem(found, expected, tolerance)
    return not problem, problem


def coverage_problem(covered_s: float, exposure_s: float, dt_s: float, where: str) -> str:
    """Why a capture that holds ``covered_s`` of the exposure is too short, or ""; two samples are forgiven."""
    missing_s = exposure_s - covered_s
    if missing_s <= 2 * dt_s:
        return ""
    return f"{where}: the capture lacks {min(missing_s, exposure_s):.4g} s of the exposure of {exposure_s:.4g} s"


def _timing_problem(found: dict[str, float], exposure_s: float, dt: float) -> str:
    if found["injection_pulses_b"] == 0 and found["injection_pulses_a"] == 0:
        return f"{_WHERE}: no injected signal; is the generator connected and playing?"
    slack = slack_s(dt, 0.0, 0.0)
    seen = {
        name: f"{found[f'injection_pulses_{name}']:.0f} of {found[f'injection_pulses_{name}_expected']:.0f} "
        f"pulses {name.upper()} found"
        for name, _ in _SIGNS
    }
    count = f"{seen['a']}, {seen['b']}"
    if not abs(found["injection_start_error"]) <= start_slack_s(dt):
        return f"{_WHERE}: the injected signal does not start with the exposure ({count})"
    for name, _ in _SIGNS:
        added = found[f"injection_pulses_{name}"] > found[f"injection_pulses_{name}_most"]
        if added or not found[f"injection_displacement_{name}"] <= slack:
            return f"{_WHERE}: pulses {name.upper()} are missing, added or displaced ({count})"
    period = found["injection_period_error"]
    if not abs(period) <= found["injection_clock_tolerance"] + slack / exposure_s:
        return f"{_WHERE}: off time, dwell or width differ; the period is {100 * period:+.3g} % off ({count})"
    if any(found[f"injection_pulses_{name}"] < found[f"injection_pulses_{name}_expected"] for name, _ in _SIGNS):
        end_s = found["injection_end"]
        return f"{_WHERE}: the injected signal ended after {end_s:.4g} s of {exposure_s:.4g} s ({count})"
    return ""


def _level_problem(found: dict[str, float], expected: ExpectedInjection, tolerance: InjectionTolerance) -> str:
    dt, noise, step = (found[f"injection_{name}"] for name in ("sample_interval", "noise", "step"))
    level = expected.ivamp_v
    allowed = tolerance.level * level + step / 2
    if not noise <= tolerance.level * level:  # NaN: nothing shows it
        return f"{_WHERE}: noise of {noise:.3g} V hides whether {level:.4g} V were there all the time"
    for name, width_s in (("a", expected.signal.tapw_s), ("b", expected.signal.tbpw_s)):
        n = max(1.0, math.floor(width_s / dt) - 3)  # the fewest samples on a plateau
        short = noise if width_s < 5 * dt else 0.0  # where the larger of two samples is taken, noise raises it
        part = max(found[f"injection_part_{name}"] * n, 1.0)
        for what, band, where in (
            ("mean", _SIGMAS * noise / math.sqrt(part) + short, "on average over a part of the exposure"),
            ("level", _SIGMAS * noise / math.sqrt(n), "at least once"),
            ("sample", _SIGMAS * noise, "within a pulse"),
        ):
            for end in ("min", "max"):
                value = found[f"injection_{what}_{name}_{end}"]
                if not abs(value - level) <= allowed + band:
                    return f"{_WHERE}: pulse {name.upper()} is {value:.4g} V instead of {level:.4g} V {where}"
    peak = found["injection_rest_peak"]
    if not peak <= _REST_TOLERANCES * tolerance.level * level + step / 2 + _SIGMAS * noise:
        return f"{_WHERE}: {peak:.3g} V are there between the pulses, where nothing should be"
    return ""
