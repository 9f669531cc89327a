"""Whatever ends a run, the outputs are off or end by themselves, as seen at the bench that lives on."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import pyvisa

from aimdlab.bench.guardian.log import read_log
from aimdlab.session.reader import open_session
from command_line import COMMAND, Control, Lab, wait_for
from patience import LIMIT_S

Served = tuple[Control, dict[str, Any]]

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def start(lab: Lab, control: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session), "--clock", "real", "--attach", control],
        cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def playing(control: Control) -> bool:
    channel = control.generator()["channels"]["1"]
    return bool(channel["output"] and channel["playing"])


def until_exposed(control: Control, run: "subprocess.Popen[str]") -> float:
    """Wait for an exposure (not the single burst of the verify capture); the world time at which it ends by itself.

    What must happen within it can be asserted only while that time has not come: the machine may hold everybody up.
    """
    end_s = 0.0

    def exposed() -> bool:
        nonlocal end_s
        now_s = control.ask("now")["now_s"]
        channel = control.generator()["channels"]["1"]
        end_s = channel["playing_until_s"] or 0.0
        return bool(channel["output"] and channel["playing"] and end_s > now_s + 10)

    wait_for(exposed, within=run)
    return end_s


def before(control: Control, end_s: float) -> bool:
    return bool(control.ask("now")["now_s"] < end_s)


def outputs(control: Control) -> set[bool]:
    return {channel["output"] for channel in control.generator()["channels"].values()}


def committed(lab: Lab) -> list[str]:
    with open_session(lab.session) as session:
        return [attempt.step_id for attempt in session.attempts()]


@pytest.mark.waits
@posix_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_stop_leaves_every_output_off(lab: Lab, served: Served, number: signal.Signals) -> None:
    control, hello = served
    lab.many_steps()
    with start(lab, hello["control"]) as run:
        end_s = until_exposed(control, run)
        kept = committed(lab)
        run.send_signal(number)
        _, said = run.communicate(timeout=LIMIT_S)
    in_time = before(control, end_s)
    assert run.returncode == 4, said
    assert outputs(control) == {False}
    assert "what was measured is kept in" in said
    # The same as any VISA client sees it.
    resource = next(entry["resource"] for entry in hello["instruments"] if entry["instrument"] == "generator")
    manager = pyvisa.ResourceManager("@py")
    generator = manager.open_resource(resource, read_termination="\n", write_termination="\n")
    assert [generator.query(f"OUTP{channel}?") for channel in (1, 2)] == ["0", "0"]  # type: ignore[attr-defined]
    generator.close()
    manager.close()
    # What was committed stays, the exposure in flight counts for nothing, the log has the cause and the safe state.
    assert "1/baseline" in kept
    assert committed(lab) == kept or not in_time
    with open_session(lab.session) as session:
        kinds = [event.kind for event in session.events()]
    assert kinds.index("safety.made_safe") < kinds.index("run.interrupted"), "outputs first"


@pytest.mark.waits
@posix_signals
def test_ctrl_c_again_and_again_still_leaves_every_output_off(lab: Lab, served: Served) -> None:
    control, hello = served
    lab.many_steps()
    with start(lab, hello["control"]) as run:
        until_exposed(control, run)
        for _ in range(20):
            run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT_S)
    assert run.returncode == 4
    assert outputs(control) == {False}


@pytest.mark.waits
@posix_signals
def test_a_killed_run_leaves_every_output_off_by_its_guardian(lab: Lab, served: Served) -> None:
    control, hello = served
    lab.many_steps()
    with start(lab, hello["control"]) as run:
        until_exposed(control, run)
        kept = committed(lab)
        run.kill()
        killed_s = time.monotonic()
        wait_for(lambda: outputs(control) == {False})
        took_s = time.monotonic() - killed_s
        _, said = run.communicate(timeout=LIMIT_S)
    assert took_s < LIMIT_S
    assert "guardian: the run (process" in said
    assert "guardian: the bench is safe: " in said
    assert committed(lab) == kept
    kinds = [entry.kind for entry in read_log(lab.session)]
    assert [kind for kind in kinds if kind != "guardian.made_safe"] == [
        "guardian.ready", "guardian.armed", "guardian.run_died", "guardian.safe",
    ]  # fmt: skip
    # The guardian has gone too: somebody else can look, and go on.
    wait_for(lambda: lab.cli("check", lab.campaign, "--attach", hello["control"]).returncode == 0)
    gone_on = lab.cli("seal", lab.session)
    assert gone_on.returncode == 1, gone_on.stderr
    with open_session(lab.session.with_suffix(".h5")) as session:
        copied = [event.kind for event in session.events() if event.source == "guardian"]
    assert copied == kinds, "the record shows what the guardian did"


@pytest.mark.waits
@posix_signals
def test_a_second_run_on_the_same_bench_is_refused_and_says_who_has_it(lab: Lab, served: Served) -> None:
    control, hello = served
    lab.many_steps()
    with start(lab, hello["control"]) as run:
        end_s = until_exposed(control, run)
        second = lab.cli("run", lab.campaign, "--session", lab.folder / "other", "--attach", hello["control"])
        looked = lab.cli("check", lab.campaign, "--attach", hello["control"])
        resumed = lab.cli("resume", lab.session, "--attach", hello["control"])
        still_on = outputs(control)
        in_time = before(control, end_s)
        assert still_on == {True, False} or not in_time, "the first run is not disturbed"
        assert run.poll() is None
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT_S)
    assert second.returncode == looked.returncode == resumed.returncode == 2
    assert f"is in use: process {run.pid} of " in second.stderr
    assert f"session {lab.session}" in second.stderr
    assert f"is in use: process {run.pid} of " in looked.stderr
    assert f"{lab.session} is in use: process {run.pid} of " in resumed.stderr
    assert not (lab.folder / "other").exists()


@posix_signals
def test_a_virtual_run_that_is_killed_gives_time_back(lab: Lab, served: Served) -> None:
    control, hello = served
    lab.many_steps()
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session), "--attach", hello["control"]],
        cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    ) as run:  # fmt: skip
        wait_for(lambda: bool(control.ask("state")["virtual"]), within=run)
        run.kill()
        run.wait(timeout=LIMIT_S)
    wait_for(lambda: not control.ask("state")["virtual"])
    now_s = control.ask("now")["now_s"]
    wait_for(lambda: control.ask("now")["now_s"] > now_s)


@posix_signals
def test_tell_speaks_to_a_running_session(lab: Lab, served: Served) -> None:
    control, hello = served
    lab.many_steps()
    with start(lab, hello["control"]) as run:
        wait_for((lab.session / "inbox").is_dir, within=run)
        assert lab.cli("tell", lab.session, "note", "the door was opened").returncode == 0
        assert lab.cli("tell", lab.session, "stop").returncode == 0
        _, said = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 4, said
    assert "stop asked for by" in said
    assert outputs(control) == {False}
    with open_session(lab.session) as session:
        messages = [event.message for event in session.events()]
    assert any("the door was opened" in message for message in messages)


def test_tell_needs_a_session_and_a_word_it_knows(lab: Lab) -> None:
    assert lab.cli("tell", Path("nowhere"), "stop").returncode == 2
    (lab.folder / "s" / "inbox").mkdir(parents=True)
    wrong = lab.cli("tell", "s", "explode")
    assert wrong.returncode == 2
    assert "explode" in wrong.stderr
