"""The control socket of a simulated bench: JSON lines over TCP, one reply per request.

Ops: ``hello``, ``now``, ``claim_time``, ``advance`` (``to_s``; only on the connection that has claimed),
``release_time``, ``mark`` (``step``, ``attempt``, and ``name`` of the step in the plan), ``state`` (also ``faults``:
what struck), ``inject`` (one fault, written as in a scenario file), ``program`` (``mode``: "normal" or "mr";
``device``, or every one that has these modes; answers ``programmed``: which), ``interrogate`` (answers ``devices``, by
name), ``shutdown``. A reply is ``{"ok": true, ...}`` or ``{"ok": false, "error": "..."}``; those about time carry
``now_s``.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from aimdlab.errors import AimdlabError
from aimdlab_simulators.faults import Injector
from aimdlab_simulators.scpi import ScpiInstrument
from aimdlab_simulators.servers.listener import Connection, Listener
from aimdlab_simulators.timebase import SimulatorError, Timebase

PROTOCOL = 1
_LINE_BYTES = 65536


class World(Protocol):
    """What a simulated bench serves."""

    @property
    def instruments(self) -> Mapping[str, ScpiInstrument]:
        """By name, in the order of the world file."""
        ...

    @property
    def transports(self) -> Mapping[str, str]:
        """ "socket" or "hislip", by instrument name."""
        ...

    @property
    def disturbances(self) -> Mapping[str, Sequence[str]]:
        """Kinds of what can happen to its nodes, by name."""
        ...

    def disturb(self, name: str, kind: str, **parameters: float) -> None:
        """Let something happen to a node now."""
        ...

    def mark(self, step: int, attempt: int) -> None:
        """Take note of the step that is being done."""
        ...

    def observe(self) -> Mapping[str, object]:
        """The state of everything that is not an instrument."""
        ...

    def program(self, mode: str, device: str | None) -> Sequence[str]:
        """Switch one device, or all that have modes, to "normal" or "mr"; names of those that were."""
        ...

    def interrogate(self) -> Mapping[str, Mapping[str, str | float | bool]]:
        """What a programmer reads of each device."""
        ...


class ControlServer(Listener):
    """Answers requests about the bench; who drops the connection that claimed the time gives it back."""

    def __init__(
        self,
        world: World,
        timebase: Timebase,
        injector: Injector,
        hello: Callable[[], Mapping[str, object]],
        shut_down: Callable[[], None],
        port: int = 0,
    ) -> None:
        """Bind to the loopback address, whatever the instruments listen on.

        Args:
            world: what is observed and marked.
            timebase: what is claimed and advanced.
            injector: lets faults happen.
            hello: the answer to ``hello``.
            shut_down: called after ``shutdown`` was answered.
            port: TCP port, 0 for a free one.
        """
        super().__init__("127.0.0.1", port, name="control")
        self._world = world
        self._timebase = timebase
        self._injector = injector
        self._hello = hello
        self._shut_down = shut_down

    def serve(self, connection: Connection) -> None:
        """Answer one client's requests until it hangs up."""
        client = _Client(self._world, self._timebase, self._injector, self._hello)
        try:
            for line in _lines(connection.socket):
                reply = client.answer(line)
                connection.socket.sendall(json.dumps(_plain(reply), allow_nan=False).encode() + b"\n")
                if client.wants_shutdown:
                    self._shut_down()
        finally:
            client.release()


class _Client:
    """The requests of one connection."""

    def __init__(
        self, world: World, timebase: Timebase, injector: Injector, hello: Callable[[], Mapping[str, object]]
    ) -> None:
        self.wants_shutdown = False
        self._world = world
        self._timebase = timebase
        self._injector = injector
        self._owns_time = False
        self._ops: dict[str, Callable[[dict[str, Any]], Mapping[str, object]]] = {
            "hello": lambda _: hello(),
            "now": lambda _: {},
            "claim_time": self._claim,
            "advance": self._advance,
            "release_time": self._give_back,
            "mark": self._mark,
            "state": lambda _: self._state(),
            "inject": self._inject,
            "program": self._program,
            "interrogate": lambda _: {"devices": self._world.interrogate()},
            "shutdown": self._shut_down,
        }

    def answer(self, line: bytes) -> dict[str, object]:
        """The reply to one line."""
        try:
            answer = self._answer(json.loads(line))
        except (AimdlabError, ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            return {"ok": False, "error": what}
        return {"ok": True, "now_s": self._timebase.now_s(), **answer}

    def _answer(self, request: object) -> Mapping[str, object]:
        op = request.get("op") if isinstance(request, dict) else None
        if not isinstance(request, dict) or not isinstance(op, str) or op not in self._ops:
            raise SimulatorError(f"there is no op {op!r}; known: {', '.join(self._ops)}.")
        return self._ops[op](request)

    def release(self) -> None:
        """Give the time back if this client has it."""
        if self._owns_time:
            self._owns_time = False
            self._timebase.release()

    def _claim(self, _request: dict[str, Any]) -> Mapping[str, object]:
        self._timebase.claim()
        self._owns_time = True
        return {}

    def _advance(self, request: dict[str, Any]) -> Mapping[str, object]:
        self._need_time()
        return {"now_s": self._injector.advance_to(float(request["to_s"]))}

    def _give_back(self, _request: dict[str, Any]) -> Mapping[str, object]:
        self._need_time()
        self.release()
        return {}

    def _need_time(self) -> None:
        if not self._owns_time:
            raise SimulatorError("world time belongs to the connection that has claimed it; this one has not.")

    def _mark(self, request: dict[str, Any]) -> Mapping[str, object]:
        step, attempt = int(request["step"]), int(request["attempt"])
        self._world.mark(step, attempt)
        self._injector.mark(step, attempt, str(request.get("name", "")))
        return {}

    def _inject(self, request: dict[str, Any]) -> Mapping[str, object]:
        self._injector.inject({key: value for key, value in request.items() if key != "op"})
        return {}

    def _program(self, request: dict[str, Any]) -> Mapping[str, object]:
        device = request.get("device")
        return {"programmed": self._world.program(str(request["mode"]), None if device is None else str(device))}

    def _state(self) -> Mapping[str, object]:
        instruments = {name: instrument.observe() for name, instrument in self._world.instruments.items()}
        return {
            "virtual": self._timebase.is_virtual,
            "instruments": instruments,
            "world": self._world.observe(),
            "faults": self._injector.struck,
        }

    def _shut_down(self, _request: dict[str, Any]) -> Mapping[str, object]:
        self.wants_shutdown = True
        return {}


def _lines(sock: socket.socket) -> Iterator[bytes]:
    """Lines as they come; the end when the client hangs up or sends one that is far too long."""
    buffer = b""
    while len(buffer) < _LINE_BYTES and (data := sock.recv(_LINE_BYTES)):
        *lines, buffer = (buffer + data).split(b"\n")
        yield from lines


def _plain(value: object) -> object:
    """Strict JSON: numbers that are not finite become null, numpy's scalars Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    item = getattr(value, "item", None)
    return _plain(item()) if callable(item) else str(value)
