"""Injected gradient tests (ISO/TS 10974:2012, clauses 16 and 20.2 with the signal of 8.1, Fig. 4).

The generator plays one period (a burst and its off time) as a sequence of segments, repeated for the exposure; through
the drive amplifier it reaches input C of the injection network. The oscilloscope watches test point D
(``injection_monitor``) and the device (``device_monitor``). An exposure ends by itself: its repeats are finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import ClassVar

import numpy as np

from aimdlab.bench.bench import Bench
from aimdlab.bench.roles import DriveAmplifier, Oscilloscope, Role, ScopeSetup, SignalGenerator
from aimdlab.capture import Capture, Reading
from aimdlab.config.campaign import Loaded
from aimdlab.config.device import DeviceFile
from aimdlab.config.loading import validate_part
from aimdlab.errors import AmplifierTripError, InstrumentError
from aimdlab.procedures.injection.acquiring import acquire, scope_fault
from aimdlab.procedures.injection.captures import Acquisitions, CaptureSettings, ShownPulse, acquisitions_of, find_parts
from aimdlab.procedures.injection.checks import check_criteria
from aimdlab.procedures.injection.plan import plan_test
from aimdlab.procedures.injection.playing import generator_peak_v, waveform_of
from aimdlab.procedures.injection.programming import LIMITS, PROGRAMMING, programming_criteria, settings_question
from aimdlab.procedures.injection.trim import Proof, describe, largest_peak_v, prove, trim
from aimdlab.procedures.protocol import PERSON, Exposure, Step, Subject, TestPlan, Verification
from aimdlab.scoring.codes import clipped_at
from aimdlab.scoring.exposure import (
    BASELINE,
    DEVICE_MONITOR,
    EXPOSURE,
    INJECTION_MONITOR,
    JUDGED,
    VERIFY,
    mark_gradient_injected,
    score_gradient_injected,
)
from aimdlab.scoring.features import EXPOSURE_FEATURES, PULSE_FEATURES
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.parameters import KIND_BASELINE, KIND_CHECK, GradientInjectedScoring, Scalar, signal_from_flat
from aimdlab.scoring.results import Criterion, Score
from aimdlab.scoring.settings import KIND_SETTINGS, SETTINGS_CONFIRMED, score_settings
from aimdlab.signals.injected import LEAST_GENERATOR_RATE_HZ

# A device pulse that comes back through the network while the level is recorded clips: so often it is recorded again.
_VERIFY_TRIES = 5
_OTHER_PHASE = 0.37


class InjectionProcedure:
    """The procedure; see :class:`aimdlab.procedures.protocol.Procedure`. The clauses are its subclasses."""

    CLAUSE: ClassVar[str]
    FEATURES: ClassVar[Mapping[str, str]] = {**PULSE_FEATURES, **EXPOSURE_FEATURES}

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        """The baseline, every combination of the test file with levels rising innermost, and the check afterwards."""
        return plan_test(subject, cls.CLAUSE, cls.FEATURES)

    @classmethod
    def check_criteria(cls, device: Loaded[DeviceFile]) -> None:
        """Every limit is on a feature of this test, in its unit, and a silent device meets not all of them."""
        check_criteria(device, cls.FEATURES)

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self._bench = bench
        self._parts = find_parts(subject)
        self._settings = validate_part(subject.test.source, ("captures",), subject.test.file.captures, CaptureSettings)
        self._device = subject.device.file
        self._exposure_s = subject.test.file.exposure
        self._generator, self._channel = bench.play(Role.SIGNAL_GENERATOR, SignalGenerator)
        self._amplifier, _ = bench.play(Role.DRIVE_AMPLIFIER, DriveAmplifier)
        self._scope: Oscilloscope = bench.monitor(DEVICE_MONITOR)[0]
        self._step: Step | None = None
        self._recorded: tuple[Step, Acquisitions] | None = None
        self._readying = ExitStack()  # its end waits until the oscilloscope is set up for the exposure
        self._is_off = False

    def prepare(self, step: Step) -> None:
        """Waveform loaded at its level, amplifier enabled, output on; the baseline leaves every output off."""
        self._step, self._readying, self._is_off = step, ExitStack(), False
        if step.kind == PERSON or _is_quiet(step):
            self._generator.set_output(self._channel, False)
            return
        _, setups = self._now()
        with self._setting_up(setups.verify or setups.exposure):
            self._load(step, self._planned_v(step))
            self._amplifier.set_enabled(True)
            self._generator.set_output(self._channel, True)

    def verify(self) -> Verification:
        """One burst, recorded fast: amplitude and width at test point D; again after a trim, if the bench allows it."""
        if self._step is not None and self._step.kind == PERSON:
            return Verification((), proven=True, reason="")
        step, setups = self._now()
        setup = setups.verify
        if setup is None:
            return Verification((), proven=True, reason="")
        try:
            return self._verified(step, setup)
        except InstrumentError:
            with self._readying:  # its own fault is told to nobody else
                raise

    def expose(self) -> Exposure:
        """The whole dwell: as many repeats as the exposure needs, every monitor recorded; or a person's answer."""
        if self._step is not None and self._step.kind == PERSON:
            return Exposure((), (self._settings_read(),), 0.0)
        step, setups = self._now()
        started_s = self._bench.clock.now_s()
        if _is_quiet(step):
            done = self._acquire(setups.exposure, self._scope.force_trigger)
            if not done:
                raise scope_fault(self._bench, "it was told to trigger, and did not record")
        else:
            signal = signal_from_flat(step.parameters)
            with self._readying:
                self._generator.set_repeats(self._channel, signal.repeats_for(self._exposure_s))
            done = self._acquire(setups.exposure, lambda: self._generator.trigger(self._channel))
        if not done:
            return Exposure((), (), self._bench.clock.now_s() - started_s)
        captures, fault = self._fetch_monitors(BASELINE) if _is_quiet(step) else self._fetch_while_switching_off()
        return Exposure(captures, (), step.exposure_s, fault)

    def finish(self) -> None:
        """Output off, amplifier disabled; a fault that the amplifier reports is raised: AmplifierTripError."""
        with self._readying:  # of an exposure that did not come
            if not self._is_off:
                self._generator.set_output(self._channel, False)
            try:
                self._require_no_trip()
            finally:
                self._amplifier.set_enabled(False)

    @classmethod
    def features(
        cls,
        captures: Sequence[Capture],
        parameters: Mapping[str, Scalar],
        scoring: Mapping[str, Scalar],
        criteria: Sequence[Criterion],
        readings: Sequence[Reading] = (),
    ) -> Score:
        """See :func:`aimdlab.scoring.exposure.score_gradient_injected`; a baseline must show the programming too."""
        if scoring.get("kind") == KIND_SETTINGS:
            return score_settings(readings)
        if scoring.get("kind") in (KIND_BASELINE, KIND_CHECK):
            limits = [] if scoring.get(LIMITS) == PROGRAMMING else criteria
            criteria = [*limits, *programming_criteria(GradientInjectedScoring.from_flat(scoring))]
        return score_gradient_injected(captures, parameters, scoring, criteria)

    @classmethod
    def marks(
        cls, captures: Sequence[Capture], parameters: Mapping[str, Scalar], scoring: Mapping[str, Scalar]
    ) -> tuple[Marks, ...]:
        """See :func:`aimdlab.scoring.exposure.mark_gradient_injected`; a person's step has none."""
        if scoring.get("kind") == KIND_SETTINGS:
            return ()
        return mark_gradient_injected(captures, parameters, scoring)

    def _now(self) -> tuple[Step, Acquisitions]:
        """The step in hand and how it is recorded."""
        step = self._step
        if step is None:
            raise RuntimeError("prepare comes first")
        if self._recorded is not None and self._recorded[0] is step:
            return self._recorded
        known = GradientInjectedScoring.from_flat(step.scoring)
        pulse = ShownPulse(known.expected_pulse_amplitude_v, known.expected_interval_s)
        signal = None if _is_quiet(step) else signal_from_flat(step.parameters)
        ivamp = float(step.parameters["ivamp_v"] or 0.0)
        setups = acquisitions_of(self._parts, self._settings, self._device, pulse, ivamp, step.exposure_s, signal)
        self._recorded = step, setups
        return self._recorded

    def _planned_v(self, step: Step) -> float:
        return generator_peak_v(step, self._amplifier.rating().gain)

    def _load(self, step: Step, peak_v: float) -> None:
        """One burst at a trigger: how many an exposure has is set once the level is proven."""
        waveform = waveform_of(signal_from_flat(step.parameters), LEAST_GENERATOR_RATE_HZ, self._exposure_s)
        self._generator.load(self._channel, replace(waveform, repeats=1), peak_v)

    def _verified(self, step: Step, setup: ScopeSetup) -> Verification:
        def play(peak_v: float) -> Proof:
            self._load(step, peak_v)
            self._generator.set_output(self._channel, True)
            return self._prove(step, setup)

        first, planned_v, allowed = self._prove(step, setup), self._planned_v(step), self._bench.file.level_trim
        if not allowed:
            return first.verification
        largest_v = largest_peak_v(step, self._amplifier.rating().gain)
        proof, levelled = trim(step, first, planned_v, allowed, largest_v, play)
        if levelled is not None:
            said = describe(first, planned_v, levelled)
            self._bench.events.record("level.trimmed", said, source="procedure", step=step.id, moves=levelled.moves)
        return proof.verification

    def _prove(self, step: Step, setup: ScopeSetup) -> Proof:
        """One burst, recorded, and again while a device pulse that falls into it clips.

        Once that is fetched, the oscilloscope is being set up for the exposure, which waits for it.
        """
        self._readying.close()
        self._generator.set_repeats(self._channel, 1)
        period_s = signal_from_flat(step.parameters).period_s
        interval_s = GradientInjectedScoring.from_flat(step.scoring).expected_interval_s
        for _ in range(_VERIFY_TRIES):
            complete = self._acquire(setup, lambda: self._generator.trigger(self._channel))
            # The period goes on for its off time; a generator that still plays ignores the next trigger.
            rests_s = self._bench.clock.now_s() + period_s
            if not complete:
                self._bench.clock.sleep_until(rests_s)
                what = (
                    "no edge at test point D"
                    if self._parts.external_trigger_v is None
                    else "no edge of the generator's Sync at its external trigger input: is that wire in place?"
                )
                self._require_no_trip()
                return Proof(Verification((), False, f"the oscilloscope saw {what}"))
            capture = self._fetch(INJECTION_MONITOR, VERIFY)
            if not clipped_at(capture).size:
                break
            # Another moment of the device's interval, lest signal and pacing stay in step.
            self._bench.clock.sleep_until(rests_s)
            self._bench.clock.sleep(_OTHER_PHASE * interval_s)
        self._readying.enter_context(self._setting_up(self._now()[1].exposure))
        proof = prove(capture, step)
        self._bench.clock.sleep_until(rests_s)
        if not proof.verification.proven:
            self._require_no_trip()
        return proof

    def _require_no_trip(self) -> None:
        """A tripped amplifier must not look like a level off its target, which another attempt might mend."""
        fault = self._amplifier.fault()
        if fault:
            name = self._bench.file.roles[Role.DRIVE_AMPLIFIER.value].instrument
            raise AmplifierTripError(f"it reports {fault}. Look for the cause, then clear it.", instrument=name)

    def _settings_read(self) -> Reading:
        confirmed = self._bench.operator.confirm("settings", settings_question(self._device))
        return Reading(SETTINGS_CONFIRMED, "1", np.zeros(1), np.array([float(confirmed)]))

    def _setting_up(self, setup: ScopeSetup) -> AbstractContextManager[None]:
        """Set the oscilloscope up while the generator is told something."""
        name = self._bench.file.monitors[DEVICE_MONITOR].instrument
        return self._bench.meanwhile(name, lambda: self._scope.configure(setup))

    def _acquire(self, setup: ScopeSetup, start: Callable[[], None]) -> bool:
        return acquire(self._bench, setup, start)

    def _fetch_monitors(self, kind: str) -> tuple[tuple[Capture, ...], InstrumentError | None]:
        """What every monitor recorded; once both that are judged are there, with the fault that cost one of the others.

        A fault of what nobody judges must not erase what the device did.
        """
        captures = tuple(self._fetch(name, kind) for name in JUDGED)
        for name in self._parts.further:
            try:
                captures += (self._fetch(name, kind),)
            except InstrumentError as fault:
                return captures, fault
        return captures, None

    def _fetch_while_switching_off(self) -> tuple[tuple[Capture, ...], InstrumentError | None]:
        """The same of an exposure, whose burst is over; a fault of either instrument costs nothing that was fetched."""

        def switch_off() -> None:
            self._generator.set_output(self._channel, False)
            self._is_off = True

        generator = self._bench.file.roles[Role.SIGNAL_GENERATOR.value].instrument
        captures: tuple[Capture, ...] = ()
        fault: InstrumentError | None = None
        try:
            with self._bench.meanwhile(generator, switch_off):
                captures, fault = self._fetch_monitors(EXPOSURE)
        except InstrumentError as struck:
            if not captures:
                raise
            fault = fault or struck
        return captures, fault

    def _fetch(self, monitor: str, kind: str) -> Capture:
        scope, entry = self._bench.monitor(monitor)
        return self._bench.capture(monitor, kind, scope.fetch(entry.channel))


def _is_quiet(step: Step) -> bool:
    """Whether nothing is injected: baselines and checks."""
    return step.scoring["kind"] in (KIND_BASELINE, KIND_CHECK)
