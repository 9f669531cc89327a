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


@pytest.mark.skipif(sys.platform != "win32" and not Path("/proc/self/stat").exists(), reason="the system does not tell")
def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = _platform.process_started(child.pid)
        assert started
        assert started == _platform.process_started(child.pid)
        assert started != _platform.process_started(os.getpid())
        child.communicate(b"\n")


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


FAULTS_PER_ROUND = """
import resource, numpy as np
{setting}
def use():
    for _ in range(20):
        several = [np.ones(500_000) for _ in range(16)]
        several.clear()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 20)
"""


def faults_per_round(setting: str, environment: dict[str, str]) -> int:
    """How many pages the system has to give for sixteen arrays of 4 MB that come and go together."""
    command = [sys.executable, "-c", FAULTS_PER_ROUND.format(setting=setting)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


@pytest.mark.skipif(not _platform.keep_freed_memory(), reason="only glibc can be told to keep what was freed")
def test_memory_of_arrays_is_kept_for_the_next() -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    given_back = faults_per_round("", plain)
    if given_back < 1000:  # huge pages, or a system that counts none
        pytest.skip(f"this system shows only {given_back} page faults when memory was given back")
    assert faults_per_round("from aimdlab import _platform; _platform.keep_freed_memory()", plain) < given_back / 10
    assert faults_per_round("", _platform.environment_keeping_memory()) < given_back / 10
