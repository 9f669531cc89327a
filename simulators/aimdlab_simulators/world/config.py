"""The world file: instruments of a simulated bench, what lies between them, and what is wrong with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Capacitance, EventRate, Frequency, Ratio, Resistance, Time, Voltage, si

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
# pint takes bytes for plain numbers and would read "1 MHz" as a speed.
_BYTES_PER_S = {"kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9}
AnnexDComponent = Literal["R1", "R2", "R3", "R4", "R6", "C1", "C2"]


def _bytes_per_s(value: object) -> float:
    number, _, unit = str(value).partition(" ")
    try:
        return si(float(number) * _BYTES_PER_S[unit])
    except (ValueError, KeyError):
        raise ValueError(f"expected a speed like '100 MB/s' (or kB/s, GB/s), got {value!r}") from None


class ChannelConfig(ConfigModel):
    """One input of an oscilloscope.

    Attributes:
        noise: standard deviation of one sample, at the connector.
        gain_error: relative.
        offset_error: at the connector.
        attenuation: of the probe that is fitted.
        connected: false for an unplugged probe.
    """

    noise: Voltage = Field(default=0.0, ge=0)
    gain_error: Ratio = 0.0
    offset_error: Voltage = 0.0
    attenuation: float = Field(default=1.0, gt=0)
    connected: bool = True


class DelaysConfig(ConfigModel):
    """How slow an instrument is; without them nothing takes time by itself.

    Attributes:
        command: real time that each command takes, chained or not, before it is carried out.
        arming: of an oscilloscope, bench time before it begins to fill its memory.
        transfer: real speed of its link, both ways.
    """

    command: Time = Field(default=0.0, ge=0, le=10)
    arming: Time = Field(default=0.0, ge=0, le=10)
    transfer: Annotated[float, BeforeValidator(_bytes_per_s), Field(ge=1e3, le=1e12)] | None = None


class InstrumentConfig(ConfigModel):
    """A simulated instrument.

    Attributes:
        model: name of the simulator (entry point ``aimdlab.simulators``).
        variant: which instrument of the family it is; the simulator knows which there are.
        maker: first field of ``*IDN?``, or the family's own.
        serial: third field of ``*IDN?``.
        firmware: fourth field of ``*IDN?``.
        transport: the server it is reached through.
        channels: inputs, by number.
        modules: what is plugged into it, by slot.
        delays: how slow it is.
    """

    model: str
    variant: str
    maker: str | None = None
    serial: str
    firmware: str
    transport: Literal["socket", "hislip"]
    channels: dict[int, ChannelConfig] = Field(default_factory=dict)
    modules: dict[int, str] = Field(default_factory=dict)
    delays: DelaysConfig = DelaysConfig()


class TripConfig(ConfigModel):
    """Overload protection: the output stage trips where its demanded output is ``above``, zero to peak."""

    above: Voltage = Field(gt=0)


class LineLevels(ConfigModel):
    """The level at which each digital line of an amplifier says what its name says; a wire that is off reads high."""

    enable: Literal["low", "high"] = "low"
    reset: Literal["low", "high"] = "low"
    fault: Literal["low", "high"] = "high"
    over_temperature: Literal["low", "high"] = "high"


class AmplifierConfig(ConfigModel):
    """A voltage amplifier.

    Its digital lines are ``NAME.enable``, ``NAME.reset``, ``NAME.fault`` and ``NAME.over_temperature``; without a wire
    to its enable line it is always on.

    Attributes:
        clip: zero to peak.
        trip: overload protection; none without.
        active: levels of its digital lines.
    """

    kind: Literal["voltage_amplifier"]
    input: str
    gain: float
    bandwidth: Frequency = Field(gt=0)
    clip: Voltage = Field(gt=0)
    trip: TripConfig | None = None
    active: LineLevels = LineLevels()


class NetworkConfig(ConfigModel):
    """The resistive injection network (see ``network.Resistors``); its points are C, D, port and K."""

    kind: Literal["resistive_network"]
    input: str
    device: str | None = None
    source_resistance: Resistance = Field(ge=0)
    series_resistance: Resistance = Field(gt=0)
    load_resistance: Resistance = Field(gt=0)
    monitor_upper_resistance: Resistance = Field(ge=0)
    monitor_lower_resistance: Resistance = Field(gt=0)


class AnnexDNetworkConfig(ConfigModel):
    """The injection network of Annex D with Table D.1's components; its points are C, D, port and K.

    Attributes:
        cx: None if Cx is bypassed.
        terminals: how many are injected at once; the device is at the first of them.
        load_resistance, load_capacitance: the device's input between pacing pulses.
        monitor_resistance, monitor_capacitance: the oscilloscope at K.
        deviations: of real components from their nominal value, by name.
    """

    kind: Literal["annex_d_network"]
    input: str
    device: str | None = None
    connection: Literal["terminal_to_terminal", "terminal_to_case"] = "terminal_to_terminal"
    terminals: int = Field(default=1, ge=1, le=4)
    cx: Capacitance | None = Field(default=None, gt=0)
    load_resistance: Resistance = Field(gt=0)
    load_capacitance: Capacitance = Field(default=0.0, ge=0)
    monitor_resistance: Resistance = Field(default=1e6, gt=0)
    monitor_capacitance: Capacitance = Field(default=0.0, ge=0)
    deviations: dict[AnnexDComponent, Ratio] = Field(default_factory=dict)


class NoiseReversionConfig(ConfigModel):
    """See ``pacemaker_settings.NoiseReversion``."""

    window: Time = Field(gt=0)
    rate: EventRate | None = Field(default=None, gt=0)


class AlteredPulsesConfig(ConfigModel):
    """See ``pacemaker_settings.AlteredPulses``."""

    level: Voltage = Field(gt=0)
    hold: Time = Field(default=0.1, gt=0, le=10)
    amplitude_factor: float = 1.0
    width_factor: float = Field(default=1.0, gt=0)


class ResetConfig(ConfigModel):
    """See ``pacemaker_settings.Reset``."""

    level: Voltage = Field(gt=0)
    pause: Time = Field(gt=0)
    rate: EventRate = Field(gt=0)
    amplitude: Voltage
    pulse_width: Time = Field(gt=0)


class ClampConfig(ConfigModel):
    """Clamp diodes (see ``pacemaker_settings.ClampDiodes``); ``source_resistance`` is what the port looks back into."""

    level: Voltage = Field(gt=0)
    series_resistance: Resistance = Field(ge=0)
    source_resistance: Resistance = Field(gt=0)
    charge_time_constant: Time = Field(gt=0)
    decay_time_constant: Time = Field(gt=0)


class NormalModeConfig(ConfigModel):
    """How a pacemaker is programmed outside the scanner; what is left out is as in its MR mode."""

    mode: Literal["VOO", "VVI", "VVT"] | None = None
    rate: EventRate | None = Field(default=None, gt=0)
    upper_rate: EventRate | None = Field(default=None, gt=0)
    amplitude: Voltage | None = None
    pulse_width: Time | None = Field(default=None, gt=0)
    sensing_threshold: Voltage | None = Field(default=None, gt=0)
    sensing_high_pass: Frequency | None = Field(default=None, gt=0)
    sensing_low_pass: Frequency | None = Field(default=None, gt=0)
    blanking: Time | None = Field(default=None, ge=0)
    refractory: Time | None = Field(default=None, gt=0)
    noise_reversion: NoiseReversionConfig | None = None


class PacemakerConfig(ConfigModel):
    """A pacemaker (see ``pacemaker_settings.PacemakerSettings``); ``present: false`` is a dummy load in its place.

    With a ``normal_mode``, the other keys are its MR mode; the world begins in the normal one.
    """

    kind: Literal["pacemaker"]
    present: bool = True
    mode: Literal["VOO", "VVI", "VVT"]
    rate: EventRate = Field(gt=0)
    upper_rate: EventRate | None = Field(default=None, gt=0)
    amplitude: Voltage
    pulse_width: Time = Field(gt=0)
    droop_time_constant: Time | None = Field(default=None, gt=0)
    interval_jitter: Ratio = Field(default=0.0, ge=0, le=0.1)
    sensing_threshold: Voltage | None = Field(default=None, gt=0)
    sensing_high_pass: Frequency | None = Field(default=None, gt=0)
    sensing_low_pass: Frequency | None = Field(default=None, gt=0)
    blanking: Time = Field(default=0.0, ge=0)
    refractory: Time = Field(default=0.3, gt=0)
    noise_reversion: NoiseReversionConfig | None = None
    altered_pulses: AlteredPulsesConfig | None = None
    reset: ResetConfig | None = None
    clamp: ClampConfig | None = None
    silent: bool = False
    drop_beat_at: list[int] = Field(default_factory=list)
    amplitude_drift: Ratio = 0.0
    normal_mode: NormalModeConfig | None = None

    @property
    def normal(self) -> PacemakerConfig | None:
        """The whole device as it is programmed outside the scanner; None if it has one mode."""
        if self.normal_mode is None:
            return None
        given = {key: value for key, value in self.normal_mode if value is not None}
        return self.model_copy(update={**given, "normal_mode": None})

    @model_validator(mode="after")
    def _programmed_sensibly(self) -> PacemakerConfig:
        _check_programming(self)
        if (normal := self.normal) is not None:
            try:
                _check_programming(normal)
            except ValueError as error:
                raise ValueError(f"normal_mode: {error}") from error
        return self


def _check_programming(config: PacemakerConfig) -> None:
    low, high = config.sensing_high_pass, config.sensing_low_pass
    if (low is None) != (high is None):
        raise ValueError("a sensing band needs both sensing_high_pass and sensing_low_pass")
    if low is not None and high is not None and low >= high:
        raise ValueError("sensing_low_pass must be above sensing_high_pass")
    if config.mode == "VVT" and (config.upper_rate is None or config.upper_rate < config.rate):
        raise ValueError("mode VVT needs an upper_rate, no lower than rate")
    if config.blanking > config.refractory:
        raise ValueError("blanking must not outlast refractory, which begins with it")


NodeConfig = Annotated[
    AmplifierConfig | NetworkConfig | AnnexDNetworkConfig | PacemakerConfig, Field(discriminator="kind")
]


class WorldFile(ConfigModel):
    """A world as its YAML file says it.

    ``wires`` go from an oscilloscope input to the point it looks at (its external trigger input is one as well:
    ``oscilloscope.ext: generator.sync``), from a trigger input to the trigger output that drives it
    (``generator.ext_trig: oscilloscope.trig_out``), and from a digital line that is read or switched to what it follows
    (``amplifier.enable: lines.201.0``, ``lines.202.0: amplifier.fault``).
    """

    aimdlab: Literal["world/1"]
    seed: int = Field(ge=0)
    instruments: dict[Name, InstrumentConfig] = Field(min_length=1)
    nodes: dict[Name, NodeConfig] = Field(default_factory=dict)
    wires: dict[str, str] = Field(default_factory=dict)
