"""The score of one attempt of an injected gradient test (ISO/TS 10974:2012, 20.2): live and in replay the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aimdlab.capture import Capture
from aimdlab.scoring.behind_network import back_pulse, coupling_reference, device_pulse, injection_end_s, tell_apart
from aimdlab.scoring.codes import Trace
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.features import EXPOSURE_FEATURES, exposure_features, interval_doubt, pulse_features
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import level_of, prove_level
from aimdlab.scoring.marks import Marks, marks_of
from aimdlab.scoring.parameters import (
    KIND_BASELINE,
    KIND_CHECK,
    KIND_SEQUENCE,
    GradientInjectedScoring,
    Scalar,
    signal_from_flat,
)
from aimdlab.scoring.presence import coverage_problem, measure_presence, prove_presence
from aimdlab.scoring.pulses import PulseTrain, find_pulses
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.scoring.results import DEVICE_SUSPECT, EXPOSURE_PROVEN, Criterion, Feature, Score, Verdict
from aimdlab.scoring.silence import silence_problem

INJECTION_MONITOR = "injection_monitor"
DEVICE_MONITOR = "device_monitor"
JUDGED = INJECTION_MONITOR, DEVICE_MONITOR
"""The monitors that features are computed from."""
VERIFY, EXPOSURE, BASELINE = "verify", "exposure", "baseline"

SAMPLES_PER_DEVICE_PULSE = 4
"""As many must fall on a device pulse at least."""
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
        criteria: the limits; those on what an exposure leaves are not asked of a baseline.

    Returns:
        INVALID if level, presence or the device monitor are not proven or the pulses cannot be resolved, else what
        the criteria say, and INCONCLUSIVE where an interval that was recorded only in part may hide a pause. The
        feature ``exposure_proven`` is 1 if level and presence are, whatever the device side says, 0 in a baseline, and
        1 in a check that was recorded: the device was exposed before it; ``device_suspect`` is there if the attempt is
        INVALID though the device was recorded. The others are those of :mod:`~aimdlab.scoring.level`,
        :mod:`~aimdlab.scoring.presence` and :mod:`~aimdlab.scoring.features` with ``device_coupling``,
        ``device_residual_noise`` and ``device_residual_peak``.

    Raises:
        ConfigurationError: a key or a criterion is missing or wrong.
        RecordError: a capture that cannot be computed with.
    """
    known = GradientInjectedScoring.from_flat(scoring)
    if known.kind in (KIND_BASELINE, KIND_CHECK):
        features, problem = _baseline(captures, known)
        # Nothing is injected that could leave anything.
        criteria = [criterion for criterion in criteria if criterion.feature not in EXPOSURE_FEATURES]
    else:
        features, problem = _sequence(captures, parameters, known)

    def doubt(criterion: Criterion) -> str:
        return interval_doubt(criterion, features, known.expected_interval_s)

    if problem and _was_watched(features, known):
        # A retry must not cover a device that did what it should not, whatever the proof of the exposure lacks.
        as_if = judge(features, criteria, proven=True, reason="", doubt=doubt)
        suspect = as_if.verdict is not Verdict.PASS
        features = (*features, Feature(DEVICE_SUSPECT, 1.0 if suspect else 0.0, "1", 0.0))
    return judge(features, criteria, proven=not problem, reason=problem, doubt=doubt)


def mark_gradient_injected(
    captures: Sequence[Capture], parameters: Mapping[str, Scalar], scoring: Mapping[str, Scalar]
) -> tuple[Marks, ...]:
    """The device's pulses as :func:`score_gradient_injected` finds them; nothing where they were not recorded."""
    known = GradientInjectedScoring.from_flat(scoring)
    if known.kind in (KIND_BASELINE, KIND_CHECK):
        device = _only(captures, DEVICE_MONITOR, BASELINE)
        train = None if isinstance(device, str) else find_pulses(device, None, device_pulse(known), 0.0)
        end_s = known.exposure_s
    else:
        expected = ExpectedInjection(known.expected_ivamp_v, signal_from_flat(parameters))
        device = _only(captures, DEVICE_MONITOR, EXPOSURE)
        train, _ = _trains(device, _zeroed(_only(captures, INJECTION_MONITOR, EXPOSURE)), known, expected)
        end_s = _judged_until_s(known, expected, train) if train is not None else known.exposure_s
    if train is None or isinstance(device, str):
        return ()
    return (marks_of(train, device, (0.0, end_s), known.pulse_polarity),)


def _judged_until_s(known: GradientInjectedScoring, expected: ExpectedInjection, train: PulseTrain) -> float:
    """The last burst may end after the exposure that was asked for; what the device does under it counts as well."""
    return max(known.exposure_s, min(injection_end_s(expected.signal, known.exposure_s), train.end_s))


def _was_watched(features: Sequence[Feature], known: GradientInjectedScoring) -> bool:
    """Whether the device was recorded under an exposure."""
    return known.kind == KIND_SEQUENCE and any(feature.name == "pulse_count" for feature in features)


