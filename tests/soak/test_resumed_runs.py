"""Runs killed at any moment, over and over, and gone on with until they are sealed: ``make soak``."""

import json
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import COMMAND, Control, Lab
from patience import LIMIT_S

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

KILLS = 100
LONGEST_S = 8.0  # of a run before it is killed; long enough that some get to the seal


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    lab: Lab, served: tuple[Control, dict[str, Any]]
) -> None:
    attach = ("--attach", served[1]["control"])
    test = "  - test: ../../sequences/gradient/{}.yaml\n"
    lab.change(
        lab.campaign,
        test.format("injected_ten_steps"),
        test.format("injected_ten_steps") + test.format("extrinsic_bipolar_ten_steps"),
    )
    status, undisturbed = lab.run(*attach)
    assert status == 0
    chance, kills, resumed = random.Random(20261121), 0, Counter[str]()
    for number in range(KILLS):
        if kills >= KILLS:
            break
        session = lab.folder / f"killed{number}"
        command: list[str | Path] = ["run", lab.campaign, "--session", session, *attach]
        known: list[tuple[int, int, str]] = []
        while not session.with_suffix(".h5").exists() or session.exists():
            with subprocess.Popen(
                [*COMMAND, *map(str, command)],
                cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ) as run:  # fmt: skip
                try:
                    _, said = run.communicate(timeout=chance.uniform(0, LONGEST_S))
                    assert run.returncode == 0, said
                    resumed["ended"] += 1
                except subprocess.TimeoutExpired:
                    run.kill()
                    run.communicate(timeout=LIMIT_S)
                    kills += 1
            if not (session / "session.h5").exists() and not session.with_suffix(".h5").exists():
                shutil.rmtree(session, ignore_errors=True)  # killed before it began
                continue
            command = ["resume", session, *attach]
            with open_session(session) as found:
                found.verify()
                now = [(record.step, record.number, record.sha256) for record in found.records()]
            assert now[: len(known)] == known, "nothing committed is lost"
            known = now
        lab.cli("seal", session)  # what a killed seal left lying about
        with open_session(session) as found:
            found.verify()
            results = found.steps()
        assert [(result.step_id, result.verdict) for result in results] == [
            (step["step_id"], step["verdict"]) for step in undisturbed["steps"]
        ]
        numbers = Counter((step, number) for step, number, _ in known)
        assert set(numbers.values()) == {1}, "nothing is doubled"
    left = [path.name for path in lab.folder.iterdir() if path.name.startswith((".killed", "killed"))]
    assert all(name.endswith(".h5") for name in left)
    print(json.dumps({"kills": kills, "sessions": len(left), **resumed}))  # noqa: T201 - the figure is the point
