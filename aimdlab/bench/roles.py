"""The roles that instruments play, as Protocols: what a procedure may ask of a bench, whoever makes the instrument.

Every method either succeeds with the instrument's errors read, or raises an InstrumentError. Levels are SI floats. A
role that is a source has ``make_safe``, which must work in any state and switches every output of the instrument off.
``limits``, ``rating`` and ``check_setup`` send nothing: planning asks them of a driver that has no link yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Codes
from aimdlab.signals.waveform import Playable


class Role(StrEnum):
    """The roles by the names that bench files use."""

    SIGNAL_GENERATOR = "signal_generator"
    RF_GENERATOR = "rf_generator"
    DRIVE_AMPLIFIER = "drive_amplifier"
    OSCILLOSCOPE = "oscilloscope"
    THERMOMETER = "thermometer"
    POWER_METER = "power_meter"
    GAUSSMETER = "gaussmeter"
    INTERLOCK = "interlock"


@dataclass(frozen=True)
class GeneratorLimits:
    """What a generator can play.

    Attributes:
        max_sample_rate_hz: fastest sample clock.
        max_points: longest waveform.
        min_points: shortest waveform.
        max_peak_v: largest zero-to-peak voltage into a high-impedance load.
        max_repeats: largest finite burst count.
        sequencing: it plays the segments of a SequencedWaveform from its memory; without, they are expanded and
            ``max_points`` counts for the whole period.
        max_segments: most segments of one sequence.
        min_segment_points: shortest segment of a sequence.
        max_segment_repeats: most repeats of a segment.
        min_peak_v: smallest zero-to-peak voltage into a high-impedance load.
    """

    max_sample_rate_hz: float
    max_points: int
    min_points: int
    max_peak_v: float
    max_repeats: int
    sequencing: bool
    max_segments: int
    min_segment_points: int
    max_segment_repeats: int
    min_peak_v: float = 0.0


@runtime_checkable
class SignalGenerator(Protocol):
    """A generator that plays a waveform a finite number of times at a trigger, then rests at zero."""

    def limits(self) -> GeneratorLimits:
        """What it can play."""
        ...

    def load(self, channel: int, waveform: Playable, peak_v: float) -> None:
        """Transfer ``waveform``; sample value 1.0 is ``peak_v`` into high impedance. The output stays off."""
        ...

    def set_repeats(self, channel: int, repeats: int) -> None:
        """Play the loaded waveform ``repeats`` times per trigger."""
        ...

    def set_output(self, channel: int, on: bool) -> None:
        """Switch the output; on alone plays nothing until the trigger."""
        ...

    def trigger(self, channel: int) -> None:
        """Start one finite burst now."""
        ...

    def stop(self, channel: int) -> None:
        """End the burst in progress; the output rests at zero."""
        ...

    def make_safe(self) -> None:
        """Every output off."""
        ...


class TriggerSource(StrEnum):
    """What starts a burst."""

    BUS = "bus"
    EXTERNAL = "external"


@runtime_checkable
class TriggeredGenerator(SignalGenerator, Protocol):
    """A signal generator that also plays its finite burst at an edge on its trigger input."""

    def set_trigger(self, channel: int, source: TriggerSource, delay_s: float = 0.0) -> None:
        """Take triggers from ``source``; a burst begins ``delay_s`` after each. ``load`` goes back to the bus."""
        ...


@runtime_checkable
class RfGenerator(Protocol):
    """An RF source with pulse modulation."""

    def set_carrier(self, frequency_hz: float, power_dbm: float) -> None:
        """Frequency and level; changes level between exposures only."""
        ...

    def set_pulse_modulation(self, on: bool, width_s: float, period_s: float) -> None:
        """Pulse modulation from the internal source."""
        ...

    def set_output(self, on: bool) -> None:
        """Switch the output."""
        ...

    def make_safe(self) -> None:
        """Output off."""
        ...


@dataclass(frozen=True)
class AmplifierRating:
    """What a drive amplifier does to a signal and where it ends.

    Attributes:
        gain: output over input, linear.
        bandwidth_hz: -3 dB.
        max_output: largest undistorted output, zero to peak, in ``unit``.
        max_input_v: largest input that does no harm.
        unit: "V" (voltage amplifier), "A" (gradient amplifier) or "W" (RF amplifier).
    """

    gain: float
    bandwidth_hz: float
    max_output: float
    max_input_v: float
    unit: str


@runtime_checkable
class DriveAmplifier(Protocol):
    """An amplifier between a generator and the device: gradient, injection voltage or RF."""

    def rating(self) -> AmplifierRating:
        """What it does to a signal and where it ends."""
        ...

    def set_enabled(self, on: bool) -> None:
        """Enable the output stage, where the amplifier can be told to."""
        ...

    def fault(self) -> str:
        """The fault it reports, or "" for none (an amplifier without a fault contact never reports one)."""
        ...

    def make_safe(self) -> None:
        """Output stage off, where the amplifier can be told to."""
        ...


@runtime_checkable
class ResettableAmplifier(DriveAmplifier, Protocol):
    """An amplifier whose fault the PC can clear, once its cause is gone."""

    def reset_fault(self) -> None:
        """Clear the fault, the output stage disabled before and after; InstrumentError if it is still there."""
        ...


class TriggerEdge(StrEnum):
    """Direction of the trigger's slope."""

    RISING = "rising"
    FALLING = "falling"


