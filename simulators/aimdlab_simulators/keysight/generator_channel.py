"""One channel of a 33500 series generator: its settings and what they put on the output."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from aimdlab_simulators.keysight import shapes
from aimdlab_simulators.keysight.arb_memory import DEFAULT_NAME, ArbMemory
from aimdlab_simulators.keysight.arb_sequence import Sequence
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.waveforms import Arbitrary, Bursts, Constant, Periodic, Waveform

SOURCE_OHM = 50.0
INFINITE_OHM = 9.9e37
INFINITE_CYCLES = 9.9e37
_PEAK_V = 10.0  # open circuit


@dataclass
class ChannelSettings:
    """Everything that ``*RST`` puts back; voltages as shown, that is across ``load_ohm``."""

    function: str = "SIN"
    frequency: float = 1e3
    frequency_mode: str = "CW"
    phase_deg: float = 0.0
    unit: str = "VPP"
    amplitude_vpp: float = 0.1
    offset: float = 0.0
    load_ohm: float = SOURCE_OHM
    output: bool = False
    polarity: str = "NORM"
    output_mode: str = "NORM"
    square_duty: float = 50.0
    ramp_symmetry: float = 100.0
    pulse_width: float = 100e-6
    pulse_hold: str = "WIDT"
    pulse_leading: float = 10e-9
    pulse_trailing: float = 10e-9
    bit_rate: float = 1e3
    noise_bandwidth: float = 100e3
    arb: str = DEFAULT_NAME
    arb_rate: float = 40e3
    arb_filter: str = "STEP"
    arb_advance: str = "SRAT"
    burst: bool = False
    burst_mode: str = "TRIG"
    burst_cycles: float = 1.0
    burst_phase_deg: float = 0.0
    burst_period: float = 10e-3
    gate_polarity: str = "NORM"
    trigger_source: str = "IMM"
    trigger_slope: str = "POS"
    trigger_level: float = 1.6
    trigger_count: int = 1
    trigger_delay: float = 0.0
    trigger_timer: float = 1.0
    continuous: bool = True
    sync_mode: str = "NORM"
    sync_polarity: str = "NORM"

    @property
    def load_factor(self) -> float:
        """Open-circuit volts per volt shown."""
        return 1.0 if self.load_ohm >= INFINITE_OHM else (self.load_ohm + SOURCE_OHM) / self.load_ohm

    @property
    def peak_limit(self) -> float:
        """Highest voltage that can be shown, either sign: 5 V into 50 ohm, 10 V open."""
        return _PEAK_V / self.load_factor


class GeneratorChannel:
    """Turns settings and triggers into programs of a GeneratorOutput.

    Arbitrary points are held until the next one whatever the filter: the real output with FILT OFF has edges of about
    8 ns; the smoothing of NORM and STEP is not modelled, nor are the edge times of pulses. After a burst, and before
    the first trigger, the output rests at the level of the starting phase. A cycle of a sequence is the whole sequence;
    the data sheet promises bursts of sequences, how they count was not found. Ext Trig is not connected.

    Attributes:
        settings: changed by the SCPI side, which then calls ``refresh``.
        memory: arbitrary waveforms and sequences.
        output: the Signal.
        anchor_s: world time at which what plays without end began.
        burst_s: start and end of the last triggered burst.
    """

    def __init__(self, output: GeneratorOutput, memory_points: int) -> None:
        self.settings = ChannelSettings()
        self.memory = ArbMemory(memory_points)
        self.output = output
        self.anchor_s = 0.0
        self.burst_s: tuple[float, float] | None = None
        self._followers: list[Callable[[float], None]] = []

    def after_refresh(self, follower: Callable[[float], None]) -> None:
        """Call ``follower(now_s)`` whenever what plays from ``now_s`` on may have changed."""
        self._followers.append(follower)

    def restart(self, now_s: float) -> None:
        """Begin the waveform anew: a burst in hand ends, an internally triggered one starts again."""
        with self.output.lock:
            self.anchor_s = now_s
            self.burst_s = None
            self.refresh(now_s)

    def trigger(self, now_s: float) -> bool:
        """A bus or manual trigger; False if it is ignored (no triggered burst, or one is playing)."""
        settings = self.settings
        with self.output.lock:
            if not (settings.burst and settings.burst_mode == "TRIG") or self.playing_until_s(now_s) is not None:
                return False
            start_s = now_s + settings.trigger_delay
            length_s = self.burst_length_s() * settings.trigger_count
            self.burst_s = (start_s, start_s + length_s)
            self.refresh(now_s)
        return True

    @property
    def listens(self) -> bool:
        """Whether a rising edge at the Ext Trig input starts a burst, unless one is playing."""
        settings = self.settings
        return (
            settings.burst
            and settings.burst_mode == "TRIG"
            and settings.trigger_source == "EXT"
            and settings.trigger_slope == "POS"
        )

    def playing_until_s(self, now_s: float) -> float | None:
        """World time at which the triggered burst in hand ends (inf for an endless one), None if none plays."""
        return self.burst_s[1] if self.burst_s is not None and now_s < self.burst_s[1] else None

    def refresh(self, now_s: float) -> None:
        """Put what the settings say on the output from ``now_s`` on; what plays goes on in phase."""
        with self.output.lock:  # nobody looks before the followers have followed
            self._refresh_output(now_s)
            for follower in self._followers:
                follower(now_s)

    def _refresh_output(self, now_s: float) -> None:
        settings = self.settings
        if not settings.output:
            self.output.play(now_s, (now_s, Constant(), now_s))
        elif not settings.burst:
            self.output.play(now_s, (now_s, self._waveform(settings.phase_deg), self.anchor_s))
        elif settings.burst_mode == "GAT":
            # The Ext Trig input is low: it opens the gate only if true-low logic was chosen.
            waveform = self._waveform(settings.burst_phase_deg)
            playing = waveform if settings.gate_polarity == "INV" else Constant(_first(waveform))
            self.output.play(now_s, (now_s, playing, self.anchor_s))
        else:
            self._refresh_burst(now_s)

    def _refresh_burst(self, now_s: float) -> None:
        settings = self.settings
        waveform = self._waveform(settings.burst_phase_deg)
        rest = Constant(_first(waveform))
        if settings.trigger_source in ("IMM", "TIM"):
            period_s = settings.burst_period if settings.trigger_source == "IMM" else settings.trigger_timer
            length_s = self.burst_length_s()
            train = waveform if math.isinf(length_s) else Bursts(waveform, length_s, period_s, rest.volts)
            self.output.play(now_s, (now_s, train, self.anchor_s))
        elif self.burst_s is not None and now_s < self.burst_s[1]:
            start_s, end_s = self.burst_s
            programs: list[tuple[float, Waveform, float]] = [(now_s, rest, now_s)] if now_s < start_s else []
            programs.append((max(start_s, now_s), waveform, start_s))
            if math.isfinite(end_s):
                programs.append((end_s, rest, end_s))
            self.output.play(now_s, *programs)
        else:
            self.output.play(now_s, (now_s, rest, now_s))

    def cycle_s(self) -> float:
        """Duration of one cycle: all of an arbitrary waveform or sequence once (inf if endless), or one period."""
        settings = self.settings
        if settings.function == "ARB":
            chosen = self.memory.find(settings.arb)
            endless = isinstance(chosen, Sequence) and chosen.stays is not None
            return math.inf if endless else len(chosen) / settings.arb_rate
        return 1.0 / settings.frequency

    def sequence(self) -> list[dict[str, object]] | None:
        """The steps of the sequence that is chosen to play, None if none is."""
        chosen = self.memory.find(self.settings.arb) if self.settings.function == "ARB" else None
        return chosen.described() if isinstance(chosen, Sequence) else None

    def burst_length_s(self) -> float:
        """Duration of one burst, inf if endless."""
        cycles = self.settings.burst_cycles
        return math.inf if cycles >= INFINITE_CYCLES else cycles * self.cycle_s()

    def _waveform(self, phase_deg: float) -> Waveform:
        """The waveform, in open-circuit volts, beginning at ``phase_deg``."""
        settings = self.settings
        offset = settings.offset * settings.load_factor
        scale = settings.amplitude_vpp / 2.0 * settings.load_factor * (-1.0 if settings.polarity == "INV" else 1.0)
        turns = (phase_deg / 360.0) % 1.0
        match settings.function:
            case "DC":
                return Constant(offset)
            case "ARB":
                chosen = self.memory.find(settings.arb)
                volts_per_code = scale / shapes.FULL_SCALE
                if isinstance(chosen, Sequence):
                    return chosen.waveform(settings.arb_rate, volts_per_code, offset, turns)
                first = round(turns * len(chosen)) % len(chosen)
                return Arbitrary(chosen, settings.arb_rate, volts_per_code, offset, first)
            case "PRBS":
                return Arbitrary(shapes.prbs(), settings.bit_rate, scale / shapes.FULL_SCALE, offset)
            case "NOIS":
                rate_hz = 2.0 * settings.noise_bandwidth
                return Arbitrary(shapes.white_noise(), rate_hz, scale / shapes.FULL_SCALE, offset)
            case "SQU":
                shape = shapes.square(settings.square_duty / 100.0)
            case "PULS":
                shape, turns = shapes.square(min(1.0, settings.pulse_width * settings.frequency)), 0.0
            case "TRI":
                shape = shapes.ramp(0.5)
            case "RAMP":
                shape = shapes.ramp(settings.ramp_symmetry / 100.0)
            case _:
                shape = shapes.sine()
        return Periodic(shape[0], shape[1], settings.frequency, scale, offset, turns)


def _first(waveform: Waveform) -> float:
    return float(waveform.values(0.0, 1e-9, 1)[0])
