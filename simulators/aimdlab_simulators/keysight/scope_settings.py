"""Models and settings of the simulated InfiniiVision oscilloscopes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """One model of the family (data sheets).

    Attributes:
        idn: the model field of ``*IDN?``.
        channels: analog inputs.
        sample_rate_hz: with one channel of each pair in use; half of it otherwise.
        memory_points: of a single acquisition, with one channel of each pair in use; half of it otherwise.
        external_ranges_v: of the external trigger input with a 1:1 probe.
        bits: of the converter.
        pools: whether the two channels of a pair share rate and memory.
    """

    idn: str
    channels: int
    sample_rate_hz: float
    memory_points: int
    external_ranges_v: tuple[float, ...] = (8.0,)
    bits: int = 8
    pools: bool = True

    def shared(self, on: Collection[int]) -> bool:
        """Whether rate and memory are halved when the channels ``on`` are: two of a pair (1 and 2, 3 and 4)."""
        return self.pools and len({(number - 1) // 2 for number in on}) < len(on)


VARIANTS = {
    "DSOX3024A": Variant("DSO-X 3024A", 4, 4e9, 4_000_000),
    "DSOX1102G": Variant("DSO-X 1102G", 2, 2e9, 1_000_000, (1.6, 8.0)),
    "HD304MSO": Variant("HD304MSO", 4, 3.2e9, 20_000_000, bits=14, pools=False),
}


@dataclass
class InputSettings:
    """``:CHANnel<n>``; volts at the probe's tip as the attenuation that is set makes them."""

    display: bool = False
    range_v: float = 40.0
    offset_v: float = 0.0
    coupling: str = "DC"
    impedance: str = "ONEM"
    probe: float = 1.0
    skew_s: float = 0.0
    bandwidth_limit: bool = False
    invert: bool = False
    vernier: bool = False
    label: str = ""
    unit: str = "VOLT"


@dataclass
class TimebaseSettings:
    """``:TIMebase``."""

    mode: str = "MAIN"
    range_s: float = 1e-3
    position_s: float = 0.0
    reference: str = "CENT"

    @property
    def before_s(self) -> float:
        """From the left edge of the screen to the trigger; negative if the trigger lies to the left of it."""
        share = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[self.reference]
        return share * self.range_s - self.position_s


@dataclass
class TriggerSettings:
    """``:TRIGger``."""

    sweep: str = "AUTO"
    mode: str = "EDGE"
    source: str = "CHAN1"
    slope: str = "POS"
    coupling: str = "DC"
    reject: str = "OFF"
    holdoff_s: float = 40e-9
    noise_reject: bool = False
    hf_reject: bool = False
    levels_v: dict[str, float] = field(default_factory=dict)
    output: str = "TRIG"

    @property
    def level_v(self) -> float:
        """The level of the chosen source."""
        return self.levels_v.get(self.source, 0.0)


@dataclass
class ExternalSettings:
    """``:EXTernal``, the external trigger input; volts at the probe's tip as for ``InputSettings``."""

    range_v: float = 8.0
    probe: float = 1.0
    unit: str = "VOLT"


@dataclass
class AcquireSettings:
    """``:ACQuire``."""

    type: str = "NORM"
    mode: str = "RTIM"
    count: int = 8
    complete: int = 100


@dataclass
class TransferSettings:
    """``:WAVeform``; ``points`` None is MAXimum."""

    source: str = "CHAN1"
    view: str = "MAIN"
    format: str = "BYTE"
    byte_order: str = "MSBF"
    unsigned: bool = True
    points: int | None = 1000
    points_mode: str = "NORM"


@dataclass
class ScopeSettings:
    """All that ``*RST`` puts back."""

    inputs: dict[int, InputSettings]
    timebase: TimebaseSettings = field(default_factory=TimebaseSettings)
    trigger: TriggerSettings = field(default_factory=TriggerSettings)
    external: ExternalSettings = field(default_factory=ExternalSettings)
    acquire: AcquireSettings = field(default_factory=AcquireSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    labels: bool = False

    @classmethod
    def default(cls, variant: Variant) -> ScopeSettings:
        """After ``*RST``: channel 1 on, 5 V/div, 100 us/div."""
        inputs = {number: InputSettings(label=str(number)) for number in range(1, variant.channels + 1)}
        inputs[1].display = True
        return cls(inputs=inputs)

    def sampling(self, variant: Variant, *, running: bool) -> tuple[float, int]:
        """Sample interval in s and number of samples of the screen.

        The rate is the highest whole fraction of the maximum at which the screen fits into the memory; both are halved
        where channels share them, the memory once more while running.
        """
        on = [number for number, settings in self.inputs.items() if settings.display]
        shared = variant.shared(on)
        rate_hz = variant.sample_rate_hz / (2 if shared else 1)
        memory = variant.memory_points // (2 if shared else 1) // (2 if running else 1)
        range_s = self.timebase.range_s
        divider = max(1, math.ceil(range_s * rate_hz / memory * (1 - 1e-12)))
        dt_s = divider / rate_hz
        return dt_s, max(2, min(memory, math.floor(range_s / dt_s * (1 + 1e-12))))
