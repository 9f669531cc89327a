from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aimdlab import _platform


def test_a_process_is_alive_until_it_ended() -> None:
    assert _platform.is_process_alive(os.getpid())
    assert not _platform.is_process_alive(0)
    assert not _platform.is_process_alive(-1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert _platform.is_process_alive(child.pid)
        child.communicate(b"\n")
        assert not _platform.is_process_alive(child.pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see a process that was not collected")
def test_an_ended_process_that_nobody_collected_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # ends when the child does
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not _platform.is_process_alive(child.pid)
    child.stdout.close()
    child.wait()


def test_a_detached_child_is_not_in_our_session() -> None:
    show = "import os; print(os.getsid(0) if hasattr(os, 'getsid') else os.getpid())"
    with subprocess.Popen(
        [sys.executable, "-c", show], stdout=subprocess.PIPE, **_platform.detached_popen_kwargs()
    ) as child:
        output, _ = child.communicate()
    assert int(output) == child.pid


def test_a_durable_write_replaces_as_a_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path, temporary = tmp_path / "file", tmp_path / "file.tmp"
    _platform.write_durably(path, b"one", temporary=temporary)
    _platform.write_durably(path, b"two", temporary=temporary)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"two")]
    path.unlink()
    path.mkdir()
    (path / "x").touch()
    with pytest.raises(OSError, match="file"):
        _platform.write_durably(path, b"three", temporary=temporary)
    assert not temporary.exists()


def test_the_host_is_described() -> None:
    assert _platform.describe_host().keys() >= {"name", "system", "machine"}
