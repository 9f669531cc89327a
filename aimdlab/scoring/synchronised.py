"""The score of an attempt whose bursts coincide with the therapy output (ISO/TS 10974:2012, 16.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aimdlab.capture import Capture
from aimdlab.errors import ConfigurationError
from aimdlab.scoring.behind_network import back_pulse
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.exposure import DEVICE_MONITOR, EXPOSURE, INJECTION_MONITOR, VERIFY
from aimdlab.scoring.features import PULSE_FEATURES, interval_doubt, pulse_features
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import measure_level, prove_level
from aimdlab.scoring.marks import Marks, marks_of
from aimdlab.scoring.parameters import GradientInjectedScoring, Scalar
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.scoring.results import EXPOSURE_PROVEN, Criterion, Feature, Score, Verdict, find_feature
from aimdlab.scoring.synchronised_beat import Beat, BurstAtBeat, measure_beat
from aimdlab.scoring.synchronised_leak import LeakShown, measure_leak
from aimdlab.signals.injected import InjectedSignal

_OF_PULSES = (
    "pulse_count",
    "pulse_interval_min",
    "pulse_interval_max",
    "pulse_interval_mean",
    "pulse_interval_cut",
    "pulse_amplitude_min",
    "pulse_amplitude_max",
    "pulse_width_min",
    "pulse_width_max",
)

SYNCHRONISED_FEATURES: Mapping[str, str] = {
    **{name: PULSE_FEATURES[name] for name in _OF_PULSES},
    "superposed_max": "V",
    "superposed_min": "V",
    "rectified_offset": "V",
}
"""What a device can be judged by, unit by name."""

SHARE = "share"
"""Kind of the captures of a burst that comes at any moment, on both monitors."""

WATCH = "watch"
"""Kind of the captures that are made where the device's next pulse did not come."""

BURST_OFF_S = 0.02
"""Off time that follows the burst in the generator; the next beat comes later."""

_LOWEST = {"pulse_interval_min", "pulse_width_min"}
_HIGHEST = {"pulse_interval_max", "pulse_interval_cut", "pulse_width_max"}


@dataclass(frozen=True)
class SynchronisedScoring:
    """What is to be known besides :class:`~aimdlab.scoring.parameters.GradientInjectedScoring`.

    Attributes:
        beats: how many must be exposed.
        offset_s: from the leading edge of the device's pulse to the burst.
        delay_s: from the trigger to the burst.
    """

    beats: int
    offset_s: float
    delay_s: float

    def to_flat(self) -> dict[str, Scalar]:
        """The keys that it adds to a record."""
        return {"beats": self.beats, "offset_s": self.offset_s, "delay_s": self.delay_s}

    @classmethod
    def from_flat(cls, record: Mapping[str, Scalar]) -> SynchronisedScoring:
        """Read a record; ConfigurationError names a key that is missing or wrong."""
        beats, offset_s, delay_s = (_number(record, key) for key in ("beats", "offset_s", "delay_s"))
        if beats != int(beats) or beats < 1 or not 0 <= delay_s <= offset_s:
            what = f"beats {beats!r}, offset_s {offset_s!r} and delay_s {delay_s!r}"
            raise ConfigurationError(f"scoring record: {what} cannot be")
        return cls(int(beats), offset_s, delay_s)


def burst_from_flat(parameters: Mapping[str, Scalar]) -> InjectedSignal:
    """The burst of a step from its parameters ``tbpw_s``, ``t_dwell_s`` and ``cycles``."""
    tbpw_s, t_dwell_s, cycles = (_number(parameters, key) for key in ("tbpw_s", "t_dwell_s", "cycles"))
    if cycles != int(cycles):
        raise ConfigurationError(f"parameters: 'cycles' must be a whole number, got {cycles!r}")
    return InjectedSignal(tbpw_s=tbpw_s, t_dwell_s=t_dwell_s, cycles=int(cycles), t_off_s=BURST_OFF_S)


