"""Does the device still show its programmed settings (ISO/TS 10974:2012, 9.1 and 9.5)? A person reads them."""

from __future__ import annotations

from collections.abc import Sequence

from aimdlab.capture import Reading
from aimdlab.scoring.criteria import judge
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Score

KIND_SETTINGS = "settings"
SETTINGS_CONFIRMED = "settings_confirmed"

_CRITERION = Criterion(
    feature=SETTINGS_CONFIRMED,
    lower=1.0,
    upper=None,
    unit="1",
    clause="9.1",
    rule=DecisionRule.SIMPLE,
    coverage_factor=2.0,
    rationale="The device must show the settings that the device file states.",
)


def score_settings(readings: Sequence[Reading]) -> Score:
    """PASS if the last reading of ``settings_confirmed`` is 1, FAIL if it is 0, INVALID if nobody said."""
    said = [
        float(reading.values[-1]) for reading in readings if reading.name == SETTINGS_CONFIRMED and reading.values.size
    ]
    if not said:
        return judge((), (), proven=False, reason="nobody said whether the device shows its settings")
    return judge((Feature(SETTINGS_CONFIRMED, said[-1], "1", 0.0),), (_CRITERION,), proven=True, reason="")
