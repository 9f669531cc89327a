"""The wall clock is set by days while a campaign runs, is killed and goes on: verdicts, order and durations stay."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jumping_clock
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from command_line import Lab
from patience import LIMIT_S

WILD = [sys.executable, "-W", "error", jumping_clock.__file__, "wild"]


def attempts(session: Path) -> list[Attempt]:
    with open_session(session) as found:
        found.verify()
        return list(found.attempts())


def exposures(found: list[Attempt]) -> dict[str, Any]:
    """What the exposures took and applied: virtual time and a keyed noise repeat to the bit."""
    return {
        one.step_id: (
            one.exposure_s,
            [(feature.name, feature.value) for feature in one.score.features if feature.name.startswith("injected_")],
        )
        for one in found
        if one.kind == "sequence"
    }


def test_a_wall_clock_that_is_set_again_and_again_changes_nothing(lab: Lab) -> None:
    lab.fewer_steps()
    undisturbed = lab.cli("run", lab.campaign, "--session", "undisturbed", "--json")
    assert undisturbed.returncode == 0, undisturbed.stderr
    wanted = json.loads(undisturbed.stdout)
    with subprocess.Popen(
        [*WILD, "hold", "committed", "3", "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stderr is not None
        said = []
        while (line := run.stderr.readline()) != "held\n":
            assert line, said
            said.append(line)
        run.kill()
    gone_on = subprocess.run(
        [*WILD, "resume", str(lab.session), "--json"],
        cwd=lab.folder, capture_output=True, text=True, check=False, timeout=3 * LIMIT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert gone_on.returncode == 0, gone_on.stderr
    result = json.loads(gone_on.stdout)

    assert [(step["step_id"], step["verdict"]) for step in result["steps"]] == [
        (step["step_id"], step["verdict"]) for step in wanted["steps"]
    ]
    found = attempts(Path(result["session"]))
    assert exposures(found) == exposures(attempts(lab.folder / wanted["session"]))
    starts_s = [one.started_monotonic_s for one in found]
    assert starts_s == sorted(starts_s)
    assert all(one.ended_monotonic_s >= one.started_monotonic_s for one in found)
    starts = [one.started_utc for one in found]
    assert starts != sorted(starts), "or the clock was not set"
    with open_session(Path(result["session"])) as session:
        log = list(session.events())
    assert [event.monotonic_s for event in log] == sorted(event.monotonic_s for event in log)
    jumped = [event.data["jumped_s"] for event in log if event.kind == "clock.jumped"]
    assert min(jumped) < 0 < max(jumped)
    boots = {event.data["pc_clock"]["boot"] for event in log if "pc_clock" in event.data}
    assert boots == {session.header.host["boot"]}
    verified = lab.cli("verify", result["session"])
    assert verified.returncode == 0
    assert f"wall clock jumped {len(jumped)} times" in " ".join(verified.stdout.split())
