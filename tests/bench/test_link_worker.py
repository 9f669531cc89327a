"""The worker of the VISA link: whose thread does what, how it closes, and what it means to the bench clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import pyvisa

from aimdlab.bench.clock import RealClock, VirtualClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError, StoppedByPersonError
from link_peers import Conversation, Peer, answering, linked
from patience import LIMIT_S


def test_jobs_run_in_one_worker_in_order_and_directly_inside_a_job(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="me")).resource) as link:
        threads: list[str] = []

        def job() -> str:
            threads.append(threading.current_thread().name)
            nested = link.submit(lambda: threads.append(threading.current_thread().name))
            assert nested.done()
            return link.query("*IDN?")

        futures = [link.submit(job) for _ in range(5)]
        assert [future.result(LIMIT_S) for future in futures] == ["me"] * 5
        assert threads == ["link scope"] * 10


def test_several_messages_go_out_as_one_job_while_the_caller_waits(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="me", ESR="128")).resource) as link:

        def both() -> tuple[str, str, str]:
            return link.query("*IDN?"), link.query("*ESR?"), threading.current_thread().name

        assert link.run(both) == ("me", "128", "link scope")
        assert link.run(lambda: link.run(both)) == ("me", "128", "link scope")


def test_a_job_of_several_messages_ends_at_the_one_that_fails(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="\xb5")).resource) as link:
        answers: list[str] = []

        def several() -> None:
            answers.extend(link.query(command) for command in ("*IDN?", "*ESR?"))

        with pytest.raises(LinkError, match="not text") as failed:
            link.run(several)
        assert (failed.value.instrument, failed.value.command, answers) == ("scope", "*IDN?", [])
        with pytest.raises(LinkError, match="given up: the reply is not text"):
            link.run(several)


def test_a_job_whose_caller_is_called_away_sends_nothing_more_before_a_safe_state(peer: Callable[..., Peer]) -> None:
    heard: list[bytes] = []
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slow(conversation: Conversation) -> None:
        while command := conversation.line():
            heard.append(command)
            if command == b"OUTP?":
                begun.set()
                assert go_on.wait(LIMIT_S)
                conversation.say(b"1\n")
            elif command == b"OUTP OFF":
                over.set()

    def stop() -> None:
        if begun.is_set():
            begun.clear()
            raise StoppedByPersonError("now")

    link = VisaLink.open("source", peer(slow).resource, RealClock(watch=stop))
    try:
        with pytest.raises(StoppedByPersonError):
            link.run(lambda: [link.query("OUTP?"), link.write("TRIG:SOUR EXT"), link.write("OUTP ON")])
        go_on.set()
        link.write("OUTP OFF")
        assert over.wait(LIMIT_S)
        assert heard == [b"OUTP?", b"OUTP OFF"]
        assert not link.is_broken
    finally:
        link.close()


def test_error_of_a_job_reaches_the_caller_and_the_link_lives_on(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="me")).resource) as link:

        def broken() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            link.submit(broken).result(LIMIT_S)
        assert link.query("*IDN?") == "me"


def test_close_is_idempotent_from_any_thread_and_final(peer: Callable[..., Peer]) -> None:
    link = VisaLink.open("scope", peer(answering(IDN="me")).resource, RealClock())
    threads = [threading.Thread(target=link.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    link.close()
    for refused in (lambda: link.query("*IDN?"), lambda: link.submit(lambda: None), link.reconnect):
        with pytest.raises(LinkError, match="closed"):
            refused()


def test_close_from_inside_a_job(peer: Callable[..., Peer]) -> None:
    link = VisaLink.open("scope", peer(answering(IDN="me")).resource, RealClock())

    def job() -> None:
        link.close()
        with pytest.raises(LinkError, match="closed"):
            link.query("*IDN?")
        with pytest.raises(LinkError, match="closed"):
            link.reconnect()

    link.submit(job).result(LIMIT_S)
    link.close()


def test_jobs_submitted_before_close_are_done_first(peer: Callable[..., Peer]) -> None:
    link = VisaLink.open("scope", peer(answering(IDN="me")).resource, RealClock())
    begun, go_on = threading.Event(), threading.Event()
    link.submit(lambda: (begun.set(), go_on.wait(LIMIT_S)))
    assert begun.wait(LIMIT_S)
    last = link.submit(lambda: link.query("*IDN?"))
    closer = threading.Thread(target=link.close)
    closer.start()
    go_on.set()
    closer.join(LIMIT_S)
    assert last.result(LIMIT_S) == "me"


def test_closing_one_link_leaves_the_others_and_the_shared_manager_alone(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="second")).resource) as second:
        with linked(peer(answering(IDN="first")).resource) as first:
            assert first.query("*IDN?") == "first"
        assert second.query("*IDN?") == "second"


def test_a_manager_that_somebody_closed_is_replaced(peer: Callable[..., Peer]) -> None:
    pyvisa.ResourceManager("@py").close()
    with linked(peer(answering(IDN="me")).resource) as link:
        assert link.query("*IDN?") == "me"


def test_virtual_time_stands_still_while_the_worker_works_and_moves_when_it_sleeps(peer: Callable[..., Peer]) -> None:
    advances: list[float] = []

    def advance(t_s: float) -> float:
        advances.append(t_s)
        return t_s

    clock = VirtualClock(advance, start_s=100.0)
    link = VisaLink.open("scope", peer(answering(IDN="me")).resource, clock)
    try:
        for _ in range(100):
            assert link.query("*IDN?") == "me"
        assert advances == []

        def poll() -> float:
            clock.sleep(2.5)
            assert link.query("*IDN?") == "me"
            return clock.now_s()

        future = link.submit(poll)
        clock.sleep(1.0)  # both sleep: time goes to the earlier one first
        assert clock.now_s() == 101.0
        assert clock.wait(future) == 102.5
        assert advances == [101.0, 102.5]
        with pytest.raises(LinkError):
            clock.wait(link.submit(lambda: link.query_block("*IDN?")))
    finally:
        link.close()
    clock.sleep(1.0)  # every token came back, or this would wait for ever
    assert advances[-1] == 103.5
