"""A session that cannot be written where it is wanted is refused before the bench is touched."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from command_line import COMMAND, Lab


@pytest.mark.skipif(sys.platform != "linux", reason="/sys takes no files, not even root's")
def test_a_place_that_takes_no_files(lab: Lab) -> None:
    done = lab.cli("run", lab.campaign, "--session", "/sys/lab/session")
    assert done.returncode == 2, done.stderr
    assert "no session can be written at /sys/lab/session" in " ".join(done.stderr.split())


def test_a_disk_without_room(lab: Lab) -> None:
    """A file system of 8 MB, where Linux lets us mount one."""
    unshare = shutil.which("unshare")
    mount = [unshare or "", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        unshare is None
        or subprocess.run([*mount, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no file system can be mounted here")
    (lab.folder / "disk").mkdir()
    run = " ".join([*COMMAND, "run", str(lab.campaign), "--session", "disk/session"])
    script = f"mount -t tmpfs -o size=8m none disk && {{ {run}; echo status $?; ls -A disk; }}"
    done = subprocess.run([*mount, script], cwd=lab.folder, capture_output=True, text=True, check=False)
    assert "no room for the session disk/session" in " ".join(done.stderr.split()), done.stderr
    assert done.stdout.split() == ["status", "2"]
