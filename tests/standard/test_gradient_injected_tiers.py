"""The injected levels of 20.2.1 to 20.2.3 against the printed tables, typed here row by row as they are printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_levels import (
    InjectedLevels,
    ivamp_v,
    tier_1,
    tier_2_by_area,
    tier_2_by_field,
    tier_2_dbdt_max_t_per_s,
    tier_3,
)
from aimdlab.standard.gradient_signal import sequence_count
from aimdlab.standard.gradient_volumes import SystemVolume, Volume

TABLE_17 = """
0,2  0,750  1,500  3,750  7,500  15,000  22,500  30,000
0,4  0,375  0,750  1,875  3,750  7,500   11,250  15,000
1,0  0,150  0,300  0,750  1,500  3,000   4,500   6,000
2,0  0,075  0,150  0,375  0,750  1,500   2,250   3,000
"""
# Four blocks: TIER2BG in mT, then a row per tbpw in T/s.
TABLE_20 = """
tbpw    1     2     3     4     5     6     7     8     9    10
 0,2    5    10    15    20    25    30    35    40    45    50
 0,4  2,5     5   7,5    10  12,5    15  17,5    20  22,5    25
 1,0    1     2     3     4     5     6     7     8     9    10
 2,0  0,5     1   1,5     2   2,5     3   3,5     4   4,5     5
tbpw   11    12    13    14    15    16    17    18    19    20
 0,2   55    60    65    70    75    80    85    90    95   100
 0,4 27,5    30  32,5    35  37,5    40  42,5    45  47,5    50
 1,0   11    12    13    14    15    16    17    18    19    20
 2,0  5,5     6   6,5     7   7,5     8   8,5     9   9,5    10
tbpw   21    22    23    24    25    26    27    28    29    30
 0,2  105   110   115   120   125   130   135   140   145   150
 0,4 52,5    55  57,5    60  62,5    65  67,5    70  72,5    75
 1,0   21    22    23    24    25    26    27    28    29    30
 2,0 10,5    11  11,5    12  12,5    13  13,5    14  14,5    15
tbpw   31    32    33    34    35    36    37    38    39    40
 0,2  155   160   165   170   175   180   185   190   195   200
 0,4 77,5    80  82,5    85  87,5    90  92,5    95  97,5   100
 1,0   31    32    33    34    35    36    37    38    39    40
 2,0 15,5    16  16,5    17  17,5    18  18,5    19  19,5    20
"""
TABLE_21 = """
0,2  0,750  1,500  3,750  7,500  15,000 18,750
0,4  0,375  0,750  1,875  3,750  7,500  9,375
1,0  0,150  0,300  0,750  1,500  3,000  3,750
2,0  0,075  0,150  0,375  0,750  1,500  1,875
"""
TABLE_22 = """
0,2  0,160  0,319  0,798  1,595  3,190  4,785  6,380
0,4  0,080  0,160  0,399  0,798  1,595  2,393  3,190
1,0  0,032  0,064  0,160  0,319  0,638  0,957  1,276
2,0  0,016  0,032  0,080  0,160  0,319  0,479  0,638
"""
# IVAMPMAX is written as 1.
SCALING: dict[SystemVolume, str] = {
    "compliance": """
0,2  0,0333 0,0667 0,1667 0,3333 0,6667 1
0,4  0,0167 0,0333 0,0833 0,1667 0,3333 0,5000
1,0  0,0067 0,0133 0,0333 0,0667 0,1333 0,2000
2,0  0,0033 0,0067 0,0167 0,0333 0,0667 0,1000
""",
    "implant": """
0,2  0,0250 0,0500 0,1250 0,2500 0,5000 0,7500 1
0,4  0,0125 0,0250 0,0625 0,1250 0,2500 0,3750 0,5000
1,0  0,0050 0,0100 0,0250 0,0500 0,1000 0,1500 0,2000
2,0  0,0025 0,0050 0,0125 0,0250 0,0500 0,0750 0,1000
""",
    "outside": """
