"""The plan of the gradient injection test: which sequences, at which level, with which acquisitions and demands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal

from pydantic import Field, StrictInt

from aimdlab.bench.ceilings import Demand
from aimdlab.bench.roles import ScopeSetup
from aimdlab.config.base import ConfigModel
from aimdlab.config.loading import problem, validate_part
from aimdlab.config.units import FluxDensity, Time
from aimdlab.errors import InstrumentError
from aimdlab.procedures.gradient_injected_captures import (
    Acquisitions,
    CaptureSettings,
    Parts,
    acquisitions_of,
    find_parts,
)
from aimdlab.procedures.protocol import Coverage, Step, Subject, TestPlan
from aimdlab.scoring.exposure import DEVICE_MONITOR, INJECTION_MONITOR
from aimdlab.scoring.features import PULSE_FEATURES
from aimdlab.scoring.parameters import KIND_BASELINE, KIND_SEQUENCE, GradientInjectedScoring, Scalar
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard import EDITION
from aimdlab.standard.gradient_levels import B_G_MT_BY_VOLUME, ivamp_v
from aimdlab.standard.gradient_signal import (
    B_G_MT,
    CYCLES,
    EXPOSURE_MIN_S,
    T_DWELL_MS,
    T_EDGE_MAX_S,
    T_OFF_MS,
    T_SLEW_MS,
    GradientSequence,
    milli,
    sequence_count,
)

CLAUSE = "20.2"

_BYTES_PER_SAMPLE = 2
_SAMPLES_PER_PULSE_A = 2


class SignalRanges(ConfigModel):
    """The ``signal`` of the test file: which part of Table 2 is done, at the levels of Tier 1."""

    tier: Literal[1]
    b_g: list[FluxDensity] = Field(min_length=1)
    tbpw: list[Time] = Field(min_length=1)
    cycles: list[StrictInt] = Field(min_length=1)
    t_off: list[Time] = Field(min_length=1)
    t_dwell: list[Time] = Field(min_length=1)


def plan_test(subject: Subject) -> TestPlan:
    """The baseline, then every combination of the test file, levels rising innermost."""
    ranges = _ranges(subject)
    _check_criteria(subject)
    settings = validate_part(subject.test.source, ("captures",), subject.test.file.captures, CaptureSettings)
    slowest_hz = _SAMPLES_PER_PULSE_A / (min(ranges.tbpw) / 2)
    if settings.exposure_rate < slowest_hz * (1 - 1e-9):
        what = f"pulses A of {min(ranges.tbpw) * 500:g} ms need at least {slowest_hz / 1e3:g} kHz to be proven."
        raise problem(subject.test.source, ("captures", "exposure_rate"), what)
    parts = find_parts(subject)
    sequences = list(_sequences(ranges))
    lead = subject.device.file.lead
    steps = [_baseline(subject, parts, settings)]
    for number, sequence in enumerate(sequences, start=1):
        level_v = ivamp_v(lead.volume, lead.length, sequence.b_g_t, sequence.tbpw_s)
        steps.append(_sequence_step(subject, parts, settings, number, sequence, level_v))
    return TestPlan(
        steps=tuple(steps),
        coverage=Coverage(planned=len(sequences), full=sequence_count(len(B_G_MT_BY_VOLUME[lead.volume]))),
    )


def _ranges(subject: Subject) -> SignalRanges:
    test = subject.test
    ranges = validate_part(test.source, ("signal",), test.file.signal, SignalRanges)
    if test.file.edition != EDITION:
        raise problem(test.source, ("edition",), f"this procedure knows {EDITION!r}, got {test.file.edition!r}.")
    if test.file.clause != CLAUSE:
        raise problem(test.source, ("clause",), f"this procedure carries out {CLAUSE!r}, got {test.file.clause!r}.")
    if test.file.method != "injected":
        raise problem(test.source, ("method",), f"this procedure injects, got {test.file.method!r}.")
    for key, values, table in (
        ("b_g", ranges.b_g, [milli(entry) for entry in B_G_MT]),
        ("tbpw", ranges.tbpw, [milli(entry) for entry in T_SLEW_MS]),
        ("cycles", ranges.cycles, list(CYCLES)),
        ("t_off", ranges.t_off, [milli(entry) for entry in T_OFF_MS]),
        ("t_dwell", ranges.t_dwell, [milli(entry) for entry in T_DWELL_MS]),
    ):
        for place, value in enumerate(values):
            if not any(math.isclose(value, entry, rel_tol=1e-9) for entry in table):
                raise problem(test.source, ("signal", key, place), f"not a value of Table 2: {value:g} (in SI).")
        if len(set(values)) != len(values):
            raise problem(test.source, ("signal", key), "a value stands twice.")
    if test.file.exposure < EXPOSURE_MIN_S:
        raise problem(test.source, ("exposure",), f"Table 2 asks for at least {EXPOSURE_MIN_S:g} s per sequence.")
    return ranges


def _check_criteria(subject: Subject) -> None:
    """Refuse limits on what this test does not yield, and limits that a silent device could meet."""
    source = subject.device.source
    for place, limit in enumerate(subject.device.file.criteria):
        if limit.feature not in PULSE_FEATURES:
            raise problem(
                source,
                ("criteria", place, "feature"),
                f"this test yields no {limit.feature!r}. It yields {', '.join(sorted(PULSE_FEATURES))}.",
            )
        if limit.unit != PULSE_FEATURES[limit.feature]:
            raise problem(
                source, ("criteria", place, "unit"), f"{limit.feature} is in {PULSE_FEATURES[limit.feature]!r}."
            )
    if not any(limit.feature == "pulse_interval_max" and limit.upper for limit in subject.device.file.criteria):
        raise problem(
            source,
            ("criteria",),
            "an upper limit on pulse_interval_max is missing: without it nothing asks for pacing.",
        )


def _sequences(ranges: SignalRanges) -> Iterator[GradientSequence]:
    outer = product(sorted(ranges.tbpw), sorted(ranges.t_dwell), sorted(ranges.cycles), sorted(ranges.t_off))
    for (tbpw_s, t_dwell_s, cycles, t_off_s), b_g_t in product(outer, sorted(ranges.b_g)):
        yield GradientSequence(tbpw_s, t_dwell_s, cycles, t_off_s, b_g_t)


def _baseline(subject: Subject, parts: Parts, settings: CaptureSettings) -> Step:
    exposed_s = subject.test.file.exposure
    acquisitions = acquisitions_of(parts, settings, subject.device.file, 0.0, exposed_s, None)
    return Step(
        id="baseline",
        index=0,
        test=0,
        kind=KIND_BASELINE,
        title="baseline, no signal",
        parameters={"ivamp_v": 0.0},
        exposure_s=exposed_s,
        storage_bytes=_storage(subject, parts, acquisitions),
        demands=(),
        scoring=_scoring(subject, parts, settings, KIND_BASELINE, 0.0),
    )


def _sequence_step(
    subject: Subject, parts: Parts, settings: CaptureSettings, number: int, sequence: GradientSequence, level_v: float
) -> Step:
    signal = InjectedSignal(sequence.tbpw_s, sequence.t_dwell_s, sequence.cycles, sequence.t_off_s)
    exposed_s = signal.repeats_for(subject.test.file.exposure) * signal.period_s
    pulse_v = abs(subject.device.file.therapy.amplitude)
    acquisitions = acquisitions_of(parts, settings, subject.device.file, level_v, exposed_s, signal)
    return Step(
        id=f"{number:04d}",
        index=0,
        test=0,
        kind=KIND_SEQUENCE,
        title=(
            f"{sequence.b_g_t * 1e3:g} mT, tbpw {sequence.tbpw_s * 1e3:g} ms, dwell {sequence.t_dwell_s * 1e3:g} ms, "
            f"{sequence.cycles} cycle{'s' if sequence.cycles > 1 else ''}, off {sequence.t_off_s * 1e3:g} ms: "
            f"{level_v:.4g} V"
        ),
        parameters={
            "b_g_t": sequence.b_g_t,
            "tbpw_s": sequence.tbpw_s,
            "t_dwell_s": sequence.t_dwell_s,
            "cycles": sequence.cycles,
            "t_off_s": sequence.t_off_s,
            "ivamp_v": level_v,
        },
        exposure_s=exposed_s,
        storage_bytes=_storage(subject, parts, acquisitions),
        demands=tuple(_demands(parts, level_v, pulse_v)),
        scoring=_scoring(subject, parts, settings, KIND_SEQUENCE, level_v),
    )


def _demands(parts: Parts, level_v: float, pulse_v: float) -> Iterator[Demand]:
    network, amplifier = parts.network, parts.amplifier
    yield Demand("drive amplifier, input", "its driver's options", level_v / amplifier.gain, amplifier.max_input_v, "V")
    yield Demand("drive amplifier, output", "its driver's options", level_v, amplifier.max_output, amplifier.unit)
    yield Demand("injection network, input C", "injection_network.rated_input", level_v, network.rated_input, "V")
    for name, monitor, peak_v in (
        (INJECTION_MONITOR, parts.injection, level_v * network.test_point_factor),
        (DEVICE_MONITOR, parts.device, level_v * network.port_factor + pulse_v),
    ):
        key = f"monitors.{name}.rated_input"
        yield Demand(f"oscilloscope input of {name}", key, peak_v / monitor.factor, monitor.rated_input, "V")


def _scoring(subject: Subject, parts: Parts, settings: CaptureSettings, kind: str, level_v: float) -> dict[str, Scalar]:
    therapy = subject.device.file.therapy
    return GradientInjectedScoring(
        kind=kind,
        exposure_s=subject.test.file.exposure,
        expected_ivamp_v=level_v * parts.network.test_point_factor,
        level_tolerance=settings.level_tolerance,
        timing_tolerance=settings.timing_tolerance,
        edge_max_s=T_EDGE_MAX_S,
        expected_pulse_amplitude_v=abs(therapy.amplitude),
        expected_pulse_width_s=therapy.pulse_width,
        pulse_polarity=1 if therapy.amplitude > 0 else -1,
        expected_coupling=parts.network.port_factor / parts.network.test_point_factor,
        coupling_tolerance=settings.coupling_tolerance,
        expected_interval_s=1 / therapy.rate,
    ).to_flat()


def _storage(subject: Subject, parts: Parts, acquisitions: Acquisitions) -> int:
    setups: Sequence[ScopeSetup] = [setup for setup in (acquisitions.verify, acquisitions.exposure) if setup]
    try:
        samples = sum(parts.oscilloscope.check_setup(setup) * len(setup.channels) for setup in setups)
    except InstrumentError as error:
        raise problem(subject.test.source, ("captures",), f"cannot be recorded on this bench. {error}") from error
    return samples * _BYTES_PER_SAMPLE
