"""The arguments of a command: numbers with units, words, strings, blocks (IEEE 488.2, 7.7)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from aimdlab_simulators.scpi.errors import ScpiError
from aimdlab_simulators.scpi.pattern import mnemonic
from aimdlab_simulators.scpi.syntax import WHITESPACE, block_span

_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:\s*[eE][+-]?\d+)?)\s*([A-Za-z%/][A-Za-z0-9%/.]*)?")
_NON_DECIMAL = {"#H": 16, "#Q": 8, "#B": 2}
_SCALES = {
    "EX": 1e18, "PE": 1e15, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3, "": 1.0,
    "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "F": 1e-15, "A": 1e-18,
}  # fmt: skip
_MEGA = ("HZ", "OHM", "SA/S")  # with these M is mega, as IEEE 488.2 table 7-2 says of HZ and OHM
_LOGARITHMIC = ("DBM", "DB", "DBV", "DBUV")
_LIMITS = {"MIN": "minimum", "MINIMUM": "minimum", "MAX": "maximum", "MAXIMUM": "maximum", "DEF": "default"}
_LIMITS["DEFAULT"] = "default"


class Argument:
    """One argument as sent; each method reads it as one kind of thing or raises the ScpiError for what is wrong.

    Attributes:
        raw: the bytes between the commas, without blanks around them.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"Argument({self.raw[:40]!r})"

    def number(
        self,
        unit: str | tuple[str, ...] = (),
        minimum: float | None = None,
        maximum: float | None = None,
        default: float | None = None,
    ) -> float:
        """A number in the base unit; MIN, MAX and DEF where given.

        Args:
            unit: the unit or units a suffix may name, upper case without prefix ("HZ"); they all count the same.
            minimum, maximum: outside them -222.
            default: what DEF stands for.
        """
        return self.number_and_unit((unit,) if isinstance(unit, str) else unit, minimum, maximum, default)[0]

    def number_and_unit(
        self,
        units: tuple[str, ...],
        minimum: float | None = None,
        maximum: float | None = None,
        default: float | None = None,
    ) -> tuple[float, str | None]:
        """Like ``number``, with the unit that was sent (None if none was)."""
        text = self._text()
        limit = self._limit(text, {"minimum": minimum, "maximum": maximum, "default": default})
        if limit is not None:
            return limit, None
        value, unit = self._parse(text, units)
        if not math.isfinite(value):
            raise ScpiError(-123, "Exponent too large")
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise ScpiError(-222, "Data out of range")
        return value, unit

    def integer(self, minimum: int | None = None, maximum: int | None = None, default: int | None = None) -> int:
        """A whole number; fractions are rounded (IEEE 488.2, 7.7.2.4)."""
        limits = (minimum, maximum, default) if self._text().upper() in _LIMITS else ()
        value = round(self.number((), *limits))
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise ScpiError(-222, "Data out of range")
        return value

    def boolean(self) -> bool:
        """ON, OFF, or a number that rounds to zero or not."""
        word = self.try_word("ON", "OFF")
        if word is not None:
            return word == "ON"
        if _NUMBER.fullmatch(self._text()) is None:
            raise ScpiError(-224, "Illegal parameter value")
        return round(self.number()) != 0

    def word(self, *words: str) -> str:
        """The canonical short form, upper case, of one of ``words`` ("SINusoid", "CHANnel#"); otherwise -224."""
        found = self.try_word(*words)
        if found is None:
            raise ScpiError(-224, "Illegal parameter value")
        return found

    def try_word(self, *words: str) -> str | None:
        """Like ``word``, but None if it is none of them."""
        text = self._text().upper()
        for word in words:
            keyword = mnemonic(word.removesuffix("#"), 0 if word.endswith("#") else None)
            number = keyword.match(text)
            if number is not None:
                return keyword.short if keyword.suffix is None else f"{keyword.short}{number}"
        return None

    def text(self) -> str:
        """A quoted string (quotes inside doubled), or a bare word as it stands."""
        text = self._text()
        quote = text[:1]
        if quote not in ("'", '"'):
            return text
        inside = text[1:-1]
        if len(text) < 2 or not text.endswith(quote) or quote in inside.replace(quote * 2, ""):
            raise ScpiError(-151, "Invalid string data")
        return inside.replace(quote * 2, quote)

    def is_block(self) -> bool:
        """Whether a binary block was sent."""
        return self.raw.startswith(b"#") and block_span(self.raw, 0) is not None

    def block(self) -> bytes:
        """The content of a definite or indefinite block; -104 if it is none, -161 if it is damaged."""
        if not self.raw.startswith(b"#"):
            raise ScpiError(-104, "Data type error")
        span = block_span(self.raw, 0)
        if span is None or span[1] > len(self.raw):
            raise ScpiError(-161, "Invalid block data")
        start, end = (2, len(self.raw)) if self.raw.startswith(b"#0") else span
        if self.raw[end:].strip(WHITESPACE):
            raise ScpiError(-161, "Invalid block data")
        return self.raw[start:end]

    def _text(self) -> str:
        return self.raw.decode("latin-1")

    @staticmethod
    def _limit(text: str, limits: Mapping[str, float | None]) -> float | None:
        name = _LIMITS.get(text.upper())
        if name is None:
            return None
        value = limits[name]
        if value is None:
            raise ScpiError(-224, "Illegal parameter value")
        return value

    @staticmethod
    def _parse(text: str, units: tuple[str, ...]) -> tuple[float, str | None]:
        base = _NON_DECIMAL.get(text[:2].upper())
        if base is not None:
            digits = text[2:].rstrip()
            if not digits.isalnum() or len(digits) > 64:
                raise ScpiError(-121, "Invalid character in number")
            try:
                return float(int(digits, base)), None
            except ValueError:
                raise ScpiError(-121, "Invalid character in number") from None
        parts = _NUMBER.fullmatch(text)
        if parts is None:
            raise ScpiError(-104, "Data type error")
        value = float("".join(parts[1].split()))
        if parts[2] is None:
            return value, None
        if not units:
            raise ScpiError(-138, "Suffix not allowed")
        suffix = parts[2].upper()
        for unit in units:
            scale = _scale(suffix, unit)
            if scale is not None:
                return value * scale, unit
        raise ScpiError(-131, "Invalid suffix")


def _scale(suffix: str, unit: str) -> float | None:
    """What one ``suffix`` ("MHZ") is in ``unit`` ("HZ"); None if it is another unit."""
    if suffix == unit:
        return 1.0
    if unit in _LOGARITHMIC or not suffix.endswith(unit):
        return None
    prefix = suffix[: -len(unit)]
    return 1e6 if prefix == "M" and unit in _MEGA else _SCALES.get(prefix)
