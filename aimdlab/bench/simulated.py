"""The simulated bench as the framework sees it: another process, spoken to through its control socket.

The process outlives a run that is killed: its instruments stay on the network as they were, so that anybody can look.
It ends when the run that started it closes it, or by itself a while after the last client has gone.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from aimdlab._platform import detached_popen_kwargs, environment_keeping_memory
from aimdlab.bench.discovery import SIMULATED_BENCHES, available
from aimdlab.errors import ConfigurationError, SimulationError

# A bench that dies is noticed at once; these are for one that hangs, and a busy or slow computer is no hang.
_START_LIMIT_S = 120.0
_ANSWER_LIMIT_S = 60.0
_END_LIMIT_S = 5.0
_KILLED_LIMIT_S = 30.0
# Windows delivers Ctrl-C only between two waits.
_SLICE_S = 0.2
_LINGER_S = 600.0


class SimulatedBench:
    """A connection to the control socket of a simulated bench.

    Attributes:
        address: of the control socket.
        resources: VISA resources of its instruments, by name.
        scenario: text of the scenario whose faults it lets happen, or "".
    """

    def __init__(self, address: str, process: subprocess.Popen[str] | None = None) -> None:
        self.address = address
        self._process = process
        self._lock = threading.Lock()
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=_ANSWER_LIMIT_S)
        except (OSError, ValueError) as error:
            raise SimulationError(f"no simulated bench answers at {address!r} ({error}).") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        try:
            hello = self.ask("hello")
            self.resources = _resources(hello, address)
            self.scenario = str(hello.get("scenario", ""))
            self._struck_before = int(hello.get("struck", 0))
        except BaseException:
            self._hang_up()
            raise

    @classmethod
    def start(cls, world: Path, *, hold_time: bool, scenario: Path | None = None) -> SimulatedBench:
        """Start a simulated bench of its own for ``world``.

        With ``hold_time`` world time stands at 0 until it is claimed, so that a virtual run repeats to the bit. With a
        ``scenario``, its faults happen.

        Raises:
            SimulationError: it did not start; says why.
            ConfigurationError: it cannot do what the scenario says.
        """
        arguments = ("--linger", f"{_LINGER_S:g}", *(("--hold-time",) if hold_time else ()))
        process = subprocess.Popen(  # noqa: S603 - our own module
            serve_command(world, arguments, scenario),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment_keeping_memory(),
            **detached_popen_kwargs(),
        )
        try:
            bench = cls(_control_address(process, world, scenario), process)
        except BaseException:  # Ctrl-C too: nobody else knows of the process
            _kill(process)
            raise
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        return bench

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """One request, one reply; SimulationError if it is refused or nobody answers."""
        with self._lock:
            try:
                self._socket.sendall((json.dumps({"op": op, **arguments}) + "\n").encode())
                line = self._lines.readline()
            except (OSError, ValueError) as error:  # ValueError: closed by this side
                raise SimulationError(f"the simulated bench at {self.address} is gone ({op}: {error}).") from error
        if not line:
            raise SimulationError(f"the simulated bench at {self.address} closed the control socket ({op}).")
        try:
            reply = json.loads(line) if line.endswith(b"\n") else None
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise SimulationError(
                f"what answers at {self.address} is no simulated bench: it said {line[:60]!r} ({op}). "
                "Give the control address that `aimdlab simulate` prints."
            )
        if not reply.get("ok"):
            raise SimulationError(f"the simulated bench refused {op}: {reply.get('error')}")
        return reply

    def claim_time(self) -> float:
        """Own virtual time from now on; returns world time."""
        return float(self.ask("claim_time")["now_s"])

    def advance(self, t_s: float) -> float:
        """Move world time to ``t_s``; returns the time reached."""
        return float(self.ask("advance", to_s=t_s)["now_s"])

    def mark(self, step: int, attempt: int, name: str = "") -> None:
        """Tell the world which step is being done: the key of its noise, and (by its name) of faults."""
        self.ask("mark", step=step, attempt=attempt, name=name)

    def faults(self) -> list[dict[str, Any]]:
        """Every fault that struck since this connection: what, where, when, in which attempt."""
        found: list[dict[str, Any]] = self.ask("state")["faults"]
        return found[self._struck_before :]

    def program(self, mode: str) -> None:
        """Program every device of the world that has such modes to "normal" or "mr"."""
        self.ask("program", mode=mode)

    def interrogate(self) -> dict[str, dict[str, str | float | bool]]:
        """What a programmer reads of each device, by name.

        ``program`` ("normal", "mr", or "default" after a reset), ``mode``, ``rate_per_s``, ``amplitude_v``,
        ``pulse_width_s``, and ``reset``: true once there was one, whatever was programmed since.
        """
        devices: dict[str, dict[str, str | float | bool]] = self.ask("interrogate")["devices"]
        return devices

    def close(self) -> None:
        """Leave; the process is shut down if this object started it, else it goes on (in real time)."""
        try:
            if self._process is not None and self._process.poll() is None:
                # A bench that is gone or hangs must not hide why the run ends; it is killed all the same.
                with contextlib.suppress(SimulationError):
                    self._socket.settimeout(_END_LIMIT_S)
                    self.ask("shutdown")
        finally:
            self._hang_up()
            if self._process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=_END_LIMIT_S)
                _kill(self._process)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # what was still to be sent has nobody to go to
            self._lines.close()
            self._socket.close()


def serve_command(world: Path, arguments: tuple[str, ...] = (), scenario: Path | None = None) -> list[str]:
    """The command that serves ``world``; the module is found by entry point, the framework imports no simulator."""
    if scenario is not None:
        arguments = (*arguments, "--scenario", str(scenario))
    found = available(SIMULATED_BENCHES)
    if not found:
        raise SimulationError("no simulated bench is installed. Reinstall aimdlab.")
    module = next(iter(found.values())).value
    return [sys.executable, "-P", "-m", module, str(world), *arguments]


def _resources(hello: dict[str, Any], address: str) -> dict[str, str]:
    try:
        return {str(name): str(entry["resource"]) for name, entry in hello["instruments"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise SimulationError(f"what answers at {address} does not say which instruments it has: {hello}") from error


def _control_address(process: subprocess.Popen[str], world: Path, scenario: Path | None) -> str:
    line = _first_line(process)
    if not line:
        process.kill()
        _, said = process.communicate(timeout=_KILLED_LIMIT_S)
        if scenario is not None and str(scenario) in said:
            raise ConfigurationError(said.strip())
        raise SimulationError(f"the simulated bench of {world} did not start: {said.strip() or 'it said nothing'}")
    try:
        return str(json.loads(line)["control"])
    except (ValueError, KeyError, TypeError) as error:
        raise SimulationError(
            f"the simulated bench of {world} began with {line[:60]!r} instead of an address"
        ) from error


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process of ours that does not end by itself; its pipes are closed."""
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_KILLED_LIMIT_S)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    lines: list[str] = []
    stream: IO[str] | None = process.stdout

    def read() -> None:
        if stream is not None:
            lines.append(stream.readline())

    reader = threading.Thread(target=read, name="simulated-bench-start", daemon=True)
    reader.start()
    deadline_s = time.monotonic() + _START_LIMIT_S
    while reader.is_alive() and time.monotonic() < deadline_s:
        reader.join(_SLICE_S)
    return lines[0] if lines else ""
