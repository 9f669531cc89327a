"""The InfiniiVision driver's settings: sent, asked back, and held within an attempt, never from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aimdlab.bench.roles import ScopeChannel, ScopeSetup, TriggerEdge
from aimdlab.errors import InstrumentError, InstrumentRefusal
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision
from exchange_infiniivision import (
    ARM,
    ASKED,
    COMPLETE,
    CONFIGURE,
    EXPOSURE,
    IDENTITY,
    NO_ERROR,
    POINTS,
    SETTINGS,
    TWO_CHANNELS,
)


def test_configure(play: Callable[..., Any]) -> None:
    with play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE]) as driver:
        driver.identify()
        assert driver.check_setup(EXPOSURE) == POINTS
        driver.configure(EXPOSURE)


def test_short_window_falling_edge_one_input_of_two(play: Callable[..., Any]) -> None:
    setup = ScopeSetup(
        channels=(ScopeChannel(2, 0.001),),
        span_s=100e-6,
        pre_trigger_s=0.0,
        sample_rate_hz=100e6,
        trigger_source=2,
        trigger_level_v=-0.0005,
        trigger_edge=TriggerEdge.FALLING,
    )
    settings = (
        "STOP;:CHAN1:DISP OFF"
        ";:CHAN2:DISP ON;:CHAN2:PROB 1;:CHAN2:COUP DC;:CHAN2:IMP ONEM;:CHAN2:BWL OFF;:CHAN2:INV OFF"
        ";:CHAN2:RANG 0.004;:CHAN2:OFFS 0"
        ";:ACQ:TYPE NORM;:TIM:MODE MAIN;:TIM:REF CENT;:TIM:RANG 0.000101;:TIM:POS 5e-05"
        ";:TRIG:MODE EDGE;:TRIG:EDGE:SOUR CHAN2;:TRIG:EDGE:SLOP NEG;:TRIG:EDGE:LEV -0.0005;:TRIG:SWE NORM"
    )
    readback = ("CHAN2:RANG?;:TIM:RANG?;:TIM:POS?;:TRIG:EDGE:LEV?", "+4E-03;+1.01E-04;+5.0E-05;-5.0E-04")
    with play(KeysightInfiniiVision, [TWO_CHANNELS, (settings, None), NO_ERROR, readback]) as driver:
        driver.identify()
        assert driver.check_setup(setup) == 20_000
        driver.configure(setup)


def test_without_trigger_input_the_level_stands_outside_the_screen(play: Callable[..., Any]) -> None:
    setup = replace(EXPOSURE, trigger_source=None)
    settings = SETTINGS.replace("LEV 2;", "LEV 15.4;")
    assert 15.4 > 22 / 2
    exchange = [
        IDENTITY,
        (settings, None),
        NO_ERROR,
        (ASKED, "22;5.5;15.251;7.45;15.4"),
        *ARM,
        ("AER?", "+1"),
        ("TRIG:FORC", None),
        NO_ERROR,
    ]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.configure(setup)
        driver.arm()
        assert driver.is_armed()
        driver.force_trigger()


EXTERNAL = replace(EXPOSURE, trigger_source="external", trigger_level_v=1.5)
EXTERNAL_SETTINGS = (
    SETTINGS.replace(";:TRIG:MODE", ";:EXT:PROB 1;:EXT:UNIT VOLT;:EXT:RANG 8;:TRIG:MODE")
    .replace("SOUR CHAN1", "SOUR EXT")
    .replace("LEV 2;", "LEV 1.5,EXT;")
)
EXTERNAL_ASKED = (ASKED, "22;5.5;15.251;7.45;1.5")


def test_external_trigger(play: Callable[..., Any]) -> None:
    assert ":TRIG:MODE EDGE;:TRIG:EDGE:SOUR EXT;:TRIG:EDGE:SLOP POS;:TRIG:EDGE:LEV 1.5,EXT" in EXTERNAL_SETTINGS
    source, range_ = ("TRIG:EDGE:SOUR?", "EXT"), ("EXT:RANG?", "+8.0E+00")
    exchange = [IDENTITY, (EXTERNAL_SETTINGS, None), NO_ERROR, EXTERNAL_ASKED, source, range_, *ARM]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.configure(EXTERNAL)
        driver.arm()


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([(ASKED, "22;5.5;15.251;7.45;0.75")], r"trigger level was set to 1\.5, but it says 0\.75"),
        ([EXTERNAL_ASKED, ("TRIG:EDGE:SOUR?", "CHAN1")], "trigger source was set to EXT, but it says CHAN1"),
        (
            [EXTERNAL_ASKED, ("TRIG:EDGE:SOUR?", "EXT"), ("EXT:RANG?", "+1.6E+00")],
            r"range of the external trigger was set to 8, but it says 1\.6",
        ),
    ],
)
def test_external_trigger_that_is_not_taken_is_a_refusal(
    play: Callable[..., Any], answers: list[tuple[str, str]], what: str
) -> None:
    with play(KeysightInfiniiVision, [IDENTITY, (EXTERNAL_SETTINGS, None), NO_ERROR, *answers]) as driver:
        driver.identify()
        with pytest.raises(InstrumentRefusal, match=what):
            driver.configure(EXTERNAL)
        with pytest.raises(InstrumentError, match="not set up"):
            driver.arm()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("44;5.5;15.251;7.45;2", "range was set to 22, but it says 44"),
        ("22;5;15.251;7.45;2", "range was set to 5.5, but it says 5"),
        ("22;5.5;10;7.45;2", "would record 2.45 s to 12.45 s instead of -0.1 s to 15 s"),
        ("22;5.5;15.251;0;2", "would record"),
        ("22;5.5;15.251;7.45;0", "trigger level was set to 2, but it says 0"),
    ],
)
def test_wrong_readback_is_a_refusal(play: Callable[..., Any], answer: str, what: str) -> None:
    with play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE[:2], (ASKED, answer)]) as driver:
        driver.identify()
        with pytest.raises(InstrumentRefusal, match=what):
            driver.configure(EXPOSURE)
        with pytest.raises(InstrumentError, match="not set up"):
            driver.arm()


WIDER = replace(EXPOSURE, channels=(ScopeChannel(1, 12.0), ScopeChannel(2, 2.5)), span_s=30.0)
WIDER_ANSWER = "+26.4E+00;+5.50E+00;+30.401E+00;+14.95E+00;+2.0E+00"
WIDER_IN_THE_SAME_ATTEMPT = [  # the trigger's level is kept within its input's range, so that it is set again
    (
        "STOP;:CHAN1:RANG 26.4;:CHAN1:OFFS 0;:TIM:RANG 30.401;:TIM:POS 14.95"
        ";:TRIG:MODE EDGE;:TRIG:EDGE:SOUR CHAN1;:TRIG:EDGE:SLOP POS;:TRIG:EDGE:LEV 2;:TRIG:SWE NORM",
        None,
    ),
    NO_ERROR,
    (ASKED, WIDER_ANSWER),
]


def test_within_an_attempt_only_what_is_new_is_sent_and_all_of_it_asked_back(play: Callable[..., Any]) -> None:
    one_input = replace(WIDER, channels=WIDER.channels[:1])
    narrowed = [
        ("STOP;:CHAN2:DISP OFF", None),
        NO_ERROR,
        ("CHAN1:RANG?;:TIM:RANG?;:TIM:POS?;:TRIG:EDGE:LEV?", "+26.4;+30.401;+14.95;+2"),
    ]
    exchange = [IDENTITY, *CONFIGURE, *ARM, *COMPLETE, *WIDER_IN_THE_SAME_ATTEMPT, *narrowed, *ARM]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.begin_attempt()
        driver.configure(EXPOSURE)
        driver.configure(EXPOSURE)  # it stands ready for it
        driver.arm()
        assert driver.is_complete()
        driver.configure(WIDER)
        driver.configure(one_input)
        driver.arm()


def test_the_next_attempt_sets_everything_anew(play: Callable[..., Any]) -> None:
    with play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE, *CONFIGURE]) as driver:
        driver.identify()
        for _ in range(2):
            driver.begin_attempt()
            with pytest.raises(InstrumentError, match="not set up"):
                driver.arm()
            driver.configure(EXPOSURE)


def test_an_acquisition_in_progress_is_stopped_also_for_the_same_setup(play: Callable[..., Any]) -> None:
    exchange = [IDENTITY, *CONFIGURE, *ARM, ("STOP", None), NO_ERROR, (ASKED, CONFIGURE[2][1])]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.begin_attempt()
        driver.configure(EXPOSURE)
        driver.arm()
        driver.configure(EXPOSURE)


@pytest.mark.parametrize(
    "failing",
    [
        [WIDER_IN_THE_SAME_ATTEMPT[0], ("SYST:ERR?", '-222,"Data out of range"'), NO_ERROR],
        [*WIDER_IN_THE_SAME_ATTEMPT[:2], (ASKED, "+8;+5.5;+30.401;+14.95;+2")],
    ],
)
def test_after_a_refusal_nothing_counts_as_held(play: Callable[..., Any], failing: Any) -> None:
    with play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE, *failing, *CONFIGURE]) as driver:
        driver.identify()
        driver.begin_attempt()
        driver.configure(EXPOSURE)
        with pytest.raises(InstrumentRefusal):
            driver.configure(WIDER)
        driver.configure(EXPOSURE)


def test_a_reset_leaves_nothing_held(play: Callable[..., Any]) -> None:
    reset = [
        IDENTITY,
        ("*RST;*CLS", None),
        ("STOP;:WAV:FORM WORD;:WAV:BYT LSBF;:WAV:UNS ON;:WAV:POIN:MODE RAW", None),
        NO_ERROR,
    ]
    with play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE, *reset, *CONFIGURE]) as driver:
        driver.identify()
        driver.begin_attempt()
        driver.configure(EXPOSURE)
        driver.initialise()
        driver.configure(EXPOSURE)


def test_refused_setting_is_a_refusal(play: Callable[..., Any]) -> None:
    exchange = [IDENTITY, CONFIGURE[0], ("SYST:ERR?", '-222,"Data out of range"'), NO_ERROR]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        with pytest.raises(InstrumentRefusal, match=r"TIM:RANG.*Data out of range"):
            driver.configure(EXPOSURE)