0,2  0,020  0,040  0,100  0,200  0,400  0,600  0,800  1
0,4  0,010  0,020  0,050  0,100  0,200  0,300  0,400  0,500
1,0  0,004  0,008  0,020  0,040  0,080  0,120  0,160  0,200
2,0  0,002  0,004  0,010  0,020  0,040  0,060  0,080  0,100
""",
}
# Half of the last printed digit, and a hair for a value that stands exactly in the middle (2.3925 V).
ROUNDED_TO_3, ROUNDED_TO_4 = 0.5e-3 + 1e-9, 0.5e-4 + 1e-9
LARGEST_MT: dict[Volume, float] = {"compliance": 30.0, "implant": 40.0}
volumes = st.sampled_from(["compliance", "implant"])


def rows(table: str) -> list[list[float]]:
    """A printed table: decimal commas, blanks between the cells."""
    return [[float(cell.replace(",", ".")) for cell in line.split()] for line in table.strip().splitlines()]


def assert_is_printed(levels: InjectedLevels, table: str, within_v: float) -> None:
    assert len(rows(table)) == len(levels.tbpw_ms) == len(levels.levels_v)
    for tbpw_ms, row_v, (printed_ms, *printed_v) in zip(levels.tbpw_ms, levels.levels_v, rows(table), strict=True):
        assert tbpw_ms == printed_ms
        assert len(row_v) == len(levels.b_g_mt)
        assert row_v == pytest.approx(printed_v, abs=within_v, rel=0)


def test_table_17() -> None:
    levels = tier_1("implant", 1.0)
    assert (levels.tier, levels.clause, levels.lead_length_factor) == (1, "20.2.1", 0.150)
    assert_is_printed(levels, TABLE_17, 1e-12)


def test_table_17_without_its_last_column_is_the_compliance_volume() -> None:
    levels = tier_1("compliance", 1.0)
    assert levels.b_g_mt == (1, 2, 5, 10, 20, 30)
    assert levels.levels_v[0][-1] == pytest.approx(0.131 * 150, rel=1e-12)


def test_table_20() -> None:
    lines = TABLE_20.strip().splitlines()
    seen = set()
    for start in range(0, len(lines), 5):
        fields_mt = [float(cell) for cell in lines[start].split()[1:]]
        block = rows("\n".join(lines[start + 1 : start + 5]))
        for place, field_mt in enumerate(fields_mt, start=1):
            assert tier_2_dbdt_max_t_per_s(field_mt / 1e3) == pytest.approx([row[place] for row in block], rel=1e-12)
            seen.add(field_mt)
    assert seen == set(range(1, 41))


def test_table_21() -> None:
    levels = tier_2_by_field("implant", 1.0, 25e-3)
    assert (levels.tier, levels.clause, levels.lead_length_factor) == (2, "20.2.2", 0.150)
    assert levels.b_g_mt == (1, 2, 5, 10, 20, 25)
    assert_is_printed(levels, TABLE_21, 1e-12)


def test_table_22() -> None:
    levels = tier_2_by_area("implant", 0.0319)
    assert (levels.tier, levels.clause, levels.lead_length_factor) == (2, "20.2.2", None)
    assert_is_printed(levels, TABLE_22, ROUNDED_TO_3)


@pytest.mark.parametrize("volume", SCALING)
def test_tables_23_to_25(volume: SystemVolume) -> None:
    levels = tier_3(volume, 1.0)
    assert (levels.tier, levels.clause, levels.lead_length_factor) == (3, "20.2.3", None)
    assert_is_printed(levels, SCALING[volume], ROUNDED_TO_4)


def test_table_25_implies_a_column_of_50_mt() -> None:
    assert tier_3("outside", 12.0).b_g_mt == (1, 2, 5, 10, 20, 30, 40, 50)


def test_tier_3_takes_the_exact_ratio_where_the_printed_one_would_test_with_too_little() -> None:
    assert tier_3("compliance", 30.0).levels_v[0] == pytest.approx([1, 2, 5, 10, 20, 30], rel=1e-12)


@pytest.mark.parametrize(("volume", "count"), [("compliance", 6240), ("implant", 7280), ("outside", 8320)])
def test_number_of_sequences_of_tier_3(volume: SystemVolume, count: int) -> None:
    assert sequence_count(len(tier_3(volume, 1.0).b_g_mt)) == count


@given(volume=st.sampled_from(["compliance", "implant", "outside"]), ivamp_max_v=st.floats(1e-3, 1e3))
def test_ivampmax_is_the_largest_level_of_tier_3_to_the_bit(volume: SystemVolume, ivamp_max_v: float) -> None:
    levels = tier_3(volume, ivamp_max_v)
    assert levels.levels_v[0][-1] == ivamp_max_v == max(map(max, levels.levels_v))


@given(volume=volumes, lead_m=st.floats(0.001, 2.0), share=st.floats(0.001, 1.0))
def test_a_smaller_field_never_tests_with_more_than_tier_1(volume: Volume, lead_m: float, share: float) -> None:
    highest = tier_1(volume, lead_m)
    levels = tier_2_by_field(volume, lead_m, share * LARGEST_MT[volume] / 1e3)
    assert list(levels.b_g_mt) == sorted(set(levels.b_g_mt))
    assert levels.b_g_mt[-1] == pytest.approx(share * LARGEST_MT[volume], abs=1e-9)
    assert len(levels.b_g_mt) <= len(highest.b_g_mt)
    for row_v, highest_v in zip(levels.levels_v, highest.levels_v, strict=True):
        assert row_v[-1] == pytest.approx(share * highest_v[-1], rel=1e-6)
        assert row_v[:-1] == highest_v[: len(row_v) - 1]


@given(volume=volumes, lead_m=st.floats(0.001, 2.0))
def test_tier_2_at_the_volumes_largest_field_is_tier_1(volume: Volume, lead_m: float) -> None:
    assert tier_2_by_field(volume, lead_m, LARGEST_MT[volume] / 1e3).levels_v == tier_1(volume, lead_m).levels_v


@pytest.mark.parametrize("entry_mt", [1, 2, 5, 10, 20, 30])
def test_a_field_that_is_a_column_stands_once(entry_mt: int) -> None:
    almost_t = math.nextafter(entry_mt * 1e-3, 1)
    assert tier_2_by_field("implant", 1.0, almost_t).b_g_mt[-1] == entry_mt
    assert len(tier_2_by_field("implant", 1.0, almost_t).b_g_mt) == [1, 2, 5, 10, 20, 30].index(entry_mt) + 1


def test_a_field_below_table_16_stands_alone() -> None:
    assert tier_2_by_field("implant", 1.0, 0.4e-3).b_g_mt == (0.4,)


@given(volume=volumes, lead_m=st.floats(0.001, 2.0), b_g_mt=st.sampled_from([1, 2, 5, 10, 20, 30]))
def test_one_sequence_has_the_level_of_the_table(volume: Volume, lead_m: float, b_g_mt: int) -> None:
    levels = tier_1(volume, lead_m)
    for tbpw_ms, row_v in zip(levels.tbpw_ms, levels.levels_v, strict=True):
        expected_v = row_v[levels.b_g_mt.index(b_g_mt)]
        assert levels.ivamp_v(b_g_mt / 1e3, tbpw_ms / 1e3) == pytest.approx(expected_v, rel=1e-12)
        assert ivamp_v(volume, lead_m, b_g_mt / 1e3, tbpw_ms / 1e3) == pytest.approx(expected_v, rel=1e-12)


def test_tier2bg_is_a_level_of_its_own_tier_alone() -> None:
    levels = tier_2_by_field("implant", 1.0, 25e-3)
    assert levels.ivamp_v(25e-3, 2e-4) == pytest.approx(18.75, rel=1e-12)
    with pytest.raises(ConfigurationError, match=r"30 mT is not a level of Tier 2 .* 20, 25 mT"):
        levels.ivamp_v(30e-3, 2e-4)
    with pytest.raises(ConfigurationError, match=r"25 mT is not a level of Tier 3 for a system partly outside"):
        tier_3("outside", 1.0).ivamp_v(25e-3, 2e-4)


@pytest.mark.parametrize("volume", ["compliance", "implant"])
@pytest.mark.parametrize("lead_m", [0.0, 2.5, math.nan])
def test_no_lead_length_outside_the_tables(volume: Volume, lead_m: float) -> None:
    with pytest.raises(ConfigurationError, match="lead length"):
        tier_1(volume, lead_m)
    with pytest.raises(ConfigurationError, match="lead length"):
        tier_2_by_field(volume, lead_m, 10e-3)


def test_a_part_outside_the_implant_volume_needs_tier_3() -> None:
    for make in (
        lambda: tier_1("outside", 1.0),
        lambda: tier_2_by_field("outside", 1.0, 10e-3),
        lambda: tier_2_by_area("outside", 0.03),
    ):
        with pytest.raises(ConfigurationError, match=r"outside the implant volume.*Tier 3"):
            make()


@pytest.mark.parametrize(("volume", "tier2_bg_t"), [("compliance", 31e-3), ("compliance", 40e-3), ("implant", 40.1e-3)])
def test_no_field_above_the_volumes_largest(volume: Volume, tier2_bg_t: float) -> None:
    with pytest.raises(ConfigurationError, match=r"TIER2BG .* is above .*largest field"):
        tier_2_by_field(volume, 1.0, tier2_bg_t)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_field_area_or_voltage(value: float) -> None:
    with pytest.raises(ConfigurationError, match="TIER2BG"):
        tier_2_by_field("implant", 1.0, value)
    with pytest.raises(ConfigurationError, match="loop area"):
        tier_2_by_area("implant", value)
    with pytest.raises(ConfigurationError, match="IVAMPMAX"):
        tier_3("implant", value)
