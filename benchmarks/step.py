"""A whole step of the product against a hand-written PyVISA-py and h5py loop that has the same exchange and no more.

The product runs a campaign as ``aimdlab run`` does: set, errors read, level verified, exposed, fetched, hashed, scored,
committed durably, reported. After every attempt the loop does the same step on a simulated bench of its own: the same
messages as ``write``, ``query`` and ``query_binary_values``, captures into one HDF5 file, flushed. It neither looks at
an answer nor scores, hashes, or brings anything to the medium. Both benches are processes of their own on the virtual
clock.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import pyvisa
from pyvisa.resources import MessageBasedResource

from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.campaign import load_campaign, resolve
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Score
from aimdlab.sequencer.progress import Silent
from benchmarks.figure import Measure
from benchmarks.lab import Kind, lab, run
from benchmarks.recorded import Exchange, Moment, record

Clock = Callable[[], float]


@contextmanager
def whole(kind: Kind, clock: Clock = time.perf_counter) -> Iterator[Measure]:
    """Mean seconds per sequence of one run: the product's, and the loop's in turns with it.

    By :func:`time.process_time` it is what this process computes; simulated benches and waiting for them are left out.
    """
    with lab(kind) as campaign:
        exchanges = record(campaign)
        numbers = iter(range(1_000_000))
        yield lambda: _round(campaign, campaign.parent / f"round-{next(numbers)}", exchanges, clock)


def _round(campaign: Path, session: Path, exchanges: list[Exchange], clock: Clock) -> tuple[float, float]:
    with HandWritten(campaign, session.with_suffix(".loop.h5")) as loop:
        turns = _Turns(loop, exchanges, clock)
        run(campaign, session, turns, started=lambda bench, simulated: turns.begin())
        return turns.means_s()


class HandWritten:
    """The loop, with its instruments open and Nagle's algorithm off."""

    def __init__(self, campaign: Path, file: Path) -> None:
        bench = load_campaign(campaign).bench
        if bench.file.simulated is None:
            raise RuntimeError(f"{bench.source.path} is not simulated")
        world = resolve(bench.source, ("simulated", "world"), bench.file.simulated.world)
        with ExitStack() as opened:
            self._simulated = opened.enter_context(closing(SimulatedBench.start(world, hold_time=True)))
            self._simulated.claim_time()
            manager = opened.enter_context(closing(pyvisa.ResourceManager("@py")))
            self._instruments = {
                name: open_as_found(manager, where) for name, where in self._simulated.resources.items()
            }
            self._file = opened.enter_context(h5py.File(file, "w"))
            self._opened = opened.pop_all()

    def step(self, name: str, exchange: Exchange) -> None:
        """Everything that is said and asked in one step, and its captures."""
        group = self._file.create_group(name)
        for part in exchange.parts:
            if isinstance(part, Moment):
                self._simulated.ask(part.op, **part.arguments)
                continue
            instrument = self._instruments[part.instrument]
            if part.block is not None:
                codes = np.frombuffer(part.block, np.uint8)
                instrument.write_binary_values(part.command, codes, datatype="B")
            elif part.answer == "line":
                instrument.query(part.command)
            elif part.answer == "block":
                codes = instrument.query_binary_values(part.command, datatype="H", container=np.ndarray)
                group.create_dataset(f"capture{len(group)}", data=codes)
            else:
                instrument.write(part.command)
        self._file.flush()

    def __enter__(self) -> HandWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


class _Turns(Silent):
    """Does each step by hand as soon as the product has done it, and takes the time of both."""

    def __init__(self, loop: HandWritten, exchanges: list[Exchange], clock: Clock) -> None:
        self._loop, self._clock = loop, clock
        self._exchanges = iter(exchanges)
        self._own_s: list[float] = []
        self._loop_s: list[float] = []
        self._since_s = 0.0

    def begin(self) -> None:
        """The product is about to begin."""
        self._since_s = self._clock()

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        done_s = self._clock()
        exchange = next(self._exchanges)
        self._loop.step(f"{step.id}/{attempt}", exchange)
        now_s = self._clock()
        if exchange.kind != step.kind:
            raise RuntimeError(f"step {step.id} is none of kind {exchange.kind!r}, which was recorded")
        if step.kind == KIND_SEQUENCE:
            self._own_s.append(done_s - self._since_s)
            self._loop_s.append(now_s - done_s)
        self._since_s = self._clock()

    def means_s(self) -> tuple[float, float]:
        """Of all sequences; there must have been some."""
        return sum(self._own_s) / len(self._own_s), sum(self._loop_s) / len(self._loop_s)


def open_as_found(manager: pyvisa.ResourceManager, where: str) -> Any:
    """A resource with PyVISA's defaults, but for Nagle's algorithm."""
    instrument = cast(MessageBasedResource, manager.open_resource(where))
    instrument.timeout, instrument.write_termination, instrument.read_termination = 60_000, "\n", "\n"
    sessions: Any = instrument.visalib
    interface = getattr(sessions.sessions[instrument.session], "interface", None)
    if isinstance(interface, socket.socket):
        interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return instrument
