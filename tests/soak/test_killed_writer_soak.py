"""Kills, power cuts and disks that fail, many more than the quick tests take: ``make soak``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crash_scenarios import KILLED_AT, LEFT_BY_A_CUT, cut_a_recovery, cut_a_session, cut_after_a_kill
from disk_faults import fail_any_flush, fill_at_any_operation
from killed_writer import kill_seals, kill_writers

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

posix = pytest.mark.skipif(sys.platform == "win32", reason="folders are flushed by their descriptors: POSIX only")
Figure = Callable[[str, object], None]


def test_a_hundred_kills_of_the_writer(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"killed writers: {kill_writers(tmp_path, count=100)}")


def test_a_hundred_kills_of_a_seal(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"killed seals: {kill_seals(tmp_path, count=100)}")


@posix
def test_power_cuts_of_a_session(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"crash images, a session: {cut_a_session(tmp_path, limit=5000)}")


@posix
@pytest.mark.parametrize("moment", KILLED_AT)
def test_power_cuts_after_a_kill(tmp_path: Path, record_property: Figure, moment: str) -> None:
    figures = cut_after_a_kill(tmp_path, moment, limit=5000)
    record_property("figure", f"crash images, killed ({moment}) and gone on with: {figures}")


@posix
@pytest.mark.parametrize("left", LEFT_BY_A_CUT)
def test_power_cuts_of_a_recovery(tmp_path: Path, record_property: Figure, left: str) -> None:
    record_property("figure", f"crash images, recovery of a log {left}: {cut_a_recovery(tmp_path, left, limit=5000)}")


@posix
def test_a_full_disk_at_every_operation(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"full disk: {fill_at_any_operation(tmp_path, limit=5000)}; nothing lost")


@posix
def test_a_failure_of_every_flush(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"failing disk: {fail_any_flush(tmp_path, limit=5000)}; nothing lost that was promised")
