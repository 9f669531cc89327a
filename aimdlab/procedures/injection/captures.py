"""How the gradient injection test is recorded: the parts of the bench it uses, and what the oscilloscope is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from aimdlab.bench.register import play
from aimdlab.bench.roles import (
    AmplifierRating,
    DriveAmplifier,
    GeneratorLimits,
    Oscilloscope,
    Role,
    ScopeChannel,
    ScopeSetup,
    SignalGenerator,
)
from aimdlab.config.base import ConfigModel
from aimdlab.config.bench import BenchFile, MonitorEntry
from aimdlab.config.campaign import Loaded
from aimdlab.config.device import DeviceFile
from aimdlab.config.loading import problem
from aimdlab.config.units import Frequency, Ratio
from aimdlab.procedures.injection.network import InjectionPath, injection_path
from aimdlab.procedures.protocol import Subject
from aimdlab.scoring.exposure import DEVICE_MONITOR, INJECTION_MONITOR, JUDGED
from aimdlab.signals.injected import InjectedSignal

# Room above the expected peak of each oscilloscope input, and for pulses that are not as programmed: these are what a
# test looks for, and shall be measured, not clipped.
_HEADROOM = 1.25
_ALTERED_PULSE = 2.0
# The injection monitor's range in a baseline, as part of a device pulse.
_LEAST_SHOWN = 0.1
_VERIFIED_CYCLES = 2


class CaptureSettings(ConfigModel):
    """The ``captures`` of the test file.

    Attributes:
        verify_rate: samples per second of the verify capture.
        exposure_rate: samples per second of the exposure capture.
        level_tolerance: how far the applied level may be from the one asked for.
        timing_tolerance: the same for pulse widths and dwell.
        coupling_tolerance: how far the injected signal's share at the device monitor may be from the bench file's.
    """

    verify_rate: Frequency = Field(ge=5e6)
    exposure_rate: Frequency = Field(ge=10e3)
    level_tolerance: Ratio = Field(gt=0, le=0.2)
    timing_tolerance: Ratio = Field(gt=0, le=0.2)
    coupling_tolerance: Ratio = Field(gt=0, le=0.5)


@dataclass(frozen=True)
class Acquisitions:
    """How one step is recorded; ``verify`` is None for the baseline."""

    verify: ScopeSetup | None
    exposure: ScopeSetup


@dataclass(frozen=True)
class Parts:
    """The parts of the bench that the test uses.

    Attributes:
        further: the inputs of the bench file's other monitors, by name: recorded with every exposure, and not judged.
        external_trigger_v: level at the oscilloscope's external trigger input, if the generator's Sync output is there.
    """

    generator: GeneratorLimits
    amplifier: AmplifierRating
    path: InjectionPath
    injection: MonitorEntry
    device: MonitorEntry
    oscilloscope: Oscilloscope
    further: Mapping[str, ScopeChannel]
    external_trigger_v: float | None = None

    @property
    def recorded(self) -> tuple[str, ...]:
        """The monitors of an exposure, in the order in which they are recorded."""
        return *JUDGED, *self.further


def find_parts(subject: Subject) -> Parts:
    """The amplifier's rating, the network and the two monitors; ConfigurationError if the bench file lacks one."""
    bench = subject.bench
    generator = play(bench, subject.equipment, Role.SIGNAL_GENERATOR).unconnected(SignalGenerator)
    if bench.file.injection_network is None:
        raise problem(bench.source, (), "injection_network is missing, which this test needs.")
    amplifier = play(bench, subject.equipment, Role.DRIVE_AMPLIFIER).unconnected(DriveAmplifier)
    for name in (INJECTION_MONITOR, DEVICE_MONITOR):
        if name not in bench.file.monitors:
            raise problem(bench.source, ("monitors",), f"{name} is missing, which this test needs.")
    injection, device = bench.file.monitors[INJECTION_MONITOR], bench.file.monitors[DEVICE_MONITOR]
    if injection.instrument != device.instrument or injection.channel == device.channel:
        raise problem(
            bench.source,
            ("monitors", DEVICE_MONITOR),
            f"must be another input of the oscilloscope that watches {INJECTION_MONITOR}: the two are compared "
            "sample by sample.",
        )
    oscilloscope = subject.equipment[device.instrument].unconnected(Oscilloscope)
    path = injection_path(bench.file.injection_network, device, subject.device.file)
    trigger = bench.file.exposure_trigger
    external_trigger_v = trigger.level if trigger is not None else None
    back_v = abs(subject.device.file.therapy.amplitude) if path.monitored.back_coupling else 0.0
    if back_v and external_trigger_v is None:
        raise problem(
            bench.source,
            ("exposure_trigger",),
            f"this key is missing. Through this network the device's own pulses reach {INJECTION_MONITOR} and would "
            "trigger the oscilloscope. Wire the generator's Sync output to its external trigger input and say so: "
            '{from: sync, level: "1 V"}.',
        )
    further = _further_monitors(bench)
    return Parts(
        generator.limits(), amplifier.rating(), path, injection, device, oscilloscope, further, external_trigger_v
    )