def _sequence(
    captures: Sequence[Capture], parameters: Mapping[str, Scalar], known: GradientInjectedScoring
) -> tuple[tuple[Feature, ...], str]:
    expected = ExpectedInjection(known.expected_ivamp_v, signal_from_flat(parameters))
    tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
    verify = _only(captures, INJECTION_MONITOR, VERIFY)
    injection = _zeroed(_only(captures, INJECTION_MONITOR, EXPOSURE))
    device = _only(captures, DEVICE_MONITOR, EXPOSURE)
    features: list[Feature] = []
    problems: list[str] = []
    train, undisturbed = _trains(device, injection, known, expected)
    if isinstance(verify, Capture):
        level = level_of(verify, expected, back_pulse(known))
        features += level
        problems.append(prove_level(level, expected, tolerance)[1])
    else:
        problems.append(verify)
    if isinstance(injection, Capture):
        presence = measure_presence(injection, expected, known.exposure_s, undisturbed)
        features += presence
        problems.append(prove_presence(presence, expected, known.exposure_s, tolerance)[1])
    else:
        problems.append(injection)
    features.append(Feature(EXPOSURE_PROVEN, 0.0 if any(problems) else 1.0, "1", 0.0))
    if isinstance(device, str):
        problems.append(device)
    elif train is not None:
        problem = _device_problem(train, device, known)
        features += _device_features(train, _judged_until_s(known, expected, train))
        features += exposure_features(train, injection_end_s(expected.signal, known.exposure_s))
        problems += [problem, "" if problem else _cable_problem(train, known)]
    return tuple(features), next((problem for problem in problems if problem), "")


def _baseline(captures: Sequence[Capture], known: GradientInjectedScoring) -> tuple[tuple[Feature, ...], str]:
    device = _only(captures, DEVICE_MONITOR, BASELINE)
    if not isinstance(device, Capture):
        return (Feature(EXPOSURE_PROVEN, 0.0, "1", 0.0),), device
    # The device was exposed before a check: if it cannot be judged then, that stands.
    exposed = Feature(EXPOSURE_PROVEN, 1.0 if known.kind == KIND_CHECK else 0.0, "1", 0.0)
    train = find_pulses(device, None, device_pulse(known), 0.0)
    problem = _device_problem(train, device, known)
    features = (*_device_features(train, known.exposure_s), exposed)
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


def _zeroed(capture: Capture | str) -> Capture | str:
    return zeroed_at_rest(capture) if isinstance(capture, Capture) else capture


def _trains(
    device: Capture | str, injection: Capture | str, known: GradientInjectedScoring, expected: ExpectedInjection
) -> tuple[PulseTrain | None, Trace | None]:
    """The device's pulses, and the injection monitor without them if they come back to it; None without a capture."""
    if isinstance(device, str):
        return None, None
    if isinstance(injection, Capture) and known.coupling_lags:
        return tell_apart(device, injection, known, expected)
    other = injection if isinstance(injection, Capture) else None
    exposed_s = (0.0, injection_end_s(expected.signal, known.exposure_s))
    return find_pulses(device, other, device_pulse(known), known.expected_ivamp_v, exposed_s), None


def _device_problem(train: PulseTrain, device: Capture, known: GradientInjectedScoring) -> str:
    """Why the pulses found are not the device's over the whole exposure, or ""."""
    covered_s = min(train.end_s, known.exposure_s) - max(train.start_s, 0.0)
    problem = train.problem or coverage_problem(covered_s, known.exposure_s, device.dt_s, "device monitor")
    if not problem and known.expected_pulse_width_s < SAMPLES_PER_DEVICE_PULSE * device.dt_s:
        problem = (
            f"device monitor: sampled every {device.dt_s * 1e6:g} us, too slow for pulses of "
            f"{known.expected_pulse_width_s * 1e6:g} us; at least {SAMPLES_PER_DEVICE_PULSE} samples must fall on one"
        )
    return problem


def _device_features(train: PulseTrain, end_s: float) -> list[Feature]:
    coupling, u = (train.coupling, train.u_coupling) if math.isfinite(train.u_coupling) else (math.nan, math.nan)
    return [
        *pulse_features(train, 0.0, end_s),
        Feature("device_coupling", coupling, "1", u),
        Feature("device_residual_noise", train.residual_noise_v, "V", 0.0),
        Feature("device_residual_peak", train.residual_peak_v, "V", 0.0),
    ]


def _cable_problem(train: PulseTrain, known: GradientInjectedScoring) -> str:
    """Why nothing proves that the device monitor sees the device, or ""."""
    signed = coupling_reference(known)
    expected = abs(signed)
    leak_v = expected * known.expected_ivamp_v
    telling = leak_v >= _STEPS * train.step_v and expected > _SIGMAS * train.u_coupling
    if telling:
        allowed = known.coupling_tolerance * expected + 3 * train.u_coupling
        if abs(train.coupling - signed) > allowed:
            return (
                f"device monitor: shows {train.coupling:.3g} of the injected signal where "
                f"{signed:.3g} is expected; "
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
    return silence_problem(injection, train, device_pulse(known), known.back_coupling)
