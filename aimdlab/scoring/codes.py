"""Integer codes as scoring takes them: block by block, counted exactly, rising with the value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Capture
from aimdlab.errors import RecordError
from aimdlab.scoring.counting import Counts

GRAIN = 1 << 10
"""Samples whose floating-point sums are formed in one go. It decides on last bits and is never changed."""

BLOCK = 1 << 16
"""Samples worked on at a time, rounded to whole grains: as many as stay in a core's cache. No result depends on it."""

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]
AnyInts = NDArray[np.integer]
FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]

_EXACT = 1 << 13
"""Samples per exact sum; a linear algebra library would set threads to work on more."""


def blocks(n: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Beginning and end of every block of ``n`` samples from ``first`` on; all but the last are whole grains."""
    size = max(BLOCK // GRAIN, 1) * GRAIN
    for start in range(first, n, size):
        yield start, min(start + size, n)


@dataclass(frozen=True, eq=False)
class Trace:
    """A capture's codes, turned so that a higher code is a higher value.

    Attributes:
        capture: where it comes from.
        clipped: number of samples at or beyond the converter's ends.
        holes: number of samples that the instrument marked as missing.
        step: distance of neighbouring codes that the converter can tell apart, in codes (1 for constant data).
        changed_at: samples whose codes were changed, ascending; few.
        changed_to: their codes.
    """

    capture: Capture
    clipped: int
    holes: int
    step: int
    changed_at: Indices
    changed_to: IntArray

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.capture.n

    @cached_property
    def scale(self) -> float:
        """Unit per code, positive: ``value = code * scale + offset``."""
        return abs(self.capture.scale)

    @property
    def offset(self) -> float:
        """Value of code 0."""
        return self.capture.offset

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

    def part(self, start: int, stop: int) -> AnyInts:
        """The codes of samples ``start`` up to, not including, ``stop``; to be read only, of any integer type."""
        part: AnyInts = _turned(self.capture, self.capture.codes[start:stop])
        first, end = self.changed_at.searchsorted((start, stop)) if self.changed_at.size else (0, 0)
        if first == end:
            return part
        part = part.copy() if self._fits else part.astype(np.int32)
        part[self.changed_at[first:end] - start] = self.changed_to[first:end]
        return part

    @cached_property
    def _fits(self) -> bool:
        """Whether what was changed is of the type of the other codes."""
        bounds = np.iinfo(_turned(self.capture, self.capture.codes[:1]).dtype)
        return bool(self.changed_to.min() >= bounds.min and self.changed_to.max() <= bounds.max)

    def take(self, at: Indices) -> NDArray[np.int64]:
        """The codes of these samples, in any order."""
        codes = _turned(self.capture, self.capture.codes[at]).astype(np.int64)
        if self.changed_at.size:
            where = np.minimum(self.changed_at.searchsorted(at), self.changed_at.size - 1)
            codes = np.where(self.changed_at[where] == at, self.changed_to[where], codes)
        return codes

    def volts(self, at: Indices) -> FloatArray:
        """The values of these samples."""
        volts: FloatArray = self.take(at).astype(np.float64) * self.scale + self.offset
        return volts

    @property
    def codes(self) -> IntArray:
        """All codes, shape (n,): for captures that are known to be short."""
        return self.part(0, self.n).astype(np.int32)

    @cached_property
    def median_code(self) -> float:
        """The median of all codes."""
        counts = Counts()
        for start, stop in blocks(self.n):
            counts.add(self.part(start, stop))
        return counts.median()

    def changed(self, at: Indices, codes: IntArray, clipped: int) -> Trace:
        """With other codes at these samples, which ascend, and ``clipped`` samples at the converter's ends."""
        if self.changed_at.size:
            kept = ~np.isin(self.changed_at, at)
            both = np.concatenate((self.changed_at[kept], at))
            order = np.argsort(both, kind="stable")
            codes = np.concatenate((self.changed_to[kept], codes))[order]
            at = both[order]
        return replace(self, changed_at=at, changed_to=codes, clipped=clipped)


def trace_of(capture: Capture) -> Trace:
    """The capture as a trace; RecordError if it has no samples or no usable scale and time."""
    numbers = (capture.scale, capture.offset, capture.dt_s, capture.t0_s)
    if capture.n == 0 or not all(map(math.isfinite, numbers)) or capture.scale == 0 or capture.dt_s <= 0:
        raise RecordError(
            f"capture of {capture.channel} ({capture.kind}): no samples, or scale, offset or times are not numbers "
            f"to compute with (n {capture.n}, scale {capture.scale}, offset {capture.offset}, dt {capture.dt_s})"
        )
    clipped = holes = any_set = 0
    all_set = -1
    for start, stop in blocks(capture.n):
        raw = capture.codes[start:stop]
        lowest, highest = int(raw.min()), int(raw.max())
        if lowest < capture.code_min or highest > capture.code_max:
            clipped += int(np.count_nonzero(_clipped(capture, raw)))
        if capture.hole_code is not None and lowest <= capture.hole_code <= highest:
            holes += int(np.count_nonzero(raw == capture.hole_code))
        any_set |= int(np.bitwise_or.reduce(raw))
        all_set &= int(np.bitwise_and.reduce(raw))
    # Converters of 8 to 12 bits deliver 16-bit words whose low bits never change.
    changing = any_set & ~all_set
    step = changing & -changing if changing else 1
    return Trace(capture, clipped, holes, step, np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int32))


def clipped_at(capture: Capture) -> Indices:
    """Samples at or beyond the converter's ends, ascending; what is missing is not clipped."""
    found = [np.flatnonzero(_clipped(capture, capture.codes[start:stop])) + start for start, stop in blocks(capture.n)]
    return np.concatenate((np.empty(0, dtype=np.intp), *found))


def _clipped(capture: Capture, raw: AnyInts) -> BoolArray:
    clipped: BoolArray = (raw < capture.code_min) | (raw > capture.code_max)
    if capture.hole_code is not None:
        clipped &= raw != capture.hole_code
    return clipped


def _turned(capture: Capture, raw: AnyInts) -> AnyInts:
    if capture.scale > 0:
        return raw
    turned: AnyInts = -raw.astype(np.int32)
    return turned


@dataclass
class PairSums:
    """Exact sums over pairs of codes; the order and the blocks in which they are added do not matter."""

    n: int = 0
    x: int = 0
    y: int = 0
    xx: int = 0
    xy: int = 0
    yy: int = 0

    def add(self, x: AnyInts, y: AnyInts, keep: BoolArray | None = None) -> None:
        """Add every pair, or those where ``keep`` is true."""
        for start in range(0, x.size, _EXACT):
            part = slice(start, start + _EXACT)
            # Whole numbers in floating point: exact, since no sum of so many codes of 17 bits and sign exceeds 2^53.
            wx, wy = x[part].astype(np.float64), y[part].astype(np.float64)
            if keep is not None:
                wx *= keep[part]
                wy *= keep[part]
            self.n += wx.size if keep is None else int(np.count_nonzero(keep[part]))
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


def mean_and_noise(codes: AnyInts) -> tuple[float, float]:
    """Mean and standard deviation of a stretch of codes, from exact sums; noise is 0 for fewer than two."""
    sums = PairSums()
    sums.add(codes, codes)
    noise = math.sqrt(sums.spread_x() / (sums.n - 1)) if sums.n > 1 else 0.0
    return float(sums.mean_x()), noise
