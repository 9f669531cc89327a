"""Extrinsic electric potential while therapy is delivered (ISO/TS 10974:2012, 16.2): bursts on the device's pulses.

The oscilloscope waits for the device's pulse at K and passes its trigger on; the generator plays one finite burst at
every such edge. Each exposed beat is a single acquisition: what is not armed again starts nothing, so that an exposure
ends by itself whatever becomes of the computer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from aimdlab.bench.bench import Bench
from aimdlab.bench.roles import Role, ScopeSetup, TriggeredGenerator, TriggeringOscilloscope, TriggerSource
from aimdlab.capture import Capture, Reading
from aimdlab.errors import InstrumentError
from aimdlab.procedures.extrinsic_potential import connected
from aimdlab.procedures.extrinsic_potential_plan import BeatSetups, beat_setups, plan_synchronised, read_own
from aimdlab.procedures.injection.playing import waveform_of
from aimdlab.procedures.injection.procedure import InjectionProcedure
from aimdlab.procedures.protocol import Exposure, Step, Subject, TestPlan, Verification
from aimdlab.scoring.behind_network import back_pulse
from aimdlab.scoring.codes import clipped_at
from aimdlab.scoring.exposure import DEVICE_MONITOR, EXPOSURE, INJECTION_MONITOR, VERIFY
from aimdlab.scoring.features import PULSE_FEATURES
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import measure_level, prove_level
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.parameters import KIND_SEQUENCE, GradientInjectedScoring, Scalar
from aimdlab.scoring.rest import zeroed_at_rest
from aimdlab.scoring.results import Criterion, Score
from aimdlab.scoring.synchronised import (
    SHARE,
    SYNCHRONISED_FEATURES,
    WATCH,
    SynchronisedScoring,
    burst_from_flat,
    mark_synchronised,
    score_synchronised,
)
from aimdlab.scoring.synchronised_leak import alone, measure_leak

# The burst begins one sample of the generator after its trigger: a small part of any sample of an exposed beat.
_GENERATOR_RATE_HZ = 500e3
_LONGEST_PAUSES = 2.0
"""So many of the longest intervals that are allowed a pulse is waited for."""
_LOOKS_PER_INTERVAL = 20
_TRIES = 5


class SynchronisedPotential(InjectionProcedure):
    """What becomes of the output pulse that a burst coincides with, and of the next beat?"""

    CLAUSE = "16"
    FEATURES: ClassVar[Mapping[str, str]] = SYNCHRONISED_FEATURES

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        """The baseline, every combination at every offset with levels rising innermost, and the check afterwards."""
        own = read_own(subject)
        return connected(plan_synchronised(subject, own, super().plan(own.plain)), subject)

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self._own = read_own(subject)
        super().__init__(bench, self._own.plain)
        self._first_s = 0.0  # from the trigger to the first sample of the burst, by the waveform's zero before it
        self._triggered, _ = bench.play(Role.SIGNAL_GENERATOR, TriggeredGenerator)

    def prepare(self, step: Step) -> None:
        """One burst per trigger loaded at its level, amplifier enabled, output on."""
        if step.kind != KIND_SEQUENCE:
            super().prepare(step)
            return
        self._step = step
        burst = burst_from_flat(step.parameters)
        waveform = waveform_of(burst, _GENERATOR_RATE_HZ, burst.period_s)
        self._first_s = 1 / waveform.sample_rate_hz
        with self._setting_up(self._setups(step).verify):
            self._generator.load(self._channel, waveform, self._planned_v(step))
            self._amplifier.set_enabled(True)
            self._generator.set_output(self._channel, True)

    def verify(self) -> Verification:
        """Two bursts at any moment: the level, recorded fast, and its share at the device monitor."""
        step = self._step
        if step is None or step.kind != KIND_SEQUENCE:
            return super().verify()
        setups, burst = self._setups(step), burst_from_flat(step.parameters)
        captures: list[Capture] = []
        for setup, names, kind in (
            (setups.verify, (INJECTION_MONITOR,), VERIFY),
            (setups.share, (INJECTION_MONITOR, DEVICE_MONITOR), SHARE),
        ):
            # No sooner one after the other than the mean power was reckoned with.
            taken = self._burst(setup, names, kind, max(burst.period_s, step.ceilings.every_s))
            if not taken:
                self._require_no_trip()
                return Verification(tuple(captures), False, "the oscilloscope did not see that the burst began")
            captures += taken
        level, injection, device = zeroed_at_rest(captures[0]), zeroed_at_rest(captures[1]), captures[2]
        known = GradientInjectedScoring.from_flat(step.scoring)
        expected = ExpectedInjection(known.expected_ivamp_v, burst)
        tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
        proven, reason = prove_level(measure_level(level, expected, back_pulse(known)), expected, tolerance)
        if proven:
            reason = measure_leak(device, injection, known, alone(expected)).problem
        if reason:
            self._require_no_trip()
        return Verification(tuple(captures), not reason, reason)

    def expose(self) -> Exposure:
        """Beat by beat: armed, triggered by the device's pulse, recorded to the next one."""
        step = self._step
        if step is None or step.kind != KIND_SEQUENCE:
            return super().expose()
        setups, wanted = self._setups(step), SynchronisedScoring.from_flat(step.scoring)
        scope = self._scope
        if not isinstance(scope, TriggeringOscilloscope):
            raise TypeError("planned for an oscilloscope that passes its triggers on")
        scope.configure(setups.beat)
        scope.send_triggers()
        self._triggered.set_trigger(self._channel, TriggerSource.EXTERNAL, max(wanted.delay_s - self._first_s, 0.0))
        captures: list[Capture] = []
        interval_s = 1 / self._device.therapy.rate
        for exposed in range(wanted.beats):
            try:
                came = self._beat(setups)
                fetched, fault = self._fetch_monitors(EXPOSURE) if came else self._watch(setups)
            except InstrumentError as struck:
                # What the beats before it show of the device is not lost: it may be a FAIL.
                return Exposure(tuple(captures), (), (exposed + 1) * interval_s, struck)
            captures += fetched
            if fault is not None:
                return Exposure(tuple(captures), (), (exposed + 1) * interval_s, fault)
            if not came:
                return Exposure(tuple(captures), (), exposed * interval_s)
        return Exposure(tuple(captures), (), wanted.beats * interval_s)

    def finish(self) -> None:
        """Output off before anything else, so that no further pulse starts a burst."""
        self._scope.stop()
        super().finish()

    @classmethod
    def features(
        cls,
        captures: Sequence[Capture],
        parameters: Mapping[str, Scalar],
        scoring: Mapping[str, Scalar],
        criteria: Sequence[Criterion],
        readings: Sequence[Reading] = (),
    ) -> Score:
        """See :func:`aimdlab.scoring.synchronised.score_synchronised`; without signal as 20.2."""
        if scoring.get("kind") == KIND_SEQUENCE:
            return score_synchronised(captures, parameters, scoring, criteria)
        on_pulses = [limit for limit in criteria if limit.feature in PULSE_FEATURES]
        return super().features(captures, parameters, scoring, on_pulses, readings)

    @classmethod
    def marks(
        cls, captures: Sequence[Capture], parameters: Mapping[str, Scalar], scoring: Mapping[str, Scalar]
    ) -> tuple[Marks, ...]:
        """See :func:`aimdlab.scoring.synchronised.mark_synchronised`; without signal as 20.2."""
        if scoring.get("kind") == KIND_SEQUENCE:
            return mark_synchronised(captures, parameters, scoring)
        return super().marks(captures, parameters, scoring)

    def _setups(self, step: Step) -> BeatSetups:
        parameters = step.parameters
        return beat_setups(
            self._parts,
            self._settings,
            self._device,
            float(parameters["ivamp_v"] or 0.0),
            burst_from_flat(parameters),
            float(parameters["offset_s"] or 0.0),
            self._own.beat_rate_hz,
        )

    def _burst(self, setup: ScopeSetup, names: tuple[str, ...], kind: str, period_s: float) -> list[Capture]:
        """One burst at any moment, again while a device pulse that falls into it clips; empty if none was seen."""
        captures: list[Capture] = []
        for _ in range(_TRIES):
            complete = self._acquire(setup, lambda: self._generator.trigger(self._channel))
            rests_s = self._bench.clock.now_s() + period_s
            captures = [self._fetch(name, kind) for name in names] if complete else []
            # A generator that still plays ignores triggers.
            self._bench.clock.sleep_until(rests_s)
            if not complete:
                return []
            if not any(clipped_at(capture).size for capture in captures):
                break
        return captures

    def _watch(self, setups: BeatSetups) -> tuple[tuple[Capture, ...], InstrumentError | None]:
        """What is there when no pulse comes: one more interval on every monitor, and a burst that proves the cable."""

        def start() -> None:
            self._scope.force_trigger()
            self._generator.trigger(self._channel)

        self._scope.stop()
        self._triggered.set_trigger(self._channel, TriggerSource.BUS)
        if not self._acquire(replace(setups.beat, trigger_source=None), start):
            return (), None
        return self._fetch_monitors(WATCH)

    def _beat(self, setups: BeatSetups) -> bool:
        """One acquisition that the device's pulse triggers; False if none came."""
        beat, clock = setups.beat, self._bench.clock
        self._scope.arm()
        clock.sleep(beat.pre_trigger_s + beat.span_s)
        deadline_s = clock.now_s() + _LONGEST_PAUSES * max(beat.span_s, 1 / self._device.therapy.rate)
        while not self._scope.is_complete():
            if clock.now_s() >= deadline_s:
                return False
            clock.sleep(1 / (_LOOKS_PER_INTERVAL * self._device.therapy.rate))
        return True
