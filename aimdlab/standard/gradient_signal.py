"""The parameters of the gradient test signal: ISO/TS 10974:2012, 8.1, Tables 2 and 3.

Tables are kept in the unit they are printed in; what leaves this module is in SI.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

# Table 2.
B_G_MT = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0)
T_SLEW_MS = (0.2, 0.4, 1.0, 2.0)
CYCLES = (1, 2, 5, 10, 20)
T_OFF_MS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
T_DWELL_MS = (0.0, 0.5, 5.0, 20.0)
EXPOSURE_MIN_S = 15.0

# Table 3: pulse A and pulse B widths in pairs; tbpw stands for T_SLEW. The edge is the 10 % to 90 % time.
TAPW_TBPW_MS = ((0.1, 0.2), (0.2, 0.4), (0.5, 1.0), (1.0, 2.0))
T_EDGE_MAX_US = 1.0
T_EDGE_MAX_S = T_EDGE_MAX_US / 1e6


def milli(value: float) -> float:
    """A printed value in thousandths (ms, mT) in SI: the double nearest to the printed number."""
    return float(f"{value!r}e-3")


@dataclass(frozen=True)
class GradientSequence:
    """One parameter combination of the sequence of sequences.

    Attributes:
        tbpw_s: width of pulse B of the injected signal, T_SLEW of the radiated one.
        t_dwell_s, cycles, t_off_s: as in Table 2.
        b_g_t: gradient field, peak to peak, to which the level belongs.
    """

    tbpw_s: float
    t_dwell_s: float
    cycles: int
    t_off_s: float
    b_g_t: float


def exposure_s(response_time_s: float = 0.0) -> float:
    """The exposure of each sequence: Table 2's minimum, or the device's response time if that is longer."""
    return max(EXPOSURE_MIN_S, response_time_s)


def sequence_count(b_g_columns: int) -> int:
    """How many sequences Table 2 makes with this many B_G values."""
    return len(T_SLEW_MS) * len(T_DWELL_MS) * len(CYCLES) * len(T_OFF_MS) * b_g_columns


def sequences(b_g_mt: Sequence[float]) -> Iterator[GradientSequence]:
    """Every combination of Table 2 with these B_G; the level rises innermost, so a sensitive device is found gently."""
    levels_t = [milli(value) for value in sorted(b_g_mt)]
    for (_, tbpw_ms), dwell_ms, cycles, off_ms, b_g_t in product(TAPW_TBPW_MS, T_DWELL_MS, CYCLES, T_OFF_MS, levels_t):
        yield GradientSequence(milli(tbpw_ms), milli(dwell_ms), cycles, milli(off_ms), b_g_t)
