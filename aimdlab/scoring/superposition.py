"""What clause 16 asks beyond the pulses: the offset that an input leaves that rectifies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.codes import BoolArray, trace_of
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.exposure import DEVICE_MONITOR, EXPOSURE, INJECTION_MONITOR
from aimdlab.scoring.features import PULSE_FEATURES
from aimdlab.scoring.parameters import GradientInjectedScoring, Scalar
from aimdlab.scoring.pulses import REST_FRACTION
from aimdlab.scoring.results import Criterion, Feature, Score, Verdict, find_feature

RECTIFIED = ("rectified_offset_min", "rectified_offset_max")

EXTRINSIC_FEATURES: Mapping[str, str] = {**PULSE_FEATURES, **dict.fromkeys(RECTIFIED, "V")}
"""What a device can be judged by, unit by name."""

_WORST_FIRST = (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.PASS)
_GUARD = 4
_PARTS = 4


def score_extrinsic(
    score: Score, captures: Sequence[Capture], scoring: Mapping[str, Scalar], criteria: Sequence[Criterion]
) -> Score:
    """``score`` with the rectified offset added, and judged by ``criteria`` on it.

    Args:
        score: of the pulses, by all other criteria.
        captures: of the attempt.
        scoring: see :class:`~aimdlab.scoring.parameters.GradientInjectedScoring`.
        criteria: on the features of :data:`RECTIFIED` alone.
    """
    known = GradientInjectedScoring.from_flat(scoring)
    more = measure_rectified(captures, known, score)
    features = (*score.features, *more)
    if not criteria:
        return Score(score.verdict, score.reason, features, score.outcomes)
    proven = score.verdict is not Verdict.INVALID
    judged = judge(more, criteria, proven=proven, reason=score.reason)
    first, second = sorted((score, judged), key=lambda one: _WORST_FIRST.index(one.verdict))
    reason = first.reason if first.verdict is not second.verdict else f"{score.reason}; {judged.reason}"
    if first.verdict is Verdict.PASS:
        count = len(score.outcomes) + len(judged.outcomes)
        reason = f"{count} of {count} criteria met"
    return Score(first.verdict, reason, features, (*score.outcomes, *judged.outcomes))


def measure_rectified(
    captures: Sequence[Capture], known: GradientInjectedScoring, score: Score
) -> tuple[Feature, Feature]:
    """Smallest and largest mean of the device monitor over the quarters of the exposure, against before.

    The injected signal has no mean over a burst; what the samples left out (pulses of the device) take of it is taken
    away with the share that the score found, or the bench file's. NaN where captures are missing.
    """
    nothing = Feature(RECTIFIED[0], math.nan, "V", math.nan), Feature(RECTIFIED[1], math.nan, "V", math.nan)
    found = {
        name: [capture for capture in captures if (capture.channel, capture.kind) == (name, EXPOSURE)]
        for name in (INJECTION_MONITOR, DEVICE_MONITOR)
    }
    if any(len(some) != 1 for some in found.values()):
        return nothing
    x, y = trace_of(found[INJECTION_MONITOR][0]), trace_of(found[DEVICE_MONITOR][0])
    if x.n != y.n:
        return nothing
    share = find_feature(score.features, "device_coupling")
    coupling = share.value if math.isfinite(share.u) and share.value else known.expected_coupling
    leak = coupling * x.scale / y.scale
    rest = y.codes - leak * x.codes
    limit = REST_FRACTION * known.expected_pulse_amplitude_v / y.scale
    quiet = _away_from(np.abs(rest - np.median(rest)) > limit)
    begin, end = (_sample(y.capture, t_s) for t_s in (0.0, known.exposure_s))
    before = quiet.copy()
    before[max(begin - _GUARD, 0) :] = False
    edges = np.linspace(begin, end, _PARTS + 1).astype(int)
    means: list[tuple[float, int]] = []
    for part in [before, *(_within(quiet, int(a), int(b)) for a, b in pairwise(edges))]:
        n = int(np.count_nonzero(part))
        if n == 0:
            return nothing
        # Exact sums of the codes.
        sums = int(y.codes[part].sum(dtype=np.int64)), int(x.codes[part].sum(dtype=np.int64))
        means.append(((sums[0] - leak * sums[1]) / n, n))
    noise = float(np.std(rest[before]))
    u_v = math.hypot(noise / math.sqrt(min(n for _, n in means)) * y.scale, y.u_step)
    offsets = [(mean - means[0][0]) * y.scale for mean, _ in means[1:]]
    return Feature(RECTIFIED[0], min(offsets), "V", u_v), Feature(RECTIFIED[1], max(offsets), "V", u_v)


def _sample(capture: Capture, t_s: float) -> int:
    return min(max(round((t_s - capture.t0_s) / capture.dt_s), 0), capture.n)


def _within(quiet: BoolArray, begin: int, end: int) -> BoolArray:
    part = np.zeros_like(quiet)
    part[begin:end] = quiet[begin:end]
    return part


def _away_from(loud: BoolArray) -> BoolArray:
    """True where neither a sample nor one of its neighbours is loud."""
    near = loud.copy()
    for shift in range(1, _GUARD + 1):
        near[shift:] |= loud[:-shift]
        near[:-shift] |= loud[shift:]
    return ~near
