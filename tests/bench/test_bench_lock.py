"""One bench, one run: the locks of its instruments."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from aimdlab import _platform
from aimdlab._platform import Holder
from aimdlab.bench.lock import BenchLock, guardian_locks
from aimdlab.errors import InUseError
from aimdlab.session.lock import SessionLock, lock_path
from patience import LIMIT_S

SCOPE, GENERATOR = "TCPIP::192.0.2.7::5025::SOCKET", "TCPIP::192.0.2.8::hislip0::INSTR"
ME = Holder.here("a.smith", "2026-11-21T10:00:00Z", "sessions/monday")


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "locks"
    monkeypatch.setenv("AIMDLAB_LOCKS", str(folder))
    return folder


def test_two_benches_that_share_one_instrument_cannot_run_at_once(locks: Path) -> None:
    with BenchLock({"scope": SCOPE, "generator": GENERATOR}, ME):
        with (
            pytest.raises(InUseError) as refused,
            BenchLock({"oscilloscope": "tcpip0::192.0.2.7::5025::socket", "meter": "ASRL3::INSTR"}, ME),
        ):
            pytest.fail("it is taken")
        assert str(refused.value) == (
            f"instrument oscilloscope at tcpip0::192.0.2.7::5025::socket is in use: process {os.getpid()} of a.smith on "
            f"{platform.node()}, since 2026-11-21T10:00:00Z, session sessions/monday. Wait until that ends, or stop it "
            'with "aimdlab tell sessions/monday stop". Nothing was switched on.'
        )
        with BenchLock({"meter": "ASRL3::INSTR"}, ME):
            pass  # what was refused holds nothing
    with BenchLock({"scope": SCOPE}, ME):
        pass
    assert not list(locks.iterdir()), "nothing is left behind"


def test_two_entries_that_are_one_instrument_are_locked_once() -> None:
    with BenchLock({"generator": GENERATOR, "second_output": GENERATOR.lower()}, ME):
        assert len(guardian_locks([GENERATOR, GENERATOR.lower()])) == 1


def test_the_lock_of_a_killed_run_is_free_at_once() -> None:
    held = (
        "import sys\nfrom aimdlab._platform import Holder\nfrom aimdlab.bench.lock import BenchLock\n"
        f"with BenchLock({{'scope': {SCOPE!r}}}, Holder.here('b.jones', 'now')):\n"
        "    print('held', flush=True)\n    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        with pytest.raises(InUseError, match=f"process {run.pid} of b.jones"), BenchLock({"scope": SCOPE}, ME):
            pytest.fail("it is taken")
        run.kill()
        run.wait(timeout=LIMIT_S)
    with BenchLock({"scope": SCOPE}, ME):
        pass


def test_the_guardian_has_locks_of_its_own(locks: Path) -> None:
    with BenchLock({"scope": SCOPE}, ME):
        assert {path.parent for path in guardian_locks([SCOPE, GENERATOR])} == {locks}
        assert not set(guardian_locks([SCOPE, GENERATOR])) & set(locks.iterdir())


def test_a_folder_for_locks_that_cannot_be_made_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIMDLAB_LOCKS", str(tmp_path / "file" / "locks"))
    with pytest.raises(InUseError, match="AIMDLAB_LOCKS"), BenchLock({"scope": SCOPE}, ME):
        pytest.fail("it cannot be taken")


def test_a_session_is_in_one_hand(tmp_path: Path) -> None:
    session = tmp_path / "sessions" / "monday"
    with SessionLock(session, "a.smith"):
        with pytest.raises(InUseError, match=f"monday is in use: process {os.getpid()} of a.smith"):
            SessionLock(session, "b.jones").__enter__()
        assert lock_path(session).exists()
    assert not lock_path(session).exists()


@pytest.mark.parametrize("same_boot", [True, False])
def test_what_another_computer_took_stays_taken_unless_it_is_this_one_renamed(tmp_path: Path, same_boot: bool) -> None:
    session = tmp_path / "monday"
    started = _platform.process_started(os.getpid()) if same_boot else "another-boot/7"
    text = Holder(7, started, "bench-two", "a.smith", "2026-11-20T22:00:00Z").write()
    lock_path(session).write_text(text, encoding="utf-8")
    if same_boot and started:
        with SessionLock(session, "b.jones"):
            return
    with pytest.raises(InUseError, match=r"process 7 of a\.smith on bench-two.*remove .*monday\.lock"):
        SessionLock(session, "b.jones").__enter__()
    lock_path(session).unlink()
    with SessionLock(session, "b.jones"):
        pass


def test_rubbish_in_a_lock_file_is_nobody(tmp_path: Path) -> None:
    lock_path(tmp_path / "monday").write_text("[1, 2", encoding="utf-8")
    with SessionLock(tmp_path / "monday", "b.jones"):
        pass
