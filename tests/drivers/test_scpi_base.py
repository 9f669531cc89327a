"""What every SCPI driver does: identity, groups of settings, the error queue, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.bench.driver import Identity, Link, TellsRestarts
from aimdlab.config.base import ConfigModel
from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError
from aimdlab_drivers.scpi import ScpiDriver, number

NO_ERROR = '+0,"No error"'


class Plain(ScpiDriver):
    class Options(ConfigModel):
        pass

    def __init__(self, name: str, link: Link | None, options: Options) -> None:
        super().__init__(name, link)


def test_identity(play: Callable[..., Any]) -> None:
    with play(Plain, [("*IDN?", "Keysight Technologies, 33522B ,MY57801234,4.00-1.19")]) as driver:
        assert driver.identify() == Identity("Keysight Technologies", "33522B", "MY57801234", "4.00-1.19")


@pytest.mark.parametrize("reply", ["", "33522B", "a,b,c", "a,b,c,d,e", "maker,,serial,1"])
def test_identity_of_something_else(play: Callable[..., Any], reply: str) -> None:
    with play(Plain, [("*IDN?", reply)]) as driver, pytest.raises(LinkError, match=r"bench name.*\*IDN\?.*not maker"):
        driver.identify()


def test_a_group_is_one_message_and_one_question(play: Callable[..., Any]) -> None:
    with play(Plain, [("FREQ 1;:VOLT 2;:OUTP ON", None), ("SYST:ERR?", NO_ERROR)]) as driver:
        driver._apply("FREQ 1", "VOLT 2", "OUTP ON")


def test_every_error_is_read_and_named_with_the_commands(play: Callable[..., Any]) -> None:
    exchange = [
        ("FREQ -1;:VLT 2", None),
        ("SYST:ERR?", '-222,"Data out of range; value clipped to lower limit"'),
        ("SYST:ERR?", '-113,"Undefined header"'),
        ("SYST:ERR?", NO_ERROR),
        ("VOLT 1", None),
        ("SYST:ERR?", NO_ERROR),
    ]
    with play(Plain, exchange) as driver:
        with pytest.raises(InstrumentRefusal) as caught:
            driver._apply("FREQ -1", "VLT 2")
        assert caught.value.instrument == "bench name"
        for part in ("FREQ -1;:VLT 2", '-222 "Data out of range; value clipped', '-113 "Undefined header"'):
            assert part in str(caught.value)
        driver._apply("VOLT 1")  # the queue is empty: an error of before is not blamed on this


def test_queue_without_end(play: Callable[..., Any]) -> None:
    exchange = [("X", None)] + [("SYST:ERR?", '-350,"Queue overflow"')] * 64
    with play(Plain, exchange) as driver, pytest.raises(InstrumentError, match="does not end"):
        driver._apply("X")


def test_a_queue_that_was_full_blames_nobody_for_all_of_it(play: Callable[..., Any]) -> None:
    """SCPI 1999.0 vol. 2, 21.8.1: the last entry becomes -350 when the queue is full."""
    queue = [("SYST:ERR?", f'-113,"Undefined header {place}"') for place in range(19)]
    exchange = [("VOLT 1", None), *queue, ("SYST:ERR?", '-350,"Queue overflow"'), ("SYST:ERR?", NO_ERROR)]
    exchange += [("VOLT 2", None), ("SYST:ERR?", NO_ERROR)]
    with play(Plain, exchange) as driver:
        with pytest.raises(InstrumentRefusal) as caught:
            driver._apply("VOLT 1")
        for part in ("Undefined header 3", "and 16 more", "queue was full", "may be older than this command"):
            assert part in str(caught.value)
        assert "Undefined header 4" not in str(caught.value)
        driver._apply("VOLT 2")


@pytest.mark.parametrize(
    ("reply", "restarted"), [("0", False), ("+128", True), ("160", True), ("60", False), ("1.28E+02", True)]
)
def test_power_on_is_bit_7_of_the_event_register(play: Callable[..., Any], reply: str, restarted: bool) -> None:
    with play(Plain, [("*ESR?", reply)]) as driver:
        assert isinstance(driver, TellsRestarts)
        assert driver.was_restarted() is restarted


@pytest.mark.parametrize("reply", ["garbage", "", '"No error"', "0"])
def test_error_queue_that_talks_nonsense(play: Callable[..., Any], reply: str) -> None:
    with play(Plain, [("X", None), ("SYST:ERR?", reply)]) as driver, pytest.raises(LinkError, match="error queue"):
        driver._apply("X")


def test_numbers_are_asked_in_one_message(play: Callable[..., Any]) -> None:
    with play(Plain, [("VOLT?;:FREQ?", "+1.5E+00;+1.000000E+03")]) as driver:
        assert driver._numbers("VOLT?", "FREQ?") == (1.5, 1000.0)


@pytest.mark.parametrize("reply", ["", "1", "1;2;3", "1;x", "1;nan", "1;inf", "1,2"])
def test_numbers_that_are_none(play: Callable[..., Any], reply: str) -> None:
    with play(Plain, [("A?;:B?", reply)]) as driver, pytest.raises(LinkError, match="not 2 numbers"):
        driver._numbers("A?", "B?")


def test_planning_without_a_link_sends_nothing() -> None:
    with pytest.raises(InstrumentError, match="planning"):
        Plain("bench name", None, Plain.Options()).identify()


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_numbers_are_sent_with_twelve_digits(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=1e-11)
    assert "," not in number(value)
    assert " " not in number(value)
