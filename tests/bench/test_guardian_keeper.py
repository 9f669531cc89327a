"""A guardian that cannot be told, or does not work, is noticed by the run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aimdlab._platform import is_process_alive, kill_process, process_started
from aimdlab.bench.guardian import keeper as keeper_module
from aimdlab.bench.guardian.keeper import Keeper
from aimdlab.bench.guardian.orders import Orders
from aimdlab.errors import GuardianError
from patience import LIMIT_S

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe what?\n", "unreadable"),
        (b'{"orders": {}}\n', "instruments: Field required; pid: Field required; started: Field required"),
        (b'{"orders": {"instruments": [], "pid": 1, "started": "", "silence_s": 1}}\n', "silence_s: Input should be"),
        (b'{"armed": true}\n', "orders were expected, not 'armed'"),
    ],
)
def test_orders_that_cannot_be_read_end_it(line: bytes, reason: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "aimdlab.bench.guardian"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(line)
        process.stdin.flush()
        assert b"hello" in process.stdout.readline()
        assert reason in json.loads(process.stdout.readline())["refused"]
        assert process.wait(LIMIT_S) == 2


@posix_signals
@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("exit 7", "has ended by itself, with status 7. Nothing was switched on."),
        ("echo what; cat", "says what nobody understands"),
        ("echo '{\"ready\": 7}'; cat", "says what nobody understands"),
        ('echo \'{"refused": "it is Sunday"}\'; cat', "it is Sunday"),
        ("echo '{\"hello\": 1}'; exec sleep 1000", "has not answered for 0.5 s"),
    ],
)
def test_a_guardian_that_does_not_work_is_told(
    says: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(keeper_module, "_UNANSWERED_LIMIT_S", 0.5)
    keeper = Keeper()
    keeper.start()
    with pytest.raises(GuardianError, match=reason):
        _wait_until_lost(keeper)
    keeper.dismiss()
    assert not is_process_alive(keeper.pid)


def _wait_until_lost(keeper: Keeper) -> None:
    keeper.brief(Orders(instruments=(), pid=os.getpid(), started=""))
    keeper.require_ready()


def test_a_guardian_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(GuardianError, match=r"cannot be started: .*Nothing was switched on"):
        Keeper().start()


def test_a_process_is_ended_by_number_and_start_mark_only() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        assert not kill_process(process.pid, f"{started}0")
        assert is_process_alive(process.pid)
        assert kill_process(process.pid, started)
        assert process.wait(LIMIT_S) != 0
    assert not kill_process(process.pid, started)
    assert not kill_process(0, "")
