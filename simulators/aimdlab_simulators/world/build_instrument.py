"""The instruments of a world file, made by the simulators that entry points name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import entry_points

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.scpi.delays import Delays
from aimdlab_simulators.world.build_wires import hint
from aimdlab_simulators.world.config import ChannelConfig, InstrumentConfig
from aimdlab_simulators.world.instrument import SimulatorClass
from aimdlab_simulators.world.scope_input import InputErrors

ENTRY_POINTS = "aimdlab.simulators"


def find_simulator(model: str, simulators: Mapping[str, SimulatorClass] | None) -> SimulatorClass:
    """The simulator called ``model``, of ``simulators`` or by entry point; ConfigurationError if there is none."""
    if simulators is not None:
        if model in simulators:
            return simulators[model]
        known = sorted(simulators)
    else:
        found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if model in found:
            loaded: SimulatorClass = found[model].load()
            return loaded
        known = sorted(found)
    raise ConfigurationError(
        f"there is no simulator {model!r}.{hint(model, known)} Simulators are found by entry point "
        f"{ENTRY_POINTS!r} of installed packages."
    )


def check_plugged(config: InstrumentConfig, instrument: object) -> None:
    """ConfigurationError if something is plugged into an instrument that takes no modules."""
    if config.modules and not hasattr(instrument, "modules"):
        raise ConfigurationError("nothing can be plugged into this instrument.")


def check_arms(config: InstrumentConfig, instrument: object) -> None:
    """ConfigurationError if an instrument that is never armed is to take its time for it."""
    if config.delays.arming and not getattr(instrument, "inputs", {}):
        raise ConfigurationError("this instrument is never armed; only an oscilloscope has `delays.arming`.")


def delays_of(config: InstrumentConfig) -> Delays:
    """How slow it is."""
    delays = config.delays
    rate = math.inf if delays.transfer is None else delays.transfer
    return Delays(command_s=delays.command, arming_s=delays.arming, bytes_per_s=rate)


def input_errors(config: InstrumentConfig) -> dict[int, InputErrors]:
    """The errors of its inputs, by number."""
    return {number: _errors_of(channel) for number, channel in config.channels.items()}


def _errors_of(config: ChannelConfig) -> InputErrors:
    return InputErrors(
        noise_v=config.noise,
        gain_error=config.gain_error,
        offset_error_v=config.offset_error,
        attenuation=config.attenuation,
        connected=config.connected,
    )
