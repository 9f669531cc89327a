"""The simulated bench as the process it is: start, signals, dead parents, loneliness."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patience import LIMIT_S, wait_until_hung_up

WORLD = Path(__file__).parents[3] / "configs" / "worlds" / "robust_pacemaker.yaml"
SCRIPT = """
import logging, sys
from aimdlab_simulators.process import run, serve
from aimdlab_simulators.scpi import ScpiInstrument, command
from aimdlab_simulators.timebase import Timebase

class Source(ScpiInstrument):
    @command("BROKen")
    def broken(self, call):
        raise RuntimeError("x" * 1000)

class World:
    def __init__(self, timebase):
        source = Source(name="source", maker="M", model="S", serial="1", firmware="0", timebase=timebase)
        self.instruments, self.transports, self.disturbances = {"source": source}, {"source": "socket"}, {}
    def mark(self, step, attempt):
        pass
    def observe(self):
        return {}

timebase = Timebase()
logging.raiseExceptions = False
run(serve(World(timebase), timebase), float(sys.argv[1]) if len(sys.argv) > 1 else None)
"""


@contextlib.contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def hello_of(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout is not None
    hello = json.loads(running.stdout.readline())
    assert isinstance(hello, dict)
    return hello


def connect(hello: dict[str, Any]) -> socket.socket:
    host, port = hello["control"].split(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT_S)


def ask(sock: socket.socket, op: str) -> dict[str, Any]:
    sock.sendall(json.dumps({"op": op}).encode() + b"\n")
    with sock.makefile("rb") as lines:
        reply = json.loads(lines.readline())
    assert isinstance(reply, dict)
    return reply


def test_one_line_then_service_until_shutdown() -> None:
    with process("-c", SCRIPT) as running:
        hello = hello_of(running)
        assert hello["pid"] == running.pid
        with connect(hello) as sock:
            assert {**ask(sock, "hello"), "now_s": 0} == {**hello, "now_s": 0}
            assert ask(sock, "shutdown")["ok"] is True
            assert running.wait(LIMIT_S) == 0
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.read() == ""
        assert running.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for other processes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    with process("-c", SCRIPT) as running:
        with connect(hello_of(running)) as sock:
            running.send_signal(number)
            assert running.wait(LIMIT_S) == 0
            wait_until_hung_up(sock)
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_it_outlives_a_parent_that_closed_the_pipes() -> None:
    with process("-c", SCRIPT) as running:
        hello = hello_of(running)
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.stderr.close()
        host, port = hello["instruments"]["source"]["resource"].split("::")[1:3]
        with socket.create_connection((host, int(port)), timeout=LIMIT_S) as source, source.makefile("rb") as lines:
            source.sendall(b"BROK\n" * 100 + b"*CLS;*IDN?\n")  # each is a traceback on standard error
            assert lines.readline() == b"M,S,1,0\n"
        with connect(hello) as sock:
            assert ask(sock, "now")["ok"] is True
            ask(sock, "shutdown")
        assert running.wait(LIMIT_S) == 0


def test_it_says_hello_to_nobody_and_lives() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    running = subprocess.Popen([sys.executable, "-c", SCRIPT, "0.2"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    _, said = running.communicate(timeout=LIMIT_S)
    assert (running.returncode, said) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for other processes")
def test_it_ends_cleanly_while_the_one_who_holds_its_standard_input_lives() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "aimdlab_simulators", str(WORLD), "--until-eof"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        hello_of(running)
        running.send_signal(signal.SIGTERM)
        assert running.wait(LIMIT_S) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_it_ends_when_its_standard_input_does() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "aimdlab_simulators", str(WORLD), "--until-eof"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        hello_of(running)
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(LIMIT_S) == 0


def test_a_world_file_that_is_missing(tmp_path: Path) -> None:
    with process("-m", "aimdlab_simulators", str(tmp_path / "none.yaml")) as running:
        out, said = running.communicate(timeout=LIMIT_S)
        assert running.returncode == 2
        assert out == ""
        assert "none.yaml" in said
        assert "Traceback" not in said


def test_options_that_do_not_exist() -> None:
    with process("-m", "aimdlab_simulators", "w.yaml", "--nonsense") as running:
        running.communicate(timeout=LIMIT_S)
        assert running.returncode == 2


def test_a_shipped_world_and_a_port_that_is_taken() -> None:
    with process("-m", "aimdlab_simulators", str(WORLD)) as running:
        hello = hello_of(running)
        assert hello["world"] == str(WORLD)
        taken = hello["control"].split(":")[1]
        with process("-m", "aimdlab_simulators", str(WORLD), "--base-port", taken) as second:
            out, said = second.communicate(timeout=LIMIT_S)
            assert second.returncode == 3
            assert out == ""
            assert "--base-port" in said
            assert "Traceback" not in said
        with connect(hello) as sock:
            assert set(ask(sock, "state")["instruments"]) == set(hello["instruments"])
            ask(sock, "shutdown")
        assert running.wait(LIMIT_S) == 0
