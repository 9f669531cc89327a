"""What could not be switched off is on the disk before anybody is told."""

import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.bench.roles import Role
from aimdlab.errors import LinkError, SafeStateError
from aimdlab.session.canonical import NO_HASH
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events
from patience import LIMIT_S, receive_line


class Generator:
    ROLES = frozenset({Role.SIGNAL_GENERATOR})

    def make_safe(self) -> None:
        raise LinkError("no answer", instrument="generator", command="OUTP OFF")


def test_a_failure_to_switch_off_is_recorded_before_it_is_raised(tmp_path: Path) -> None:
    equipment = SimpleNamespace(name="generator", entry=SimpleNamespace(timeout=-2.9))  # leaves 0.1 s
    connected = SimpleNamespace(equipment=equipment, driver=Generator(), link=None, identity=None)
    bench = Bench(
        cast(Any, SimpleNamespace(roles={})), cast(Any, {"generator": connected}), RealClock(), cast(Any, None)
    )
    log = EventLog(tmp_path / "events.jsonl")
    bench.events = log
    with pytest.raises(SafeStateError, match="switch off by hand now: generator"):
        bench.make_safe()
    (event,) = read_events(log.path, NO_HASH)
    assert event.kind == "safety.failed"
    assert "no answer" in event.data["problems"]["generator"]
    log.close()


def test_whatever_fails_on_the_way_nobody_thinks_that_all_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only SafeStateError leaves the bench to the guardian; after anything else it is dismissed."""
    bench = Bench(
        cast(Any, SimpleNamespace(roles={})), cast(Any, {"generator": SimpleNamespace()}), RealClock(), cast(Any, None)
    )

    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("aimdlab.bench.bench.carry_out", out_of_memory)
    monkeypatch.setattr("aimdlab.bench.bench._safe_action", out_of_memory)
    monkeypatch.setattr(bench, "events", SimpleNamespace(record=out_of_memory))
    with pytest.raises(SafeStateError, match=r"switch off by hand now: generator\. \(generator: MemoryError"):
        bench.make_safe()


def test_a_bench_is_closed_although_an_instrument_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops a run at once does not wait for a reply that may take a minute."""
    monkeypatch.setattr("aimdlab.bench.bench._CLOSE_LIMIT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        resource = f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET"
        link = VisaLink.open("oscilloscope", resource, RealClock(), timeout_s=LIMIT_S)
        asked = link.submit(lambda: link.query("*OPC?"))
        instrument, _ = server.accept()
        with instrument:
            assert receive_line(instrument) == b"*OPC?\n"
            connected = {"oscilloscope": SimpleNamespace(link=link)}
            Bench(cast(Any, SimpleNamespace(roles={})), cast(Any, connected), RealClock(), cast(Any, None)).close()
            assert not asked.done()
        with pytest.raises(LinkError, match="closed the connection"):
            asked.result(LIMIT_S)
    link.close()


def test_a_run_shows_that_it_lives_while_it_makes_the_bench_safe() -> None:
    """Or a guardian with a short ``silence`` takes it for hung because an instrument is."""
    seen = threading.Event()

    class Hung(Generator):
        def make_safe(self) -> None:
            assert seen.wait(LIMIT_S)

    equipment = SimpleNamespace(name="generator", entry=SimpleNamespace(timeout=LIMIT_S))
    connected = SimpleNamespace(equipment=equipment, driver=Hung(), link=None, identity=None)
    bench = Bench(
        cast(Any, SimpleNamespace(roles={})), cast(Any, {"generator": connected}), RealClock(), cast(Any, None)
    )
    bench.show_life_to(seen.set)
    bench.make_safe()
