"""What the injection network of the bench file does between input C, test point D, the device port and monitor K."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimdlab.config.bench import MonitorEntry
from aimdlab.config.device import DeviceFile
from aimdlab.config.injection_network import AnnexDNetwork, ResistiveNetwork
from aimdlab.signals.network import Network
from aimdlab.signals.tissue_interface import Interface, MonitorCoupling, monitor_coupling
from aimdlab.signals.transfer import Transfer

# Where the transfer is written down, besides its steady values: the fundamental and the edges of the gradient signal.
_RECORDED_HZ = (100.0, 1e3, 2.5e3, 10e3, 100e3, 1e6)


@dataclass(frozen=True)
class PathResistor:
    """One resistor of the network that is rated.

    Attributes:
        resistance_ohm: of it.
        across: the voltage across it, of that at input C.
        rating_w, peak_rating_w: power that it bears continuously, and within a pulse if that is stated.
        rating_key, peak_key: where the bench file says so.
    """

    resistance_ohm: float
    across: Transfer
    rating_w: float
    peak_rating_w: float | None
    rating_key: str
    peak_key: str


@dataclass(frozen=True)
class InjectionPath:
    """Steady shares, memory and ratings of the network, with this device on it.

    Attributes:
        rated_input_v: voltage that input C stands, zero to peak.
        test_point_factor: volts at test point D per volt at input C, settled.
        port_factor: volts at the device port per volt at input C, settled.
        test_point_peak, port_peak: the same at most, edges of any signal included.
        shown_peak: the most that the device monitor shows, by its factor, per volt at input C.
        monitored: what the monitors show, for the scoring.
        interface: the network itself; None for a plain divider.
        resistors: those that are rated, by name.
        short_circuit_a: what the device port can give at most per volt at input C, settled; None if that is not known.
    """

    rated_input_v: float
    test_point_factor: float
    port_factor: float
    test_point_peak: float
    port_peak: float
    shown_peak: float
    monitored: MonitorCoupling
    interface: Interface | None = None
    resistors: Mapping[str, PathResistor] = field(default_factory=dict)
    short_circuit_a: float | None = None

    def as_record(self) -> dict[str, Any]:
        """The transfer as the session keeps it: from C to D, and from D to the device port, by frequency."""
        record: dict[str, Any] = {
            "test_point_factor": self.test_point_factor,
            "port_factor": self.port_factor,
            "d_to_port": self.port_factor / self.test_point_factor,
        }
        if self.interface is not None:
            injected = self.interface.injected
            answer = injected.response(_RECORDED_HZ, "F", "D")
            record["connection"] = self.interface.connection
            record["terminals"] = self.interface.terminals
            record["components"] = dict(self.interface.values)
            record["cx_f"] = self.interface.cx_f
            record["d_to_port_by_frequency"] = [
                {"frequency_hz": frequency_hz, "real": float(value.real), "imaginary": float(value.imag)}
                for frequency_hz, value in zip(_RECORDED_HZ, answer, strict=True)
            ]
        return record


def injection_path(
    network: ResistiveNetwork | AnnexDNetwork, monitor: MonitorEntry, device: DeviceFile
) -> InjectionPath:
    """The path through ``network`` to ``device``, computed from the components and the device's input.

    Args:
        network: of the bench file.
        monitor: the device monitor, at K.
        device: what is connected.
    """
    if isinstance(network, ResistiveNetwork):
        return _divider(network)
    return _tissue_interface(network, monitor, device)


def _divider(network: ResistiveNetwork) -> InjectionPath:
    share = network.port_factor / network.test_point_factor
    at = "injection_network.resistors"
    return InjectionPath(
        rated_input_v=network.rated_input,
        test_point_factor=network.test_point_factor,
        port_factor=network.port_factor,
        test_point_peak=network.test_point_factor,
        port_peak=network.port_factor,
        shown_peak=network.port_factor,
        monitored=MonitorCoupling(share, "", 0.0, 0.0),
        resistors={
            name: PathResistor(
                resistance_ohm=one.resistance,
                across=Transfer(np.array([]), np.array([]), one.share),
                rating_w=one.rating,
                peak_rating_w=one.peak_rating,
                rating_key=f"{at}.{name}.rating",
                peak_key=f"{at}.{name}.peak_rating",
            )
            for name, one in network.resistors.items()
        },
        short_circuit_a=network.port_factor / network.port_resistance if network.port_resistance else None,
    )


def _tissue_interface(network: AnnexDNetwork, monitor: MonitorEntry, device: DeviceFile) -> InjectionPath:
    values = network.components.values()
    interface = Interface(
        values=values,
        cx_f=network.cx,
        connection=network.connection,
        terminals=network.terminals,
        load_ohm=device.input.resistance,
        load_f=device.input.capacitance,
        monitor_ohm=network.monitor.resistance,
        monitor_f=network.monitor.capacitance,
    )
    injected = interface.injected
    at_d, at_port, at_k = (injected.transfer(node) for node in ("D", "F", "K"))
    attenuation = network.monitor.attenuation
    return InjectionPath(
        rated_input_v=network.rated_input,
        test_point_factor=at_d.dc,
        port_factor=at_port.dc,
        test_point_peak=at_d.peak_gain,
        port_peak=at_port.peak_gain,
        shown_peak=at_k.peak_gain * monitor.factor / attenuation,
        monitored=monitor_coupling(interface, monitor.factor / attenuation),
        interface=interface,
        resistors=_rated(network, injected),
        short_circuit_a=_short_circuit_a(values),
    )


def _rated(network: AnnexDNetwork, injected: Network) -> dict[str, PathResistor]:
    """The resistors of Table D.1 in the network; "R4.G" is the R4 of the branch to G."""
    rated: dict[str, PathResistor] = {}
    for element in injected.elements:
        printed = element.name.partition(".")[0]
        for name, rating_w in network.ratings.items():
            if element.kind == "R" and name == printed:
                rated[element.name] = PathResistor(
                    resistance_ohm=element.value,
                    across=injected.transfer(element.a, element.b),
                    rating_w=rating_w,
                    peak_rating_w=network.peak_ratings.get(name),
                    rating_key=f"injection_network.ratings.{name}",
                    peak_key=f"injection_network.peak_ratings.{name}",
                )
    return rated


def _short_circuit_a(values: Mapping[str, float]) -> float:
    """Ampere per volt at C through one terminal that is shorted to J, the others open: R4 behind R2 and R3.

    Nothing more can flow once settled: with Cx nothing flows then, and other terminals take from this one.
    """
    share = values["R3"] / (values["R2"] + values["R3"])
    return share / (share * values["R2"] + values["R4"])
