"""Small linear networks: resistors, capacitors and one ideal voltage source, solved exactly.

Capacitor voltages are the state. With each capacitor as a voltage source, the resistors alone say all node voltages.
With each as a current source they say where the capacitors settle and how slowly: scaled by the roots of the
capacitances that matrix of time constants is symmetric, so that its modes are real and decay. The steady state is
solved directly and only shared out among the modes: it is exact however far the time constants are apart.
Every voltage of the network is then a ``Transfer`` of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimdlab.errors import ConfigurationError
from aimdlab.signals.transfer import Outputs, Reals, Transfer
from aimdlab.signals.turn import Turn

_INSTANT = 1e-12
"""Time constants below this part of the slowest are rounding of 0."""


@dataclass(frozen=True)
class Element:
    """A resistor (ohm) or a capacitor (farad) between two nodes.

    Raises:
        ConfigurationError: the value is not above 0, or both ends are on one node.
    """

    kind: Literal["R", "C"]
    name: str
    a: str
    b: str
    value: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.value) and self.value > 0):
            raise ConfigurationError(f"network: {self.name} must be above 0, got {self.value!r}")
        if self.a == self.b:
            raise ConfigurationError(f"network: both ends of {self.name} are on node {self.a!r}")


class Network:
    """A netlist with a voltage source from ``source`` to ``reference``.

    Args:
        elements: names must differ.
        source: the node that the source drives.
        reference: the node that voltages are against.

    Raises:
        ConfigurationError: a node hangs in the air, capacitors form a loop (combine those in parallel first), or the
            charge of a capacitor could never leave.
    """

    def __init__(self, elements: Iterable[Element], *, source: str, reference: str) -> None:
        self.elements = tuple(elements)
        self.source = source
        self.reference = reference
        names = [element.name for element in self.elements]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"network: two elements are called {name!r}")
        seen = dict.fromkeys(node for element in self.elements for node in (element.a, element.b))
        if source not in seen or reference not in seen or source == reference:
            raise ConfigurationError(f"network: the source ({source!r} to {reference!r}) must be on two of its nodes")
        self.nodes = tuple(seen)
        self._index = {node: i for i, node in enumerate(node for node in seen if node != reference)}
        self._solve()

    def transfer(self, node: str, against: str | None = None) -> Transfer:
        """The voltage from ``against`` (the reference if not given) to ``node`` for one volt of the source.

        Raises:
            ConfigurationError: there is no such node.
        """
        of_node = self._transfer(self._row(node))
        return of_node if against is None else of_node - self._transfer(self._row(against))

    def response(self, frequency_hz: ArrayLike, node: str, per: str | None = None) -> NDArray[np.complex128]:
        """Complex ratio of the voltage at ``node`` to that at ``per`` (the source if not given), any shape."""
        ratio = self.transfer(node).response(frequency_hz)
        if per is None:
            return ratio
        answer: NDArray[np.complex128] = ratio / self.transfer(per).response(frequency_hz)
        return answer

    def resistor_powers_w(self, levels: Sequence[float], durations_s: Sequence[float]) -> dict[str, float]:
        """Mean power in every resistor, by name, while the source repeats these steps for ever."""
        resistors = [element for element in self.elements if element.kind == "R"]
        across = Outputs([self.transfer(resistor.a, resistor.b) for resistor in resistors])
        squares = across.mean_squares(Turn(levels, durations_s))
        return {resistor.name: square / resistor.value for resistor, square in zip(resistors, squares, strict=True)}

    def source_power_w(self, levels: Sequence[float], durations_s: Sequence[float]) -> float:
        """Mean power that the source delivers; the sum of ``resistor_powers_w``."""
        return self._transfer(-self._source_current).mean_product(Turn(levels, durations_s))

    def input_impedance(self, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
        """Complex impedance, ohm, that the source sees."""
        answer: NDArray[np.complex128] = 1.0 / self._transfer(-self._source_current).response(frequency_hz)
        return answer

    def _row(self, node: str) -> Reals:
        if node not in self.nodes:
            raise ConfigurationError(f"network: there is no node {node!r}; there are {', '.join(self.nodes)}")
        return self._voltages[self._index[node]] if node != self.reference else np.zeros(self._voltages.shape[1])

    def _transfer(self, row: Reals) -> Transfer:
        """A row over (capacitor voltages, source) as a Transfer."""
        return Transfer(self._rates, (row[:-1] @ self._to_state) * self._drive, float(row[-1]))

    def _solve(self) -> None:
        capacitors = [element for element in self.elements if element.kind == "C"]
        n, k = len(self._index), len(capacitors)
        # Unknown: node voltages, currents through the capacitors and the source. Given: their voltages.
        matrix = np.zeros((n + k + 1, n + k + 1))
        given = np.zeros((n + k + 1, k + 1))
        for element in self.elements:
            if element.kind == "R":
                ends = self._ends(element.a, element.b)
                for i, sign_i in ends:
                    for j, sign_j in ends:
                        matrix[i, j] += sign_i * sign_j / element.value
        across = [*((element.a, element.b) for element in capacitors), (self.source, self.reference)]
        for column, (a, b) in enumerate(across):
            for i, sign in self._ends(a, b):
                matrix[i, n + column] += sign
                matrix[n + column, i] += sign
            given[n + column, column] = 1.0
        # Conductances span many decades: rows and columns of like size keep the solution exact and the check honest.
        scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-12))
        scale[n:] = 1.0 / np.maximum(np.abs(matrix[n:] * scale).max(axis=1), 1e-300)
        scaled = matrix * scale[:, None] * scale[None, :]
        if np.linalg.matrix_rank(scaled, tol=1e-13 * n) < n + k + 1:
            raise ConfigurationError("network: a node hangs in the air, or capacitors form a loop without a resistor")
        solution = np.linalg.solve(scaled, given * scale[:, None]) * scale[:, None]
        self._voltages: Reals = solution[:n]
        self._source_current: Reals = solution[n + k]
        tau_s, modes, settled = _relaxation(self.elements, self.source, self.reference)
        if k and tau_s.min() <= 0.0:
            raise ConfigurationError("network: two capacitances are so far apart that they cannot be told from a loop")
        root = np.sqrt(np.array([element.value for element in capacitors]))
        self._rates: Reals = -1.0 / tau_s
        self._to_state: Reals = modes / root[:, None]
        self._drive: Reals = (modes.T @ (root * settled)) / tau_s

    def _ends(self, a: str, b: str) -> list[tuple[int, float]]:
        return [(self._index[node], sign) for node, sign in ((a, 1.0), (b, -1.0)) if node != self.reference]


def capacitor_transfer(elements: Iterable[Element], capacitor: str, *, source: str, reference: str) -> Transfer:
    """The voltage across one capacitor for one volt from ``source`` to ``reference``.

    Other than a ``Network`` it may have loops of capacitors through the source, which follow it without delay.

    Raises:
        ConfigurationError: the charge of a capacitor could never leave.
    """
    elements = tuple(elements)
    capacitors = [element for element in elements if element.kind == "C"]
    tau_s, modes, settled = _relaxation(elements, source, reference)
    root = np.sqrt(np.array([element.value for element in capacitors]))
    at = [element.name for element in capacitors].index(capacitor)
    shares = modes[at] / root[at] * (modes.T @ (root * settled))
    slow = tau_s > _INSTANT * tau_s.max()
    return Transfer(-1.0 / tau_s[slow], shares[slow] / tau_s[slow], float(shares[~slow].sum()))


def _relaxation(elements: Sequence[Element], source: str, reference: str) -> tuple[Reals, Reals, Reals]:
    """Time constants (k,), their orthonormal modes (k, k) over capacitor voltages scaled by the roots of the
    capacitances, and the capacitor voltages (k,) at which one volt of the source settles.

    No charge flows then, so the resistors alone say where; what flows out of a capacitor shifts all voltages by their
    resistances. A loop of capacitors shows as a time constant of 0.
    """
    capacitors = [element for element in elements if element.kind == "C"]
    nodes = dict.fromkeys(node for element in elements for node in (element.a, element.b))
    inner = [node for node in nodes if node not in (source, reference)]
    # Rows by inner node, then the source; the reference is left out. Columns by element: 1 at its a, -1 at its b.
    index = {node: i for i, node in enumerate([*inner, source])}
    incidence = np.zeros((len(index), len(elements)))
    for column, element in enumerate(elements):
        for node, sign in ((element.a, 1.0), (element.b, -1.0)):
            if node in index:
                incidence[index[node], column] = sign
    resistive = np.array([element.kind == "R" for element in elements])
    resistors, across = incidence[:, resistive], incidence[:, ~resistive]
    conductance = (resistors / [element.value for element in elements if element.kind == "R"]) @ resistors.T
    n = len(inner)
    scale = 1.0 / np.sqrt(np.maximum(np.diag(conductance)[:n], 1e-300))
    scaled = conductance[:n, :n] * scale[:, None] * scale[None, :]
    if n and np.linalg.matrix_rank(scaled, tol=1e-13 * n) < n:
        raise ConfigurationError("network: the charge of a capacitor could never leave; give it a resistor")
    given = np.column_stack([-conductance[:n, n], across[:n]])
    solved = np.linalg.solve(scaled, given * scale[:, None]) * scale[:, None]
    settled = across[:n].T @ solved[:, 0] + across[n]
    root = np.sqrt(np.array([element.value for element in capacitors]))
    time_constants = root[:, None] * (across[:n].T @ solved[:, 1:]) * root[None, :]
    tau_s, modes = np.linalg.eigh((time_constants + time_constants.T) / 2.0)
    return tau_s, modes, settled
