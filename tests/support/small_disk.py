"""A small file system of a test's own, where Linux lets us mount one."""

import shutil
import subprocess
from pathlib import Path

import pytest


def run_on_small_disk(script: str, folder: Path, size: str) -> "subprocess.CompletedProcess[str]":
    """Run a shell script in ``folder``, in which ``disk`` is a file system of ``size``; skips where none can be mounted."""
    unshare = shutil.which("unshare")
    mount = [unshare or "", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        unshare is None
        or subprocess.run([*mount, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no file system can be mounted here")
    (folder / "disk").mkdir()
    command = f"mount -t tmpfs -o size={size} none disk && {script}"
    return subprocess.run([*mount, command], cwd=folder, capture_output=True, text=True, check=False)
