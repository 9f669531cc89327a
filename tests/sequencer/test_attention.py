import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from aimdlab.errors import GuardianError, StoppedByPersonError
from aimdlab.sequencer.attention import Attention
from aimdlab.session.event_log import EventLog
from aimdlab.session.inbox import Inbox, send
from patience import wait_for


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


class Watcher:
    """A guardian as the run sees it."""

    def __init__(self) -> None:
        self.signs, self.lost, self.may_replace = 0, False, True
        self.safe = threading.Event()
        self.asked = 0

    def sign(self) -> None:
        self.signs += 1

    def check(self) -> None:
        if self.lost:
            raise GuardianError("the guardian is gone")

    def make_safe_now(self) -> None:
        self.asked += 1
        self.safe.set()

    def forbid_replacement(self) -> None:
        self.may_replace = False


def test_whoever_watches_sees_signs_of_life_and_is_watched() -> None:
    attention, watcher = Attention(), Watcher()
    attention.check()
    attention.show_to(watcher)
    attention.check()
    attention.watch()
    assert watcher.signs == 2
    other = threading.Thread(target=attention.check)
    other.start()
    other.join()
    assert watcher.signs == 2, "only the main thread shows that the run lives"
    watcher.lost = True
    for _ in range(2):
        with pytest.raises(GuardianError):
            attention.check()
    with pytest.raises(GuardianError):
        attention.watch()
    attention.watch()  # once: what is waited for after it is the way out
    attention.show_to(None)
    attention.check()


def test_the_first_wish_waits_for_the_instrument_and_the_second_does_not(session: Path) -> None:
    attention, events = listening(session)
    watcher = Watcher()
    attention.show_to(watcher)
    attention.stop("stopped by Ctrl-C")
    attention.watch()
    assert not watcher.safe.is_set()
    assert not watcher.may_replace
    attention.stop("stopped by Ctrl-C")
    with pytest.raises(StoppedByPersonError, match="Ctrl-C"):
        attention.watch()
    assert watcher.safe.is_set()
    attention.watch()  # once: what follows is the way out
    with pytest.raises(StoppedByPersonError):
        attention.check()
    events.close()


def test_abort_is_for_now(session: Path) -> None:
    attention, events = listening(session)
    send(session, "abort", sender="a.smith")
    with pytest.raises(StoppedByPersonError, match=r"abort asked for by a\.smith"):
        attention.watch()
    events.close()


def test_an_answer_is_kept_until_it_is_asked_for(session: Path) -> None:
    attention, events = listening(session)
    assert attention.answer() is None
    send(session, "answer", "done", sender="a.smith")
    attention.check()
    assert attention.answer() == ("done", "a.smith")
    assert attention.answer() is None
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


def test_of_a_storm_of_signals_the_guardian_hears_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("aimdlab.sequencer.attention.time.monotonic", lambda: now_s)
    attention, watcher = Attention(), Watcher()
    attention.show_to(watcher)
    for _ in range(1000):
        attention.stop("stopped by Ctrl-C")
    assert watcher.asked == 1
    now_s += 2.0
    attention.stop("stopped by Ctrl-C")
    assert watcher.asked == 2, "what was switched on meanwhile goes off too"


def test_a_stop_from_before_anybody_watched_forbids_another_run_too() -> None:
    attention, watcher = Attention(), Watcher()
    attention.stop("stopped by Ctrl-C")
    attention.show_to(watcher)
    assert not watcher.may_replace


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a C call that no signal interrupts")
def test_a_person_is_heard_while_the_main_thread_hangs_in_a_library() -> None:
    attention, watcher = Attention(), Watcher()
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(128)
    libc.pthread_mutex_lock(mutex)

    def press() -> None:
        try:
            wait_for(lambda: (os.kill(os.getpid(), signal.SIGINT), watcher.safe.is_set())[1], 30.0)
        finally:
            libc.pthread_mutex_unlock(mutex)

    attention.show_to(watcher)
    with attention.signals():
        person = threading.Thread(target=press)
        person.start()
        libc.pthread_mutex_lock(mutex)
        was_safe = watcher.safe.is_set()  # before this thread has heard of any signal
        person.join()
    assert was_safe
    assert not watcher.may_replace
