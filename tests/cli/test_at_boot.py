"""After a restart of the PC nobody watches over anything: `aimdlab doctor --at-boot` does what is left to do."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aimdlab.bench.guardian.log import read_log
from command_line import COMMAND, Control, Lab, wait_for
from patience import LIMIT_S, refusing_port
from resumed import held

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "known"
    monkeypatch.setenv("AIMDLAB_BENCHES", str(folder))
    return folder


def power_cut(lab: Lab, control: Control) -> None:
    """A run and its guardian are gone at once, in the middle of an exposure."""
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdin is not None
        run.stdin.write("yes\n")
        run.stdin.flush()

        def stands_still_while_on() -> bool:
            if not is_on(control):
                return False
            os.kill(run.pid, signal.SIGSTOP)  # else the exposure might end before both are gone
            if is_on(control):
                return True
            os.kill(run.pid, signal.SIGCONT)
            return False

        wait_for(stands_still_while_on, within=run)
        gone_with_its_guardian(lab, run)
        run.communicate(timeout=LIMIT_S)
    assert is_on(control), "nobody was left to switch it off"


def is_on(control: Control) -> bool:
    return bool(control.generator()["channels"]["1"]["output"])


def gone_with_its_guardian(lab: Lab, run: subprocess.Popen[str]) -> None:
    guardian = int(read_log(lab.session)[0].data["guardian"])
    os.kill(guardian, signal.SIGSTOP)  # before it can do anything
    run.kill()
    os.kill(guardian, signal.SIGKILL)


@pytest.mark.waits
def test_after_a_restart_every_bench_is_safe_and_the_session_waits_for_a_person(
    lab: Lab, served: tuple[Control, dict[str, Any]], benches: Path
) -> None:
    control, hello = served
    lab.make_real(hello)
    power_cut(lab, control)
    looked = json.loads(lab.cli("doctor", "--json").stdout)["findings"]
    assert {"what": f"session {lab.session}", "is_well": False, "text": "its run did not end by itself"} in looked
    booted = lab.cli("doctor", "--at-boot", "--json")
    assert booted.returncode == 0, booted.stderr
    found = json.loads(booted.stdout)
    assert found["benches"] == [
        {"bench": str(lab.bench), "off": ["generator", "oscilloscope"], "in_use": "", "problems": {}},
    ]
    assert not is_on(control)
    assert [(session["session"], session["happening"]) for session in found["sessions"]] == [
        (str(lab.session), "waits"),
    ]
    assert f'aimdlab resume "{lab.session}"' in found["sessions"][0]["text"]
    # Sealed as it is, nothing is left to do; the bench stays known.
    assert lab.cli("seal", lab.session).returncode == 1
    assert json.loads(lab.cli("doctor", "--at-boot", "--json").stdout)["sessions"][0]["happening"] == "sealed"
    assert json.loads(lab.cli("doctor", "--at-boot", "--json").stdout)["sessions"] == []


def test_a_bench_that_a_run_has_in_hand_is_left_alone(
    lab: Lab, served: tuple[Control, dict[str, Any]], benches: Path
) -> None:
    hello = served[1]
    lab.make_real(hello)
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        wait_for(lambda: list(benches.glob("at_work/*.json")), within=run)
        booted = lab.cli("doctor", "--at-boot", "--wait", "0")
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT_S)
    assert booted.returncode == 0, booted.stdout
    assert f"left alone: instrument generator at {hello['instruments'][0]['resource']} is in use" in booted.stdout
    assert "NOT SAFE" not in booted.stdout
    assert f"process {run.pid} is at work on it" in booted.stdout


@pytest.mark.waits
def test_a_bench_that_does_not_answer_is_named_as_not_safe(
    lab: Lab, served: tuple[Control, dict[str, Any]], benches: Path
) -> None:
    control, hello = served
    lab.make_real(hello)
    power_cut(lab, control)
    resource = next(entry["resource"] for entry in hello["instruments"] if entry["instrument"] == "generator")
    with refusing_port() as port:
        lab.change(lab.bench, resource, f"TCPIP::127.0.0.1::{port}::SOCKET")
        booted = lab.cli("doctor", "--at-boot", "--wait", "0")
    assert booted.returncode == 3
    assert "NOT SAFE, switch off by hand now." in booted.stdout
    assert "generator" in booted.stdout
    assert "cannot go on: its bench is not safe" in booted.stdout


@pytest.mark.waits
def test_a_bench_that_is_dark_keeps_no_other_on(
    lab: Lab, served: tuple[Control, dict[str, Any]], benches: Path
) -> None:
    control, hello = served
    lab.make_real(hello)
    power_cut(lab, control)
    with refusing_port() as port:
        text, dark = lab.bench.read_text(encoding="utf-8"), lab.bench.with_name("a_dark_one.yaml")
        for entry in hello["instruments"]:
            if entry["instrument"] == "generator":  # the oscilloscope is shared
                text = text.replace(entry["resource"], f"TCPIP::127.0.0.1::{port}::SOCKET")
        dark.write_text(text, encoding="utf-8")
        (benches / "benches/0.json").write_text(json.dumps({"bench": str(dark)}), encoding="utf-8")
        (benches / "benches/1.json").write_text("{", encoding="utf-8")
        with subprocess.Popen(
            [*COMMAND, "doctor", "--at-boot", "--json", "--wait", str(LIMIT_S)],
            cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        ) as booted:  # fmt: skip
            wait_for(lambda: not is_on(control), within=booted)
            assert booted.poll() is None, "it still calls the other one"
            booted.kill()
        short = lab.cli("doctor", "--at-boot", "--wait", "0")
    assert short.returncode == 3
    assert "1.json: NOT SAFE, switch off by hand now. this note of a bench is damaged" in short.stdout
    assert f"{lab.bench}: safe: generator, oscilloscope" in short.stdout


def test_a_session_that_may_goes_on_by_itself_after_a_restart(lab: Lab, benches: Path) -> None:
    lab.fewer_steps()
    lab.change(lab.campaign, "tests:\n", "unattended: {resume: true}\ntests:\n")
    with held(lab, "committed", 2, "run", lab.campaign, "--session", lab.session) as run:
        gone_with_its_guardian(lab, run)
    booted = json.loads(lab.cli("doctor", "--at-boot", "--json").stdout)
    assert booted["benches"] == [], "of a simulated bench nothing is on"
    assert [session["happening"] for session in booted["sessions"]] == ["gone on"]
    wait_for(lambda: lab.session.with_suffix(".h5").exists() and not lab.session.exists())
    wait_for(lambda: json.loads(lab.cli("doctor", "--at-boot", "--json").stdout)["sessions"] == [])
