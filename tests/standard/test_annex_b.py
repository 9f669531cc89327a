"""Annex B derives the lead length factors anew: Tables 18 and 19 agree with it to 0.001."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.standard.gradient_volumes import Volume
from aimdlab.standard.lead_length import lead_length_factor

RADIUS_M: dict[Volume, float] = {"compliance": 0.20, "implant": 0.25}
PRINTED_CM = (*range(5, 100, 5), *range(100, 201, 10))


def half_perimeter(a: float, b: float) -> float:
    """Half of an ellipse's perimeter: the complete elliptic integral of the second kind by arithmetic-geometric mean."""
    x, y = max(a, b), min(a, b)
    rest, power = x * x - 0.5 * (x * x - y * y), 0.5
    while x - y > 1e-15 * x:
        x, y, c = (x + y) / 2, math.sqrt(x * y), (x - y) / 2
        power *= 2
        rest -= power * c * c
    return math.pi * rest / x


def semi_axis(arc_m: float, other_m: float) -> float:
    """The semi-axis of the half ellipse of this arc length whose other semi-axis is ``other_m``, by bisection."""
    low, high = 0.0, arc_m
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if half_perimeter(middle, other_m) < arc_m else (low, middle)
    return low


def derived_factor(volume: Volume, lead_m: float) -> float:
    """Annex B, V per T/s: a uniform electric field along a short lead, the area that a long one encloses."""
    if lead_m <= 0.10:
        return 0.16 * max(lead_m, 0.05)
    if lead_m <= 0.63:
        return lead_m * (0.16 - (0.16 - 0.10) * (lead_m - 0.10) / (0.63 - 0.10))
    radius_m = RADIUS_M[volume]
    if lead_m / math.pi <= radius_m:
        return lead_m**2 / (2 * math.pi)
    return math.pi * radius_m * semi_axis(lead_m, radius_m) / 2


@pytest.mark.parametrize("volume", RADIUS_M)
@pytest.mark.parametrize("lead_cm", PRINTED_CM)
def test_the_tables_follow_from_annex_b(volume: Volume, lead_cm: int) -> None:
    assert lead_length_factor(volume, lead_cm / 100) == pytest.approx(derived_factor(volume, lead_cm / 100), abs=1e-3)


@pytest.mark.parametrize("volume", RADIUS_M)
def test_between_the_entries_too(volume: Volume) -> None:
    # The curve has a kink at 63 cm, where the straight line from 60 to 65 cm passes 0.00197 above it.
    for lead_m in np.linspace(0.01, 2.0, 400).tolist():
        assert lead_length_factor(volume, lead_m) == pytest.approx(derived_factor(volume, lead_m), abs=2e-3)


@given(a=st.floats(0.05, 1.0), b=st.floats(0.05, 1.0))
def test_the_arc_length_is_exact(a: float, b: float) -> None:
    # The trapezoid rule on a smooth periodic integrand converges geometrically.
    angle = np.arange(4096) * (2 * np.pi / 4096)
    numerical = float(np.mean(np.hypot(a * np.sin(angle), b * np.cos(angle)))) * math.pi
    assert half_perimeter(a, b) == pytest.approx(numerical, rel=1e-12)


def test_circle_and_flat_ellipse() -> None:
    assert half_perimeter(0.2, 0.2) == pytest.approx(0.2 * math.pi, rel=1e-15)
    assert half_perimeter(1.0, 1e-9) == pytest.approx(2.0, rel=1e-12)
