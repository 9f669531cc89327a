"""Small linear networks: resistors, capacitors and one ideal voltage source, solved exactly.

Capacitor voltages are the state. With each capacitor as a voltage source, the resistors alone say all node voltages and
the capacitor currents; scaled by the roots of the capacitances the state matrix is symmetric, so that its modes are
real and decay. Every voltage of the network is then a ``Transfer`` of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimdlab.errors import ConfigurationError
from aimdlab.signals.transfer import Reals, Transfer


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
        return {
            element.name: self.transfer(element.a, element.b).mean_square(levels, durations_s) / element.value
            for element in self.elements
            if element.kind == "R"
        }

    def source_power_w(self, levels: Sequence[float], durations_s: Sequence[float]) -> float:
        """Mean power that the source delivers; the sum of ``resistor_powers_w``."""
        return self._transfer(-self._source_current).mean_product(levels, durations_s)

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
        root = 1.0 / np.sqrt(np.array([element.value for element in capacitors]))
        currents = solution[n : n + k]
        state = root[:, None] * currents[:, :k] * root[None, :]
        rates, modes = np.linalg.eigh((state + state.T) / 2.0)
        if k and rates.max() >= 1e-12 * rates.min():
            raise ConfigurationError("network: the charge of a capacitor could never leave; give it a resistor")
        self._rates: Reals = rates
        self._to_state: Reals = root[:, None] * modes
        self._drive: Reals = self._to_state.T @ currents[:, k]

    def _ends(self, a: str, b: str) -> list[tuple[int, float]]:
        return [(self._index[node], sign) for node, sign in ((a, 1.0), (b, -1.0)) if node != self.reference]
