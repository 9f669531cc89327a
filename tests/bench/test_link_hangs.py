"""A VISA library that does not come back: the call is given up, the link lives on, and nothing that comes late counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from aimdlab.bench import _worker
from aimdlab.bench.clock import Clock, RealClock, VirtualClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError
from link_peers import Conversation, OtherLibrary, OtherVisalib, Peer, answering
from patience import LIMIT_S, wait_for


class HangingLibrary(OtherLibrary):
    """A VISA library that hangs in chosen calls, whatever time-out it was given."""

    def __init__(self) -> None:
        self.hang_in: set[str] = set()
        self.entered, self.release = threading.Event(), threading.Event()

    def open_resource(self, *args: object, **kwargs: object) -> object:
        self._hang("open")
        resource = super().open_resource(*args, **kwargs)
        resource.visalib = _Hanging(resource.visalib, self)  # type: ignore[attr-defined]
        return resource

    def _hang(self, call: str) -> None:
        if call in self.hang_in:
            self.entered.set()
            assert self.release.wait(LIMIT_S)


class _Hanging(OtherVisalib):
    def __init__(self, visalib: object, library: HangingLibrary) -> None:
        super().__init__(visalib)  # type: ignore[arg-type]
        self._library = library

    def read(self, session: object, count: int) -> object:
        if count > 1:  # one byte is a look whether something came unasked
            self._library._hang("read")
        return self._visalib.read(session, count)  # type: ignore[arg-type]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingLibrary]:
    monkeypatch.setattr(_worker, "_HANG_MARGIN_S", 0.2)
    library = HangingLibrary()
    yield library
    library.release.set()


def impatient(resource: str, library: HangingLibrary, clock: Clock) -> VisaLink:
    """Connected with all the time it takes, then with little for a call."""
    link = VisaLink.open("scope", resource, clock, timeout_s=LIMIT_S, resource_manager=library)  # type: ignore[arg-type]
    link._timeout_s = 0.1
    return link


def watched(link: VisaLink) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == f"link {link.name}"]


def test_a_call_that_hangs_is_given_up_and_the_link_connects_anew(
    peer: Callable[..., Peer], library: HangingLibrary
) -> None:
    def hangs_up(conversation: Conversation) -> None:  # the connection itself is kept by the thread that hangs
        assert conversation.line() == b"*IDN?"
        conversation.say(b"too late\n")

    link = impatient(peer(hangs_up, answering(IDN="second")).resource, library, RealClock())
    try:
        library.hang_in = {"read"}
        with pytest.raises(LinkError, match=r"scope: command '\*IDN\?' hangs: the VISA library did not come back"):
            link.query("*IDN?")
        assert link.is_broken
        with pytest.raises(LinkError, match=r"not sent, .*command '\*IDN\?' hung.*Reconnect"):
            link.query("*IDN?")
        library.hang_in = set()
        link._timeout_s = LIMIT_S
        link.reconnect()
        assert link.connections == 2
        assert link.query("*IDN?") == "second"
        # The thread that was left behind comes back at last: it says nothing, closes its connection and ends.
        library.release.set()
        wait_for(lambda: len(watched(link)) == 1)
        assert link.query("*IDN?") == "second"
    finally:
        link.close()


def test_jobs_that_wait_behind_a_call_that_hangs_are_told(peer: Callable[..., Peer], library: HangingLibrary) -> None:
    link = impatient(peer(answering(IDN="me")).resource, library, RealClock())
    after: list[str] = []

    def job() -> None:
        try:
            link.query("*IDN?")
        finally:
            with pytest.raises(LinkError, match="Reconnect"):  # it is nobody's thread any more
                link.query("*IDN?")
            after.append("unwound")

    try:
        library.hang_in = {"read"}
        hung, behind = link.submit(job), link.submit(lambda: link.query("*IDN?"))
        for future in (hung, behind):
            with pytest.raises(LinkError):
                future.result(LIMIT_S)
        assert after == []
        library.release.set()
        wait_for(lambda: after == ["unwound"])
    finally:
        link.close()


def test_connecting_may_hang_too(peer: Callable[..., Peer], library: HangingLibrary) -> None:
    link = impatient(peer(answering(IDN="first"), answering(IDN="second")).resource, library, RealClock())
    try:
        library.hang_in = {"open"}
        with pytest.raises(LinkError, match="connecting hangs"):
            link.reconnect()
        library.hang_in = set()
        link._timeout_s = LIMIT_S
        library.release.set()  # that connection is made now, for nobody, and closed
        wait_for(lambda: len(watched(link)) == 1)
        assert link.connections == 1
        assert link.is_broken
    finally:
        link.close()


def test_a_link_whose_call_hangs_can_be_closed(peer: Callable[..., Peer], library: HangingLibrary) -> None:
    link = impatient(peer(answering(IDN="me")).resource, library, RealClock())
    library.hang_in = {"read"}
    hung = link.submit(lambda: link.query("*IDN?"))
    assert library.entered.wait(LIMIT_S)
    closer = threading.Thread(target=link.close)
    closer.start()
    closer.join(LIMIT_S)
    assert not closer.is_alive()
    with pytest.raises(LinkError, match="hangs"):
        hung.result(LIMIT_S)


def test_virtual_time_goes_on_after_a_call_that_hung(peer: Callable[..., Peer], library: HangingLibrary) -> None:
    advances: list[float] = []
    clock = VirtualClock(lambda t_s: advances.append(t_s) or t_s, start_s=0.0)
    link = impatient(peer(answering(IDN="me")).resource, library, clock)
    try:
        library.hang_in = {"read"}
        with pytest.raises(LinkError, match="hangs"):
            link.query("*IDN?")
        assert advances == [], "nobody's time passes while a call hangs"
        clock.sleep(1.0)
        library.release.set()
        wait_for(lambda: len(watched(link)) == 1)
        clock.sleep(1.0)  # the late thread gave no token back that was not its own
        clock.begin_work()
        clock.end_work()
    finally:
        link.close()
    clock.sleep(1.0)
    assert advances == [1.0, 2.0, 3.0]
    assert clock._tokens == 1


def test_a_long_block_may_take_the_time_that_its_size_needs(peer: Callable[..., Peer], library: HangingLibrary) -> None:
    """The limit of a call grows with what it moves: a slow transfer is none that hangs."""
    seen, go_on = threading.Event(), threading.Event()

    def slow(conversation: Conversation) -> None:
        conversation.line()
        assert seen.wait(LIMIT_S)
        conversation.say(b"#8" + b"09000000")
        assert go_on.wait(LIMIT_S)
        conversation.say(bytes(9_000_000) + b"\n")
        conversation.until_closed()

    link = VisaLink.open("scope", peer(slow).resource, RealClock(), timeout_s=LIMIT_S)
    try:
        future = link.submit(lambda: link.query_block("DATA?"))
        worker = link._worker._shift
        wait_for(lambda: worker.due_s is not None)
        before_s = worker.due_s or 0.0
        seen.set()
        wait_for(lambda: (worker.due_s or 0.0) > before_s + 80)
        go_on.set()
        assert len(future.result(LIMIT_S)) == 9_000_000
    finally:
        seen.set()
        go_on.set()
        link.close()
