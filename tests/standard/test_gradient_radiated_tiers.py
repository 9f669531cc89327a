"""The radiated levels of 20.3.2 and 20.3.3 against Tables 26 and 27."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_radiated_levels import tier_1, tier_2
from aimdlab.standard.gradient_volumes import SystemVolume, Volume

TABLE_2_B_G_MT = (1, 2, 5, 10, 20, 30, 40)


@pytest.mark.parametrize(("volume", "printed"), [
    ("compliance", (1, 2, 5, 10, 20, 30)), ("implant", (1, 2, 5, 10, 20, 30, 40)),
])  # fmt: skip
def test_table_26(volume: Volume, printed: tuple[int, ...]) -> None:
    levels = tier_1(volume)
    assert (levels.tier, levels.clause, levels.volume) == (1, "20.3.2", volume)
    assert levels.b_g_mt == printed


def test_table_26_sends_what_is_outside_to_tier_2() -> None:
    with pytest.raises(ConfigurationError, match=r"outside the implant volume.*Tier 2"):
        tier_1("outside")


@given(tier2_bg_mt=st.floats(0.01, 100))
def test_table_27(tier2_bg_mt: float) -> None:
    levels = tier_2(tier2_bg_mt / 1e3)
    assert (levels.tier, levels.clause, levels.volume) == (2, "20.3.3", None)
    assert levels.b_g_mt[-1] == pytest.approx(tier2_bg_mt, abs=1e-9)
    assert levels.b_g_mt[:-1] == tuple(b_g_mt for b_g_mt in TABLE_2_B_G_MT if b_g_mt < levels.b_g_mt[-1])


def test_dbdt_on_a_slew() -> None:
    levels = tier_2(25e-3)
    assert levels.t_slew_ms == (0.2, 0.4, 1.0, 2.0)
    assert [row[-1] for row in levels.dbdt_t_per_s] == pytest.approx([125, 62.5, 25, 12.5], rel=1e-12)
    assert levels.dbdt_t_per_s[0] == pytest.approx([5, 10, 25, 50, 100, 125], rel=1e-12)


@pytest.mark.parametrize("volume", [None, "outside"])
def test_outside_no_field_is_too_large(volume: SystemVolume | None) -> None:
    assert tier_2(60e-3, volume).b_g_mt == (*TABLE_2_B_G_MT, 60)


@pytest.mark.parametrize(("volume", "largest_mt"), [("compliance", 30), ("implant", 40)])
def test_a_named_volume_limits_the_field(volume: Volume, largest_mt: int) -> None:
    assert tier_2(largest_mt / 1e3, volume).b_g_mt == tier_1(volume).b_g_mt
    with pytest.raises(ConfigurationError, match=r"TIER2BG .* is above .*largest field"):
        tier_2((largest_mt + 0.1) / 1e3, volume)


@pytest.mark.parametrize("tier2_bg_t", [0.0, -0.01, math.nan, math.inf])
def test_what_is_no_field(tier2_bg_t: float) -> None:
    with pytest.raises(ConfigurationError, match="TIER2BG"):
        tier_2(tier2_bg_t)
