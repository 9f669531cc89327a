"""Tables D.1 and D.2 as they are printed: name, value with decimal comma and unit, power if it is printed."""

from __future__ import annotations

import pytest

from aimdlab.standard import EDITION, annex_d

PRINTED = {
    "D.1": """
R1 68 Ω 2W
R2 82 Ω 1W
R3 120 Ω
R4 560 Ω
R5 56 kΩ
R6 1 MΩ
C1 15 nF
C2 180 pF
""",
    "D.2": """
R1 4,7 kΩ
R2 15 kΩ
R3 47 kΩ
C1 22 nF
C2 16,8 nF
C3 2,2 nF
""",
}
UNITS = {"Ω": 1.0, "kΩ": 1e3, "MΩ": 1e6, "nF": 1e-9, "pF": 1e-12}


@pytest.mark.parametrize("table", PRINTED)
def test_components_are_as_printed(table: str) -> None:
    components = annex_d.TABLES[(EDITION, "D", table)]
    printed = {cells[0]: cells[1:] for cells in map(str.split, PRINTED[table].strip().splitlines())}
    assert set(annex_d.values(components)) == set(printed)
    for name, (number, unit, *power) in printed.items():
        component = components[name]
        assert component.value == pytest.approx(float(number.replace(",", ".")) * UNITS[unit], rel=1e-12)
        assert component.kind == name[0]
        if component.kind == "R":
            assert component.rating_w == (float(power[0].removesuffix("W")) if power else 0.5)
            assert component.tolerance == 0.02
        else:
            assert component.rating_w is None
            assert component.tolerance == 0.05


def test_cx_has_no_value_of_its_own() -> None:
    assert annex_d.TABLE_D_1["Cx"].value is None
    assert "Cx" not in annex_d.values(annex_d.TABLE_D_1)


def test_ratings_are_those_of_resistors() -> None:
    assert annex_d.resistor_ratings_w() == {"R1": 2.0, "R2": 1.0, "R3": 0.5, "R4": 0.5, "R5": 0.5, "R6": 0.5}


def test_the_reading_of_d2() -> None:
    assert annex_d.READING_LIMIT_V == 0.05e-3
    assert annex_d.FILTER_UNSCALED_FROM_HZ == 9000
    assert (annex_d.OSCILLOSCOPE_INPUT_OHM, annex_d.OSCILLOSCOPE_INPUT_MAX_F) == (1e6, 30e-12)
