"""A small campaign with faults at random; ``make soak`` has 200 steps and every kind."""

from collections.abc import Callable

from command_line import Lab
from patience import LIMIT_S
from troubled_campaign import RANDOM, compare, prepare


def test_faults_at_random_bring_no_other_verdict(lab: Lab, record_property: Callable[[str, object], None]) -> None:
    prepare(lab, "[2]", '["0.5 ms", "5 ms"]', '["20 ms"]')
    compared = compare(lab, RANDOM, timeout_s=10 * LIMIT_S)
    record_property("figure", compared.describe())
    assert compared.wrong() == []
    assert {"PASS", "FAIL"} <= set(compared.disturbed.values())
    assert len(compared.faults) > 2
