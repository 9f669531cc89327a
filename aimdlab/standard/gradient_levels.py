"""Injected levels for gradient malfunction, Tiers 1 to 3: ISO/TS 10974:2012, 20.2.1 to 20.2.3, Tables 16 to 25.

In every tier the amplitude IVAMP, zero to pulse, is proportional to dB/dt = B_G / tbpw. The tiers differ in what they
know: the lead length factor (Tier 1), also the field TIER2BG at the lead (Tier 2, case 1), the area of the loop that
the lead makes (Tier 2, case 2), or the largest induced voltage IVAMPMAX itself (Tier 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_signal import T_SLEW_MS, milli
from aimdlab.standard.gradient_volumes import (
    B_G_MT_BY_VOLUME,
    SystemVolume,
    Volume,
    dbdt_t_per_s,
    tabled_volume,
    tier_2_b_g_mt,
)
from aimdlab.standard.lead_length import lead_length_factor

__all__ = [
    "B_G_MT_BY_VOLUME",
    "InjectedLevels",
    "ivamp_v",
    "tier_1",
    "tier_2_by_area",
    "tier_2_by_field",
    "tier_2_dbdt_max_t_per_s",
    "tier_3",
]

# Tables 23 to 25: the columns that their ratios stand for. Table 25 implies one of 50 mT.
_TIER_3_B_G_MT: dict[SystemVolume, tuple[float, ...]] = {
    "compliance": B_G_MT_BY_VOLUME["compliance"],
    "implant": B_G_MT_BY_VOLUME["implant"],
    "outside": (*B_G_MT_BY_VOLUME["implant"], 50.0),
}
_OTHERWISE = "Tier 3, with the voltage IVAMPMAX calculated along the lead's path (20.2.3)"


@dataclass(frozen=True)
class InjectedLevels:
    """The amplitudes of one tier, for a device and its lead.

    Attributes:
        clause: where in ISO/TS 10974:2012.
        volume: the largest volume that holds a part of the system.
        lead_length_factor: V per T/s; None where the tier takes none.
        b_g_mt: the fields that the columns stand for, ascending; in Tier 2, case 1, the last is TIER2BG.
        amplitude_v: IVAMP at the dB/dt ``at_dbdt_t_per_s``; the others are in proportion.
    """

    tier: Literal[1, 2, 3]
    clause: str
    volume: SystemVolume
    lead_length_factor: float | None
    b_g_mt: tuple[float, ...]
    amplitude_v: float
    at_dbdt_t_per_s: float = 1.0

    @property
    def tbpw_ms(self) -> tuple[float, ...]:
        """The pulse widths that the rows stand for (Table 16)."""
        return T_SLEW_MS

    @property
    def levels_v(self) -> tuple[tuple[float, ...], ...]:
        """IVAMP, one row per tbpw, one column per B_G: Tables 17, 21 and 22."""
        return tuple(
            tuple(self._proportional_v(milli(b_g_mt), milli(tbpw_ms)) for b_g_mt in self.b_g_mt)
            for tbpw_ms in self.tbpw_ms
        )

    def ivamp_v(self, b_g_t: float, tbpw_s: float) -> float:
        """IVAMP of one sequence.

        Raises:
            ConfigurationError: B_G or tbpw is not one of this tier's.
        """
        if not _is_listed(b_g_t, self.b_g_mt):
            raise ConfigurationError(
                f"B_G = {b_g_t * 1e3:g} mT is not a level of Tier {self.tier} for {_named(self.volume)}; "
                f"those are {_listed(self.b_g_mt)} mT."
            )
        if not _is_listed(tbpw_s, self.tbpw_ms):
            raise ConfigurationError(
                f"tbpw = {tbpw_s * 1e3:g} ms is not a row of Table 16; those are {_listed(self.tbpw_ms)} ms."
            )
        return self._proportional_v(b_g_t, tbpw_s)

    def _proportional_v(self, b_g_t: float, tbpw_s: float) -> float:
        return self.amplitude_v * (dbdt_t_per_s(b_g_t, tbpw_s) / self.at_dbdt_t_per_s)


def tier_1(volume: SystemVolume, lead_m: float) -> InjectedLevels:
    """Tier 1: lead length factor times every dB/dt of Table 16 (20.2.1); a leadless device: the terminal spacing.

    Raises:
        ConfigurationError: a part of the system is outside the implant volume, or the lead out of range.
    """
    tabled = tabled_volume(volume, otherwise=_OTHERWISE)
    factor = lead_length_factor(tabled, lead_m)
    return InjectedLevels(1, "20.2.1", tabled, factor, B_G_MT_BY_VOLUME[tabled], factor)


def tier_2_by_field(volume: SystemVolume, lead_m: float, tier2_bg_t: float) -> InjectedLevels:
    """Tier 2, case 1: lead length factor times the dB/dt of every B_G below TIER2BG, and of TIER2BG (20.2.2).

    Raises:
        ConfigurationError: as in Tier 1, or TIER2BG is above the largest B_G of the volume.
    """
    tabled = tabled_volume(volume, otherwise=_OTHERWISE)
    factor = lead_length_factor(tabled, lead_m)
    columns_mt = tier_2_b_g_mt(tier2_bg_t, largest_mt=B_G_MT_BY_VOLUME[tabled][-1])
    return InjectedLevels(2, "20.2.2", tabled, factor, columns_mt, factor)


def tier_2_by_area(volume: SystemVolume, loop_area_m2: float) -> InjectedLevels:
    """Tier 2, case 2: the largest area that the lead can enclose times every dB/dt of Table 16 (20.2.2).

    Raises:
        ConfigurationError: a part of the system is outside the implant volume, or the area is none.
    """
    tabled = tabled_volume(volume, otherwise=_OTHERWISE)
    _require_positive("loop area", loop_area_m2, "m2")
    return InjectedLevels(2, "20.2.2", tabled, None, B_G_MT_BY_VOLUME[tabled], loop_area_m2)


def tier_3(volume: SystemVolume, ivamp_max_v: float) -> InjectedLevels:
    """Tier 3: IVAMPMAX at the largest B_G and the shortest tbpw, scaled by Table 23, 24 or 25 (20.2.3).

    The ratios are exact: some of the printed ones are rounded down and would test with too little.

    Raises:
        ConfigurationError: IVAMPMAX is not a voltage above zero.
    """
    _require_positive("IVAMPMAX", ivamp_max_v, "V")
    columns_mt = _TIER_3_B_G_MT[volume]
    steepest = dbdt_t_per_s(milli(columns_mt[-1]), milli(T_SLEW_MS[0]))
    return InjectedLevels(3, "20.2.3", volume, None, columns_mt, ivamp_max_v, steepest)


def tier_2_dbdt_max_t_per_s(tier2_bg_t: float) -> tuple[float, ...]:
    """Table 20: TIER2DBDTMAX of a TIER2BG, for each tbpw; linear, so that fields between its entries have theirs."""
    return tuple(dbdt_t_per_s(tier2_bg_t, milli(tbpw_ms)) for tbpw_ms in T_SLEW_MS)


def ivamp_v(volume: Volume, lead_m: float, b_g_t: float, tbpw_s: float) -> float:
    """Tier 1 amplitude of pulses A and B of one sequence, zero to pulse.

    Raises:
        ConfigurationError: B_G or tbpw is not an entry of Table 16 for this volume, or the lead is out of range.
    """
    return tier_1(volume, lead_m).ivamp_v(b_g_t, tbpw_s)


def _require_positive(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigurationError(f"{name} {value:g} {unit}: it must be finite and above 0 {unit}.")


def _is_listed(value: float, entries: Sequence[float]) -> bool:
    return any(math.isclose(value, milli(entry), rel_tol=1e-9) for entry in entries)


def _named(volume: SystemVolume) -> str:
    return "a system partly outside the implant volume" if volume == "outside" else f"the {volume} volume"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
