"""What the command groups of the simulated 33500B share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.generator_channel import ChannelSettings, GeneratorChannel
from aimdlab_simulators.keysight.generator_sync import SyncConnector
from aimdlab_simulators.scpi import Call, Response, ScpiInstrument
from aimdlab_simulators.timebase import Cancellation
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.scope_input import ScopeInput
from aimdlab_simulators.world.trigger_wire import TriggerInput

# From an edge at the Ext Trig connector to the burst: some hundred nanoseconds in the family.
_LATENCY_S = 0.15e-6


@dataclass(frozen=True)
class Variant:
    """One model of the family; its limits in Hz, points and points per second (data sheets).

    Attributes:
        segment_points: shortest waveform of a sequence; 32 in the 33600 series, as users of one have noted.
    """

    channels: int
    sine_hz: float
    ramp_hz: float
    memory_points: int
    arb_rate_hz: float
    segment_points: int = 8


# Memory as with the extended-memory option (002).
VARIANTS = {
    "33511B": Variant(1, 20e6, 200e3, 16_000_000, 160e6),
    "33512B": Variant(2, 20e6, 200e3, 16_000_000, 160e6),
    "33521B": Variant(1, 30e6, 200e3, 16_000_000, 250e6),
    "33522B": Variant(2, 30e6, 200e3, 16_000_000, 250e6),
    "33611A": Variant(1, 80e6, 800e3, 64_000_000, 660e6, 32),
    "33622A": Variant(2, 120e6, 800e3, 64_000_000, 1e9, 32),
}


class GeneratorBase(ScpiInstrument):
    """Channels, and how a setting is set and asked for."""

    def __init__(self, setting: Setting) -> None:
        if setting.variant not in VARIANTS:
            raise ConfigurationError(f"there is no variant {setting.variant!r}; known: {', '.join(VARIANTS)}.")
        self.variant = VARIANTS[setting.variant]
        super().__init__(
            name=setting.name,
            maker=setting.maker or "Agilent Technologies",
            model=setting.variant,
            serial=setting.serial,
            firmware=setting.firmware,
            timebase=setting.timebase,
        )
        self.channels = {
            number: GeneratorChannel(GeneratorOutput(setting.past), self.variant.memory_points)
            for number in range(1, self.variant.channels + 1)
        }
        self.outputs = {number: channel.output for number, channel in self.channels.items()}
        self.inputs: dict[int, ScopeInput] = {}
        self.sync = SyncConnector(setting.past, self.channels)
        self.connector_outputs = {"sync": self.sync.output}
        self.ext_trig = TriggerInput(self._edge, self._listens)
        self.trigger_inputs = {"ext_trig": self.ext_trig}
        for output in self.outputs.values():
            output.before_change(self.ext_trig.live, first=True)
        self.angle_unit = "DEG"

    def respond(self, message: bytes, cancelled: Cancellation | None = None) -> Response | None:
        """Carry out a message, after what the Ext Trig input started before it."""
        self.ext_trig.live(self.timebase.now_s())
        return super().respond(message, cancelled)

    def power_cycle(self) -> None:
        """Off and on again, after what the Ext Trig input started before."""
        self.ext_trig.live(self.timebase.now_s())
        super().power_cycle()

    def channel(self, call: Call) -> GeneratorChannel:
        """The channel that the first suffix of a header names."""
        return self.channels[call.suffix(0, self.variant.channels)]

    def settings(self, call: Call) -> ChannelSettings:
        """Its settings."""
        return self.channel(call).settings

    def refresh(self, call: Call) -> None:
        """Let the output follow its settings from now on."""
        self.channel(call).refresh(self.timebase.now_s())

    def number(
        self, call: Call, key: str, minimum: float, maximum: float, *, default: float, unit: str | tuple[str, ...] = ()
    ) -> float | None:
        """Set or ask for a number of the channel's settings; the query takes MIN, MAX and DEF as well."""
        settings = self.settings(call)
        if call.query:
            asked = call.optional()
            value = getattr(settings, key) if asked is None else asked.number(unit, minimum, maximum, default)
            return float(value)
        setattr(settings, key, call.argument().number(unit, minimum, maximum, default))
        self.refresh(call)
        return None

    def word(self, call: Call, key: str, *words: str) -> str | None:
        """Set or ask for one of ``words``."""
        settings = self.settings(call)
        if call.query:
            return str(getattr(settings, key))
        setattr(settings, key, call.argument().word(*words))
        self.refresh(call)
        return None

    def _edge(self, at_s: float) -> None:
        for channel in self.channels.values():
            if channel.listens:
                channel.trigger(at_s + _LATENCY_S)

    def _listens(self) -> bool:
        return any(channel.listens for channel in self.channels.values())

    def clip(self, value: float, minimum: float, maximum: float) -> float:
        """``value`` within its limits; out of them the instrument says so and takes the limit."""
        if value > maximum * (1 + 1e-9):
            self.report_error(-222, "Data out of range; value clipped to upper limit")
        elif value < minimum - abs(minimum) * 1e-9:
            self.report_error(-222, "Data out of range; value clipped to lower limit")
        return min(max(value, minimum), maximum)

    def maximum_hz(self, settings: ChannelSettings) -> float:
        """The highest frequency of the chosen function."""
        return self.variant.ramp_hz if settings.function in ("RAMP", "TRI") else self.variant.sine_hz

    def angle(self, call: Call, key: str) -> float | None:
        """A phase of the channel's settings, kept in degrees, set and shown in the unit of UNIT:ANGLe."""
        settings = self.settings(call)
        unit_deg = {"DEG": 1.0, "RAD": 180.0 / math.pi, "SEC": 360.0 * settings.frequency}[self.angle_unit]
        most = 360.0 / unit_deg
        if call.query:
            asked = call.optional()
            return float(getattr(settings, key)) / unit_deg if asked is None else asked.number((), -most, most, 0.0)
        value = call.argument().number(("DEG", "RAD", "S"), -most, most, 0.0)
        setattr(settings, key, value * unit_deg)
        self.refresh(call)
        return None
