import signal
import threading
from pathlib import Path

import pytest

from aimdlab.errors import StoppedByPersonError
from aimdlab.sequencer.attention import Attention
from aimdlab.session.events import EventLog
from aimdlab.session.inbox import Inbox, send


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return tmp_path


def listening(session: Path) -> tuple[Attention, EventLog]:
    events = EventLog(session / "events.jsonl")
    attention = Attention()
    attention.listen(Inbox(session, events), events)
    return attention, events


def test_nobody_wants_anything(session: Path) -> None:
    attention, events = listening(session)
    attention.check()
    attention.pause_if_asked(lambda: pytest.fail("nobody asked for a pause"))
    events.close()


@pytest.mark.parametrize("word", ["stop", "abort"])
def test_stop_and_abort_end_the_run(session: Path, word: str) -> None:
    attention, events = listening(session)
    send(session, word, sender="a.smith")
    with pytest.raises(StoppedByPersonError, match=f"{word} asked for by a.smith"):
        attention.check()
    events.close()


def test_a_pause_makes_the_bench_safe_and_waits_for_continue(session: Path) -> None:
    attention, events = listening(session)
    send(session, "pause")
    done: list[str] = []

    def make_safe() -> None:
        done.append("safe")
        send(session, "note", "coffee")
        send(session, "continue")

    attention.pause_if_asked(make_safe)
    assert done == ["safe"]
    events.close()
    log = (session / "events.jsonl").read_text(encoding="utf-8")
    assert log.index("run.paused") < log.index("coffee") < log.index("run.continued")


def test_a_stop_ends_a_pause(session: Path) -> None:
    attention, events = listening(session)
    send(session, "pause")
    with pytest.raises(StoppedByPersonError):
        attention.pause_if_asked(lambda: send(session, "stop"))
    events.close()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_however_often_it_comes_only_asks(name: str) -> None:
    assert threading.current_thread() is threading.main_thread()
    number = getattr(signal, name, None)
    if number is None:
        return  # this system has no such signal
    attention = Attention()
    before = signal.getsignal(number)
    with attention.signals():
        for _ in range(5):
            signal.raise_signal(number)
        with pytest.raises(StoppedByPersonError, match="Ctrl-C" if name == "SIGINT" else name):
            attention.check()
    assert signal.getsignal(number) is before
