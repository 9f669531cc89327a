"""From a world file to nodes, instruments and wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path

from aimdlab.config.loading import problem, validate
from aimdlab.config.yaml_source import KeyPath, YamlSource, read_yaml
from aimdlab.errors import ConfigurationError
from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.amplifier import VoltageAmplifier
from aimdlab_simulators.world.annex_d_network import (
    FilteredPoint,
    SumOfPoints,
    annex_d_interface,
    annex_d_points,
)
from aimdlab_simulators.world.build_pacemaker import pacemaker_settings
from aimdlab_simulators.world.config import (
    AmplifierConfig,
    AnnexDNetworkConfig,
    ChannelConfig,
    InstrumentConfig,
    NetworkConfig,
    PacemakerConfig,
    WorldFile,
)
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.instrument import Setting, SimulatorClass
from aimdlab_simulators.world.network import NetworkPoint, Resistors
from aimdlab_simulators.world.pacemaker import Pacemaker
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions, InputErrors, ScopeInput
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import Share
from aimdlab_simulators.world.trigger_wire import TriggerInput, TriggerOutput
from aimdlab_simulators.world.world import World

ENTRY_POINTS = "aimdlab.simulators"
_POINTS = ("C", "D", "port", "K")


def load_world(path: Path, timebase: Timebase, simulators: Mapping[str, SimulatorClass] | None = None) -> World:
    """Build the world of a file; ConfigurationError names file, line and key.

    Args:
        path: the YAML file.
        timebase: world time, shared by everything in the world.
        simulators: by model name; found by entry point if not given.
    """
    source = read_yaml(path)
    return _Builder(source, validate(source, WorldFile), timebase, simulators).world()


class _Builder:
    """Makes every node once, in the order in which they need each other."""

    def __init__(
        self, source: YamlSource, file: WorldFile, timebase: Timebase, simulators: Mapping[str, SimulatorClass] | None
    ) -> None:
        self._source = source
        self._file = file
        self._timebase = timebase
        self._simulators = simulators
        self._past = Past()
        self._acquisitions: list[Acquisitions] = []
        self._instruments: dict[str, ScpiInstrument] = {}
        self._points: dict[str, Signal] = {}
        self._inputs: dict[str, ScopeInput] = {}
        self._outputs: list[GeneratorOutput] = []
        self._trigger_inputs: dict[str, TriggerInput] = {}
        self._trigger_outputs: dict[str, TriggerOutput] = {}
        self._pacemakers: dict[str, Pacemaker] = {}
        self._placed: dict[str, str] = {}  # device -> network that holds it
        self._in_hand: list[str] = []

    def world(self) -> World:
        for name, config in self._file.instruments.items():
            if name in self._file.nodes:
                raise self._problem(("nodes", name), "an instrument has this name already.")
            self._add_instrument(name, config)
        for name, node in self._file.nodes.items():
            if isinstance(node, PacemakerConfig):
                self._add_pacemaker(name, node)
        for name in self._file.nodes:
            self._node(name, ("nodes", name))
        for name in self._pacemakers:
            if name not in self._placed:
                raise self._problem(("nodes", name), "no network has this device. Name it as the `device` of one.")
        self._wire()
        return World(
            instruments=self._instruments,
            transports={name: config.transport for name, config in self._file.instruments.items()},
            past=self._past,
            acquisitions=self._acquisitions,
            pacemakers=self._pacemakers,
            answering=[name for name in self._pacemakers if self._is_present(name)],
            timebase=self._timebase,
        )

    def _add_instrument(self, name: str, config: InstrumentConfig) -> None:
        acquisitions = Acquisitions()
        setting = Setting(
            name=name,
            variant=config.variant,
            maker=config.maker,
            serial=config.serial,
            firmware=config.firmware,
            timebase=self._timebase,
            past=self._past,
            acquisitions=acquisitions,
            seed=self._file.seed,
            inputs={number: _input_errors(channel) for number, channel in config.channels.items()},
        )
        try:
            instrument = self._simulator(name, config)(setting)
        except ConfigurationError as error:
            raise self._problem(("instruments", name), str(error)) from error
        self._instruments[name] = instrument
        self._acquisitions.append(acquisitions)
        outputs: Mapping[int, GeneratorOutput] = getattr(instrument, "outputs", {})
        inputs: Mapping[int, ScopeInput] = getattr(instrument, "inputs", {})
        self._points |= {f"{name}.{number}": output for number, output in outputs.items()}
        self._inputs |= {f"{name}.{number}": connector for number, connector in inputs.items()}
        named_outputs: Mapping[str, GeneratorOutput] = getattr(instrument, "connector_outputs", {})
        named_inputs: Mapping[str, ScopeInput] = getattr(instrument, "connector_inputs", {})
        self._points |= {f"{name}.{connector}": output for connector, output in named_outputs.items()}
        self._inputs |= {f"{name}.{connector}": entrance for connector, entrance in named_inputs.items()}
        self._outputs += [*outputs.values(), *named_outputs.values()]
        entrances: Mapping[str, TriggerInput] = getattr(instrument, "trigger_inputs", {})
        exits: Mapping[str, TriggerOutput] = getattr(instrument, "trigger_outputs", {})
        self._trigger_inputs |= {f"{name}.{connector}": entrance for connector, entrance in entrances.items()}
        self._trigger_outputs |= {f"{name}.{connector}": exit_ for connector, exit_ in exits.items()}
        for number in config.channels:
            if number not in inputs:
                raise self._problem(("instruments", name, "channels", number), "the instrument has no such input.")

    def _simulator(self, name: str, config: InstrumentConfig) -> SimulatorClass:
        if self._simulators is not None:
            if config.model in self._simulators:
                return self._simulators[config.model]
            known = sorted(self._simulators)
        else:
            found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
            if config.model in found:
                loaded: SimulatorClass = found[config.model].load()
                return loaded
            known = sorted(found)
        raise self._problem(
            ("instruments", name, "model"),
            f"there is no simulator {config.model!r}.{_hint(config.model, known)} Simulators are found by entry point "
            f"{ENTRY_POINTS!r} of installed packages.",
        )

    def _add_pacemaker(self, name: str, config: PacemakerConfig) -> None:
        self._pacemakers[name] = Pacemaker(pacemaker_settings(config), self._past, seed=self._file.seed, name=name)

    def _is_present(self, name: str) -> bool:
        node = self._file.nodes[name]
        return isinstance(node, PacemakerConfig) and node.present

    def _node(self, name: str, asked_by: KeyPath) -> None:
        """Make the node ``name`` and all that it needs, unless it is there already."""
        node = self._file.nodes.get(name)
        if isinstance(node, PacemakerConfig) or any(point.partition(".")[0] == name for point in self._points):
            return
        if node is None:
            raise self._problem(
                asked_by, f"there is no node or output {name!r}.{_hint(name, [*self._points, *self._file.nodes])}"
            )
        if name in self._in_hand:
            circle = " -> ".join([*self._in_hand[self._in_hand.index(name) :], name])
            raise self._problem(asked_by, f"the nodes feed each other in a circle: {circle}.")
        self._in_hand.append(name)
        source = self._point(node.input, ("nodes", name, "input"))
        if isinstance(node, AmplifierConfig):
            self._points[name] = VoltageAmplifier(source, gain=node.gain, bandwidth_hz=node.bandwidth, clip_v=node.clip)
        elif isinstance(node, AnnexDNetworkConfig):
            self._add_annex_d_network(name, node, source)
        else:
            self._add_network(name, node, source)
        self._in_hand.pop()

    def _point(self, reference: str, key: KeyPath) -> Signal:
        if reference not in self._points:
            self._node(reference.partition(".")[0], key)
        if reference not in self._points:
            raise self._problem(key, f"there is no point {reference!r}.{_hint(reference, list(self._points))}")
        return self._points[reference]

    def _add_network(self, name: str, config: NetworkConfig, source: Signal) -> None:
        resistors = Resistors(
            source=config.source_resistance,
            series=config.series_resistance,
            load=config.load_resistance,
            monitor_upper=config.monitor_upper_resistance,
            monitor_lower=config.monitor_lower_resistance,
        )
        injected, paced = resistors.injected(), resistors.paced()
        device = self._device(name, config.device, Share(source, injected["port"]))
        for point in _POINTS:
            self._points[f"{name}.{point}"] = NetworkPoint(source, injected[point], device, paced[point])

    def _add_annex_d_network(self, name: str, config: AnnexDNetworkConfig, source: Signal) -> None:
        try:
            interface = annex_d_interface(config)
            injected, paced = annex_d_points(interface, source)
        except ConfigurationError as error:
            raise self._problem(("nodes", name), str(error)) from error
        device = self._device(name, config.device, injected["port"])
        for point in _POINTS:
            contribution = injected[point]
            if device is not None and point != "C":
                contribution = SumOfPoints(contribution, FilteredPoint(device, paced[point]))
            self._points[f"{name}.{point}"] = contribution

    def _device(self, network: str, name: str | None, port: Signal) -> Pacemaker | None:
        if name is None:
            return None
        key = ("nodes", network, "device")
        if name not in self._pacemakers:
            raise self._problem(key, f"there is no device {name!r}.{_hint(name, list(self._pacemakers))}")
        if name in self._placed:
            raise self._problem(key, f"the device {name!r} is in the network {self._placed[name]!r} already.")
        self._placed[name] = network
        device = self._pacemakers[name]
        device.sense_from(port)
        # A device that senses must live through every change of a generator in its order.
        for output in self._outputs:
            output.before_change(device.advance)
        return device

    def _wire(self) -> None:
        for connector, point in self._file.wires.items():
            key = ("wires", connector)
            if connector in self._trigger_inputs:
                self._wire_trigger(connector, point)
                continue
            if connector not in self._inputs:
                raise self._problem(
                    key, f"there is no oscilloscope input {connector!r}.{_hint(connector, list(self._inputs))}"
                )
            self._inputs[connector].connect(self._point(point, key))

    def _wire_trigger(self, connector: str, point: str) -> None:
        key = ("wires", connector)
        if point not in self._trigger_outputs:
            known = list(self._trigger_outputs)
            raise self._problem(key, f"there is no trigger output {point!r}.{_hint(point, known)}")
        if len({name.partition(".")[0] for name in self._inputs}) > 1:
            # Another oscilloscope would let the devices live on past a trigger that is still to be found.
            raise self._problem(key, "in a world with a trigger wire there can be one oscilloscope only.")
        self._trigger_outputs[point].watch([device.due_s for device in self._pacemakers.values()])
        self._trigger_inputs[connector].connect(self._trigger_outputs[point])

    def _problem(self, key: KeyPath, what: str) -> ConfigurationError:
        return problem(self._source, key, what)


def _input_errors(config: ChannelConfig) -> InputErrors:
    return InputErrors(
        noise_v=config.noise,
        gain_error=config.gain_error,
        offset_error_v=config.offset_error,
        attenuation=config.attenuation,
        connected=config.connected,
    )


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(sorted(known)) or 'none'}."
