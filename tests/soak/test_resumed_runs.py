"""Runs killed at any moment, over and over, and gone on with until they are sealed: ``make soak``."""

import os
import random
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import Control, Lab
from killed_runs import Kills, at_any_moment, kill_until_sealed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("AIMDLAB_KILLS", "300"))
LONGEST_S = 5.0  # of a run before it is killed; long enough that some get to the seal


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    lab: Lab, served: tuple[Control, dict[str, Any]]
) -> None:
    control, hello = served
    test = "  - test: ../../sequences/gradient/{}.yaml\n"
    lab.change(
        lab.campaign,
        test.format("injected_ten_steps"),
        test.format("injected_ten_steps") + test.format("extrinsic_bipolar_ten_steps"),
    )
    status, undisturbed = lab.run("--attach", hello["control"])
    assert status == 0
    chance, seen = random.Random(20261121), Kills()
    while seen.kills < KILLS:
        session = lab.folder / f"killed{seen.sessions}"
        how = {"moment": at_any_moment(chance, LONGEST_S, control), "most": KILLS - seen.kills}
        kill_until_sealed(lab, control, hello["control"], session, seen, **how)
        with open_session(session) as found:
            found.verify()
            results = found.steps()
        assert [(result.step_id, result.verdict) for result in results] == [
            (step["step_id"], step["verdict"]) for step in undisturbed["steps"]
        ]
    left = [path.name for path in lab.folder.iterdir() if path.name.startswith((".killed", "killed"))]
    assert all(name.endswith(".h5") for name in left)
    print(seen.describe())  # noqa: T201 - the figure is the point
    assert max(seen.off_s) <= 1.0
