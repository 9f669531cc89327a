"""Long runs, kept out of the quick tests: ``make soak``."""

import json
import random
import signal
import subprocess
import sys
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import COMMAND, Control, Lab, wait_for
from patience import LIMIT_S

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_the_demo_campaign_on_the_real_clock(lab: Lab) -> None:
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--clock", "real", "--json", timeout_s=600)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result["verdicts"]) == {"PASS"}
    print(f"exposure time / wall time {result['exposure_per_wall']:.3f}")  # noqa: T201 - the figure is the point
    # The device is watched 1.2 intervals before and after each exposure; that and the set-up is what is lost.
    assert 0.8 < result["exposure_per_wall"] <= 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_at_any_moment_leaves_every_output_off(lab: Lab, served: tuple[Control, dict[str, Any]]) -> None:
    control, hello = served
    lab.many_steps()
    chance = random.Random(20261121)
    for number in range(20):
        session = lab.folder / f"session{number}"
        with subprocess.Popen(
            [*COMMAND, "run", str(lab.campaign), "--session", str(session), "--clock", "real", "--attach", hello["control"]],
            cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as run:  # fmt: skip
            wait_for((session / "inbox").is_dir, within=run)
            start_s = control.ask("now")["now_s"]
            moment_s = start_s + chance.uniform(0, 40)
            wait_for(lambda moment_s=moment_s: control.ask("now")["now_s"] >= moment_s, within=run)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=LIMIT_S)
        assert run.returncode == 4, said
        assert {channel["output"] for channel in control.generator()["channels"].values()} == {False}
        with open_session(session) as found:
            found.verify()
