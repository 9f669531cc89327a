"""The volumes of gradient malfunction and the field that each is tested at: ISO/TS 10974:2012, 20.1, Table 16."""

from __future__ import annotations

import math
from typing import Literal, get_args

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_signal import B_G_MT

# Cylinders about the bore's axis: radius 0.20 m (compliance) and 0.25 m (implant).
Volume = Literal["compliance", "implant"]
SystemVolume = Literal["compliance", "implant", "outside"]

# Table 16: the rightmost column is for the implant volume alone.
B_G_MT_BY_VOLUME: dict[Volume, tuple[float, ...]] = {"compliance": B_G_MT[:6], "implant": B_G_MT}

_BY_SIZE: tuple[SystemVolume, ...] = get_args(SystemVolume)


def dbdt_t_per_s(b_g_t: float, tbpw_s: float) -> float:
    """dB/dt of Tables 16 and 20 for any B_G and pulse width: B_G / tbpw."""
    return b_g_t / tbpw_s


def largest_volume(*volumes: SystemVolume) -> SystemVolume:
    """The largest volume that holds a part of the system; it applies to the whole system (20.2.1)."""
    return max(volumes, key=_BY_SIZE.index)


def tabled_volume(volume: SystemVolume, *, otherwise: str) -> Volume:
    """``volume`` if the levels of 20.1 are tabled there.

    Raises:
        ConfigurationError: a part of the system is outside the implant volume; ``otherwise`` says what to use there.
    """
    if volume == "outside":
        raise ConfigurationError(
            f"a part of the system is outside the implant volume, where no level is tabled: use {otherwise}."
        )
    return volume


def tier_2_b_g_mt(tier2_bg_t: float, largest_mt: float = math.inf) -> tuple[float, ...]:
    """The fields of Tier 2, in mT: every B_G of Table 2 below TIER2BG, then TIER2BG itself (20.2.2, 20.3.3).

    Raises:
        ConfigurationError: TIER2BG is not a field, or above ``largest_mt``.
    """
    # To the picotesla, so that 30 mT out of a calculation still is the 30 mT of the table.
    tier2_bg_mt = round(tier2_bg_t * 1e3, 9) if math.isfinite(tier2_bg_t) else math.nan
    if not tier2_bg_mt > 0:
        raise ConfigurationError(f"TIER2BG = {tier2_bg_t * 1e3:g} mT: it must be a field above 0 mT.")
    if tier2_bg_mt > largest_mt:
        raise ConfigurationError(
            f"TIER2BG = {tier2_bg_mt:g} mT is above {largest_mt:g} mT, the largest field in the volume that was named. "
            "Check the calculation, or name the volume that holds every part of the system."
        )
    return (*(b_g_mt for b_g_mt in B_G_MT if b_g_mt < tier2_bg_mt), tier2_bg_mt)
