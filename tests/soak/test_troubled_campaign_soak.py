"""A campaign of 200 steps with every kind of fault at random: ``make soak``."""

import pytest

from command_line import Lab
from troubled_campaign import RANDOM, compare, kinds_in, prepare

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]


def test_200_steps_with_every_fault_at_random_come_to_no_other_verdict(lab: Lab) -> None:
    prepare(lab, "all", "all", '["20 ms", "100 ms"]')
    compared = compare(lab, RANDOM, timeout_s=5400)
    print(compared.describe())  # noqa: T201 - the figure is the point
    assert len(compared.disturbed) >= 200
    assert compared.wrong() == []
    assert {"PASS", "FAIL"} <= set(compared.disturbed.values())
    assert set(compared.faults) == kinds_in(RANDOM)
