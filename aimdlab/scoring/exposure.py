"""The score of one attempt of an injected gradient test (ISO/TS 10974:2012, 20.2): live and in replay the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aimdlab.capture import Capture
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.features import interval_doubt, pulse_features
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import measure_level, prove_level
from aimdlab.scoring.parameters import KIND_BASELINE, GradientInjectedScoring, Scalar, signal_from_flat
from aimdlab.scoring.presence import coverage_problem, measure_presence, prove_presence
from aimdlab.scoring.pulses import DevicePulse, PulseTrain, find_pulses
from aimdlab.scoring.results import EXPOSURE_PROVEN, Criterion, Feature, Score
from aimdlab.scoring.silence import silence_problem

INJECTION_MONITOR = "injection_monitor"
DEVICE_MONITOR = "device_monitor"
VERIFY, EXPOSURE, BASELINE = "verify", "exposure", "baseline"

_SAMPLES_PER_PULSE = 4
_SIGMAS = 6.0
"""The coupling says something about the cable only if the expected one is this many uncertainties from zero."""
_STEPS = 2.0
"""And if the leak it stands for is at least this many steps of the converter."""


def score_gradient_injected(
    captures: Sequence[Capture],
    parameters: Mapping[str, Scalar],
    scoring: Mapping[str, Scalar],
    criteria: Sequence[Criterion],
) -> Score:
    """Score one attempt from its captures alone.

    Args:
        captures: of a sequence: "verify" of the injection monitor, "exposure" of injection and device monitor; of a
            baseline: "baseline" of the device monitor, and of the injection monitor if it was recorded.
        parameters: of the step: ``tbpw_s``, ``t_dwell_s``, ``cycles``, ``t_off_s``; not read in a baseline.
        scoring: see :class:`~aimdlab.scoring.parameters.GradientInjectedScoring`.
        criteria: the limits.

    Returns:
        INVALID if level, presence or the device monitor are not proven or the pulses cannot be resolved, else what
        the criteria say, and INCONCLUSIVE where an interval that was recorded only in part may hide a pause. The
        feature ``exposure_proven`` is 1 if level and presence are, whatever the device side says, and 0 in a baseline;
        the others are those of :mod:`~aimdlab.scoring.level`, :mod:`~aimdlab.scoring.presence` and
        :mod:`~aimdlab.scoring.features` with ``device_coupling``, ``device_residual_noise`` and
        ``device_residual_peak``.

    Raises:
        ConfigurationError: a key or a criterion is missing or wrong.
        RecordError: a capture that cannot be computed with.
    """
    known = GradientInjectedScoring.from_flat(scoring)
    if known.kind == KIND_BASELINE:
        features, problem = _baseline(captures, known)
    else:
        features, problem = _sequence(captures, parameters, known)

    def doubt(criterion: Criterion) -> str:
        return interval_doubt(criterion, features, known.expected_interval_s)

    return judge(features, criteria, proven=not problem, reason=problem, doubt=doubt)


def _sequence(
    captures: Sequence[Capture], parameters: Mapping[str, Scalar], known: GradientInjectedScoring
) -> tuple[tuple[Feature, ...], str]:
    expected = ExpectedInjection(known.expected_ivamp_v, signal_from_flat(parameters))
    tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
    verify = _only(captures, INJECTION_MONITOR, VERIFY)
    injection = _only(captures, INJECTION_MONITOR, EXPOSURE)
    device = _only(captures, DEVICE_MONITOR, EXPOSURE)
    features: list[Feature] = []
    problems: list[str] = []
    if isinstance(verify, Capture):
        level = measure_level(verify, expected)
        features += level
        problems.append(prove_level(level, expected, tolerance)[1])
    else:
        problems.append(verify)
    if isinstance(injection, Capture):
        presence = measure_presence(injection, expected, known.exposure_s)
        features += presence
        problems.append(prove_presence(presence, expected, known.exposure_s, tolerance)[1])
    else:
        problems.append(injection)
    features.append(Feature(EXPOSURE_PROVEN, 0.0 if any(problems) else 1.0, "1", 0.0))
    if isinstance(device, Capture):
        other = injection if isinstance(injection, Capture) else None
        train, problem = _device(device, other, known, known.expected_ivamp_v)
        features += _device_features(train, known)
        problems += [problem, "" if problem else _cable_problem(train, known)]
    else:
        problems.append(device)
    return tuple(features), next((problem for problem in problems if problem), "")


def _baseline(captures: Sequence[Capture], known: GradientInjectedScoring) -> tuple[tuple[Feature, ...], str]:
    device = _only(captures, DEVICE_MONITOR, BASELINE)
    not_exposed = Feature(EXPOSURE_PROVEN, 0.0, "1", 0.0)
    if not isinstance(device, Capture):
        return (not_exposed,), device
    train, problem = _device(device, None, known, 0.0)
    features = (*_device_features(train, known), not_exposed)
    if not problem and any(capture.channel == INJECTION_MONITOR for capture in captures):
        problem = _silence_problem(_only(captures, INJECTION_MONITOR, BASELINE), train, known)
    if not problem and train.count == 0:
        problem = (
            "device monitor: no pulse in the baseline, so nothing proves that the monitor is connected and "
            "the device paces; check both"
        )
    return features, problem


def _only(captures: Sequence[Capture], channel: str, kind: str) -> Capture | str:
    """The one capture of this channel and kind, or a sentence why there is none."""
    found = [capture for capture in captures if (capture.channel, capture.kind) == (channel, kind)]
    if len(found) == 1:
        return found[0]
    if found:
        return f"{channel}: more than one capture of kind {kind!r} in this attempt"
    return f"{channel}: nothing recorded for {kind!r}: the oscilloscope saw no edge, or the attempt ended before"


def _device(
    device: Capture, injection: Capture | None, known: GradientInjectedScoring, ivamp_v: float
) -> tuple[PulseTrain, str]:
    pulse = DevicePulse(known.expected_pulse_amplitude_v, known.pulse_polarity)
    train = find_pulses(device, injection, pulse, ivamp_v)
    covered_s = min(train.end_s, known.exposure_s) - max(train.start_s, 0.0)
    problem = train.problem or coverage_problem(covered_s, known.exposure_s, device.dt_s, "device monitor")
    if not problem and known.expected_pulse_width_s < _SAMPLES_PER_PULSE * device.dt_s:
        problem = (
            f"device monitor: sampled every {device.dt_s * 1e6:g} us, too slow for pulses of "
            f"{known.expected_pulse_width_s * 1e6:g} us; at least {_SAMPLES_PER_PULSE} samples must fall on a pulse"
        )
    return train, problem


def _device_features(train: PulseTrain, known: GradientInjectedScoring) -> list[Feature]:
    coupling, u = (train.coupling, train.u_coupling) if math.isfinite(train.u_coupling) else (math.nan, math.nan)
    return [
        *pulse_features(train, 0.0, known.exposure_s),
        Feature("device_coupling", coupling, "1", u),
        Feature("device_residual_noise", train.residual_noise_v, "V", 0.0),
        Feature("device_residual_peak", train.residual_peak_v, "V", 0.0),
    ]


def _cable_problem(train: PulseTrain, known: GradientInjectedScoring) -> str:
    """Why nothing proves that the device monitor sees the device, or ""."""
    expected = abs(known.expected_coupling)
    leak_v = expected * known.expected_ivamp_v
    telling = leak_v >= _STEPS * train.step_v and expected > _SIGMAS * train.u_coupling
    if telling:
        allowed = known.coupling_tolerance * expected + 3 * train.u_coupling
        if abs(train.coupling - known.expected_coupling) > allowed:
            return (
                f"device monitor: shows {train.coupling:.3g} of the injected signal where "
                f"{known.expected_coupling:.3g} is expected; "
                "check its cable, its factor in the bench file and the injection network"
            )
        return ""
    if train.count:
        return ""
    return (
        "device monitor: neither device pulses nor a telling part of the injected signal, so nothing proves that "
        "it is connected; check the cable"
    )


def _silence_problem(injection: Capture | str, train: PulseTrain, known: GradientInjectedScoring) -> str:
    if not isinstance(injection, Capture):
        return injection
    return silence_problem(injection, train, known.expected_pulse_amplitude_v, known.expected_pulse_width_s)
