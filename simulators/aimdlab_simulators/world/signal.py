"""What a node of the world is: a voltage over world time that anybody can pull."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Volts = NDArray[np.float64]


class Signal(Protocol):
    """A voltage over world time."""

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at the times ``t0_s + i * dt_s``, shape (n,); the past alone, no later than the present world time."""
        ...

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts that can occur in the closed interval; never too narrow, cheap over hours."""
        ...


class Silence:
    """A node at 0 V: a cable that leads nowhere, a dummy load."""

    def samples(self, t0_s: float, dt_s: float, n: int) -> Volts:  # noqa: ARG002
        """Zeros."""
        return np.zeros(n)

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:  # noqa: ARG002
        """Nothing but 0 V."""
        return 0.0, 0.0