def score_synchronised(
    captures: Sequence[Capture],
    parameters: Mapping[str, Scalar],
    scoring: Mapping[str, Scalar],
    criteria: Sequence[Criterion],
) -> Score:
    """Score one attempt from its captures alone.

    Args:
        captures: "verify" of the injection monitor, "share" of both monitors, then for every exposed beat an "exposure"
            of both, in order, each with t = 0 at the trigger by the device's pulse; "watch" of both if a pulse was
            waited for in vain: it must show a burst, and proves a pause if it shows no pulse.
        parameters: of the step, see :func:`burst_from_flat`.
        scoring: GradientInjectedScoring and :class:`SynchronisedScoring`.
        criteria: the limits.

    Returns:
        INVALID if level or share at the device monitor are not proven; or if the coincidence of any beat is not, a
        beat's pulse cannot be told from the injected signal, or beats are missing, unless the others prove a FAIL; else
        what the criteria say. Features: those of :mod:`~aimdlab.scoring.level`; of :data:`SYNCHRONISED_FEATURES` the
        extremes over all exposed beats (an amplitude: of any tenth of the exposed pulse or the next one; a width: of
        either; an interval: from the one to the other; ``superposed_*``: the voltage during the exposed pulse, what is
        injected included; ``rectified_offset``: the mean after it); ``exposed_beats``; ``burst_offset_min``, ``_max``
        (s, measured); ``burst_level_min``, ``_max`` (V, at the injection monitor); ``device_coupling``;
        ``exposure_proven``.

    Raises:
        ConfigurationError: a key or a criterion is missing or wrong.
        RecordError: a capture that cannot be computed with.
    """
    known, wanted = GradientInjectedScoring.from_flat(scoring), SynchronisedScoring.from_flat(scoring)
    signal = burst_from_flat(parameters)
    expected = ExpectedInjection(known.expected_ivamp_v, signal)
    tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
    burst = BurstAtBeat(expected, tolerance, wanted.offset_s, wanted.delay_s)
    level, leak, problem = _verified(captures, burst, known)
    beats: list[Beat] = []
    lost = ""
    if leak is not None:
        pairs, lost = _pairs(captures)
        beats = [measure_beat(injection, device, burst, known, leak) for injection, device in pairs]
    unproven = problem or next((f"beat {n}: {b.problem}" for n, b in enumerate(beats, 1) if b.problem), "")
    doubt = next((f"beat {n}: {b.doubt}" for n, b in enumerate(beats, 1) if b.doubt), "")
    missing = _missing(len(beats), wanted.beats, lost)
    silence, seen = _watched(captures, known, burst)
    good = _over_beats([beat for beat in beats if not beat.problem and not beat.doubt])
    # A device that stops is not tried again until it does not: the attempt stands.
    proven = not unproven and (not missing or seen)
    features = (
        *level,
        Feature("device_coupling", leak.coupling if leak else math.nan, "1", leak.u_coupling if leak else math.nan),
        *(_longer(feature, silence) for feature in good),
        Feature(EXPOSURE_PROVEN, float(proven), "1", 0.0),
    )

    def hidden(criterion: Criterion) -> str:
        return interval_doubt(criterion, features, known.expected_interval_s)

    reason = unproven or doubt or missing
    score = judge(features, criteria, proven=True, reason="", doubt=hidden)
    # What proven beats show of a broken limit stands, whatever became of the others.
    if reason and (problem or score.verdict is not Verdict.FAIL):
        return judge(features, criteria, proven=False, reason=reason)
    return score


