"""Growth against steps and samples is measured, its exponent named, its curves drawn; how large it is, no test says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark_commands import benchmark
from benchmarks.growth import Curve, draw
from benchmarks.growth_point import BY_SAMPLES, BY_STEPS


def test_every_kind_of_work_is_measured() -> None:
    # One size of each: that growth is told from several, the next test shows.
    sizes = ("--most-steps", "100", "--least-samples", "1000000", "--most-samples", "1000000")
    done = benchmark("benchmarks.growth", *sizes, "--keep-nothing", patience=5)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("│")] for line in done.stdout.splitlines() if line.startswith("│")]
    shown = {row[1]: row[2] for row in rows if row[1]}
    assert shown.keys() == {*BY_STEPS, *BY_SAMPLES}
    assert shown["record"] == "100"
    assert all(float(row[3]) > 0 for row in rows)


def test_the_exponent_is_that_of_the_larger_half() -> None:
    sizes = (10, 100, 1000, 10_000)
    curve = Curve("work", sizes, tuple(1.0 + size**2 / 1e6 for size in sizes), (1.0,) * 4, (5.0, 5.0, 5.0, 5.0))
    assert curve.exponent([size**2 for size in sizes]) == pytest.approx(2)
    assert curve.exponent([9.0, 9.0, 1000.0, 10_000.0]) == pytest.approx(1)
    assert curve.exponent(curve.memory_mb) == pytest.approx(0, abs=1e-9)


def test_curves_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    curve = Curve("work", (10, 100), (1.0, 10.0), (1.0, 10.0), (5.0, 5.0))
    for name in ("one.svg", "two.svg"):
        draw(tmp_path / name, "steps", [curve])
    one = (tmp_path / "one.svg").read_bytes()
    assert one == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in one
