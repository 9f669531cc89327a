"""What the world asks of a simulated instrument beside its SCPI side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aimdlab_simulators.scpi.delays import Delays
from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions, InputErrors, ScopeInput


@dataclass(frozen=True)
class Setting:
    """With what a simulated instrument is made.

    Attributes:
        name: in the world file.
        variant: model number, as ``*IDN?`` reports it or nearly so.
        maker: first field of ``*IDN?``; None for the family's own.
        serial: third field.
        firmware: fourth field.
        timebase: world time.
        past: the world's memory and lock.
        acquisitions: key of the noise.
        seed: of the world.
        inputs: errors of the inputs, by number; an input that is not named has none.
        modules: what is plugged in, by slot.
        delays: how slow it is.
    """

    name: str
    variant: str
    serial: str
    firmware: str
    timebase: Timebase
    past: Past
    maker: str | None = None
    acquisitions: Acquisitions = field(default_factory=Acquisitions)
    seed: int = 0
    inputs: Mapping[int, InputErrors] = field(default_factory=dict)
    modules: Mapping[int, str] = field(default_factory=dict)
    delays: Delays = field(default_factory=Delays)


class WorldInstrument(Protocol):
    """A simulator class as the entry point group ``aimdlab.simulators`` names it.

    Attributes:
        outputs: signals it makes, by channel number.
        inputs: connectors it looks through, by channel number.
    """

    outputs: Mapping[int, GeneratorOutput]
    inputs: Mapping[int, ScopeInput]

    def __init__(self, setting: Setting) -> None: ...


class SimulatorClass(Protocol):
    """What an entry point leads to; ``ConfigurationError`` if the variant is not one of the family."""

    def __call__(self, setting: Setting) -> ScpiInstrument:
        """Make the instrument."""
        ...
