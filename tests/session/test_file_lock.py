"""The lock between processes: refused while it is held, given up with its process, readable by everybody."""

import subprocess
import sys
from pathlib import Path

from aimdlab._platform import FileLock
from patience import LIMIT_S

HOLD = """
import sys
from pathlib import Path
from aimdlab._platform import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.acquire()
lock.write("held by a test")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_lock_is_refused_while_another_process_has_it_and_free_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "bench.lock"
    lock = FileLock(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not lock.acquire()
        assert not lock.is_held
        assert lock.read() == "held by a test"
        holder.kill()
        holder.wait(timeout=LIMIT_S)
        assert lock.acquire()
    assert lock.read() == "held by a test", "it still says who had it last"
    lock.write("mine")
    assert lock.read() == "mine"
    lock.release()
    lock.release()
    assert not lock.is_held


def test_a_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.acquire()
    assert lock.acquire(), "whoever has it may ask again"
    assert not other.acquire()
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.readline()"], stdin=subprocess.PIPE, close_fds=False
    ) as child:
        lock.release()
        assert other.acquire()
        child.kill()
    other.release()
