"""Whatever becomes of the run or of its guardian, the simulated instruments show that nothing stays on."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimdlab._platform import is_process_alive
from aimdlab.bench.simulated import SimulatedBench
from command_line import Control
from guarded_runs import WORLD, Runs
from link_peers import Conversation, Peer
from one_connection import OneConnection
from patience import refusing_port, wait_for

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedBench, Control]]:
    bench = SimulatedBench.start(WORLD, hold_time=False)
    control = Control(bench.address)
    yield bench, control
    control.close()
    bench.close()


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
