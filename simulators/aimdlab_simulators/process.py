"""The simulated bench as a process: a world, its servers and the control socket."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from aimdlab.errors import AimdlabError, ConfigurationError
from aimdlab_simulators.control import PROTOCOL, ControlServer, World
from aimdlab_simulators.faults import Injector, Places, Scenario, load_scenario
from aimdlab_simulators.servers import HislipServer, RawSocketServer
from aimdlab_simulators.timebase import SimulatorError, Timebase

_SERVERS = {"socket": RawSocketServer, "hislip": HislipServer}
_IDLE_CHECK_S = 1.0


class ServedBench:
    """A world on the network; a context manager that closes every server.

    Attributes:
        world: what is served.
        timebase: its clock.
    """

    def __init__(
        self,
        world: World,
        timebase: Timebase,
        *,
        host: str,
        base_port: int,
        world_file: str,
        scenario: Scenario | None,
    ) -> None:
        self.world = world
        self.timebase = timebase
        self._world_file = world_file
        self._end: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may be called in a signal handler
        self._servers: dict[str, RawSocketServer | HislipServer] = {}
        with contextlib.ExitStack() as opened:
            for place, (name, instrument) in enumerate(world.instruments.items()):
                server = _SERVERS[world.transports[name]](instrument, host, base_port and base_port + place)
                opened.callback(server.close)
                self._servers[name] = server
            port = base_port and base_port + len(self._servers)
            self._injector = Injector(self._servers, world, places_of(world), timebase, scenario)
            opened.callback(self._injector.close)
            self._control = ControlServer(world, timebase, self._injector, self.hello, self.end, port)
            opened.callback(self._control.close)
            for listener in (*self._servers.values(), self._control):
                listener.start()
            self._opened = opened.pop_all()

    @property
    def control(self) -> str:
        """Address of the control socket."""
        return f"127.0.0.1:{self._control.port}"

    @property
    def idle_s(self) -> float:
        """For how long no client has been connected anywhere, in real seconds."""
        return min(listener.idle_s for listener in (*self._servers.values(), self._control))

    def hello(self) -> dict[str, object]:
        """What the process says of itself when it starts and on request."""
        instruments = {
            name: {
                "resource": server.resource,
                "model": server.instrument.model,
                "serial": server.instrument.serial,
                "transport": self.world.transports[name],
            }
            for name, server in self._servers.items()
        }
        return {
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "world": self._world_file,
            "instruments": instruments,
            "control": self.control,
            "scenario": self._injector.text,
            "struck": len(self._injector.struck),
        }

    def end(self) -> None:
        """Let ``wait`` return; safe anywhere, also in a signal handler."""
        self._end.put(None)

    def wait(self, linger_s: float | None = None) -> None:
        """Block until ``end`` is called or nobody has been connected for ``linger_s`` real seconds."""
        while linger_s is None or self.idle_s < linger_s:
            # In slices: Windows delivers Ctrl-C between them only.
            left_s = _IDLE_CHECK_S if linger_s is None else min(_IDLE_CHECK_S, max(linger_s - self.idle_s, 0.01))
            try:
                self._end.get(timeout=left_s)
            except queue.Empty:
                continue
            return

    def close(self) -> None:
        """Close every server; clients are hung up on."""
        self._opened.close()

    def __enter__(self) -> ServedBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def places_of(world: World) -> Places:
    """Where faults can strike in a world."""
    return Places(list(world.instruments), world.disturbances)


def serve(
    world: World,
    timebase: Timebase,
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    world_file: str = "",
    scenario: Scenario | None = None,
) -> ServedBench:
    """Put a world on the network: instruments from ``base_port`` on in order, then the control socket; 0 = any free.

    With a ``scenario``, its faults happen.

    Raises:
        ConfigurationError: the host is not this machine, the ports do not exist, or a transport is unknown.
        SimulatorError: a port is taken.
    """
    for name, transport in world.transports.items():
        if transport not in _SERVERS:
            raise ConfigurationError(
                f"{world_file}: instrument {name}: unknown transport {transport!r}; known: {', '.join(_SERVERS)}."
            )
    ports = len(world.instruments) + 1
    if base_port and not 1 <= base_port <= 65536 - ports:  # the resolver would take 65536 for 0
        raise ConfigurationError(f"base port {base_port}: {ports} ports from 1 to 65535 are needed from there on.")
    try:
        return ServedBench(world, timebase, host=host, base_port=base_port, world_file=world_file, scenario=scenario)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise ConfigurationError(f"cannot listen on {host!r}: {error}. Give an address of this machine.") from error
        hint = "Another program uses it; choose another --base-port." if error.errno == errno.EADDRINUSE else str(error)
        raise SimulatorError(
            f"cannot listen on {host}: one of the {ports} ports from {base_port} on is not free. {hint}"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m aimdlab_simulators WORLD.yaml``: serve until told to stop; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
    logging.raiseExceptions = False  # whoever read our standard error may be gone
    timebase = Timebase(held=options.hold_time)
    try:
        from aimdlab_simulators.world import load_world

        world = load_world(options.world, timebase)
        bench = serve(
            world,
            timebase,
            host=options.host,
            base_port=options.base_port,
            world_file=str(options.world.resolve()),
            scenario=None if options.scenario is None else load_scenario(options.scenario, places_of(world)),
        )
    except AimdlabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    if options.until_eof:
        threading.Thread(target=_end_with_input, args=(bench,), name="until-eof", daemon=True).start()
    run(bench, options.linger)
    return 0


def _end_with_input(bench: ServedBench) -> None:
    """End when standard input does: whoever held its other end has gone, in whatever way."""
    # Not through sys.stdin: a thread that waits in it holds its lock, and the interpreter's end would wait for that in
    # vain and abort the process.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    bench.end()


def run(bench: ServedBench, linger_s: float | None = None) -> None:
    """Say hello on standard output, serve until shutdown, SIGTERM, SIGINT or loneliness, then close."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        bench.end()

    with bench:
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), stop)
        _announce(bench.hello())
        bench.wait(linger_s)


def _announce(hello: dict[str, object]) -> None:
    """One line, after which standard output is closed: nobody can make this process wait or die through it."""
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps({"ok": True, **hello}) + "\n")
        sys.stdout.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aimdlab_simulators", description="Serve a simulated bench.")
    parser.add_argument("world", type=Path, help="the world file (YAML)")
    parser.add_argument("--host", default="127.0.0.1", help="address for the instruments (default: this machine only)")
    parser.add_argument("--base-port", type=int, default=0, metavar="N", help="ports from N on (default: any free)")
    parser.add_argument(
        "--linger",
        type=float,
        metavar="SECONDS",
        help="end after so long without any client (default: never)",
    )
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="let the faults of a scenario file happen")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    parser.add_argument(
        "--hold-time", action="store_true", help="stand still at world time 0 until a client claims the time"
    )
    return parser
