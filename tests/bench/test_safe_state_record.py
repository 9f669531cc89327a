"""What could not be switched off is on the disk before anybody is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import RealClock
from aimdlab.bench.roles import Role
from aimdlab.errors import LinkError, SafeStateError
from aimdlab.session.canonical import NO_HASH
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import read_events


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
