"""What instruments give: captures (integer codes with their scale) and readings (timed scalars)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.int16] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Capture:
    """The raw codes of one channel over one time window.

    ``value = code * scale + offset``, in ``unit``, at ``t = t0_s + i * dt_s``; time zero is the trigger.

    Attributes:
        channel: what is watched, by its name in the bench file ("injection_monitor", "device_monitor").
        kind: the part of the step it belongs to: "baseline", "verify" or "exposure".
        codes: shape (n,), one of int8, uint8, int16, uint16, exactly as the instrument sent them.
        scale: unit per code.
        offset: value of code 0, in ``unit``.
        unit: SI unit of the value at the channel's measuring point.
        dt_s: sample interval.
        t0_s: time of the first sample.
        code_min: the lowest code that is not clipped; a code at or below ``code_min - 1`` is.
        code_max: the highest code that is not clipped.
        hole_code: the code that stands for "no sample", or None.
        u_gain: standard uncertainty of the scale, relative (k = 1).
        u_offset: standard uncertainty of the offset, in ``unit`` (k = 1).
        u_time: standard uncertainty of the time base, relative (k = 1).
    """

    channel: str
    kind: str
    codes: Codes
    scale: float
    offset: float
    unit: str
    dt_s: float
    t0_s: float
    code_min: int
    code_max: int
    hole_code: int | None = None
    u_gain: float = 0.0
    u_offset: float = 0.0
    u_time: float = 0.0

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self.codes.shape[0])

    @property
    def span_s(self) -> float:
        """Time from the first to the last sample."""
        return (self.n - 1) * self.dt_s


@dataclass(frozen=True, eq=False)
class Reading:
    """A scalar read now and then.

    Attributes:
        name: what was read ("ambient_temperature").
        unit: SI unit.
        t_s: shape (n,), seconds after the trigger of the exposure.
        values: shape (n,), in ``unit``.
    """

    name: str
    unit: str
    t_s: NDArray[np.float64]
    values: NDArray[np.float64]
