"""Whether a step has become much dearer: ``python -m benchmarks.guard`` (``make guard``), exit status 1 if so.

One run of 160 sequences on the virtual clock. Everything is a ratio measured within it: processor time against a fixed
work done after each step, memory against a Python that only imports the libraries. So neither a slow nor a busy machine
matters much. Whatever is above ``LIMITS`` fails; they are set from what ``--show`` prints, with room for noise and for
other machines, and for less than a doubling.

``--short`` takes 16 sequences. ``--burn N`` makes each step N times as dear, ``--leak N`` keeps N MB of each: to see
that the guard barks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from aimdlab.bench.bench import Bench
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Score
from aimdlab.sequencer.progress import Silent
from benchmarks.lab import FULL, Kind, lab, run
from benchmarks.memory import HERE, high_water_bytes


@dataclass(frozen=True)
class Limit:
    """What a ratio was, and the factor from there on which it fails.

    Attributes:
        measured: median of several runs.
        factor: less than 2, so that a doubling fails.
    """

    measured: float
    factor: float

    @property
    def most(self) -> float:
        """Above this it fails."""
        return self.measured * self.factor


STEP, SIMULATION, SEAL = "step: processor time", "simulated bench: processor time", "seal: processor time"
MEMORY, SIMULATED_MEMORY, GROWTH = "run: memory", "simulated bench: memory", "run: memory, growing"
LIMITS: Mapping[str, Limit] = {
    STEP: Limit(2.7, 1.65),
    SIMULATION: Limit(1.1, 1.7),
    SEAL: Limit(0.9, 1.7),
    MEMORY: Limit(2.26, 1.4),
    SIMULATED_MEMORY: Limit(1.57, 1.4),
    GROWTH: Limit(1.05, 1.2),
}
"""Processor times per sequence against one round of :func:`fixed_work`, memory against the import of the libraries, and
the run's memory at its end against that after a third of it."""

_KIND = Kind(
    FULL.campaign,
    FULL.exposure_rate,
    b_g='["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]',
    t_dwell='["0 ms", "0.5 ms", "5 ms", "20 ms"]',
)
_LIBRARIES = "numpy, h5py, hdf5plugin, yaml, pydantic, pyvisa, pyvisa_py, cryptography, rich, typer"
_SAMPLES = np.random.default_rng(1).normal(0, 1000, 500_000)  # more than a cache holds, as captures are
_COMPRESSED_BYTES, _TEXTS = 100_000, 100
_RECORD = {"name": "fixed work", "values": list(range(30)), "texts": {str(number): "text" for number in range(20)}}


