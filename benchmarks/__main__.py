"""``python -m benchmarks``: a table, and the same as JSON in ``benchmarks/history/``.

Rounds alternate between the product and its floor; the figure is the median of the rounds' ratios. Differences under a
factor of 1.3 are noise on a shared machine.
"""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import commit, sealing, simulation, transfer

ROUNDS = 7

FIGURES: dict[str, tuple[str, Callable[[], tuple[float, float]]]] = {
    "block of 20 kB": ("bare socket", lambda: transfer.measure(20_000, 200)),
    "block of 20 MB": ("bare socket", lambda: transfer.measure(20_000_000, 5)),
    "commit of 2 x 500 000 samples": ("raw write and fsync", lambda: commit.measure(500_000, 5, commit.raw)),
    "commit of the same": ("plain HDF5 and fsync", lambda: commit.measure(500_000, 5, commit.plain_hdf5)),
    "sealing 40 of them, verified": ("plain HDF5, read again", lambda: sealing.measure(500_000, 40)),
    "simulated step": ("as many normal numbers", lambda: simulation.measure("annex_d_pacemaker", 20)),
    "simulated step, sensing device": (
        "as many normal numbers",
        lambda: simulation.measure("annex_d_susceptible", 20),
    ),
}


def main() -> None:
    rows = []
    for name, (floor_name, measure) in FIGURES.items():
        rounds = [measure() for _ in range(ROUNDS)]
        own_s, floor_s = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(own / floor for own, floor in rounds)
        rows.append({"figure": name, "own_s": own_s, "floor": floor_name, "floor_s": floor_s, "time_ratio": ratio})
        print(f"{name:32} {own_s * 1e3:9.3f} ms   {floor_name} {floor_s * 1e3:9.3f} ms   ratio {ratio:6.2f}")
    history = Path(__file__).parent / "history"
    history.mkdir(exist_ok=True)
    stamp = datetime.now(UTC)
    record = {
        "utc": stamp.isoformat(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rows": rows,
    }
    (history / f"{stamp:%Y%m%d-%H%M%S}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


main()
