"""The tissue interface of ISO/TS 10974:2012, Fig. D.1: how its components are connected, and what they bear.

The figure is lost, and no public source was found that gives it in words: the connections below are ASSUMED. ::

    C --+--[R2]--+-- D --(Cx)--+--[R4 || C1]--+-- F --[R6]--+-- K (oscilloscope)
        |        |             |              |             |
       [R1]     [R3]           |            [R5]           C2
        |        |             |              |             |
        J        J             |              E             J
                               +--[R4 || C1]-- G   (also H and I, one branch for each further terminal)

What speaks for it: R1 || (R2 + R3) is 50.9 ohm, a 50 ohm input, and with R1 at its printed 2 W neither R2 (1 W) nor R3
(0.5 W) is above its own; Cx is there against low frequencies, hence in series, and can be bypassed; R4 is of the size
of a lead's load and C1 lets it fall with frequency as tissue's does; R5 : R4 is 100 : 1, millivolts of heart signal
from tenths of a volt at E; R6 equals an oscilloscope's input, with C2 a low pass that shows pacing pulses.
What follows, and matters: without a load 0.594 of the voltage at C is at D and at the device. docs/gradient-network.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from aimdlab.errors import ConfigurationError
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.network import Element, Network, capacitor_transfer
from aimdlab.signals.transfer import Transfer

Connection = Literal["terminal_to_terminal", "terminal_to_case"]

PORTS = ("F", "G", "H", "I")
REFERENCE = "J"
_GENERATOR = "generator"


@dataclass(frozen=True)
class Interface:
    """The network with what is connected to it.

    Attributes:
        values: R1 to R6 and C1, C2 by name, ohm and farad (Table D.1).
        cx_f: Cx; None if it is bypassed.
        connection: terminal_to_terminal puts one terminal at F and the other at J, the case is left open;
            terminal_to_case puts the terminals at F, G, H, I and the case at J.
        terminals: how many terminals are injected (1 to 4); 1 for terminal_to_terminal.
        load_ohm: resistance of the device between each terminal and J; None if there is no device.
        load_f: capacitance in parallel with it.
        monitor_ohm, monitor_f: the oscilloscope at K.
        source_ohm: between the amplifier and C; 0 if the level is held at C itself.
        inhibition_generator: one is connected at E, at rest; otherwise E is open.

    Raises:
        ConfigurationError: a value that is not above 0, or more terminals than the connection has.
    """

    values: Mapping[str, float]
    cx_f: float | None = None
    connection: Connection = "terminal_to_terminal"
    terminals: int = 1
    load_ohm: float | None = None
    load_f: float = 0.0
    monitor_ohm: float = 1e6
    monitor_f: float = 30e-12
    source_ohm: float = 0.0
    inhibition_generator: bool = False

    def __post_init__(self) -> None:
        most = 1 if self.connection == "terminal_to_terminal" else len(PORTS)
        if not 1 <= self.terminals <= most:
            raise ConfigurationError(
                f"injection network: {self.connection.replace('_', ' ')} takes 1 to {most} terminals at a time, "
                f"got {self.terminals}"
            )

    @cached_property
    def injected(self) -> Network:
        """Driven by the amplifier; nodes C, D, F (G, H, I), K against J."""
        elements = [self._resistor("R1", "C", REFERENCE), *self._behind_c("C"), *self._loads(PORTS)]
        if not self.source_ohm:
            return Network(elements, source="C", reference=REFERENCE)
        elements.append(Element("R", "source", _GENERATOR, "C", self.source_ohm))
        return Network(elements, source=_GENERATOR, reference=REFERENCE)

    @cached_property
    def paced(self) -> Network:
        """Driven by the device at F, the amplifier at rest with next to no output resistance."""
        return Network([*self._behind_c(REFERENCE), *self._loads(PORTS[1:])], source="F", reference=REFERENCE)

    @cached_property
    def point_d_to_monitor(self) -> Transfer:
        """From point D to K, whatever the amplifier and the resistors in front of D are."""
        elements = [element for element in self._behind_c("C") if element.name not in {"R2", "R3"}]
        return capacitor_transfer([*elements, *self._loads(PORTS)], "C2", source="D", reference=REFERENCE)

    @cached_property
    def port_to_monitors(self) -> tuple[Transfer, Transfer]:
        """From a device that drives F to D and to K, the amplifier at rest; loops of capacitors do no harm."""
        elements = [*self._behind_c(REFERENCE), *self._loads(PORTS[1:])]
        across = {
            name: capacitor_transfer(elements, name, source=PORTS[0], reference=REFERENCE)
            for name in ("C1", "C2", *(() if self.cx_f is None else ("Cx",)))
        }
        at_k = across.pop("C2")
        rates = at_k.rates_per_s
        gains = np.sum([one.gains for one in across.values()], axis=0)
        return Transfer(rates, gains, 1.0 + sum(one.direct for one in across.values())), at_k

    def with_filter(self, low_pass: Mapping[str, float]) -> Network:
        """As ``injected``, with the filter of Fig. D.2 from F to an oscilloscope at B.

        Assumed: three sections, R1 C1, R2 C2 and R3 C3, one after another; B is across C3.
        """
        nodes = ("F", "A1", "A2", "B")
        elements = list(self.injected.elements)
        for k in (1, 2, 3):
            elements.append(Element("R", f"filter.R{k}", nodes[k - 1], nodes[k], low_pass[f"R{k}"]))
            scope_f = self.monitor_f if k == 3 else 0.0
            elements.append(Element("C", f"filter.C{k}", nodes[k], REFERENCE, low_pass[f"C{k}"] + scope_f))
        elements.append(Element("R", "filter.oscilloscope", "B", REFERENCE, self.monitor_ohm))
        return Network(elements, source=self.injected.source, reference=REFERENCE)

    def _behind_c(self, c: str) -> list[Element]:
        """All that lies between C and the terminals, with the monitor."""
        inner = "D" if self.cx_f is None else "T"
        elements = [self._resistor("R2", c, "D"), self._resistor("R3", "D", REFERENCE)]
        if self.cx_f is not None:
            elements.append(Element("C", "Cx", "D", inner, self.cx_f))
        for port in PORTS[: self.terminals]:
            elements += [self._resistor("R4", inner, port), self._capacitor("C1", inner, port)]
        elements.append(self._resistor("R6", "F", "K"))
        elements.append(Element("R", "monitor", "K", REFERENCE, self.monitor_ohm))
        elements.append(Element("C", "C2", "K", REFERENCE, self.values["C2"] + self.monitor_f))
        if self.inhibition_generator:
            elements.append(self._resistor("R5", "F", REFERENCE))
        return elements

    def _loads(self, ports: tuple[str, ...]) -> list[Element]:
        if self.load_ohm is None:
            return []
        used = [port for port in PORTS[: self.terminals] if port in ports]
        loads = [Element("R", f"load.{port}", port, REFERENCE, self.load_ohm) for port in used]
        if self.load_f:
            loads += [Element("C", f"load_c.{port}", port, REFERENCE, self.load_f) for port in used]
        return loads

    def _resistor(self, name: str, a: str, b: str) -> Element:
        return Element("R", _in_branch(name, b), a, b, self.values[name])

    def _capacitor(self, name: str, a: str, b: str) -> Element:
        return Element("C", _in_branch(name, b), a, b, self.values[name])


@dataclass(frozen=True)
class MonitorCoupling:
    """How the signal at D and the device's own pulses reach the monitors; the names are those of a scoring record.

    Attributes:
        expected_coupling: device monitor over injection monitor once settled (0 with Cx), after the monitor's factor.
        coupling_lags: how it settles, as :func:`lags_text` writes it; what is left is without delay.
        monitor_lag_s: first-order lag with which the device monitor shows the device's pulses.
        back_coupling: volts at D per volt of a device pulse at the port, edges over.
    """

    expected_coupling: float
    coupling_lags: str
    monitor_lag_s: float
    back_coupling: float


EDGE_OVER_S = 5e-6
"""So long after an edge of a device pulse its spike at D is over: C1 with the 49 ohm that D is has a time constant of
0.7 us."""


def monitor_coupling(interface: Interface, monitor_factor: float) -> MonitorCoupling:
    """What scoring has to know of the network; ``monitor_factor`` is volts at the port per volt at K."""
    injected = interface.point_d_to_monitor
    port_to_d, port_to_k = interface.port_to_monitors
    back = port_to_d.step(EDGE_OVER_S * 2.0 ** np.arange(24))
    lags = [
        (monitor_factor * float(share), -1.0 / float(rate))
        for share, rate in zip(injected.weights, injected.rates_per_s, strict=True)
    ]
    return MonitorCoupling(
        expected_coupling=monitor_factor * injected.dc,
        coupling_lags=lags_text(lags),
        monitor_lag_s=-1.0 / float(port_to_k.rates_per_s[np.argmax(np.abs(port_to_k.weights))]),
        back_coupling=float(back[np.argmax(np.abs(back))]),
    )


_NEGLIGIBLE = 1e-9


def lags_text(lags: Iterable[tuple[float, float]]) -> str:
    """``share:seconds share:seconds ...``, largest share first; shares that are rounding of 0 are left out.

    A transfer is its steady value less the shares, plus each share behind a first-order lag of so many seconds.
    """
    lags = sorted(lags, key=lambda lag: -abs(lag[0]))
    largest = max((abs(share) for share, _ in lags), default=0.0)
    return " ".join(f"{share:.9g}:{lag_s:.9g}" for share, lag_s in lags if abs(share) > _NEGLIGIBLE * largest)


def lags_from_text(text: str) -> tuple[tuple[float, float], ...]:
    """What :func:`lags_text` wrote, as pairs of share and seconds.

    Raises:
        ConfigurationError: not such a text, or a lag that is not above 0.
    """
    lags = []
    for word in text.split():
        share, colon, lag_s = word.partition(":")
        try:
            lag = float(share), float(lag_s)
        except ValueError:
            lag = (math.nan, math.nan)
        if not (colon and math.isfinite(lag[0]) and math.isfinite(lag[1]) and lag[1] > 0):
            raise ConfigurationError(f"coupling lags: {word!r} is not 'share:seconds' with seconds above 0")
        lags.append(lag)
    return tuple(lags)


@dataclass(frozen=True)
class ResistorLoad:
    """What one resistor bears while a sequence lasts.

    Attributes:
        resistor: name in Table D.1; "R4.G" is the R4 of the branch to G.
        mean_w: over bursts and off times.
        burst_w: as if burst followed burst without off time.
        rating_w: what it bears for ever.
    """

    resistor: str
    mean_w: float
    burst_w: float
    rating_w: float

    @property
    def exceeds(self) -> bool:
        """Whether the mean power is above the rating."""
        return self.mean_w > self.rating_w


def resistor_loads(
    interface: Interface, signal: InjectedSignal, ivamp_v: float, ratings_w: Mapping[str, float]
) -> list[ResistorLoad]:
    """The power in every rated resistor while ``signal`` is injected at C with ``ivamp_v`` (zero to pulse).

    A rating is for continuous power: bursts end within about a second, too soon for a resistor to settle at their
    heat, so that the mean over bursts and off times is what counts.
    """
    means = mean_powers_w(interface, signal, ivamp_v)
    bursts = _powers(interface, signal, ivamp_v, burst_alone=True)
    return [
        ResistorLoad(name, mean_w, bursts[name], ratings_w[name.partition(".")[0]])
        for name, mean_w in means.items()
        if name.partition(".")[0] in ratings_w
    ]


def mean_powers_w(interface: Interface, signal: InjectedSignal, ivamp_v: float) -> dict[str, float]:
    """The mean power in every resistor, by name, over bursts and off times."""
    return _powers(interface, signal, ivamp_v, burst_alone=False)


def _powers(interface: Interface, signal: InjectedSignal, ivamp_v: float, *, burst_alone: bool) -> dict[str, float]:
    segments = signal.burst_segments() if burst_alone else signal.period_segments()
    levels = [ivamp_v * segment.value for segment in segments]
    return interface.injected.resistor_powers_w(levels, [segment.duration_s for segment in segments])


def _in_branch(name: str, port: str) -> str:
    return f"{name}.{port}" if name in {"R4", "C1"} and port != PORTS[0] else name
