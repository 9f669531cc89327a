import pytest
from hypothesis import given
from hypothesis import strategies as st
from pint import UnitRegistry
from pydantic import ValidationError

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import _USUAL, EventRate, FluxDensity, Ratio, Temperature, Time, Voltage, to_si


class Example(ConfigModel):
    v: Voltage = 0.0
    t: Time = 0.0
    b: FluxDensity = 0.0
    rate: EventRate = 0.0
    part: Ratio = 0.0
    temperature: Temperature = 0.0


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("v", "3.5 V", 3.5),
        ("v", "-250 mV", -0.25),
        ("t", "0.2 ms", 2e-4),
        ("t", "1e3 us", 1e-3),
        ("t", "2 min", 120.0),
        ("b", "40 mT", 0.04),
        ("rate", "60 1/min", 1.0),
        ("part", "5 %", 0.05),
        ("temperature", "37 degC", 37.0),
    ],
)
def test_text_with_a_unit_becomes_the_nearest_si_float(field: str, text: str, value: float) -> None:
    assert getattr(Example.model_validate({field: text}), field) == value


@pytest.mark.parametrize(
    "text", [3.5, 3, True, None, "3.5", "3.5V", "V", "", "3.5 mT", "3.5 V V", "nan V", "inf V", "3,5 V", "0x10 V",
             "3.5 __import__('os')", "1 V; 2", "3.5 volts per", [1], {"a": 1}]
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"v": text})
    assert "'3.5 V'" in str(caught.value)


@given(st.integers(-(10**9), 10**9), st.sampled_from([("V", 0), ("mV", -3), ("uV", -6), ("kV", 3)]))
def test_a_prefix_is_exactly_a_power_of_ten(number: int, unit: tuple[str, int]) -> None:
    assert to_si(f"{number} {unit[0]}", "V", "1 V") == float(f"{number}e{unit[1]}")


REGISTRY = UnitRegistry(autoconvert_offset_to_baseunit=True)


@given(st.floats(-1e9, 1e9), st.sampled_from(sorted(_USUAL)))
def test_the_units_that_files_are_full_of_are_what_pint_says_of_them(number: float, unit: str) -> None:
    si, _ = _USUAL[unit]
    said = REGISTRY.Quantity(number, unit.replace("%", "percent")).to(si).magnitude
    assert to_si(f"{number!r} {unit}", si, "1 V") == float(f"{said:.15g}")


@pytest.mark.parametrize("unit", sorted(_USUAL))
def test_a_usual_unit_is_still_refused_where_another_belongs(unit: str) -> None:
    with pytest.raises(ValueError, match="1 mol"):
        to_si(f"1 {unit}", "mol", "1 mol")


@pytest.mark.parametrize(
    ("text", "unit", "value"), [("1 inch", "m", 0.0254), ("1 hour", "s", 3600.0), ("40 milliT", "T", 0.04)]
)
def test_other_units_are_understood_too(text: str, unit: str, value: float) -> None:
    assert to_si(text, unit, "1 m") == value


@given(st.text(max_size=30))
def test_no_text_does_worse_than_a_value_error(text: str) -> None:
    try:
        to_si(text, "V", "3.5 V")
    except ValueError as error:
        assert "'3.5 V'" in str(error)
