"""The exchange of each step of a run, as it went over the wires: what a hand-written program has to say and ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pyvisa

from aimdlab.bench._port import Port
from aimdlab.bench._visa import open_port
from aimdlab.bench.bench import Bench
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.results import Score
from aimdlab.sequencer.progress import Silent
from benchmarks.lab import run

_OF_THE_BENCH_ALONE = ("hello", "claim_time", "state", "shutdown")


@dataclass
class Message:
    """What was said to an instrument.

    Attributes:
        instrument: its name in the bench file.
        command: what came before the block, or all of it.
        block: a definite-length block that went with it, its header left out; None if there was none.
        answer: "line", "block" or "" if none was read.
    """

    instrument: str
    command: str
    block: bytes | None = None
    answer: str = ""


@dataclass
class Moment:
    """What was asked of the simulated bench itself: ``advance`` instead of sleeping, ``mark``, a person's acts."""

    op: str
    arguments: dict[str, Any]


@dataclass
class Exchange:
    """One attempt at a step.

    Attributes:
        kind: of the step; "" what comes after the last one.
        parts: in the order in which they began.
    """

    kind: str = ""
    parts: list[Message | Moment] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """Those to instruments."""
        return [part for part in self.parts if isinstance(part, Message)]


def record(campaign: Path) -> list[Exchange]:
    """Run ``campaign`` and note every exchange; virtual time and noise repeat, so another run says the same."""
    recorder = Recorder()
    with recorder.listening():
        run(campaign, campaign.parent / "recorded", recorder, started=recorder.meet)
    return recorder.done


class Recorder(Silent):
    """Hears every message of a run in this process.

    Attributes:
        done: the exchange of each attempt so far.
    """

    def __init__(self) -> None:
        self.done: list[Exchange] = []
        self._now = Exchange()
        self._names: dict[str, str] = {}
        self._told = 0

    def meet(self, bench: Bench, simulated: SimulatedBench) -> None:
        """The bench is ready; what was said before does not count."""
        self._names |= {resource: name for name, resource in simulated.resources.items()}
        self._now, self._told = Exchange(), 0

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        """One exchange is whole."""
        self._now.kind = step.kind
        self.done.append(self._now)
        self._now, self._told = Exchange(), 0

    def said_since(self) -> list[Message]:
        """The messages of the attempt in hand since this was asked last."""
        messages = self._now.messages
        told, self._told = messages[self._told :], len(messages)
        return told

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around the run."""
        ask = SimulatedBench.ask

        def opening(manager: pyvisa.ResourceManager, resource: str, timeout_s: float) -> Port:
            return _HeardPort(open_port(manager, resource, timeout_s), resource, self)

        def asking(bench: SimulatedBench, op: str, **arguments: Any) -> dict[str, Any]:
            if op not in _OF_THE_BENCH_ALONE:
                self._now.parts.append(Moment(op, arguments))
            return ask(bench, op, **arguments)

        with (
            mock.patch("aimdlab.bench.link.open_port", opening),
            mock.patch.object(SimulatedBench, "ask", asking),
        ):
            yield

    def hear(self, resource: str, sent: bytes) -> Message:
        """Note what was sent; the last message of it, which an answer would belong to."""
        messages = list(_parsed(self._names.get(resource, ""), sent))
        self._now.parts += messages
        return messages[-1]


class _HeardPort:
    """A port that tells what goes through it."""

    def __init__(self, port: Port, resource: str, recorder: Recorder) -> None:
        self._port, self._resource, self._recorder = port, resource, recorder
        self._last: Message | None = None

    def send(self, message: bytes) -> None:
        self._last = self._recorder.hear(self._resource, message)
        self._port.send(message)

    def receive_line(self) -> bytes:
        self._answered("line")
        return self._port.receive_line()

    def begin_block(self) -> None:
        self._answered("block")
        self._port.begin_block()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def _answered(self, kind: str) -> None:
        if self._last is None or self._last.answer:
            raise RuntimeError("an answer without a question of its own")
        self._last.answer = kind


def _parsed(instrument: str, sent: bytes) -> Iterator[Message]:
    """The messages of one transmission, each with its own terminator."""
    while sent:
        line, _, after = sent.partition(b"\n")
        before, mark, _ = line.partition(b"#")
        if not mark:
            yield Message(instrument, line.decode("ascii"))
            sent = after
            continue
        begin = len(before) + 2 + int(sent[len(before) + 1 : len(before) + 2])
        length = int(sent[len(before) + 2 : begin])
        yield Message(instrument, before.decode("ascii"), sent[begin : begin + length])
        sent = sent[begin + length + 1 :]
