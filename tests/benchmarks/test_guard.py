"""The guard fails where a step became much dearer, and says what did. That it passes here, no test says."""

from __future__ import annotations

import subprocess

import pytest

from benchmark_commands import benchmark
from benchmarks.guard import GROWTH, LIMITS, SEAL, STEP, exceeded


def guard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return benchmark("benchmarks.guard", "--short", *arguments, patience=3)


@pytest.mark.parametrize("name", LIMITS)
def test_twice_what_it_was_is_too_much_and_what_it_was_is_not(name: str) -> None:
    as_before = {each: limit.measured for each, limit in LIMITS.items()}
    assert exceeded(as_before) == []
    assert exceeded({**as_before, name: 2 * LIMITS[name].measured}) == [name]
    assert exceeded({**as_before, name: float("nan")}) == [name]


def test_steps_that_became_dearer_fail_by_name() -> None:
    # So many times as dear that no noise could hide it: the margin is not what is tested here.
    done = guard("--burn", "5", "--leak", "100")
    assert done.returncode == 1, done.stderr
    for name in (STEP, GROWTH):
        assert any(line.startswith(f"{name}: ") for line in done.stdout.splitlines()), done.stdout


def test_what_was_measured_is_shown_without_a_failure() -> None:
    done = guard("--show", "--leak", "100")
    assert done.returncode == 0, done.stderr
    for name in (STEP, SEAL, GROWTH):
        assert name in done.stdout
