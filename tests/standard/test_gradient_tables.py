"""The data of 8.1 and 20.2.1 against the printed tables, typed here row by row as they are printed."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.standard import EDITION, gradient_signal
from aimdlab.standard.gradient_levels import ivamp_v
from aimdlab.standard.gradient_volumes import B_G_MT_BY_VOLUME, Volume, dbdt_t_per_s
from aimdlab.standard.lead_length import lead_length_factor


def numbers(row: str) -> list[float]:
    """A printed row: decimal commas, blanks between the cells."""
    return [float(cell.replace(",", ".")) for cell in row.split()]


TABLE_2 = {
    "B_G_MT": "1 2 5 10 20 30 40",
    "T_SLEW_MS": "0,2 0,4 1,0 2,0",
    "CYCLES": "1 2 5 10 20",
    "T_OFF_MS": "0,2 0,5 1,0 2,0 5,0 10 20 50 100 200 500 1000 2000",
    "T_DWELL_MS": "0,0 0,5 5,0 20",
}
TABLE_3_TAPW_TBPW_MS = "0,1/0,2 0,2/0,4 0,5/1,0 1,0/2,0"
TABLE_16 = """
0,2  5    10   25    50   100  150  200
0,4  2,5  5    12,5  25   50   75   100
1,0  1    2    5     10   20   30   40
2,0  0,5  1    2,5   5    10   15   20
"""
TABLE_17 = """
0,2  0,750  1,500  3,750  7,500  15,000  22,500  30,000
0,4  0,375  0,750  1,875  3,750  7,500   11,250  15,000
1,0  0,150  0,300  0,750  1,500  3,000   4,500   6,000
2,0  0,075  0,150  0,375  0,750  1,500   2,250   3,000
"""
TABLE_18 = """
5  0,008 80  0,096
10 0,016 85  0,105
15 0,023 90  0,113
20 0,030 95  0,122
25 0,036 100 0,131
30 0,041 110 0,149
35 0,046 120 0,166
40 0,050 130 0,183
45 0,054 140 0,199
50 0,057 150 0,216
55 0,060 160 0,232
60 0,062 170 0,249
65 0,067 180 0,265
70 0,077 190 0,281
75 0,086 200 0,298
"""
TABLE_19 = """
5  0,008 80  0,102
10 0,016 85  0,114
15 0,023 90  0,126
20 0,030 95  0,138
25 0,036 100 0,150
30 0,041 110 0,172
35 0,046 120 0,194
40 0,050 130 0,216
45 0,054 140 0,237
50 0,057 150 0,258
55 0,060 160 0,280
60 0,062 170 0,301
65 0,067 180 0,321
70 0,078 190 0,342
75 0,090 200 0,363
"""


def rows(table: str) -> list[list[float]]:
    return [numbers(line) for line in table.strip().splitlines()]


def factors(table: str) -> list[tuple[float, float]]:
    pairs = [pair for row in rows(table) for pair in (tuple(row[:2]), tuple(row[2:]))]
    return sorted((length, factor) for length, factor in pairs)


def test_the_edition_is_the_first() -> None:
    assert EDITION == "ISO/TS 10974:2012"


@pytest.mark.parametrize("name", TABLE_2)
def test_table_2(name: str) -> None:
    assert list(getattr(gradient_signal, name)) == numbers(TABLE_2[name])


def test_table_3() -> None:
    printed = [tuple(numbers(pair.replace("/", " "))) for pair in TABLE_3_TAPW_TBPW_MS.split()]
    assert list(gradient_signal.TAPW_TBPW_MS) == printed
    assert gradient_signal.T_EDGE_MAX_S == 1e-6
    assert [tbpw for _, tbpw in printed] == list(gradient_signal.T_SLEW_MS)


def test_exposure_is_at_least_15_s() -> None:
    assert gradient_signal.exposure_s() == 15.0
    assert gradient_signal.exposure_s(40.0) == 40.0


@pytest.mark.parametrize(("volume", "count"), [("implant", 7280), ("compliance", 6240)])
def test_number_of_sequences(volume: Volume, count: int) -> None:
    columns = B_G_MT_BY_VOLUME[volume]
    all_of_them = list(gradient_signal.sequences(columns))
    assert gradient_signal.sequence_count(len(columns)) == len(all_of_them) == len(set(all_of_them)) == count


def test_levels_rise_innermost_and_are_si() -> None:
    first, second = itertools.islice(gradient_signal.sequences(gradient_signal.B_G_MT), 2)
    assert (first.tbpw_s, first.t_dwell_s, first.cycles, first.t_off_s, first.b_g_t) == (2e-4, 0.0, 1, 2e-4, 1e-3)
    assert second.b_g_t == 2e-3
    in_blocks = itertools.batched if hasattr(itertools, "batched") else _batched
    for block in in_blocks(gradient_signal.sequences(gradient_signal.B_G_MT), 7):
        assert [sequence.b_g_t for sequence in block] == [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 3e-2, 4e-2]
        assert len({(s.tbpw_s, s.t_dwell_s, s.cycles, s.t_off_s) for s in block}) == 1


def _batched(items: object, size: int) -> list[tuple[gradient_signal.GradientSequence, ...]]:
    everything = list(items)  # type: ignore[call-overload]
    return [tuple(everything[at : at + size]) for at in range(0, len(everything), size)]


def test_table_16_is_b_g_over_tbpw() -> None:
    b_g_mt = numbers(TABLE_2["B_G_MT"])
    for tbpw_ms, *cells in rows(TABLE_16):
        assert len(cells) == len(b_g_mt)
        for column_mt, printed in zip(b_g_mt, cells, strict=True):
            assert dbdt_t_per_s(column_mt / 1e3, tbpw_ms / 1e3) == pytest.approx(printed, rel=1e-12)


def test_table_17_is_the_worked_example() -> None:
    b_g_mt = numbers(TABLE_2["B_G_MT"])
    for tbpw_ms, *cells in rows(TABLE_17):
        for column_mt, printed in zip(b_g_mt, cells, strict=True):
            assert ivamp_v("implant", 1.0, column_mt / 1e3, tbpw_ms / 1e3) == pytest.approx(printed, rel=1e-12)


@pytest.mark.parametrize(("volume", "table"), [("compliance", TABLE_18), ("implant", TABLE_19)])
def test_tables_18_and_19(volume: Volume, table: str) -> None:
    printed = factors(table)
    assert len(printed) == 30
    for length_cm, factor in printed:
        assert lead_length_factor(volume, length_cm / 100) == factor
    for (left_cm, left), (right_cm, right) in itertools.pairwise(printed):
        middle = lead_length_factor(volume, (left_cm + right_cm) / 200)
        assert middle == pytest.approx((left + right) / 2, rel=1e-12)
        quarter = lead_length_factor(volume, (0.75 * left_cm + 0.25 * right_cm) / 100)
        assert quarter == pytest.approx(0.75 * left + 0.25 * right, rel=1e-12)


@given(
    volume=st.sampled_from(["compliance", "implant"]),
    short_cm=st.floats(min_value=0.01, max_value=200),
    longer_cm=st.floats(min_value=0.01, max_value=200),
)
def test_a_longer_lead_never_has_a_lower_factor(volume: Volume, short_cm: float, longer_cm: float) -> None:
    short_cm, longer_cm = sorted((short_cm, longer_cm))
    assert lead_length_factor(volume, short_cm / 100) <= lead_length_factor(volume, longer_cm / 100) + 1e-15


@given(length_cm=st.floats(min_value=0.01, max_value=5))
def test_flat_below_5_cm(length_cm: float) -> None:
    assert lead_length_factor("implant", length_cm / 100) == pytest.approx(0.008, abs=1e-15)


@pytest.mark.parametrize("lead_m", [0.0, -0.1, 2.0001, 2.5, math.nan, math.inf])
@pytest.mark.parametrize("volume", ["compliance", "implant"])
def test_no_factor_outside_the_tables(volume: Volume, lead_m: float) -> None:
    with pytest.raises(ConfigurationError, match="lead length"):
        lead_length_factor(volume, lead_m)


def test_forty_millitesla_is_for_the_implant_volume_alone() -> None:
    assert ivamp_v("implant", 1.0, 0.04, 2e-4) == pytest.approx(30.0)
    with pytest.raises(ConfigurationError, match=r"40 mT is not a level of Tier 1 for the compliance volume"):
        ivamp_v("compliance", 1.0, 0.04, 2e-4)


@pytest.mark.parametrize(
    ("b_g_t", "tbpw_s", "name"),
    [(0.025, 2e-4, "B_G = 25 mT"), (0.01, 3e-4, "tbpw = 0.3 ms"), (math.nan, 2e-4, "B_G"), (0.01, 0.0, "tbpw")],
)
def test_tier_1_knows_only_the_entries_of_table_16(b_g_t: float, tbpw_s: float, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        ivamp_v("implant", 1.0, b_g_t, tbpw_s)
