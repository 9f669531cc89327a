"""Integer codes as scoring takes them: counted exactly, rising with the value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.errors import RecordError

BLOCK = 1 << 16
"""Samples per partial sum. Sums are exact, so it changes memory and never a result."""

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """A capture's codes, turned so that a higher code is a higher value.

    Attributes:
        codes: shape (n,), int32; ``value = codes * scale + offset``.
        scale: unit per code, positive.
        offset: value of code 0.
        clipped: number of samples at or beyond the converter's ends.
        holes: number of samples that the instrument marked as missing.
        step: distance of neighbouring codes that the converter can tell apart, in codes (1 for constant data).
        capture: where it comes from.
    """

    codes: IntArray
    scale: float
    offset: float
    clipped: int
    holes: int
    step: int
    capture: Capture

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self.codes.size)

    @property
    def zero_code(self) -> float:
        """The code, with fraction, that stands for 0."""
        return -self.offset / self.scale

    @property
    def u_step(self) -> float:
        """Standard uncertainty of one sample by quantisation, in the capture's unit."""
        return self.step * self.scale / math.sqrt(12)

    def time_s(self, position: float) -> float:
        """Time of a sample position, which may lie between two samples."""
        return self.capture.t0_s + position * self.capture.dt_s


def trace_of(capture: Capture) -> Trace:
    """The capture as a trace; RecordError if it has no samples or no usable scale and time."""
    numbers = (capture.scale, capture.offset, capture.dt_s, capture.t0_s)
    if capture.n == 0 or not all(map(math.isfinite, numbers)) or capture.scale == 0 or capture.dt_s <= 0:
        raise RecordError(
            f"capture of {capture.channel} ({capture.kind}): no samples, or scale, offset or times are not numbers "
            f"to compute with (n {capture.n}, scale {capture.scale}, offset {capture.offset}, dt {capture.dt_s})"
        )
    raw = capture.codes
    codes = raw.astype(np.int32)
    if capture.scale < 0:
        np.negative(codes, out=codes)
    return Trace(
        codes=codes,
        scale=abs(capture.scale),
        offset=capture.offset,
        clipped=int(np.count_nonzero(clipped_samples(capture))),
        holes=int(np.count_nonzero(raw == capture.hole_code)) if capture.hole_code is not None else 0,
        step=_step(codes),
        capture=capture,
    )


def clipped_samples(capture: Capture) -> BoolArray:
    """Samples at or beyond the converter's ends, shape (n,); what is missing is not clipped."""
    raw = capture.codes
    clipped: BoolArray = (raw < capture.code_min) | (raw > capture.code_max)
    if capture.hole_code is not None:
        clipped &= raw != capture.hole_code
    return clipped


def _step(codes: IntArray) -> int:
    # Converters of 8 to 12 bits deliver 16-bit words whose low bits never change.
    changing = int(np.bitwise_or.reduce(codes ^ codes[0]))
    return changing & -changing if changing else 1


@dataclass
class PairSums:
    """Exact sums over pairs of codes; the order and the blocks in which they are added do not matter."""

    n: int = 0
    x: int = 0
    y: int = 0
    xx: int = 0
    xy: int = 0
    yy: int = 0

    def add(self, x: NDArray[np.integer], y: NDArray[np.integer], keep: BoolArray | None = None) -> None:
        """Add every pair, or those where ``keep`` is true. Codes of up to 17 bits with sign cannot overflow a block."""
        for start in range(0, x.size, BLOCK):
            part = slice(start, start + BLOCK)
            bx, by = x[part], y[part]
            if keep is not None:
                bx, by = bx[keep[part]], by[keep[part]]
            wx, wy = bx.astype(np.int64), by.astype(np.int64)
            self.n += wx.size
            self.x += int(wx.sum())
            self.y += int(wy.sum())
            self.xx += int(np.dot(wx, wx))
            self.xy += int(np.dot(wx, wy))
            self.yy += int(np.dot(wy, wy))

    def __sub__(self, other: PairSums) -> PairSums:
        """The sums without those of ``other``; exact, so leaving samples out costs no more than counting them."""
        return PairSums(
            n=self.n - other.n,
            x=self.x - other.x,
            y=self.y - other.y,
            xx=self.xx - other.xx,
            xy=self.xy - other.xy,
            yy=self.yy - other.yy,
        )

    def mean_x(self) -> Fraction:
        """Mean of x."""
        return Fraction(self.x, self.n)

    def mean_y(self) -> Fraction:
        """Mean of y."""
        return Fraction(self.y, self.n)

    def spread_x(self) -> Fraction:
        """Sum of squared deviations of x from its mean."""
        return Fraction(self.n * self.xx - self.x * self.x, self.n)

    def slope(self) -> Fraction:
        """Least-squares slope of y over x; ZeroDivisionError if x does not vary."""
        return Fraction(self.n * self.xy - self.x * self.y, self.n * self.xx - self.x * self.x)

    def residual_square(self, slope: float, intercept: float) -> Fraction:
        """Sum of (y - slope x - intercept)^2, exactly for these two doubles."""
        a, b = Fraction(slope), Fraction(intercept)
        return self.yy + a * a * self.xx + self.n * b * b - 2 * a * self.xy - 2 * b * self.y + 2 * a * b * self.x


def mean_and_noise(codes: IntArray) -> tuple[float, float]:
    """Mean and standard deviation of a stretch of codes, from exact sums; noise is 0 for fewer than two."""
    sums = PairSums()
    sums.add(codes, codes)
    noise = math.sqrt(sums.spread_x() / (sums.n - 1)) if sums.n > 1 else 0.0
    return float(sums.mean_x()), noise
