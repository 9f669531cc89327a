"""What each part of an injection bench, and the device, bears, and what the signal at input C does to it.

Peak voltages are the largest that any signal of that size can cause, so that what a capacitor adds at an edge is in
them; peak powers are those of the pulses once an edge is over; mean powers are those of the very signal, for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from aimdlab.bench.ceilings import Ceiling, Demand, Shape, StepCeilings, peak, peak_power
from aimdlab.config.bench import BenchFile, MonitorEntry
from aimdlab.config.device import DeviceFile
from aimdlab.config.injection_network import AnnexDNetwork, ResistiveNetwork
from aimdlab.config.loading import problem
from aimdlab.procedures.injection.captures import Parts
from aimdlab.procedures.injection.network import InjectionPath, PathResistor
from aimdlab.procedures.protocol import Subject
from aimdlab.scoring.exposure import DEVICE_MONITOR, INJECTION_MONITOR
from aimdlab.signals.transfer import Outputs
from aimdlab.signals.turn import Turn
from aimdlab.standard.gradient_signal import T_EDGE_MAX_S

_INPUT_C = "injection network, input C"


def bench_ceilings(subject: Subject, parts: Parts) -> StepCeilings:
    """Of every part of the bench and of the device; ConfigurationError if a maximum cannot be held against anything."""
    bench = subject.bench.file
    return StepCeilings(
        (
            *_source(parts),
            *_network(bench, parts.path),
            *_device(subject, parts.path),
            *_oscilloscope(bench, parts, subject.device.file),
        )
    )


class Demands:
    """What the signals of one test ask of the bench; of most parts every signal of one level asks the same.

    Args:
        ceilings: of the bench.
        gain: of the drive amplifier.
    """

    def __init__(self, ceilings: StepCeilings, gain: float) -> None:
        self._ceilings, self._gain = ceilings, gain
        self._last: dict[float, tuple[tuple[float, ...], tuple[Demand, ...]]] = {}

    def of(self, per_volt: tuple[float, ...], level_v: float) -> tuple[Demand, ...]:
        """Of a signal of ``level_v`` at input C, of which one volt is ``per_volt`` to each ceiling."""
        source_v = level_v / self._gain
        if level_v not in self._last:
            demands = self._ceilings.demands(per_volt, source_v, self._gain)
        else:
            before, known = self._last[level_v]
            anew = list(known)
            for place, (one, one_before) in enumerate(zip(per_volt, before, strict=True)):
                if one != one_before:
                    anew[place] = self._ceilings.ceilings[place].demand(one, source_v, self._gain)
            demands = tuple(anew)
        self._last[level_v] = per_volt, demands
        return demands


def for_step(bench: StepCeilings, level_v: float, trim: float) -> StepCeilings:
    """With the step's own level besides: ``level_v`` planned at input C, from which ``trim`` may set it off."""
    own = Ceiling("level at input C", "the plan's level of this step", level_v * (1 + trim), "V", peak(1.0))
    return StepCeilings((*bench.ceilings, own))


def unstated(subject: Subject, parts: Parts) -> tuple[str, ...]:
    """The maxima that neither bench nor device file states, for the technician: nothing is held against them."""
    found = []
    device, network = subject.device.file.input, subject.bench.file.injection_network
    if device.max_voltage is None and device.max_current is None:
        found.append(
            f"{subject.device.source.path.name} states no maximum of the device (input.max_voltage): it is protected "
            "by the ratings of the bench alone."
        )
    bench = subject.bench.source.path.name
    if network is not None and network.rated_port is None:
        found.append(f"{bench} states no maximum of the device port (injection_network.rated_port).")
    found += [
        f"{bench}: what {name} shows does not follow from the signal; nothing is held against its rating."
        for name in parts.further
    ]
    missing = _without_peak_rating(network)
    if missing:
        found.append(
            f"{bench} states no peak rating of {', '.join(missing)}: the power within a pulse is held against nothing, "
            "only its mean is."
        )
    return tuple(found)


def _without_peak_rating(network: ResistiveNetwork | AnnexDNetwork | None) -> list[str]:
    if isinstance(network, AnnexDNetwork):
        return [name for name in network.ratings if name not in network.peak_ratings]
    if isinstance(network, ResistiveNetwork):
        return [name for name, resistor in network.resistors.items() if resistor.peak_rating is None] or (
            [] if network.resistors else ["any resistor (injection_network.resistors)"]
        )
    return []