@dataclass(frozen=True)
class ScopeChannel:
    """One input as it shall be set.

    Attributes:
        channel: number of the input.
        full_scale_v: zero-to-peak voltage at the input that must fit without clipping.
    """

    channel: int
    full_scale_v: float


@dataclass(frozen=True)
class ScopeSetup:
    """One acquisition as it shall be.

    Attributes:
        channels: inputs to record.
        span_s: time to record after the trigger.
        pre_trigger_s: time to record before it.
        sample_rate_hz: at least this many samples per second in the captures fetched.
        trigger_source: number of the input whose edge triggers; "external": an edge at the external trigger input;
            None: the trigger is given by :meth:`Oscilloscope.force_trigger`.
        trigger_level_v: level at that input.
        trigger_edge: its direction.
    """

    channels: tuple[ScopeChannel, ...]
    span_s: float
    pre_trigger_s: float
    sample_rate_hz: float
    trigger_source: int | Literal["external"] | None
    trigger_level_v: float = 0.0
    trigger_edge: TriggerEdge = TriggerEdge.RISING


@dataclass(frozen=True, eq=False)
class Waveform:
    """What one oscilloscope input recorded; ``volts = codes * scale_v + offset_v`` at the input, trigger at t = 0.

    Attributes are those of :class:`aimdlab.capture.Capture`, before the bench's monitor factor is applied.
    """

    codes: Codes
    scale_v: float
    offset_v: float
    dt_s: float
    t0_s: float
    code_min: int
    code_max: int
    hole_code: int | None
    u_gain: float
    u_offset_v: float
    u_time: float


@runtime_checkable
class Oscilloscope(Protocol):
    """An oscilloscope that records one window per arming. Arm and poll; nothing blocks in the instrument."""

    def check_setup(self, setup: ScopeSetup) -> int:
        """Samples per input that ``setup`` will give; an InstrumentError if it cannot be recorded. Sends nothing."""
        ...

    def window_s(self, setup: ScopeSetup) -> tuple[float, float]:
        """How long it records before and after the trigger for ``setup``: what was asked, or a little more.

        Whoever waits that long finds it armed, then complete, without asking again and again. Sends nothing.
        """
        ...

    def configure(self, setup: ScopeSetup) -> None:
        """Set inputs, time base and trigger."""
        ...

    def arm(self) -> None:
        """Start a single acquisition."""
        ...

    def is_armed(self) -> bool:
        """True once the pre-trigger part is filled and an edge will be taken."""
        ...

    def force_trigger(self) -> None:
        """Trigger now."""
        ...

    def is_complete(self) -> bool:
        """True once the window is recorded."""
        ...

    def fetch(self, channel: int) -> Waveform:
        """Raw codes of one input."""
        ...

    def stop(self) -> None:
        """End an acquisition that never triggered."""
        ...


@runtime_checkable
class TriggeringOscilloscope(Oscilloscope, Protocol):
    """An oscilloscope that passes its triggers on."""

    def send_triggers(self) -> None:
        """Put an edge out whenever it triggers; none while it is not armed."""
        ...


@runtime_checkable
class Thermometer(Protocol):
    """A thermometer with one or more probes."""

    def probes(self) -> tuple[int, ...]:
        """Numbers of the probes that are connected."""
        ...

    def read_degc(self) -> NDArray[np.float64]:
        """One temperature per probe; NaN for one that is lost."""
        ...


@runtime_checkable
class PowerMeter(Protocol):
    """An RF power meter."""

    def read_w(self, frequency_hz: float) -> float:
        """Average power, corrected for ``frequency_hz``."""
        ...


@runtime_checkable
class Gaussmeter(Protocol):
    """A magnetic field meter."""

    def read_t(self) -> float:
        """Flux density."""
        ...


@runtime_checkable
class Interlock(Protocol):
    """A hardware interlock."""

    def is_closed(self) -> bool:
        """True while it allows outputs to be on."""
        ...
