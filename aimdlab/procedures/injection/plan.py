"""The plan of an injected gradient test: which sequences, at which level, with which acquisitions and demands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from aimdlab.bench.ceilings import Demand, StepCeilings
from aimdlab.config.device import Therapy
from aimdlab.config.loading import validate_part
from aimdlab.procedures.injection.captures import CaptureSettings, Parts, ShownPulse, find_parts
from aimdlab.procedures.injection.ceilings import Demands, bench_ceilings, for_step, unstated
from aimdlab.procedures.injection.checks import (
    check_connection,
    check_criteria,
    check_rate,
    check_smallest,
    check_tolerance,
)
from aimdlab.procedures.injection.omissions import rationales
from aimdlab.procedures.injection.playing import shape_of
from aimdlab.procedures.injection.programming import LIMITS, PROGRAMMING, describe
from aimdlab.procedures.injection.ranges import read_ranges, sequences
from aimdlab.procedures.injection.recording import Recordings
from aimdlab.procedures.protocol import PERSON, Coverage, Instruction, Step, Subject, TestPlan
from aimdlab.scoring.parameters import KIND_BASELINE, KIND_CHECK, KIND_SEQUENCE, GradientInjectedScoring, Scalar
from aimdlab.scoring.settings import KIND_SETTINGS
from aimdlab.signals.injected import InjectedSignal
from aimdlab.standard.gradient_levels import InjectedLevels
from aimdlab.standard.gradient_signal import T_EDGE_MAX_S, GradientSequence, sequence_count


def plan_test(subject: Subject, clause: str, features: Mapping[str, str]) -> TestPlan:
    """The baseline, every combination of the test file with levels rising innermost, and the check afterwards.

    Args:
        subject: what is tested on which bench.
        clause: of the standard, that the test file must be of.
        features: what the test yields, unit by name; criteria on anything else are refused.
    """
    ranges, levels = read_ranges(subject, clause)
    check_criteria(subject.device, features)
    settings = validate_part(subject.test.source, ("captures",), subject.test.file.captures, CaptureSettings)
    check_tolerance(subject, settings)
    check_rate(subject, settings, ranges)
    parts = find_parts(subject)
    check_connection(subject, ranges)
    planner = _Planner(subject, parts, settings, levels)
    wanted, full = list(sequences(ranges)), sequence_count(len(levels.b_g_mt))
    omitted = rationales(subject, levels.tier, wanted, full)
    injected = (
        planner.sequence(number, sequence, rationale)
        for number, (sequence, rationale) in enumerate(zip(wanted, omitted, strict=True), start=1)
    )
    left_out = sum(1 for rationale in omitted if rationale)
    return TestPlan(
        steps=(*planner.before(), *injected, *planner.after()),
        coverage=Coverage(planned=len(wanted) - left_out, full=full, omitted=left_out),
        facts={"levels": _levels_record(levels), "injection_network": parts.path.as_record()},
        notices=unstated(subject, parts),
    )


@dataclass
class _Played:
    """A signal that is played; ``per_volt`` is what one volt of it is to each ceiling, once that was asked."""

    signal: InjectedSignal
    exposed_s: float
    per_volt: tuple[float, ...] | None = None


class _Planner:
    """Makes the steps of one test: thousands, of a few dozen levels, so that much of them is worked out once."""

    def __init__(self, subject: Subject, parts: Parts, settings: CaptureSettings, levels: InjectedLevels) -> None:
        self._subject, self._parts, self._settings = subject, parts, settings
        self._device = subject.device.file
        self._exposure_s = subject.test.file.exposure
        self._ceilings = bench_ceilings(subject, parts)
        self._asked = Demands(self._ceilings, parts.amplifier.gain)
        self._pulse = _shown(self._device.therapy)
        self._recordings = Recordings(subject, parts, settings)
        self._level_v: Callable[[float, float], float] = cache(levels.ivamp_v)
        self._played: Callable[[float, float, int, float], _Played] = cache(self._newly_played)
        self._known: Callable[[float], dict[str, Scalar]] = cache(self._scoring_of_sequence)
        self._step_ceilings: Callable[[float], StepCeilings] = cache(self._ceilings_of_step)

    def before(self) -> Iterator[Step]:
        """What is shown before the first exposure: normal mode if the device has another one, then as it is tested.

        The settings are read in the mode under test, for which the device file states them.
        """
        normal, read = self._device.normal_mode, self._settings_read("settings", "settings read before the exposures")
        if normal is None:
            yield read
            yield self._quiet("baseline", KIND_BASELINE, "baseline, no signal", self._device.therapy, None)
            return
        yield self._quiet("normal-before", KIND_BASELINE, "baseline in normal mode, no signal", normal, "normal")
        yield self._quiet("baseline", KIND_BASELINE, "baseline, no signal", self._device.therapy, "mr")
        yield read

    def after(self) -> Iterator[Step]:
        """The functional check after the exposures, and the settings; then normal mode (9.1)."""
        yield self._quiet("check", KIND_CHECK, "check after the exposures, no signal", self._device.therapy, None)
        yield self._settings_read("settings-after", "settings read after the exposures")
        normal = self._device.normal_mode
        if normal is not None:
            yield self._quiet("normal-check", KIND_CHECK, "check in normal mode, no signal", normal, "normal")

    def sequence(self, number: int, sequence: GradientSequence, omitted: str) -> Step:
        """One sequence at its level, or left out with its rationale."""
        played = self._played(sequence.tbpw_s, sequence.t_dwell_s, sequence.cycles, sequence.t_off_s)
        signal, exposed_s = played.signal, played.exposed_s
        level_v = self._level_v(sequence.b_g_t, sequence.tbpw_s)
        if not omitted:
            check_smallest(self._subject, self._parts, level_v)
        verify = self._recordings.verify(level_v, signal)
        exposure = self._recordings.exposure(self._pulse, level_v, exposed_s, triggered=True)
        return Step(
            id=f"{number:04d}",
            index=0,
            test=0,
            kind=KIND_SEQUENCE,
            title=(
                f"{sequence.b_g_t * 1e3:g} mT, tbpw {sequence.tbpw_s * 1e3:g} ms, dwell {sequence.t_dwell_s * 1e3:g} "
                f"ms, {sequence.cycles} cycle{'s' if sequence.cycles > 1 else ''}, off {sequence.t_off_s * 1e3:g} ms: "
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
            storage_bytes=verify.storage_bytes + exposure.storage_bytes,
            demands=() if omitted else self._demands(played, level_v),
            scoring=dict(self._known(level_v)),
            omitted=omitted,
            # The verify burst is played to the end of its off time.
            bench_s=verify.recorded_s + exposure.recorded_s + signal.period_s + self._device.recovery,
            ceilings=self._step_ceilings(level_v),
        )

    def _newly_played(self, tbpw_s: float, t_dwell_s: float, cycles: int, t_off_s: float) -> _Played:
        signal = InjectedSignal(tbpw_s, t_dwell_s, cycles, t_off_s)
        return _Played(signal, signal.repeats_for(self._exposure_s) * signal.period_s)

    def _demands(self, played: _Played, level_v: float) -> tuple[Demand, ...]:
        """What the signal asks of every part of the bench."""
        if played.per_volt is None:
            played.per_volt = self._ceilings.per_volt(shape_of(played.signal))
        return self._asked.of(played.per_volt, level_v)

    def _ceilings_of_step(self, level_v: float) -> StepCeilings:
        return for_step(self._ceilings, level_v, self._subject.bench.file.level_trim)

    def _scoring_of_sequence(self, level_v: float) -> dict[str, Scalar]:
        return self._scoring(KIND_SEQUENCE, level_v, self._device.therapy)

    def _quiet(self, name: str, kind: str, title: str, therapy: Therapy, mode: str | None) -> Step:
        """A step in which nothing is injected and the device must do what it is programmed to do."""
        recording = self._recordings.exposure(_shown(therapy), 0.0, self._exposure_s, triggered=False)
        instruction = None
        if mode is not None:
            name_of_mode = "normal mode" if mode == "normal" else "MR mode, in which it is tested"
            text = f"Program the device to its {name_of_mode}: {describe(therapy)}."
            instruction = Instruction("program", mode, text)
        return Step(
            id=name,
            index=0,
            test=0,
            kind=kind,
            title=title,
            parameters={"ivamp_v": 0.0},
            exposure_s=self._exposure_s,
            storage_bytes=recording.storage_bytes,
            demands=(),
            scoring=self._scoring(kind, 0.0, therapy) | ({LIMITS: PROGRAMMING} if mode == "normal" else {}),
            instruction=instruction,
            bench_s=recording.recorded_s,
        )

    def _settings_read(self, name: str, title: str) -> Step:
        """A person reads the programmed settings (9.5)."""
        return Step(name, 0, 0, PERSON, title, {}, 0.0, 0, (), {"kind": KIND_SETTINGS})

    def _scoring(self, kind: str, level_v: float, therapy: Therapy) -> dict[str, Scalar]:
        path, settings = self._parts.path, self._settings
        return GradientInjectedScoring(
            kind=kind,
            exposure_s=self._exposure_s,
            expected_ivamp_v=level_v * path.test_point_factor,
            level_tolerance=settings.level_tolerance,
            timing_tolerance=settings.timing_tolerance,
            edge_max_s=T_EDGE_MAX_S,
            expected_pulse_amplitude_v=abs(therapy.amplitude),
            expected_pulse_width_s=therapy.pulse_width,
            pulse_polarity=1 if therapy.amplitude > 0 else -1,
            expected_coupling=path.monitored.expected_coupling,
            coupling_tolerance=settings.coupling_tolerance,
            expected_interval_s=1 / therapy.rate,
            coupling_lags=path.monitored.coupling_lags,
            monitor_lag_s=path.monitored.monitor_lag_s,
            back_coupling=path.monitored.back_coupling,
        ).to_flat()


def _shown(therapy: Therapy) -> ShownPulse:
    return ShownPulse(abs(therapy.amplitude), 1 / therapy.rate)


def _levels_record(levels: InjectedLevels) -> dict[str, object]:
    return {
        "tier": levels.tier,
        "clause": levels.clause,
        "volume": levels.volume,
        "lead_length_factor": levels.lead_length_factor,
        "b_g_mt": list(levels.b_g_mt),
        "ivamp_max_v": max(max(row) for row in levels.levels_v),
    }