def main() -> None:
    """Measure, compare, show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description="Fails if a step got much dearer.")
    parser.add_argument("--show", action="store_true", help="show what was measured, and fail at nothing")
    parser.add_argument("--json", action="store_true", help="the ratios alone")
    parser.add_argument("--short", action="store_true", help="16 sequences instead of 160")
    parser.add_argument("--burn", type=float, default=1.0, metavar="N", help="make each step N times as dear")
    parser.add_argument("--leak", type=float, default=0.0, metavar="MB", help="keep so much of each step")
    chosen = parser.parse_args()
    ratios = measure(FULL if chosen.short else _KIND, chosen.burn, chosen.leak)
    if chosen.json:
        print(json.dumps(ratios))
        return
    Console(width=110).print(_table(ratios))
    found = exceeded(ratios)
    for name in found:
        print(f"{name}: {ratios[name]:.2f} is more than {LIMITS[name].most:.2f}, and was {LIMITS[name].measured:.2f}")
    sys.exit(1 if found and not chosen.show else 0)


def exceeded(ratios: Mapping[str, float]) -> list[str]:
    """The names of those above their limit."""
    return [name for name, ratio in ratios.items() if not ratio <= LIMITS[name].most]


def measure(kind: Kind, burn: float = 1.0, leak_mb: float = 0.0) -> dict[str, float]:
    """The ratios of one run; those of the simulated bench only where ``/proc`` says what another process takes."""
    libraries_b = _imported_bytes()
    with lab(kind) as campaign:
        watch = _Watch(burn, leak_mb)
        run(campaign, campaign.parent / "session", watch, started=watch.meet)
        ended_s = time.process_time()
    floor_s = watch.floor_s / watch.floors
    ratios = {
        STEP: watch.own_s / watch.sequences / floor_s,
        SEAL: (ended_s - watch.since_s) / watch.sequences / floor_s,
        MEMORY: watch.peaks_b[-1] / libraries_b,
        GROWTH: watch.peaks_b[-1] / watch.peaks_b[len(watch.peaks_b) // 3],
    }
    if watch.simulated_s is not None:
        ratios[SIMULATION] = watch.simulated_s / watch.sequences / floor_s
        ratios[SIMULATED_MEMORY] = watch.simulated_peak_b / libraries_b
    return ratios


class _Watch(Silent):
    """Sees a run from inside; does the fixed work after each step."""

    def __init__(self, burn: float, leak_mb: float) -> None:
        self._burn, self._leak_b = burn, round(leak_mb * 1e6)
        self._leaked: list[bytes] = []
        self._simulated: _Other | None = None
        self._simulated_from_s = 0.0
        self.own_s = self.floor_s = self.since_s = 0.0
        self.sequences = self.floors = self.simulated_peak_b = 0
        self.simulated_s: float | None = None
        self.peaks_b: list[int] = []

    def meet(self, bench: Bench, simulated: SimulatedBench) -> None:
        self._simulated = _Other.find(int(simulated.ask("hello")["pid"]))

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        took_s = time.process_time() - self.since_s
        if step.kind == KIND_SEQUENCE:
            self._take(took_s)
        begun_s = time.process_time()
        fixed_work()
        self.floors += 1
        self.floor_s += time.process_time() - begun_s
        if self._simulated is not None and self.sequences == 0:
            self._simulated_from_s = self._simulated.cpu_s()
        self.since_s = time.process_time()

    def _take(self, took_s: float) -> None:
        self._leaked.append(b"\1" * self._leak_b)
        begun_s = time.process_time()
        while time.process_time() - begun_s < (self._burn - 1) * took_s:
            fixed_work()
        self.own_s += took_s + time.process_time() - begun_s
        self.sequences += 1
        self.peaks_b.append(high_water_bytes(HERE))
        if self._simulated is not None:
            self.simulated_s = self._simulated.cpu_s() - self._simulated_from_s
            self.simulated_peak_b = self._simulated.peak_b()


@dataclass(frozen=True)
class _Other:
    """Another process, by what Linux tells of it."""

    place: Path

    @classmethod
    def find(cls, pid: int) -> _Other | None:
        """None where there is no ``/proc``."""
        place = Path(f"/proc/{pid}")
        return cls(place) if (place / "stat").exists() else None

    def cpu_s(self) -> float:
        """Of all its threads, to a hundredth of a second."""
        after_name = (self.place / "stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def peak_b(self) -> int:
        """The largest memory so far."""
        return high_water_bytes(self.place)


def fixed_work() -> None:
    """What a step is made of, without the product: arrays, hashing, compression, Python objects; some 25 ms."""
    samples = _SAMPLES.copy()
    samples.partition(samples.size // 2)
    np.cumsum(np.abs(samples - samples.mean())).max()
    payload = _SAMPLES.tobytes()
    hashlib.sha256(payload).digest()
    zlib.compress(payload[:_COMPRESSED_BYTES], 1)
    for _ in range(_TEXTS):
        json.loads(json.dumps(_RECORD))


def _imported_bytes() -> int:
    """Memory of a Python that imports the libraries which the run cannot do without."""
    program = (
        f"import {_LIBRARIES}; from benchmarks.memory import HERE, high_water_bytes; print(high_water_bytes(HERE))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)


def _table(ratios: Mapping[str, float]) -> Table:
    table = Table()
    table.add_column("of a run of sequences")
    for heading in ("ratio", "was", "factor", "most"):
        table.add_column(heading, justify="right")
    for name, ratio in ratios.items():
        limit = LIMITS[name]
        table.add_row(name, f"{ratio:.2f}", f"{limit.measured:.2f}", f"{limit.factor:g}", f"{limit.most:.2f}")
    return table


if __name__ == "__main__":
    main()
