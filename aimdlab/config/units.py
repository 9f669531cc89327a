"""Quantities in configuration: text with a unit comes in ("40 mT"), an SI float goes on (0.04).

A bare number where a unit belongs is refused, and so is a unit of another dimension. Temperatures are absolute
("37 degC", the one quantity that stays in its own unit).
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

if TYPE_CHECKING:
    from pint import UnitRegistry


_PREFIXES = {"": 1.0, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_USUAL: dict[str, tuple[str, float]] = {
    **{
        prefix + unit: (unit, factor)
        for unit in ("V", "A", "W", "s", "Hz", "ohm", "F", "T")
        for prefix, factor in _PREFIXES.items()
    },
    "m": ("m", 1.0),
    "cm": ("m", 1e-2),
    "mm": ("m", 1e-3),
    "m^2": ("m^2", 1.0),
    "cm^2": ("m^2", 1e-4),
    "min": ("s", 60.0),
    "1/s": ("1/s", 1.0),
    "1/min": ("1/s", 1 / 60),
    "%": ("dimensionless", 1e-2),
    "degC": ("degC", 1.0),
}
"""The units that files are full of, in SI, as pint says; it is asked for all others, as its start takes 0.2 s."""


@cache
def _registry() -> UnitRegistry[Any]:
    from pint import UnitRegistry

    return UnitRegistry(autoconvert_offset_to_baseunit=True)


def to_si(text: object, unit: str, example: str) -> float:
    """Convert ``text`` ("40 mT") to a float in ``unit`` ("T"); ValueError says what was expected, with ``example``."""
    if not isinstance(text, str):
        raise ValueError(f"a unit is missing: expected a value like {example!r}, got {text!r}")  # noqa: TRY004
    number, _, unit_text = text.strip().partition(" ")
    if not unit_text:
        raise ValueError(f"expected a number, a space and a unit like {example!r}, got {text!r}")
    return _convert(text, number, unit_text, unit, example)


@lru_cache(maxsize=4096)  # a plan asks for the same limits in each of its thousands of steps
def _convert(text: str, number: str, unit_text: str, unit: str, example: str) -> float:
    given = unit_text.strip()
    try:
        magnitude = float(number)
        of, factor = _USUAL.get(given, ("", 0.0))
        value = magnitude * factor if of == unit else _by_pint(magnitude, given, unit)
    except ValueError as error:
        raise ValueError(f"expected a value like {example!r}, got {text!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"expected a finite value like {example!r}, got {text!r}")
    # 0.2 ms shall be the double nearest to 2e-4, whatever the order of the factors in the conversion.
    return float(f"{value:.15g}")


def _by_pint(magnitude: float, given: str, unit: str) -> float:
    from pint.errors import PintError

    try:
        quantity = _registry().Quantity(magnitude, given.replace("%", "percent"))
        return float(quantity.to(unit).magnitude)
    except (PintError, AttributeError, TypeError, AssertionError) as error:
        raise ValueError(str(error)) from error


def _quantity(unit: str, example: str) -> BeforeValidator:
    # A float is let through on purpose: it is what a model holds once it was read, and YAML numbers are refused below.
    def convert(value: object) -> object:
        return value if isinstance(value, _Si) else to_si(value, unit, example)

    return BeforeValidator(convert)


class _Si(float):
    """A float that code, not a file, gives to a model: already in SI."""


def si(value: float) -> float:
    """Mark ``value`` as already in SI, for models made by code instead of from a file."""
    return _Si(value)


Voltage = Annotated[float, _quantity("V", "3.5 V")]
Current = Annotated[float, _quantity("A", "10 mA")]
Power = Annotated[float, _quantity("W", "0.5 W")]
Time = Annotated[float, _quantity("s", "15 s")]
Frequency = Annotated[float, _quantity("Hz", "1 MHz")]
EventRate = Annotated[float, _quantity("1/s", "60 1/min")]
Length = Annotated[float, _quantity("m", "100 cm")]
Area = Annotated[float, _quantity("m^2", "319 cm^2")]
Resistance = Annotated[float, _quantity("ohm", "560 ohm")]
Capacitance = Annotated[float, _quantity("F", "15 nF")]
FluxDensity = Annotated[float, _quantity("T", "40 mT")]
Temperature = Annotated[float, _quantity("degC", "22 degC")]
Ratio = Annotated[float, _quantity("dimensionless", "5 %")]
