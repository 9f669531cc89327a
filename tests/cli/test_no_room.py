"""A session that cannot be written where it is wanted is refused before the bench is touched."""

from __future__ import annotations

import sys

import pytest

from command_line import COMMAND, Lab
from small_disk import run_on_small_disk


@pytest.mark.skipif(sys.platform != "linux", reason="/sys takes no files, not even root's")
def test_a_place_that_takes_no_files(lab: Lab) -> None:
    done = lab.cli("run", lab.campaign, "--session", "/sys/lab/session")
    assert done.returncode == 2, done.stderr
    assert "no session can be written at /sys/lab/session" in " ".join(done.stderr.split())


def test_a_disk_without_room(lab: Lab) -> None:
    """A file system of 8 MB, where Linux lets us mount one."""
    run = " ".join([*COMMAND, "run", str(lab.campaign), "--session", "disk/session"])
    done = run_on_small_disk(f"{{ {run}; echo status $?; ls -A disk; }}", lab.folder, "8m")
    assert "no room for the session disk/session" in " ".join(done.stderr.split()), done.stderr
    assert done.stdout.split() == ["status", "2"]
