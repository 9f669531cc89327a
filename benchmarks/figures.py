"""Every figure of ``make bench``, in the order of the table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from benchmarks import (
    commit,
    exchange,
    long_captures,
    peers,
    planning,
    replaying,
    scoring,
    sealing,
    simulation,
    small_step,
    startup,
    step,
    transfer,
    verifying,
)
from benchmarks.figure import Figure, simply
from benchmarks.lab import FULL, LIGHT

_BARE = "bare socket"
_SIZES = {"20 MB": (20_000_000, 5, 0.5), "20 kB": (20_000, 200, 0.3)}
_INTERFACES = {"socket": "stream", "HiSLIP": "hislip"}


def _transfers() -> Iterator[Figure]:
    for size, (count, repeats, wanted) in _SIZES.items():
        for name, interface in _INTERFACES.items():
            ours = partial(transfer.through_link, interface, count, repeats)
            yield Figure(f"block of {size}, {name}", _BARE, ours, wanted)
            inside = partial(transfer.inside_a_job, interface, count, repeats)
            yield Figure(f"block of {size}, {name}, inside a job", _BARE, inside)
            peer = partial(transfer.through_pyvisa, interface, count, max(1, repeats // 5))
            yield Figure(f"block of {size}, {name}, by PyVISA", _BARE, peer)


def _exchanges() -> Iterator[Figure]:
    for name, interface in _INTERFACES.items():
        yield Figure(f"question, {name}", _BARE, partial(exchange.question, interface, 200))
        yield Figure(f"settings and error queue, {name}", _BARE, partial(exchange.settings, interface, 200))


def _sessions() -> Iterator[Figure]:
    floors = {"raw write and fsync": commit.raw, "plain HDF5 and fsync": commit.plain_hdf5}
    for name, floor in floors.items():
        yield Figure("commit of 2 x 500 000 samples", name, simply(partial(commit.measure, 500_000, 5, floor)))
    yield Figure("seal of 40, verified", "plain HDF5, read again", simply(partial(sealing.measure, 500_000, 40)))
    yield Figure("verify of 40", "SHA-256 on all cores", partial(verifying.sealed, 500_000, 40), 0.5)
    yield Figure("scoring 16 sequences", "numpy sum of the codes", scoring.against_a_sum)
    yield Figure("replay of 16 sequences, one core", "numpy sum of the codes", replaying.against_a_sum, 0.5)
    yield Figure("replay of 64 sequences, two cores", "half of one core's time", replaying.on_two_cores, 0.8)


def _long_captures() -> Iterator[Figure]:
    size = long_captures.BLOCK_BYTES
    for name, interface in _INTERFACES.items():
        yield Figure(f"4 x 30 MB, {name}", _BARE, partial(long_captures.transfer, interface, size), 0.5)
    raw = "bare socket, raw write, fsync"
    yield Figure("4 x 30 MB, socket, packed, on disk", raw, partial(long_captures.to_disk, "stream", size))
    yield Figure("30 MB hashed and packed", "SHA-256 alone", partial(long_captures.packing, size))


def _simulations() -> Iterator[Figure]:
    worlds = {"simulated step": "annex_d_pacemaker", "simulated step, sensing device": "annex_d_susceptible"}
    for name, world in worlds.items():
        yield Figure(name, "as many normal numbers", simply(partial(simulation.measure, world, 20)))


def _steps() -> Iterator[Figure]:
    by_hand = "hand-written PyVISA-py, h5py"
    yield Figure("whole step", by_hand, partial(step.whole, FULL), 1.0)
    yield Figure("whole step, processor time", by_hand, partial(step.whole, FULL, time.process_time))
    yield Figure("whole step, world of little work", by_hand, partial(step.whole, LIGHT), 1.0)
    small = "7 settings, 2 x 10 000 samples"
    yield Figure(small, "bare socket, h5py", partial(small_step.bare_and_h5py, 50))
    yield Figure(small, by_hand, partial(small_step.another, peers.by_hand, 50), 1.0)
    yield Figure(small, f"{by_hand}, fsync", partial(small_step.another, peers.by_hand, 50, durable=True))
    for name, opening in peers.BY_EXTRA.items():
        yield Figure(small, f"{name}, h5py", partial(small_step.another, opening, 50))


def _waits() -> Iterator[Figure]:
    shown, worked = "typer, rich", "typer, rich.table, yaml, pydantic.main, numpy"
    yield Figure("startup: aimdlab --help", f"import {shown}", partial(startup.command, startup.HELP, shown, 3))
    yield Figure(
        "startup: aimdlab plan, 7280 sequences", f"import {worked}", partial(startup.command, startup.PLAN, worked, 3)
    )
    yield Figure("planning 1000 steps", "copy of finished steps", partial(planning.thousand_steps, 1))


FIGURES: tuple[Figure, ...] = (
    *_transfers(),
    *_exchanges(),
    *_steps(),
    *_sessions(),
    *_long_captures(),
    *_simulations(),
    *_waits(),
)
