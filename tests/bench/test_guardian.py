"""Whatever becomes of the run or of its guardian, the simulated instruments show that nothing stays on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aimdlab._platform import is_process_alive, kill_process, process_started
from aimdlab.bench.guardian import keeper as keeper_module
from aimdlab.bench.guardian.keeper import Keeper
from aimdlab.bench.guardian.log import read_log
from aimdlab.bench.guardian.orders import Orders
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.campaign import load_bench
from aimdlab.errors import GuardianError
from aimdlab.sequencer.guarding import orders_for
from command_line import ROOT, Control
from link_peers import Conversation, Peer
from one_connection import OneConnection
from patience import LIMIT_S, refusing_port, wait_for

BENCH = ROOT / "configs/benches/simulated_gradient_injection.yaml"
WORLD = ROOT / "configs/worlds/robust_pacemaker.yaml"
PROGRAM = ROOT / "tests/support/guarded_run.py"

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedBench, Control]]:
    bench = SimulatedBench.start(WORLD, hold_time=False)
    control = Control(bench.address)
    yield bench, control
    control.close()
    bench.close()


class Runs:
    """Makes runs with a guardian on one simulated bench."""

    def __init__(self, served: tuple[SimulatedBench, Control], folder: Path) -> None:
        self.bench, self.control = served
        self.folder = folder
        self.session = folder / "session"
        self.session.mkdir()
        self.all: list[GuardedRun] = []

    def begin(
        self, file: Path = BENCH, resources: dict[str, str] | None = None, stderr: int = subprocess.PIPE, **orders: Any
    ) -> "GuardedRun":
        """A run that has switched the generator on, or was refused."""
        found = self.bench.resources | (resources or {})
        of_bench = orders_for(load_bench(file).file, found, ()).model_dump(mode="json")
        wanted = {"orders": of_bench | orders, "generator": found["generator"], "session": str(self.session)}
        self.all.append(GuardedRun(wanted, stderr))
        return self.all[-1]

    def bench_file(self, *changes: tuple[str, str]) -> Path:
        text = BENCH.read_text(encoding="utf-8").replace("../worlds/", f"{WORLD.parent.as_posix()}/")
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        path = self.folder / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def is_on(self) -> bool:
        return bool(self.control.generator()["channels"]["1"]["output"])

    def kinds(self) -> list[str]:
        return [entry.kind.removeprefix("guardian.") for entry in read_log(self.session)]

    def data(self, kind: str) -> dict[str, Any]:
        (entry,) = [entry for entry in read_log(self.session) if entry.kind == f"guardian.{kind}"]
        return entry.data


class GuardedRun:
    def __init__(self, wanted: dict[str, Any], stderr: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAM), json.dumps(wanted)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
        self.guardian = int(self.heard()["guardian"])
        self.answer = self.heard()

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.communicate()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def ended(self) -> str:
        """What run and guardian said at the terminal, once both have ended."""
        _, said = self.process.communicate(timeout=LIMIT_S)
        wait_for(lambda: not is_process_alive(self.guardian))
        return said or ""

    def clean_up(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT_S)
        if is_process_alive(self.guardian):
            kill_process(self.guardian, process_started(self.guardian))


@pytest.fixture
def runs(served: tuple[SimulatedBench, Control], tmp_path: Path) -> Iterator[Runs]:
    made = Runs(served, tmp_path)
    yield made
    for run in made.all:
        run.clean_up()
    generator = made.bench.resources["generator"]
    _, host, port, _ = generator.split("::")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"OUTP1 OFF;*OPC?\n")
        connection.recv(16)


def test_everything_is_off_after_a_run_was_killed(runs: Runs, record_property: Callable[[str, object], None]) -> None:
    run = runs.begin()
    assert run.answer == {"on": "1"}
    assert runs.is_on()
    if sys.platform != "win32":  # the wishes of people are for the run
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(run.guardian, number)
    killed_s = time.monotonic()
    run.process.kill()
    wait_for(lambda: not runs.is_on())
    record_property("figure", f"generator off {time.monotonic() - killed_s:.3f} s after its run was killed")
    said = run.ended()
    assert "guardian: the run (process" in said
    assert "guardian: the bench is safe: generator, oscilloscope" in said
    assert runs.kinds() == ["ready", "armed", "run_died", "made_safe", "made_safe", "safe"]


@posix_signals
def test_a_dead_terminal_does_not_keep_anything_on_nor_from_going_on(runs: Runs) -> None:
    reading, writing = os.pipe()
    run = runs.begin(stderr=writing, replacement=[sys.executable, "-c", "print('I go on')"])
    os.close(writing)
    os.close(reading)
    run.process.kill()
    wait_for(lambda: not runs.is_on())
    run.ended()
    assert runs.kinds()[-2:] == ["safe", "replaced"]
    wait_for(lambda: (runs.folder / "session.replacement-1.txt").read_text() == "I go on\n")


@posix_signals
@pytest.mark.parametrize("way", ["stopped", "main thread"])
def test_a_run_that_hangs_is_ended_and_replaced_once(runs: Runs, way: str) -> None:
    program = "import os, sys; print(os.getcwd(), sys.argv[1]); sys.exit(1)"
    elsewhere = runs.folder / "elsewhere"
    elsewhere.mkdir()
    run = runs.begin(
        silence_s=2.0, replacement=[sys.executable, "-c", program, "resume it"], folder=str(elsewhere), give_up_s=30.0
    )
    if way == "stopped":
        os.kill(run.process.pid, signal.SIGSTOP)
    else:
        run.tell("hang")
    said = run.ended()
    assert run.process.returncode == -signal.SIGKILL
    assert not runs.is_on()
    assert "has given no sign of life for 2 s; it is ended" in said
    assert runs.kinds() == [
        "ready", "armed", "run_hangs", "run_killed", "made_safe", "made_safe", "safe", "replaced",
    ]  # fmt: skip
    output = runs.folder / "session.replacement-1.txt"
    assert runs.data("replaced")["output"] == str(output)
    wait_for(lambda: output.read_text().strip() == f"{elsewhere} resume it")
    assert list(runs.folder.glob("session.replacement*")) == [output]


@posix_signals
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_whose_guardian_is_lost_stops(runs: Runs, fate: signal.Signals) -> None:
    run = runs.begin()
    os.kill(run.guardian, fate)
    lost = run.heard()["lost"]
    why = "has ended by itself, with status -9" if fate == signal.SIGKILL else "has not answered for 5 s; it was ended"
    assert why in lost
    assert "so the run stops" in lost
    run.ended()
    assert run.process.returncode == 3


def test_a_guardian_that_is_dismissed_ends_and_touches_nothing(runs: Runs) -> None:
    run = runs.begin(replacement=[sys.executable, "-c", "pass"])
    run.tell("dismiss")
    assert run.heard() == {"dismissed": True}
    assert not is_process_alive(run.guardian)
    assert runs.is_on()
    run.process.kill()
    assert run.ended() == ""
    assert runs.is_on()
    assert runs.kinds() == ["ready", "armed", "dismissed"]
    assert list(runs.folder.glob("session.replacement*")) == []


def test_a_bench_that_could_not_be_made_safe_is_left_to_the_guardian(runs: Runs) -> None:
    """A person may have stopped the run: no other one is started."""
    run = runs.begin(replacement=[sys.executable, "-c", "pass"])
    run.tell("hand over")
    assert run.heard() == {"handed_over": True}
    wait_for(lambda: not runs.is_on())
    run.ended()
    assert run.process.returncode == 0
    assert runs.kinds()[-1] == "safe"
    assert list(runs.folder.glob("session.replacement*")) == []


def test_it_switches_off_beside_a_run_that_lives(runs: Runs) -> None:
    run = runs.begin()
    run.tell("safe")
    assert run.heard() == {"safe": {}}
    assert not runs.is_on()
    run.tell("dismiss")
    assert run.heard() == {"dismissed": True}
    assert runs.kinds() == ["ready", "armed", "asked", "made_safe", "made_safe", "dismissed"]


def test_an_instrument_that_accepts_one_connection_is_taken_over(runs: Runs) -> None:
    alone = OneConnection(runs.bench.resources["generator"])
    try:
        file = runs.bench_file(("driver: keysight_33500b", "driver: keysight_33500b\n    guardian: takeover"))
        run = runs.begin(file, {"generator": alone.resource})
        assert run.answer == {"on": "1"}
        assert runs.is_on()
        assert (alone.served, alone.refused) == (2, 0)  # the proof of the guardian, then the run
        run.process.kill()
        wait_for(lambda: not runs.is_on())
        run.ended()
        assert runs.kinds()[-1] == "safe"
        assert alone.served == 3
    finally:
        alone.close()


def test_an_instrument_out_of_reach_is_named_and_nothing_is_switched_on(runs: Runs) -> None:
    with refusing_port() as port:
        run = runs.begin(resources={"generator": f"TCPIP::127.0.0.1::{port}::SOCKET"})
        refused = run.answer["refused"]
        run.ended()
    assert run.process.returncode == 3
    assert "  generator: " in refused
    assert f"nobody answers at TCPIP::127.0.0.1::{port}::SOCKET" in refused
    assert "oscilloscope" not in refused
    assert "Nothing was switched on." in refused


def test_another_instrument_is_refused_and_not_touched(runs: Runs) -> None:
    file = runs.bench_file(("serial: MY57801234", "serial: MY00000000"))
    run = runs.begin(file)
    assert "serial: 'MY00000000' is expected, 'MY57801234' answered" in run.answer["refused"]
    run.ended()


def test_a_bench_has_one_guardian(runs: Runs) -> None:
    first = runs.begin()
    second = runs.begin(lock_wait_s=0.1)
    assert "another guardian still watches over this bench" in second.answer["refused"]
    assert f"process {first.guardian}, of the run with process {first.process.pid}" in second.answer["refused"]
    second.ended()
    assert runs.is_on()
    first.process.kill()
    third = runs.begin()  # waits for the guardian of the first
    assert third.answer == {"on": "1"}


def answers_once(conversation: Conversation) -> None:
    """Says who it is, and nothing more."""
    assert conversation.line() == b"*IDN?"
    conversation.say(b"Agilent Technologies,33522B,SILENT,1.0\n")
    conversation.until_closed()


def test_an_instrument_that_hangs_keeps_no_other_on(runs: Runs) -> None:
    silent = Peer(answers_once)
    file = runs.bench_file(
        (
            "instruments:\n",
            "instruments:\n  silent:\n    driver: keysight_33500b\n    timeout: 60 s\n    identity: "
            "{manufacturer: Agilent Technologies, model: 33522B, serial: SILENT}\n",
        )
    )
    run = runs.begin(file, {"silent": silent.resource}, replacement=[sys.executable, "-c", "pass"], give_up_s=1.5)
    assert run.answer == {"on": "1"}
    run.process.kill()
    wait_for(lambda: not runs.is_on())
    said = run.ended()
    silent.stop()
    assert "NOT SAFE, switch off by hand now: silent." in said
    assert list(runs.data("not_safe")["problems"]) == ["silent"]
    assert "the bench is not safe" in said
    assert runs.kinds()[-1] == "not_replaced"
    assert list(runs.folder.glob("session.replacement*")) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe what?\n", "unreadable"),
        (b'{"orders": {}}\n', "instruments: Field required; pid: Field required; started: Field required"),
        (b'{"orders": {"instruments": [], "pid": 1, "started": "", "silence_s": 1}}\n', "silence_s: Input should be"),
        (b'{"armed": true}\n', "orders were expected, not 'armed'"),
    ],
)
def test_orders_that_cannot_be_read_end_it(line: bytes, reason: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "aimdlab.bench.guardian"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(line)
        process.stdin.flush()
        assert b"hello" in process.stdout.readline()
        assert reason in json.loads(process.stdout.readline())["refused"]
        assert process.wait(LIMIT_S) == 2


@posix_signals
@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("exit 7", "has ended by itself, with status 7. Nothing was switched on."),
        ("echo what; cat", "says what nobody understands"),
        ("echo '{\"ready\": 7}'; cat", "says what nobody understands"),
        ('echo \'{"refused": "it is Sunday"}\'; cat', "it is Sunday"),
        ("echo '{\"hello\": 1}'; exec sleep 1000", "has not answered for 0.5 s"),
    ],
)
def test_a_guardian_that_does_not_work_is_told(
    says: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(keeper_module, "_UNANSWERED_LIMIT_S", 0.5)
    keeper = Keeper()
    keeper.start()
    with pytest.raises(GuardianError, match=reason):
        _wait_until_lost(keeper)
    keeper.dismiss()
    assert not is_process_alive(keeper.pid)


def _wait_until_lost(keeper: Keeper) -> None:
    keeper.brief(Orders(instruments=(), pid=os.getpid(), started=""))
    keeper.require_ready()


def test_a_guardian_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(GuardianError, match=r"cannot be started: .*Nothing was switched on"):
        Keeper().start()


def test_a_process_is_ended_by_number_and_start_mark_only() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        assert not kill_process(process.pid, f"{started}0")
        assert is_process_alive(process.pid)
        assert kill_process(process.pid, started)
        assert process.wait(LIMIT_S) != 0
    assert not kill_process(process.pid, started)
    assert not kill_process(0, "")
