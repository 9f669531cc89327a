"""Two instruments at once: what one is told while the run goes on with others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aimdlab.bench.bench import Bench
from aimdlab.bench.clock import VirtualClock
from aimdlab.bench.connecting import Connected
from aimdlab.bench.link import VisaLink
from aimdlab.errors import CeilingError, InstrumentRefusal, LinkError
from link_peers import Peer, answering
from patience import LIMIT_S


@pytest.fixture
def two(peer: Callable[..., Peer]) -> Callable[[], Any]:
    @contextmanager
    def benches() -> Iterator[tuple[Bench, dict[str, VisaLink]]]:
        clock = VirtualClock(lambda t_s: t_s, 0.0)
        with ExitStack() as stack:
            links = {name: VisaLink.open(name, peer(answering(IDN=name)).resource, clock) for name in ("scope", "gen")}
            for link in links.values():
                stack.callback(link.close)
            instruments: dict[str, Any] = {
                name: Connected(*[cast(Any, None)] * 2, link, cast(Any, None)) for name, link in links.items()
            }
            instruments["amplifier"] = Connected(*[cast(Any, None)] * 4)
            yield Bench(cast(Any, SimpleNamespace(roles={})), instruments, clock, cast(Any, None)), links

    return benches


def test_both_are_at_work_at_the_same_time_each_in_its_own_thread(two: Callable[[], Any]) -> None:
    with two() as (bench, links):
        scope_asked, told = threading.Event(), []

        def work() -> None:
            assert scope_asked.wait(LIMIT_S)  # set only once the context is entered
            told.append((links["scope"].query("*IDN?"), threading.current_thread().name))

        with bench.meanwhile("scope", work):
            assert links["gen"].query("*IDN?") == "gen"
            scope_asked.set()
        assert told == [("scope", "link scope")]


def test_an_instrument_without_a_link_is_done_at_once(two: Callable[[], Any]) -> None:
    with two() as (bench, _):
        told: list[str] = []
        with bench.meanwhile("amplifier", lambda: told.append("amplifier")):
            told.append("others")
        assert told == ["amplifier", "others"]


def test_a_fault_of_what_was_done_meanwhile_comes_at_the_end(two: Callable[[], Any]) -> None:
    def work() -> None:
        raise LinkError("it is gone", instrument="scope")

    with two() as (bench, links):
        went_on = False
        with pytest.raises(LinkError, match="it is gone"), bench.meanwhile("scope", work):
            went_on = links["gen"].query("*IDN?") == "gen"
        assert went_on


def test_after_a_fault_of_another_nobody_is_at_work_any_more_and_that_fault_is_the_one_told(
    two: Callable[[], Any],
) -> None:
    with two() as (bench, _):
        struck, over = threading.Event(), []

        def work() -> None:
            assert struck.wait(LIMIT_S)
            over.append(True)
            raise LinkError("it is gone", instrument="scope")

        def others() -> None:
            struck.set()
            raise InstrumentRefusal("out of range", instrument="gen")

        with pytest.raises(InstrumentRefusal, match="out of range"), bench.meanwhile("scope", work):
            others()
        assert over


def test_after_a_fault_of_another_a_reply_that_made_no_sense_ends_its_connection_all_the_same(
    two: Callable[[], Any],
) -> None:
    with two() as (bench, links):

        def work() -> None:
            links["scope"].query("*IDN?")
            raise LinkError("the answer is not a number", instrument="scope")  # as a driver says it; the link saw none

        with pytest.raises(InstrumentRefusal), bench.meanwhile("scope", work):
            raise InstrumentRefusal("out of range", instrument="gen")
        assert links["scope"].is_broken, "the rest of that reply may still come, and pass for the next one"
        assert links["gen"].query("*IDN?") == "gen"


def test_what_ends_the_run_does_not_wait_for_the_other(two: Callable[[], Any]) -> None:
    with two() as (bench, _):
        go_on, over = threading.Event(), []

        def work() -> None:
            go_on.wait(LIMIT_S)
            over.append(True)

        with pytest.raises(CeilingError), bench.meanwhile("scope", work):
            raise CeilingError("too much")
        assert not over
        go_on.set()
