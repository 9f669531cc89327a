"""The plan of the synchronised test of clause 16: every combination of the signal at every offset from the pulse.

One burst falls on each exposed beat, so the off time between bursts is what the beats leave: it is not a parameter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from aimdlab.bench.register import play
from aimdlab.bench.roles import Role, ScopeSetup, TriggerEdge, TriggeredGenerator, TriggeringOscilloscope
from aimdlab.config.base import ConfigModel
from aimdlab.config.device import DeviceFile
from aimdlab.config.loading import problem, validate_part
from aimdlab.config.units import Frequency, Time
from aimdlab.errors import InstrumentError
from aimdlab.procedures.injection.captures import CaptureSettings, Parts, ShownPulse, acquisitions_of, find_parts
from aimdlab.procedures.protocol import Coverage, Step, Subject, TestPlan
from aimdlab.scoring.exposure import DEVICE_MONITOR
from aimdlab.scoring.parameters import KIND_SEQUENCE, signal_from_flat
from aimdlab.scoring.synchronised import SynchronisedScoring, burst_from_flat
from aimdlab.scoring.synchronised_beat import OFFSET_WINDOW_S
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_signal import T_OFF_MS

_BYTES_PER_SAMPLE = 2
_SHARED = 2  # monitors of the capture that shows what leaks from one to the other
_BEFORE_PULSE = 0.1
"""Of an interval: recorded before the pulse, so that what is there without signal is known."""
_BEFORE_SHARE_S = 5e-3
_SAMPLES_PER_PULSE = 8
_TRIGGER_PART, _TRIGGER_PART_BEHIND_LAG = 0.5, 0.25
"""Of the pulse's height: where the oscilloscope triggers; earlier on an edge that a lag rounds."""
_COMBINATION = ("b_g_t", "tbpw_s", "t_dwell_s", "cycles")


class _Signal(ConfigModel):
    """What the ``signal`` of a synchronised test has besides that of 20.2.

    Attributes:
        offsets: from the leading edge of the device's pulse to the burst.
    """

    offsets: list[Time] = Field(min_length=1)


class _Captures(ConfigModel):
    """What its ``captures`` have besides.

    Attributes:
        beat_rate: samples per second of the capture of an exposed beat.
    """

    beat_rate: Frequency = Field(ge=10e3)


@dataclass(frozen=True)
class Own:
    """What a synchronised test file says of its own.

    Attributes:
        offsets_s: from the leading edge to the burst.
        beat_rate_hz: samples per second of an exposed beat.
        plain: the subject with a test file as 20.2 knows it, every off time allowed.
    """

    offsets_s: tuple[float, ...]
    beat_rate_hz: float
    plain: Subject


@dataclass(frozen=True)
class BeatSetups:
    """How one step is recorded.

    Attributes:
        verify: the burst that proves the level, fast.
        share: a burst at any moment on both monitors, as the beats are.
        beat: each exposed beat.
    """

    verify: ScopeSetup
    share: ScopeSetup
    beat: ScopeSetup


def read_own(subject: Subject) -> Own:
    """The own part of the test file, checked; ConfigurationError names file and key."""
    test = subject.test
    signal, captures = dict(test.file.signal), dict(test.file.captures)
    if "t_off" in signal:
        raise problem(
            test.source,
            ("signal", "t_off"),
            "a synchronised test has no off time: one burst falls on each exposed beat. Remove this key.",
        )
    own = validate_part(test.source, ("signal",), _taken(signal, "offsets"), _Signal)
    rate = validate_part(test.source, ("captures",), _taken(captures, "beat_rate"), _Captures).beat_rate
    width_s = subject.device.file.therapy.pulse_width
    for place, offset_s in enumerate(own.offsets):
        if not 0 <= offset_s <= width_s * (1 + 1e-9):
            what = f"the burst must begin within the pulse of the device, 0 ms to {width_s * 1e3:g} ms after its edge."
            raise problem(test.source, ("signal", "offsets", place), what)
    if len(set(own.offsets)) != len(own.offsets):
        raise problem(test.source, ("signal", "offsets"), "a value stands twice.")
    if width_s * rate < _SAMPLES_PER_PULSE * (1 - 1e-9):
        least_hz = _SAMPLES_PER_PULSE / width_s
        raise problem(
            test.source, ("captures", "beat_rate"), f"pulses of {width_s * 1e3:g} ms need {least_hz / 1e3:g} kHz."
        )
    file = test.file.model_copy(update={"signal": {**signal, "t_off": "all"}, "captures": captures})
    return Own(tuple(sorted(own.offsets)), rate, replace(subject, test=replace(test, file=file)))


