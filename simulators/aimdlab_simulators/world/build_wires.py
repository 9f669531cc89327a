"""The connectors of a world: what there is to put a wire into, and the wires between them that carry no Signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.world.config import AmplifierConfig
from aimdlab_simulators.world.digital_wire import DigitalInput, DigitalOutput
from aimdlab_simulators.world.output_stage import OutputStage
from aimdlab_simulators.world.scope_input import ScopeInput
from aimdlab_simulators.world.trigger_wire import TriggerInput, TriggerOutput


class Connectors:
    """Every connector by its name in the world file.

    Attributes:
        inputs: of oscilloscopes, where a probe can be put.
        trigger_inputs: of generators.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, ScopeInput] = {}
        self.trigger_inputs: dict[str, TriggerInput] = {}
        self._trigger_outputs: dict[str, TriggerOutput] = {}
        self._line_outputs: dict[str, DigitalOutput] = {}
        self._line_inputs: dict[str, DigitalInput] = {}
        self._followers: dict[str, Callable[[bool], None]] = {}
        self._levels: dict[str, Callable[[], bool]] = {}

    def add_instrument(self, name: str, instrument: object) -> None:
        """What the instrument has of them."""

        def named(kind: str) -> dict[str, Any]:
            found: Mapping[object, Any] = getattr(instrument, kind, {})
            return {f"{name}.{connector}": thing for connector, thing in found.items()}

        self.inputs |= named("inputs") | named("connector_inputs")
        self.trigger_inputs |= named("trigger_inputs")
        self._trigger_outputs |= named("trigger_outputs")
        self._line_outputs |= named("digital_outputs")
        self._line_inputs |= named("digital_inputs")

    def add_amplifier(self, name: str, config: AmplifierConfig, stage: OutputStage) -> None:
        """The digital lines of an amplifier."""
        active = {line: level == "high" for line, level in config.active}
        self._followers[f"{name}.enable"] = lambda high: stage.enable(high == active["enable"])
        self._followers[f"{name}.reset"] = lambda high: stage.reset() if high == active["reset"] else None
        self._levels[f"{name}.fault"] = lambda: stage.is_tripped() == active["fault"]
        self._levels[f"{name}.over_temperature"] = lambda: stage.is_too_hot() == active["over_temperature"]

    def connect(self, end: str, source: str, pulses: Sequence[Callable[[], tuple[float, float]]]) -> None:
        """Put a trigger wire or a digital wire in.

        Args:
            end: what follows.
            source: what it follows.
            pulses: when each device paced last, and when its next pulse is due.

        Raises:
            ConfigurationError: there are no such connectors.
        """
        if end in self.trigger_inputs:
            self._connect_trigger(end, source, pulses)
        elif end in self._followers:
            self._line_outputs[_known("digital line", source, self._line_outputs)].connect(self._followers[end])
        elif end in self._line_inputs:
            self._line_inputs[end].connect(self._levels[_known("contact", source, self._levels)])
        else:
            _known("oscilloscope input", end, self.inputs, self.trigger_inputs, self._followers, self._line_inputs)

    def _connect_trigger(self, end: str, source: str, pulses: Sequence[Callable[[], tuple[float, float]]]) -> None:
        output = self._trigger_outputs[_known("trigger output", source, self._trigger_outputs)]
        if len({name.partition(".")[0] for name in self.inputs}) > 1:
            # Another oscilloscope would let the devices live on past a trigger that is still to be found.
            raise ConfigurationError("in a world with a trigger wire there can be one oscilloscope only.")
        output.watch(pulses)
        self.trigger_inputs[end].connect(output)


def hint(name: str, known: Sequence[str]) -> str:
    """What may have been meant."""
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(sorted(known)) or 'none'}."


def _known(what: str, name: str, *places: Mapping[str, object]) -> str:
    if not any(name in place for place in places):
        raise ConfigurationError(
            f"there is no {what} {name!r}.{hint(name, [key for place in places for key in place])}"
        )
    return name
