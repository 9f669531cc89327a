"""A few of the kills that ``make soak`` does by the hundred."""

import random
from collections.abc import Callable
from typing import Any

from aimdlab.session.reader import open_session
from command_line import Control, Lab
from killed_runs import Kills, after_some_attempts, kill_until_sealed


def test_a_run_that_is_killed_comes_to_its_seal_with_everything_and_leaves_nothing_on(
    lab: Lab, served: tuple[Control, dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    control, hello = served
    seen = Kills()
    how = {"moment": after_some_attempts(random.Random(20261121), 5), "most": 3}
    kill_until_sealed(lab, control, hello["control"], lab.session, seen, **how)
    record_property("figure", seen.describe())
    with open_session(lab.session) as found:
        found.verify()
        assert {result.verdict.value for result in found.steps()} == {"PASS"}
    assert seen.kills == 3
