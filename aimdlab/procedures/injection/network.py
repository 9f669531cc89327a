"""What the injection network of the bench file does between input C, test point D, the device port and monitor K."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aimdlab.config.bench import MonitorEntry
from aimdlab.config.device import DeviceFile
from aimdlab.config.injection_network import AnnexDNetwork, ResistiveNetwork
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import (
    Interface,
    MonitorCoupling,
    mean_powers_w,
    monitor_coupling,
)

# Where the transfer is written down, besides its steady values: the fundamental and the edges of the gradient signal.
_RECORDED_HZ = (100.0, 1e3, 2.5e3, 10e3, 100e3, 1e6)


@dataclass(frozen=True)
class InjectionPath:
    """Steady shares, memory and ratings of the network, with this device on it.

    Attributes:
        rated_input_v: voltage that input C stands, zero to peak.
        test_point_factor: volts at test point D per volt at input C, settled.
        port_factor: volts at the device port per volt at input C, settled.
        monitored: what the monitors show, for the scoring.
        interface: the network itself; None for a plain divider.
        ratings_w: what its resistors bear.
    """

    rated_input_v: float
    test_point_factor: float
    port_factor: float
    monitored: MonitorCoupling
    interface: Interface | None = None
    ratings_w: dict[str, float] | None = None
    _at_one_volt: dict[InjectedSignal, dict[str, float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def mean_powers(self, signal: InjectedSignal, level_v: float) -> list[tuple[str, float, float]]:
        """Name, mean power and rating, in watt, of every rated resistor; empty for a plain divider."""
        if self.interface is None or self.ratings_w is None:
            return []
        # Power goes with the square of the level; a campaign has seven levels of every signal.
        if signal not in self._at_one_volt:
            self._at_one_volt[signal] = mean_powers_w(self.interface, signal, 1.0)
        return [
            (name, mean_w * level_v * level_v, self.ratings_w[name.partition(".")[0]])
            for name, mean_w in self._at_one_volt[signal].items()
            if name.partition(".")[0] in self.ratings_w
        ]

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
        share = network.port_factor / network.test_point_factor
        return InjectionPath(
            network.rated_input, network.test_point_factor, network.port_factor, MonitorCoupling(share, "", 0.0, 0.0)
        )
    interface = Interface(
        values=network.components.values(),
        cx_f=network.cx,
        connection=network.connection,
        terminals=network.terminals,
        load_ohm=device.input.resistance,
        load_f=device.input.capacitance,
        monitor_ohm=network.monitor.resistance,
        monitor_f=network.monitor.capacitance,
    )
    injected = interface.injected
    return InjectionPath(
        rated_input_v=network.rated_input,
        test_point_factor=injected.transfer("D").dc,
        port_factor=injected.transfer("F").dc,
        monitored=monitor_coupling(interface, monitor.factor / network.monitor.attenuation),
        interface=interface,
        ratings_w={str(name): power_w for name, power_w in network.ratings.items()},
    )