def check_wiring(subject: Subject) -> None:
    """That the oscilloscope can trigger the generator; ConfigurationError if the bench file does not say so."""
    bench = subject.bench
    if bench.file.therapy_trigger is None:
        raise problem(
            bench.source,
            (),
            "therapy_trigger is missing, which this test needs. Wire the Trig Out of the oscilloscope that watches "
            f"{DEVICE_MONITOR} to the generator's external trigger input and say so: {{from: trig_out}}.",
        )
    scope = bench.file.monitors[DEVICE_MONITOR].instrument
    generator = play(bench, subject.equipment, Role.SIGNAL_GENERATOR)
    for equipment, protocol, what in (
        (generator, TriggeredGenerator, "cannot be triggered externally"),
        (subject.equipment[scope], TriggeringOscilloscope, "has no trigger output"),
    ):
        try:
            equipment.unconnected(protocol)
        except TypeError:
            raise problem(
                bench.source,
                ("instruments", equipment.name, "driver"),
                f"{equipment.entry.driver!r} {what}, which this test needs.",
            ) from None


def plan_synchronised(subject: Subject, own: Own, injected: TestPlan) -> TestPlan:
    """The sequences of ``injected``, as 20.2 plans them with every off time, once for each offset."""
    check_wiring(subject)
    parts = find_parts(own.plain)
    settings = validate_part(own.plain.test.source, ("captures",), own.plain.test.file.captures, CaptureSettings)
    sequences = [step for step in injected.steps if step.kind == KIND_SEQUENCE]
    chosen = _one_per_combination(sequences, subject.device.file)
    # The edge is seen late: an earlier burst than that cannot be had.
    offsets_s = sorted({max(offset_s, _late_s(parts)) for offset_s in own.offsets_s})
    steps: list[Step] = []
    for step in injected.steps:
        if step.kind != KIND_SEQUENCE:
            steps.append(step)
        elif step is sequences[0]:
            steps += [
                _synchronised(subject, own, parts, settings, one, offset_s, number)
                for number, (one, offset_s) in enumerate(
                    ((one, offset_s) for one in chosen for offset_s in offsets_s), start=1
                )
            ]
    offsets = len(offsets_s)
    left_out = sum(1 for one in chosen if one.omitted) * offsets
    full = injected.coverage.full // len(T_OFF_MS) * offsets
    coverage = Coverage(planned=len(chosen) * offsets - left_out, full=full, omitted=left_out)
    facts = {**injected.facts, "synchronised": {"offsets_s": offsets_s, "beats": beats_of(subject)}}
    return replace(injected, steps=tuple(steps), coverage=coverage, facts=facts)


def beats_of(subject: Subject) -> int:
    """How many beats are exposed, so that they are watched for the exposure time."""
    return math.ceil(subject.test.file.exposure * subject.device.file.therapy.rate * (1 - 1e-12))


