"""Lead length factors: ISO/TS 10974:2012, 20.2.1, Tables 18 and 19."""

from __future__ import annotations

import math
from bisect import bisect_right

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_volumes import Volume

# Tables 18 (compliance volume) and 19 (implant volume): lead length, cm -> lead length factor, V per T/s. The first
# entry is printed as "< 5 cm": the factor is flat up to there.
_LENGTH_CM = (
    *(5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75),
    *(80, 85, 90, 95, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200),
)
_TO_65_CM = (0.008, 0.016, 0.023, 0.030, 0.036, 0.041, 0.046, 0.050, 0.054, 0.057, 0.060, 0.062, 0.067)
_FACTOR_V_PER_T_S: dict[Volume, tuple[float, ...]] = {
    "compliance": (
        *_TO_65_CM,
        *(0.077, 0.086, 0.096, 0.105, 0.113, 0.122, 0.131, 0.149, 0.166),
        *(0.183, 0.199, 0.216, 0.232, 0.249, 0.265, 0.281, 0.298),
    ),
    "implant": (
        *_TO_65_CM,
        *(0.078, 0.090, 0.102, 0.114, 0.126, 0.138, 0.150, 0.172, 0.194),
        *(0.216, 0.237, 0.258, 0.280, 0.301, 0.321, 0.342, 0.363),
    ),
}


def lead_length_factor(volume: Volume, lead_m: float) -> float:
    """Table 18 or 19 in V per T/s, linear between the entries and flat below 5 cm; leadless: the terminal spacing.

    Raises:
        ConfigurationError: a lead of no length, or longer than the tables go (200 cm).
    """
    factors = _FACTOR_V_PER_T_S[volume]
    longest_cm = _LENGTH_CM[-1]
    # To the nanometre, so that a metre that was divided and multiplied again still meets its entry.
    lead_cm = round(lead_m * 100, 7) if math.isfinite(lead_m) else math.nan
    if not 0 < lead_cm <= longest_cm:
        raise ConfigurationError(
            f"lead length {lead_m * 100:g} cm: Tables 18 and 19 go from above 0 to {longest_cm} cm. A leadless device "
            "takes the spacing of its terminals; a longer lead needs Tier 2 by its loop area, or Tier 3."
        )
    after = bisect_right(_LENGTH_CM, lead_cm)
    if after == 0:
        return factors[0]
    if _LENGTH_CM[after - 1] == lead_cm:
        return factors[after - 1]
    left, right = _LENGTH_CM[after - 1], _LENGTH_CM[after]
    share = (lead_cm - left) / (right - left)
    return factors[after - 1] + share * (factors[after] - factors[after - 1])
