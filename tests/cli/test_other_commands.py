"""plan, check, init, instruments, simulate, help."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aimdlab._platform import is_process_alive
from aimdlab.cli.output import duration, prefix_for, size
from command_line import COMMAND, Control, Lab, read_json, wait_for


def test_plan_says_what_would_run(lab: Lab) -> None:
    done = lab.cli("plan", lab.campaign, "--json", "--steps")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["steps"] == plan["steps_to_do"] == len(plan["step_list"])
    assert plan["tests"][0]["sequences"] == 10
    assert plan["tests"][0]["sequences_of_the_clause"] == 7280
    exposed = sum(step["exposure_s"] > 0 for step in plan["step_list"])
    assert exposed == 12, "a baseline, ten sequences, a check"
    assert plan["sequences_exposure_s"] == 10 * 15
    assert exposed * 15 <= plan["exposure_s"] < exposed * 15.1
    assert plan["exposure_s"] < plan["bench_s"] < 1.5 * plan["exposure_s"]
    assert plan["storage_bytes"] > exposed * 15 * 20e3 * 2 * 2
    assert plan["tests"][0]["demonstration"] is True
    assert plan["tests"][0]["largest_ivamp_v"] == pytest.approx(15.0)
    text = lab.cli("plan", lab.campaign).stdout
    assert "10 sequences of 15 s: 2 min 30 s" in text
    assert "10 of the 7280 sequences" in text
    assert "not a complete test" in text


def test_plan_storage_is_what_a_run_leaves(lab: Lab) -> None:
    from aimdlab.session.reader import open_session

    lab.fewer_steps()
    planned = json.loads(lab.cli("plan", lab.campaign, "--json").stdout)["storage_bytes"]
    _, result = lab.run()
    with open_session(Path(result["session"])) as session:
        left = sum(capture.codes.nbytes for attempt in session.attempts() for capture in attempt.captures)
    assert left == pytest.approx(planned, rel=0.05)


def test_check_names_every_instrument_and_switches_nothing(lab: Lab, served: tuple[Control, dict[str, Any]]) -> None:
    control, hello = served
    done = lab.cli("check", lab.campaign, "--attach", hello["control"])
    assert done.returncode == 0, done.stderr
    assert "33522B MY57801234" in done.stdout
    assert "nothing was switched on" in done.stdout
    assert {channel["output"] for channel in control.generator()["channels"].values()} == {False}
    alone = lab.cli("check", lab.campaign, "--json")
    assert len(json.loads(alone.stdout)["equipment"]) == 3


def test_init_makes_a_lab_that_runs(lab: Lab) -> None:
    made = lab.cli("init", "my-lab")
    assert made.returncode == 0, made.stderr
    assert lab.cli("init", "my-lab").returncode == 2
    campaign = lab.folder / "my-lab/configs/campaigns/demo.yaml"
    assert lab.cli("plan", campaign).returncode == 0
    for path in (lab.folder / "my-lab").rglob("*.yaml"):
        assert path.read_text(encoding="utf-8").startswith("#"), f"{path} should say what it is"


def test_instruments_lists_the_installed_drivers(lab: Lab) -> None:
    listed = json.loads(lab.cli("instruments", "--json").stdout)["drivers"]
    by_name = {row["name"]: row for row in listed}
    assert by_name["keysight_33500b"]["roles"] == ["signal_generator"]
    assert "33522B" in by_name["keysight_33500b"]["models"]
    assert by_name["keysight_infiniivision"]["roles"] == ["oscilloscope"]
    assert all(row["summary"] and not row["error"] for row in listed)
    assert "passive_amplifier" in lab.cli("instruments").stdout


def test_simulate_refuses_a_real_bench_and_a_taken_port(lab: Lab) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = lab.cli("simulate", lab.bench, "--base-port", str(taken.getsockname()[1]))
    assert done.returncode == 3, done.stderr
    lab.change(lab.bench, "simulated:\n  world: ../worlds/robust_pacemaker.yaml\n", "")
    assert lab.cli("simulate", lab.bench).returncode == 2


def test_the_servers_do_not_outlive_a_killed_simulate(lab: Lab) -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", str(lab.bench), "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=lab.folder,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        control = Control(read_json(process.stdout)["control"])
        pid = control.ask("hello")["pid"]
        process.kill()
    wait_for(lambda: not is_process_alive(pid))
    control.close()


def test_every_command_has_help_with_an_example(lab: Lab) -> None:
    top = lab.cli("--help").stdout
    assert "Exit status" in top
    at_work = (
        "demo",
        "init",
        "plan",
        "check",
        "run",
        "resume",
        "tell",
        "simulate",
        "instruments",
        "levels",
        "calibrate",
    )
    for command in (*at_work, "seal", "verify", "replay"):
        assert command in top
        text = lab.cli(command, "--help").stdout
        assert f"Example: aimdlab {command}" in text
        assert "--json" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(15, "15 s"), (60, "1 min"), (165.4, "2 min 45 s"), (109200, "30 h 20 min"), (0, "0 s"), (3600, "1 h 0 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_and_prefixes() -> None:
    assert size(24_200_000) == "24.2 MB"
    assert size(12) == "12 B"
    assert prefix_for(6e-4, "s") == (1e-3, "ms")
    assert prefix_for(1.1, "s") == (1.0, "s")
    assert prefix_for(15, "1") == (1.0, "")
    assert prefix_for(float("nan"), "V") == (1.0, "V")
