"""``make bench`` measures and keeps; how fast anything is, no test says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmark_commands import ROOT, benchmark


def bench(*arguments: str, within: Path = ROOT) -> str:
    done = benchmark("benchmarks", "--rounds", "1", *arguments, within=within)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_figure_is_a_ratio_with_a_verdict_and_nothing_is_kept_of_a_part() -> None:
    before = set((ROOT / "benchmarks" / "history").glob("*"))
    table = bench("--only", "block of 20 kB, socket")
    row = next(line for line in table.splitlines() if "block of 20 kB, socket " in line)
    figure, floor, own, of_floor, ratio, _, wanted, verdict, _ = (cell.strip() for cell in row.strip("│").split("│"))
    assert (figure, floor, wanted) == ("block of 20 kB, socket", "bare socket", "0.3")
    assert own.endswith(("us", "ms"))
    assert of_floor.endswith(("us", "ms"))
    assert float(ratio) > 0
    assert verdict.split(",")[0] in ("met", "short")
    assert set((ROOT / "benchmarks" / "history").glob("*")) == before


def test_a_small_step_is_compared_with_what_stores_it_too() -> None:
    table = bench("--only", "7 settings")
    floors = {line.split("│")[2].strip() for line in table.splitlines() if "7 settings" in line}
    assert floors == {"bare socket, h5py", "hand-written PyVISA-py, h5py", "hand-written PyVISA-py, h5py, fsync"}


def test_what_is_kept_is_what_the_next_run_is_compared_with(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=shutil.ignore_patterns("history"))
    figures = tmp_path / "benchmarks" / "figures.py"
    figures.write_text(
        "from benchmarks.figure import Figure, simply\n"
        'FIGURES = (Figure("ours", "theirs", simply(lambda: (2.0, 1.0)), 0.6),)\n',
        encoding="utf-8",
    )
    assert "new" in bench(within=tmp_path)
    (kept,) = (tmp_path / "benchmarks" / "history").iterdir()
    record = json.loads(kept.read_text(encoding="utf-8"))
    assert record["rows"] == [
        {
            "figure": "ours",
            "floor": "theirs",
            "own_s": 2.0,
            "floor_s": 1.0,
            "ratio": 0.5,
            "ratios": [0.5],
            "at_least": 0.6,
            "verdict": "short, within noise",
        }
    ]
    assert record["machine"]["packages"]["numpy"]
    figures.write_text(figures.read_text(encoding="utf-8").replace("2.0", "0.5"), encoding="utf-8")
    table = bench(within=tmp_path)
    assert "faster by 4.0" in table
    assert "met" in table
    assert len(list((tmp_path / "benchmarks" / "history").iterdir())) == 2
