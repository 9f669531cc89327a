"""Every disk image that a power cut can leave is recovered; ``disk_images`` says what that means."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crash_scenarios import KILLED_AT, LEFT_BY_A_CUT, cut_a_recovery, cut_a_session, cut_after_a_kill

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are flushed by their descriptors: POSIX only")

Figure = Callable[[str, object], None]


def test_a_power_cut_at_any_moment_of_a_session(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"crash images, a session: {cut_a_session(tmp_path, limit=40)}")


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_power_cut_after_the_run_was_killed_and_gone_on_with(
    tmp_path: Path, record_property: Figure, moment: str
) -> None:
    # Few images, and every one counts: neither folder nor file would be the worst of all.
    figures = cut_after_a_kill(tmp_path, moment, limit=50 if moment == "sealed file renamed" else 8)
    record_property("figure", f"crash images, killed ({moment}) and gone on with: {figures}")


@pytest.mark.parametrize("left", LEFT_BY_A_CUT)
def test_a_power_cut_during_the_recovery_from_one(tmp_path: Path, record_property: Figure, left: str) -> None:
    record_property("figure", f"crash images, recovery of a log {left}: {cut_a_recovery(tmp_path, left, limit=12)}")
