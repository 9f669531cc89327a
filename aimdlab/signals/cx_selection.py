"""The selection of Cx: ISO/TS 10974:2012, D.2, computed from the network instead of measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aimdlab.errors import ConfigurationError
from aimdlab.signals.tissue_interface import Interface

# IEC 60063.
_E12 = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2)


@dataclass(frozen=True)
class SpuriousSignal:
    """The generator's signals at C, peak values.

    Attributes:
        test_v, test_hz: the test signal itself, a sine.
        spurious_v, spurious_hz: the low-frequency signal that comes with it unwanted.
    """

    test_v: float
    test_hz: float
    spurious_v: float
    spurious_hz: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(hz) and hz > 0 for hz in (self.test_hz, self.spurious_hz)):
            raise ConfigurationError("Cx selection: both frequencies must be above 0 Hz")
        if not all(math.isfinite(volt) and volt >= 0 for volt in (self.test_v, self.spurious_v)):
            raise ConfigurationError("Cx selection: both voltages must be 0 V or more")


@dataclass(frozen=True)
class CxCandidate:
    """What one value of Cx would do.

    Attributes:
        cx_f: the value; None for a bypassed Cx.
        reading_v: peak at test point B, the sum of the two that follow.
        spurious_v: share of the spurious signal.
        test_v: what the filter leaves of the test signal.
        passed: share of the test signal at the device connection F against a bypassed Cx.
        meets_limit: whether the reading is below the limit.
    """

    cx_f: float | None
    reading_v: float
    spurious_v: float
    test_v: float
    passed: float
    meets_limit: bool


@dataclass(frozen=True)
class CxSelection:
    """All candidates, and the one that D.2 would select.

    Attributes:
        candidates: the bypass first, then falling values.
        selected: the first that meets the limit, which takes least from the test signal; None if none does.
        filter_scale: by which the capacitances of Table D.2 were multiplied.
    """

    candidates: tuple[CxCandidate, ...]
    selected: CxCandidate | None
    filter_scale: float


def e12(least: float, most: float) -> list[float]:
    """The values of the E12 series from ``least`` to ``most``, both counted, ascending."""
    if not (0 < least <= most < math.inf):
        raise ConfigurationError(f"E12 series: the range must be above 0 and ascending, got {least!r} to {most!r}")
    decades = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1)
    series = [float(f"{value!r}e{decade}") for decade in decades for value in _E12]
    return [value for value in series if least * (1 - 1e-9) <= value <= most * (1 + 1e-9)]


def filter_scale(test_hz: float, unscaled_from_hz: float) -> float:
    """By how much the filter is slowed for a test signal below ``unscaled_from_hz``; 1 above.

    Assumed: all corners move in proportion to the frequency of the test signal.
    """
    return max(1.0, unscaled_from_hz / test_hz)


def select_cx(
    interface: Interface,
    low_pass: Mapping[str, float],
    signal: SpuriousSignal,
    *,
    limit_v: float,
    unscaled_from_hz: float,
    candidates_f: Sequence[float],
) -> CxSelection:
    """The reading at B for every candidate, and the largest value with which it stays below ``limit_v``.

    Args:
        interface: the network; its own ``cx_f`` is not used.
        low_pass: R1 to R3 and C1 to C3 of Table D.2.
        signal: what comes from the generator.
        limit_v: 0.05 mV in D.2, taken as a peak value.
        unscaled_from_hz: 9 kHz in D.2.
        candidates_f: values of Cx.
    """
    scale = filter_scale(signal.test_hz, unscaled_from_hz)
    scaled = {name: value * scale if name.startswith("C") else value for name, value in low_pass.items()}
    bypassed = _at(replace(interface, cx_f=None), scaled, signal, "F")[0]
    rows = []
    for cx_f in (None, *sorted(candidates_f, reverse=True)):
        with_cx = replace(interface, cx_f=cx_f)
        at_f, _ = _at(with_cx, scaled, signal, "F")
        test, spurious = _at(with_cx, scaled, signal, "B")
        test_v, spurious_v = test * signal.test_v, spurious * signal.spurious_v
        reading_v = test_v + spurious_v
        rows.append(CxCandidate(cx_f, reading_v, spurious_v, test_v, at_f / bypassed, reading_v < limit_v))
    return CxSelection(tuple(rows), next((row for row in rows if row.meets_limit), None), scale)


def _at(interface: Interface, low_pass: Mapping[str, float], signal: SpuriousSignal, node: str) -> tuple[float, float]:
    """Magnitude at ``node`` per volt at C, of the test signal and of the spurious one."""
    both = abs(interface.with_filter(low_pass).response([signal.test_hz, signal.spurious_hz], node, "C"))
    return float(both[0]), float(both[1])