def beat_setups(
    parts: Parts,
    settings: CaptureSettings,
    device_file: DeviceFile,
    level_v: float,
    burst: InjectedSignal,
    offset_s: float,
    rate_hz: float,
) -> BeatSetups:
    """The oscilloscope's settings; both monitors are recorded but in ``verify``."""
    therapy = device_file.therapy
    pulse = ShownPulse(abs(therapy.amplitude), 1 / therapy.rate)
    usual = acquisitions_of(parts, settings, device_file, pulse, level_v, burst.period_s, burst)
    if usual.verify is None:
        raise ValueError("a burst is always verified")
    watched_s = usual.exposure.pre_trigger_s  # the longest interval that must be seen
    span_s = max(watched_s, offset_s + burst.burst_s + therapy.pulse_width + 2 * OFFSET_WINDOW_S)
    beat = replace(
        usual.exposure,
        span_s=1.001 * span_s,
        pre_trigger_s=_BEFORE_PULSE * pulse.interval_s,
        sample_rate_hz=rate_hz,
        trigger_source=parts.device.channel,
        trigger_level_v=_trigger_part(parts) * therapy.amplitude / parts.device.factor,
        trigger_edge=TriggerEdge.RISING if therapy.amplitude > 0 else TriggerEdge.FALLING,
    )
    share = replace(
        usual.exposure, span_s=burst.burst_s + OFFSET_WINDOW_S, pre_trigger_s=_BEFORE_SHARE_S, sample_rate_hz=rate_hz
    )
    return BeatSetups(usual.verify, share, beat)


def _trigger_part(parts: Parts) -> float:
    return _TRIGGER_PART_BEHIND_LAG if parts.path.monitored.monitor_lag_s else _TRIGGER_PART


def _late_s(parts: Parts) -> float:
    """From the edge of the device's pulse to the trigger."""
    return -parts.path.monitored.monitor_lag_s * math.log(1.0 - _trigger_part(parts))


def _synchronised(
    subject: Subject, own: Own, parts: Parts, settings: CaptureSettings, step: Step, offset_s: float, number: int
) -> Step:
    parameters = {key: value for key, value in step.parameters.items() if key != "t_off_s"} | {"offset_s": offset_s}
    burst, level_v = burst_from_flat(parameters), float(step.parameters["ivamp_v"] or 0.0)
    beats = beats_of(subject)
    setups = beat_setups(parts, settings, subject.device.file, level_v, burst, offset_s, own.beat_rate_hz)
    try:
        scope = parts.oscilloscope
        beat = beats * scope.check_setup(setups.beat) * len(parts.recorded)
        samples = scope.check_setup(setups.verify) + _SHARED * scope.check_setup(setups.share) + beat
    except InstrumentError as error:
        raise problem(subject.test.source, ("captures",), f"cannot be recorded on this bench. {error}") from error
    title, _, level = step.title.rpartition(", off ")
    return replace(
        step,
        id=f"{number:04d}",
        title=f"{title}, {offset_s * 1e3:.3g} ms after the pulse:{level.partition(':')[2]}",
        parameters=parameters,
        exposure_s=beats / subject.device.file.therapy.rate,
        storage_bytes=samples * _BYTES_PER_SAMPLE,
        # The oscilloscope is armed once per beat, and is longer at it than the signal that the step was planned with.
        ceilings=replace(step.ceilings, every_s=signal_from_flat(step.parameters).period_s),
        scoring={**step.scoring, **SynchronisedScoring(beats, offset_s, offset_s - _late_s(parts)).to_flat()},
    )


def _one_per_combination(sequences: list[Step], device: DeviceFile) -> list[Step]:
    """Of the steps that differ in nothing but the off time the one nearest to what the beats leave, run if any is."""
    groups: dict[tuple[Any, ...], list[Step]] = {}
    for step in sequences:
        groups.setdefault(tuple(step.parameters[key] for key in _COMBINATION), []).append(step)

    def chosen(group: list[Step]) -> Step:
        burst_s = burst_from_flat(group[0].parameters).burst_s

        def suits(step: Step) -> tuple[bool, bool, float]:
            # No longer than the beats leave, so that the mean power is not taken for less than it is.
            off_s = float(step.parameters["t_off_s"] or 0.0)
            too_long = burst_s + off_s > 1 / device.therapy.rate
            return bool(step.omitted), too_long, off_s if too_long else -off_s

        return min(group, key=suits)

    return [chosen(group) for group in groups.values()]


def _taken(entries: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: entries.pop(name)} if name in entries else {}