def _source(parts: Parts) -> Iterator[Ceiling]:
    amplifier = parts.amplifier
    options = "its driver's options"
    most_v = parts.generator.max_peak_v
    yield Ceiling("signal generator", "what its model can play", most_v, "V", peak(1.0), "source")
    yield Ceiling("drive amplifier, input", options, amplifier.max_input_v, "V", peak(1.0), "source")
    yield Ceiling("drive amplifier, output", options, amplifier.max_output, amplifier.unit, peak(1.0))


def _network(bench: BenchFile, path: InjectionPath) -> Iterator[Ceiling]:
    network = bench.injection_network
    powers = _mean_powers(path.resistors.values())
    yield Ceiling(_INPUT_C, "injection_network.rated_input", path.rated_input_v, "V", peak(1.0))
    for place, (name, resistor) in enumerate(path.resistors.items()):
        part = f"injection network, {name}"
        mean = _one_of(powers, place)
        yield Ceiling(f"{part} (mean power)", resistor.rating_key, resistor.rating_w, "W", mean, order=2)
        if resistor.peak_rating_w is not None:
            # No resistor is harmed by what charges a capacitor while an edge lasts.
            held = resistor.across.settled_within(T_EDGE_MAX_S)
            within = peak_power(held.peak_gain, resistor.resistance_ohm)
            yield Ceiling(f"{part} (peak power)", resistor.peak_key, resistor.peak_rating_w, "W", within, order=2)
    if network is not None and network.rated_port is not None:
        key = "injection_network.rated_port"
        yield Ceiling("injection network, device port", key, network.rated_port, "V", peak(path.port_peak))


def _device(subject: Subject, path: InjectionPath) -> Iterator[Ceiling]:
    device = subject.device.file.input
    where = subject.device.source.path.name
    if device.max_voltage is not None:
        key = f"{where}: input.max_voltage"
        yield Ceiling("device, between terminal and return", key, device.max_voltage, "V", peak(path.port_peak))
    if device.max_current is not None:
        if path.short_circuit_a is None:
            raise problem(
                subject.bench.source,
                ("injection_network",),
                f"port_resistance is missing: {where} states input.max_current, and what the device port looks back "
                "into says how much it can give.",
            )
        key = f"{where}: input.max_current"
        yield Ceiling("device, into its terminal", key, device.max_current, "A", peak(path.short_circuit_a))


def _oscilloscope(bench: BenchFile, parts: Parts, device: DeviceFile) -> Iterator[Ceiling]:
    path = parts.path
    therapies = [therapy for therapy in (device.therapy, device.normal_mode) if therapy]
    pulse_v = max(abs(therapy.amplitude) for therapy in therapies)
    back_v = abs(path.monitored.back_coupling) * pulse_v
    yield _input(INJECTION_MONITOR, parts.injection, path.test_point_peak, back_v)
    yield _input(DEVICE_MONITOR, parts.device, path.shown_peak, pulse_v)
    trigger = bench.exposure_trigger
    if trigger is not None and trigger.rated_input is not None and trigger.sync_voltage is not None:
        nothing = peak(0.0)
        part, key = "oscilloscope, external trigger input", "exposure_trigger.rated_input"
        yield Ceiling(part, key, trigger.rated_input, "V", nothing, offset=trigger.sync_voltage)


def _input(name: str, monitor: MonitorEntry, factor: float, pulse_v: float) -> Ceiling:
    at_input = peak(factor / monitor.factor)
    part, key = f"oscilloscope input of {name}", f"monitors.{name}.rated_input"
    return Ceiling(part, key, monitor.rated_input, "V", at_input, offset=pulse_v / monitor.factor)


def _mean_powers(resistors: Collection[PathResistor]) -> Callable[[Shape], list[float]]:
    """The mean power in each resistor; they are asked for one after the other, so that the last answer is kept."""
    resistances_ohm = [resistor.resistance_ohm for resistor in resistors]
    across = Outputs([resistor.across for resistor in resistors])

    @lru_cache(maxsize=1)
    def of(shape: Shape) -> list[float]:
        squares = across.mean_squares(Turn(shape.levels, shape.durations_s))
        return [square / resistance_ohm for square, resistance_ohm in zip(squares, resistances_ohm, strict=True)]

    return of


def _one_of(powers: Callable[[Shape], list[float]], place: int) -> Callable[[Shape], float]:
    return lambda shape: powers(shape)[place]
