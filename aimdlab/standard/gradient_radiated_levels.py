"""Radiated levels for gradient malfunction, Tiers 1 and 2: ISO/TS 10974:2012, 20.3.2 and 20.3.3, Tables 26 and 27."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aimdlab.standard.gradient_signal import T_SLEW_MS, milli
from aimdlab.standard.gradient_volumes import (
    B_G_MT_BY_VOLUME,
    SystemVolume,
    dbdt_t_per_s,
    tabled_volume,
    tier_2_b_g_mt,
)


@dataclass(frozen=True)
class RadiatedLevels:
    """The gradient fields of one tier.

    Attributes:
        clause: where in ISO/TS 10974:2012.
        volume: the largest volume that holds a part of the device; None where it does not matter (Table 27).
        b_g_mt: the fields, peak to peak, ascending; in Tier 2 the last is TIER2BG.
    """

    tier: Literal[1, 2]
    clause: str
    volume: SystemVolume | None
    b_g_mt: tuple[float, ...]

    @property
    def t_slew_ms(self) -> tuple[float, ...]:
        """The slew times of the trapezoid (Table 2)."""
        return T_SLEW_MS

    @property
    def dbdt_t_per_s(self) -> tuple[tuple[float, ...], ...]:
        """dB/dt on every slew, one row per slew time, one column per field."""
        return tuple(
            tuple(dbdt_t_per_s(milli(b_g_mt), milli(t_slew_ms)) for b_g_mt in self.b_g_mt)
            for t_slew_ms in self.t_slew_ms
        )


def tier_1(volume: SystemVolume) -> RadiatedLevels:
    """Tier 1: every B_G of the volume that holds the whole device (Table 26).

    Raises:
        ConfigurationError: a part of the device is outside the implant volume.
    """
    tabled = tabled_volume(volume, otherwise="Tier 2, with the field TIER2BG calculated at the device (20.3.3)")
    return RadiatedLevels(1, "20.3.2", tabled, B_G_MT_BY_VOLUME[tabled])


def tier_2(tier2_bg_t: float, volume: SystemVolume | None = None) -> RadiatedLevels:
    """Tier 2: every B_G of Table 2 below TIER2BG, and TIER2BG (Table 27), wherever the device is.

    Raises:
        ConfigurationError: TIER2BG is not a field, or above what the named volume can hold.
    """
    if volume is None or volume == "outside":
        columns_mt = tier_2_b_g_mt(tier2_bg_t)
    else:
        columns_mt = tier_2_b_g_mt(tier2_bg_t, largest_mt=B_G_MT_BY_VOLUME[volume][-1])
    return RadiatedLevels(2, "20.3.3", volume, columns_mt)
