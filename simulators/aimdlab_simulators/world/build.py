"""From a world file to nodes, instruments and wires."""

from __future__ import annotations

from collections.abc import Mapping
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
from aimdlab_simulators.world.build_instrument import check_arms, check_plugged, delays_of, find_simulator, input_errors
from aimdlab_simulators.world.build_pacemaker import pacemaker_settings
from aimdlab_simulators.world.build_wires import Connectors, hint
from aimdlab_simulators.world.config import (
    AmplifierConfig,
    AnnexDNetworkConfig,
    InstrumentConfig,
    NetworkConfig,
    PacemakerConfig,
    WorldFile,
)
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.instrument import Setting, SimulatorClass
from aimdlab_simulators.world.network import NetworkPoint, Resistors
from aimdlab_simulators.world.output_stage import OutputStage
from aimdlab_simulators.world.pacemaker import Pacemaker
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions
from aimdlab_simulators.world.signal import Signal
from aimdlab_simulators.world.stepped import Share
from aimdlab_simulators.world.world import World

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
        self._outputs: list[GeneratorOutput] = []
        self._connectors = Connectors()
        self._amplifiers: dict[str, VoltageAmplifier] = {}
        self._stages: list[OutputStage] = []
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
            amplifiers=self._amplifiers,
            resettable=[name for name in self._amplifiers if f"{name}.reset" in self._file.wires],
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
            inputs=input_errors(config),
            modules=config.modules,
            delays=delays_of(config),
        )
        try:
            simulator = find_simulator(config.model, self._simulators)
        except ConfigurationError as error:
            raise self._problem(("instruments", name, "model"), str(error)) from error
        try:
            instrument = simulator(setting)
            check_plugged(config, instrument)
            check_arms(config, instrument)
        except ConfigurationError as error:
            raise self._problem(("instruments", name), str(error)) from error
        instrument.delays = setting.delays
        self._instruments[name] = instrument
        self._acquisitions.append(acquisitions)
        outputs: Mapping[int, GeneratorOutput] = getattr(instrument, "outputs", {})
        named_outputs: Mapping[str, GeneratorOutput] = getattr(instrument, "connector_outputs", {})
        self._points |= {f"{name}.{number}": output for number, output in outputs.items()}
        self._points |= {f"{name}.{connector}": output for connector, output in named_outputs.items()}
        self._outputs += [*outputs.values(), *named_outputs.values()]
        self._connectors.add_instrument(name, instrument)
        for number in config.channels:
            if number not in getattr(instrument, "inputs", {}):
                raise self._problem(("instruments", name, "channels", number), "the instrument has no such input.")

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
                asked_by, f"there is no node or output {name!r}.{hint(name, [*self._points, *self._file.nodes])}"
            )
        if name in self._in_hand:
            circle = " -> ".join([*self._in_hand[self._in_hand.index(name) :], name])
            raise self._problem(asked_by, f"the nodes feed each other in a circle: {circle}.")
        self._in_hand.append(name)
        source = self._point(node.input, ("nodes", name, "input"))
        if isinstance(node, AmplifierConfig):
            self._points[name] = self._amplifier(name, node, source)
        elif isinstance(node, AnnexDNetworkConfig):
            self._add_annex_d_network(name, node, source)
        else:
            self._add_network(name, node, source)
        self._in_hand.pop()

    def _amplifier(self, name: str, config: AmplifierConfig, source: Signal) -> VoltageAmplifier:
        stage = OutputStage(self._past, self._timebase, enabled=f"{name}.enable" not in self._file.wires)
        if config.trip is not None:
            stage.protect(Share(source, config.gain), config.trip.above)
            for output in self._outputs:
                output.before_change(stage.source_changes)
        for entrance in self._connectors.trigger_inputs.values():
            stage.before_change(entrance.live)
        self._stages.append(stage)
        self._connectors.add_amplifier(name, config, stage)
        self._amplifiers[name] = VoltageAmplifier(
            source, gain=config.gain, bandwidth_hz=config.bandwidth, clip_v=config.clip, stage=stage
        )
        return self._amplifiers[name]

    def _point(self, reference: str, key: KeyPath) -> Signal:
        if reference not in self._points:
            self._node(reference.partition(".")[0], key)
        if reference not in self._points:
            raise self._problem(key, f"there is no point {reference!r}.{hint(reference, list(self._points))}")
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
            raise self._problem(key, f"there is no device {name!r}.{hint(name, list(self._pacemakers))}")
        if name in self._placed:
            raise self._problem(key, f"the device {name!r} is in the network {self._placed[name]!r} already.")
        self._placed[name] = network
        device = self._pacemakers[name]
        device.sense_from(port)
        # A device that senses must live through every change of a generator or an amplifier in its order.
        for output in self._outputs:
            output.before_change(device.advance)
        for stage in self._stages:
            stage.before_change(device.advance)
        return device

    def _wire(self) -> None:
        pulses = [device.pulses_s for device in self._pacemakers.values()]
        for end, source in self._file.wires.items():
            key = ("wires", end)
            if end in self._connectors.inputs:
                self._connectors.inputs[end].connect(self._point(source, key))
                continue
            try:
                self._connectors.connect(end, source, pulses)
            except ConfigurationError as error:
                raise self._problem(key, str(error)) from error

    def _problem(self, key: KeyPath, what: str) -> ConfigurationError:
        return problem(self._source, key, what)