def _further_monitors(bench: Loaded[BenchFile]) -> dict[str, ScopeChannel]:
    """The monitors beside the two that are judged; ConfigurationError if one cannot be recorded with them."""
    judged = {name: bench.file.monitors[name] for name in JUDGED}
    taken = {entry.channel: name for name, entry in judged.items()}
    further: dict[str, ScopeChannel] = {}
    for name, entry in bench.file.monitors.items():
        if name in judged:
            continue
        key = ("monitors", name)
        if entry.instrument != judged[DEVICE_MONITOR].instrument:
            what = (
                "this test records every monitor of the bench, so it must be an input of the oscilloscope that watches"
            )
            raise problem(bench.source, (*key, "instrument"), f"{what} {DEVICE_MONITOR}.")
        if entry.channel in taken:
            raise problem(bench.source, (*key, "channel"), f"{taken[entry.channel]} is watched by this input already.")
        if entry.largest is None:
            what = "is missing: what is the largest voltage that this point is to show? Its range follows from it."
            raise problem(bench.source, key, f"largest {what}")
        taken[entry.channel] = name
        further[name] = ScopeChannel(entry.channel, entry.largest / entry.factor)
    return further


@dataclass(frozen=True)
class ShownPulse:
    """The device's pulses as programmed in a step: zero to peak, and the time between two."""

    amplitude_v: float
    interval_s: float


def acquisitions_of(
    parts: Parts,
    settings: CaptureSettings,
    device_file: DeviceFile,
    pulse: ShownPulse,
    ivamp: float,
    exposed_s: float,
    signal: InjectedSignal | None,
) -> Acquisitions:
    """The oscilloscope's settings for one step; without a ``signal`` nothing is injected."""
    margin_s = watched_s(device_file, pulse.interval_s)
    exposure = exposure_setup(parts, settings, pulse, ivamp, exposed_s, margin_s, triggered=signal is not None)
    if signal is None:
        return Acquisitions(None, exposure)
    return Acquisitions(verify_setup(parts, settings, ivamp, signal.burst_s, signal.cycles), exposure)


def exposure_setup(
    parts: Parts,
    settings: CaptureSettings,
    pulse: ShownPulse,
    ivamp: float,
    exposed_s: float,
    margin_s: float,
    *,
    triggered: bool,
) -> ScopeSetup:
    """Every monitor over the exposure and ``margin_s`` before and after it; ``triggered`` by the signal, if any."""
    path = parts.path
    at_d = ivamp * path.test_point_factor
    shown_v = _HEADROOM * at_d + _back_v(path, pulse, at_d)
    injection = ScopeChannel(parts.injection.channel, shown_v / parts.injection.factor)
    device = ScopeChannel(
        parts.device.channel,
        (_ALTERED_PULSE * pulse.amplitude_v + _HEADROOM * ivamp * path.port_factor) / parts.device.factor,
    )
    source, level_v = _trigger(parts, at_d)
    # A little more than the exposure and the margin, as the clocks of generator and oscilloscope may differ.
    return ScopeSetup(
        channels=(injection, device, *parts.further.values()),
        span_s=1.001 * exposed_s + margin_s,
        pre_trigger_s=margin_s,
        sample_rate_hz=settings.exposure_rate,
        trigger_source=source if triggered else None,
        trigger_level_v=level_v,
    )


def verify_setup(parts: Parts, settings: CaptureSettings, ivamp: float, burst_s: float, cycles: int) -> ScopeSetup:
    """Test point D over the beginning of a burst of so many ``cycles``."""
    at_d = ivamp * parts.path.test_point_factor
    source, level_v = _trigger(parts, at_d)
    # Two cycles show every kind of pulse and joint; how many there are is counted in the exposure.
    looked_at_s = min(burst_s, _VERIFIED_CYCLES * burst_s / cycles)
    # In its own range, for the level's sake: a device pulse that falls into it clips, and it is taken again.
    at_level = ScopeChannel(parts.injection.channel, _HEADROOM * at_d / parts.injection.factor)
    return ScopeSetup(
        channels=(at_level,),
        span_s=1.1 * looked_at_s,
        pre_trigger_s=0.1 * looked_at_s,
        sample_rate_hz=settings.verify_rate,
        trigger_source=source,
        trigger_level_v=level_v,
    )


def _back_v(path: InjectionPath, pulse: ShownPulse, at_d: float) -> float:
    """What the device's own pulses need on the injection monitor, on top of the signal."""
    if path.monitored.back_coupling:
        return _ALTERED_PULSE * abs(path.monitored.back_coupling) * pulse.amplitude_v
    # Nothing comes back through a plain divider; a baseline needs a range nevertheless.
    return 0.0 if at_d else _HEADROOM * _LEAST_SHOWN * pulse.amplitude_v


def _trigger(parts: Parts, at_d: float) -> tuple[int | Literal["external"], float]:
    """Where the oscilloscope is triggered from, and at which level there."""
    if parts.external_trigger_v is not None:
        return "external", parts.external_trigger_v
    return parts.injection.channel, at_d / parts.injection.factor / 2


def watched_s(device: DeviceFile, interval_s: float) -> float:
    """How long the device is watched before and after the exposure.

    Long enough to see the pulses at both ends of an interval that the exposure's edges cut, or, if there is none, that
    the interval is longer than any limit on it.
    """
    limits = [limit.criterion() for limit in device.criteria if limit.feature == "pulse_interval_max"]
    longest_s = max((limit.upper for limit in limits if limit.upper is not None), default=0.0)
    return max(1.2 * interval_s, 1.05 * longest_s)
