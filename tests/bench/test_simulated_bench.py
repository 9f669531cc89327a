"""The simulated bench seen from the run: whatever becomes of its process, or whoever else answers."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aimdlab._platform import is_process_alive
from aimdlab.bench import simulated
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.errors import SimulationError
from patience import LIMIT_S, receive_line

WORLD = Path(__file__).parents[2] / "configs/worlds/robust_pacemaker.yaml"


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """The address of something that answers one connection with ``reply`` and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                receive_line(connection)
                connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(LIMIT_S)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is no simulated bench: it said b'SSH-2.0-OpenSSH_9.6"),
        (b'{"ok": true', "is no simulated bench"),
        (b"[1]\n", "is no simulated bench"),
        (b"\xff\xfe\n", "is no simulated bench"),
        (b'{"ok": true}\n', "does not say which instruments"),
        (b"", "closed the control socket"),
    ],
)
def test_whatever_else_answers_is_named(reply: bytes, said: str) -> None:
    with answering(reply) as address, pytest.raises(SimulationError) as caught:
        SimulatedBench(address)
    assert said in str(caught.value)
    assert address in str(caught.value)


def started() -> tuple[SimulatedBench, int]:
    bench = SimulatedBench.start(WORLD, hold_time=True)
    return bench, int(bench.ask("hello")["pid"])


def test_closing_ends_the_process() -> None:
    bench, pid = started()
    bench.close()
    assert not is_process_alive(pid)


@pytest.mark.parametrize("fate", ["SIGKILL", "SIGSTOP"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process by signal")
def test_closing_a_bench_that_is_gone_or_hangs_raises_nothing_and_ends(
    fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, pid = started()
    os.kill(pid, getattr(signal, fate))
    monkeypatch.setattr(simulated, "_END_LIMIT_S", 0.2)
    bench.close()
    assert not is_process_alive(pid)


def test_a_world_that_cannot_be_read_is_told_with_its_reason(tmp_path: Path) -> None:
    world = tmp_path / "nowhere.yaml"
    with pytest.raises(SimulationError, match=r"did not start: .*nowhere\.yaml"):
        SimulatedBench.start(world, hold_time=True)


def test_ctrl_c_while_it_starts_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []

    def interrupted(self: SimulatedBench, op: str, **arguments: object) -> dict[str, object]:
        assert self._process is not None
        pids.append(self._process.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(SimulatedBench, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SimulatedBench.start(WORLD, hold_time=True)
    assert pids
    assert not is_process_alive(pids[0])