def mark_synchronised(
    captures: Sequence[Capture], parameters: Mapping[str, Scalar], scoring: Mapping[str, Scalar]
) -> tuple[Marks, ...]:
    """The pulses of every exposed beat as :func:`score_synchronised` finds them; times are those of the capture."""
    known, wanted = GradientInjectedScoring.from_flat(scoring), SynchronisedScoring.from_flat(scoring)
    expected = ExpectedInjection(known.expected_ivamp_v, burst_from_flat(parameters))
    tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
    burst = BurstAtBeat(expected, tolerance, wanted.offset_s, wanted.delay_s)
    leak = _verified(captures, burst, known)[1]
    if leak is None:
        return ()
    marks = []
    for injection, device in _pairs(captures)[0]:
        beat = measure_beat(injection, device, burst, known, leak)
        if beat.train is None:
            marks.append(Marks(device, beat.problem or beat.doubt))
            continue
        # The beat's own zero is where the burst should begin.
        train = replace(beat.train, times_s=beat.train.times_s + wanted.delay_s)
        window_s = (float(train.times_s[0]), beat.end_s + wanted.delay_s)
        marks.append(marks_of(train, device, window_s, known.pulse_polarity, beat.problem))
    return tuple(marks)


def _verified(
    captures: Sequence[Capture], burst: BurstAtBeat, known: GradientInjectedScoring
) -> tuple[tuple[Feature, ...], LeakShown | None, str]:
    """Features of the level, the leak, and why the one or the other is not proven, or ""."""
    wanted = ((INJECTION_MONITOR, VERIFY), (INJECTION_MONITOR, SHARE), (DEVICE_MONITOR, SHARE))
    found = [_all(captures, name, kind) for name, kind in wanted]
    found[:2] = [[zeroed_at_rest(capture) for capture in some] for some in found[:2]]
    for (name, kind), some in zip(wanted, found, strict=True):
        if len(some) != 1:
            return (), None, f"{name}: {len(some)} captures of kind {kind!r} in this attempt instead of one"
    (fast,), (injection,), (device,) = found
    level = measure_level(fast, burst.expected, back_pulse(known))
    problem = prove_level(level, burst.expected, burst.tolerance)[1]
    if problem:
        return level, None, problem
    leak = measure_leak(device, injection, known, burst.alone)
    return level, leak if not leak.problem else None, leak.problem


def _pairs(captures: Sequence[Capture]) -> tuple[list[tuple[Capture, Capture]], str]:
    """Injection and device monitor of every exposed beat, and a word if one of a pair is lost."""
    injection, device = (_all(captures, name, EXPOSURE) for name in (INJECTION_MONITOR, DEVICE_MONITOR))
    lost = "" if len(injection) == len(device) else "a capture of one monitor is missing"
    if lost:
        return [], lost
    return [(zeroed_at_rest(x), y) for x, y in zip(injection, device, strict=True)], ""


def _watched(
    captures: Sequence[Capture], known: GradientInjectedScoring, burst: BurstAtBeat
) -> tuple[Feature | None, bool]:
    """How long nothing came after a pulse that was waited for, if that is proven; and whether anybody looked."""
    injection, device = (_all(captures, name, WATCH) for name in (INJECTION_MONITOR, DEVICE_MONITOR))
    if len(injection) != 1 or len(device) != 1:
        return None, False
    leak = measure_leak(device[0], zeroed_at_rest(injection[0]), known, burst.alone)
    if leak.problem or not leak.is_measured or leak.pulses:
        return None, True
    silent_s = device[0].span_s
    return Feature("pulse_interval_max", silent_s, "s", device[0].u_time * silent_s), True


def _longer(feature: Feature, silence: Feature | None) -> Feature:
    """``feature``, or the silence if it is the longest interval."""
    if silence is None or feature.name != silence.name or feature.value > silence.value:
        return feature
    return silence


def _all(captures: Sequence[Capture], channel: str, kind: str) -> list[Capture]:
    return [capture for capture in captures if (capture.channel, capture.kind) == (channel, kind)]


