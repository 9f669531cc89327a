"""What the series of Keysight InfiniiVision oscilloscopes can record, and how well."""

from __future__ import annotations

import math
from dataclasses import dataclass

# What :WAVeform:POINts accepts with :WAVeform:POINts:MODE RAW. The numbers above 8 million are those of the memories of
# the HD3 series, whose programmer's guide was not at hand: a record that comes out coarser or shorter is refused.
RAW_POINTS = (
    *(100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000),
    *(1_000_000, 2_000_000, 4_000_000, 8_000_000, 20_000_000, 50_000_000, 100_000_000),
)

_RECTANGULAR = math.sqrt(3)


@dataclass(frozen=True)
class Series:
    """One series; accuracies are limits of error from the data sheet.

    Attributes:
        memory_points: acquisition memory of a pair of inputs with the smallest memory option; both inputs of a pair on,
            each has half, unless ``pools`` is false: then of each input.
        max_range_v: largest full-scale range with a 1:1 probe (8 divisions).
        min_range_v: smallest.
        max_rate_hz: sample rate with both inputs of a pair on.
        gain_error: DC vertical gain accuracy, of full scale.
        timebase_error: time base accuracy with ten years' ageing, relative.
        pools: whether the inputs of a pair share their memory.
        most_points: the largest number of points that any memory option allows to ask for.
    """

    memory_points: int
    max_range_v: float
    min_range_v: float
    max_rate_hz: float
    gain_error: float
    timebase_error: float
    pools: bool = True
    most_points: int = 8_000_000

    @property
    def raw_points(self) -> tuple[int, ...]:
        """What ``:WAVeform:POINts`` accepts."""
        return tuple(points for points in RAW_POINTS if points <= self.most_points)


# Time base: 50 ppm and 5 ppm a year in the 1000 series, 25 ppm and 5 ppm a year in the 3000 A; later series are better.
_SERIES_1000 = Series(1_000_000, 80.0, 4e-3, 1e9, 0.03, 100e-6)
_SERIES_3000A = Series(2_000_000, 40.0, 8e-3, 2e9, 0.02, 75e-6)
_SERIES_3000T = Series(4_000_000, 40.0, 8e-3, 2e9, 0.02, 75e-6)
_SERIES_4000A = Series(4_000_000, 40.0, 8e-3, 2e9, 0.02, 75e-6)
# HD3: 14 bits, 3.2 GSa/s and, with the smallest memory option, 20 million points of every input (data sheet). Its
# accuracies and ranges were not at hand: those of the 3000 series stand for them, which its converter is better than.
_SERIES_HD3 = Series(20_000_000, 40.0, 8e-3, 3.2e9, 0.02, 75e-6, pools=False, most_points=100_000_000)

# What every series can do; planning goes by it before it is known which model answers.
SMALLEST = Series(1_000_000, 40.0, 8e-3, 1e9, 0.03, 100e-6)

_NUMBERS: tuple[tuple[Series, tuple[str, ...]], ...] = (
    (_SERIES_1000, ("1102A", "1102G", "1202A", "1202G", "1204A", "1204G")),
    (_SERIES_3000A, ("3012A", "3014A", "3024A", "3032A", "3034A", "3052A", "3054A", "3102A", "3104A")),
    (_SERIES_3000T, ("3012T", "3014T", "3022T", "3024T", "3032T", "3034T", "3052T", "3054T", "3102T", "3104T")),
    (_SERIES_4000A, ("4022A", "4024A", "4032A", "4034A", "4052A", "4054A", "4104A", "4154A")),
)

# *IDN? spells them "DSO-X 3024A" in the older series and "DSOX1204G" in the newer ones.
MODELS: dict[str, Series] = {
    spelling.format(kind=kind, number=number): series
    for series, numbers in _NUMBERS
    for number in numbers
    for kind in ("DSO", "MSO")
    for spelling in ("{kind}-X {number}", "{kind}X{number}")
} | dict.fromkeys(("HD302MSO", "HD304MSO"), _SERIES_HD3)


def channels_of(model: str) -> int:
    """Number of analogue inputs: the last digit."""
    return int(next(sign for sign in reversed(model) if sign.isdigit()))


def standard_uncertainty(limit_of_error: float) -> float:
    """k = 1 of a limit of error, taken as a rectangular distribution (JCGM 100, 4.3.7)."""
    return limit_of_error / _RECTANGULAR