def _missing(found: int, wanted: int, lost: str) -> str:
    if lost:
        return lost
    if found >= wanted:
        return ""
    return (
        f"{found} of {wanted} beats were exposed: the oscilloscope saw no further pulse of the device, or the attempt "
        "ended before"
    )


def _over_beats(beats: Sequence[Beat]) -> list[Feature]:
    """The worst of every feature over the beats."""
    features = [
        Feature("exposed_beats", float(len(beats)), "1", 0.0),
        *_extremes("burst_offset", "s", [(beat.offset_s, beat.u_offset_s) for beat in beats]),
    ]
    levels = [
        (found.value, found.u)
        for beat in beats
        for found in beat.presence
        if found.name.startswith("injection_level_") and math.isfinite(found.value)
    ]
    features += _extremes("burst_level", "V", levels)
    trains = [(beat.train, beat.end_s) for beat in beats if beat.train is not None]
    each = [pulse_features(train, float(train.times_s[0]), end_s) for train, end_s in trains]
    levels_v = [(v, beat.u_levels_v) for beat in beats if beat.train is not None for v in beat.levels_v]
    of_levels = {feature.name: feature for feature in _extremes("pulse_amplitude", "V", levels_v)}
    for name in _OF_PULSES:
        unit = PULSE_FEATURES[name]
        found = [find_feature(one, name) for one in each]
        features.append(of_levels.get(name) or _combined(name, unit, found))
    both = [(v, 0.0) for beat in beats for v in beat.superposed_v]
    features += _extremes("superposed", "V", both)
    features.append(_largest("rectified_offset", "V", [(beat.rectified_v, beat.u_rectified_v) for beat in beats]))
    noises = [train.residual_noise_v for train, _ in trains]
    peaks = [train.residual_peak_v for train, _ in trains]
    features.append(Feature("device_residual_noise", max(noises, default=math.nan), "V", 0.0))
    features.append(Feature("device_residual_peak", max(peaks, default=math.nan), "V", 0.0))
    return features


def _combined(name: str, unit: str, found: Sequence[Feature]) -> Feature:
    """Over beats: the lowest minimum, the highest maximum, the mean of means, the sum of counts."""
    # NaN in any beat stays: what could not be measured once is not measured.
    known = [feature for feature in found if not math.isnan(feature.value)]
    if not found or (len(known) < len(found) and name not in ("pulse_interval_min", "pulse_interval_mean")):
        return Feature(name, math.nan, unit, math.nan)
    if name == "pulse_count":
        return Feature(name, math.fsum(feature.value for feature in found), unit, 0.0)
    if not known:
        return Feature(name, math.nan, unit, math.nan)
    if name in _LOWEST:
        least = min(known, key=lambda feature: feature.value)
        return Feature(name, least.value, unit, least.u)
    if name in _HIGHEST:
        most = max(known, key=lambda feature: feature.value)
        return Feature(name, most.value, unit, most.u)
    mean = math.fsum(feature.value for feature in known) / len(known)
    return Feature(name, mean, unit, max(feature.u for feature in known))


def _extremes(name: str, unit: str, values: Sequence[tuple[float, float]]) -> list[Feature]:
    if not values or any(math.isnan(value) for value, _ in values):
        return [Feature(f"{name}_{end}", math.nan, unit, math.nan) for end in ("min", "max")]
    (least, u_least), (most, u_most) = min(values), max(values)
    return [Feature(f"{name}_min", least, unit, u_least), Feature(f"{name}_max", most, unit, u_most)]


def _largest(name: str, unit: str, values: Sequence[tuple[float, float]]) -> Feature:
    """The value of the largest size."""
    if not values or any(math.isnan(value) for value, _ in values):
        return Feature(name, math.nan, unit, math.nan)
    value, u = max(values, key=lambda one: abs(one[0]))
    return Feature(name, value, unit, u)


def _number(record: Mapping[str, Scalar], key: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f"scoring record: {key!r} is missing or not a number, got {value!r}")
    return float(value)
