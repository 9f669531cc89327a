"""The exact exchange of the Keysight 33500B driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.bench.driver import Driver
from aimdlab.bench.roles import Role, SignalGenerator, TriggeredGenerator, TriggerSource
from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError
from aimdlab.signals.waveform import SampledWaveform
from aimdlab_drivers.keysight.waveform_33500b import Keysight33500B
from exchange_33500b import (
    CLEAR,
    IDENTITY,
    LOAD,
    NO_ERROR,
    ONE_CHANNEL,
    SAMPLES,
    UPLOAD,
    WAVEFORM,
    readback,
    settings,
)


def test_plays_its_role() -> None:
    driver: Driver = Keysight33500B("generator", None, Keysight33500B.Options())
    assert isinstance(driver, SignalGenerator)
    assert isinstance(driver, TriggeredGenerator)
    assert frozenset({Role.SIGNAL_GENERATOR}) == driver.ROLES
    assert driver.limits().max_peak_v == 10.0


ONE_CHANNEL_SET = (
    "SOUR1:DATA:VOL:CLE;:FORM:BORD SWAP;:OUTP1:LOAD INF;:OUTP1:SYNC:MODE NORM;:OUTP1:SYNC:POL NORM;:OUTP:SYNC ON"
)


def test_initialise_switches_off_before_all_else(play: Callable[..., Any]) -> None:
    exchange = [
        IDENTITY,
        ("OUTP1 OFF;:OUTP2 OFF", None),
        ("*RST;*CLS", None),
        (
            "SOUR1:DATA:VOL:CLE;:SOUR2:DATA:VOL:CLE;:FORM:BORD SWAP;:OUTP1:LOAD INF;:OUTP2:LOAD INF"
            ";:OUTP1:SYNC:MODE NORM;:OUTP2:SYNC:MODE NORM;:OUTP1:SYNC:POL NORM;:OUTP2:SYNC:POL NORM"
            ";:OUTP:SYNC:SOUR CH1;:OUTP:SYNC ON",
            None,
        ),
        NO_ERROR,
        ("OUTP1?;:OUTP2?", "0;0"),
    ]
    with play(Keysight33500B, exchange) as driver:
        driver.initialise()


def test_initialise_a_model_with_one_channel(play: Callable[..., Any]) -> None:
    exchange = [
        ONE_CHANNEL,
        ("OUTP1 OFF", None),
        ("*RST;*CLS", None),
        (ONE_CHANNEL_SET, None),
        NO_ERROR,
        ("OUTP1?", "0"),
    ]
    with play(Keysight33500B, exchange) as driver:
        driver.initialise()
        with pytest.raises(InstrumentError, match="no channel 2"):
            driver.set_output(2, False)


def test_initialise_notices_an_output_that_stays_on(play: Callable[..., Any]) -> None:
    exchange = [
        ONE_CHANNEL,
        ("OUTP1 OFF", None),
        ("*RST;*CLS", None),
        (ONE_CHANNEL_SET, None),
        NO_ERROR,
        ("OUTP1?", "1"),
    ]
    with play(Keysight33500B, exchange) as driver, pytest.raises(InstrumentRefusal, match="output was set to 0"):
        driver.initialise()


def test_load(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, LOAD) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)


def test_same_samples_are_not_sent_again(play: Callable[..., Any]) -> None:
    exchange = [*LOAD, *settings("12.5", 7), readback(vpp=12.5, repeats=7)]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.load(1, SampledWaveform(SAMPLES, sample_rate_hz=1e6, repeats=7), peak_v=6.25)


def test_failed_load_forgets_what_was_loaded_before(play: Callable[..., Any]) -> None:
    exchange = [*LOAD, settings()[0], ("SYST:ERR?", '+781,"Not enough memory"'), NO_ERROR, *LOAD]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentRefusal):
            driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentError, match="no waveform"):
            driver.trigger(1)
        driver.load(1, WAVEFORM, peak_v=2.5)


def test_channels_hold_their_own_waveform(play: Callable[..., Any]) -> None:
    def for_channel_2(message: str | bytes) -> str | bytes:
        if isinstance(message, bytes):
            return message.replace(b"SOUR1", b"SOUR2")
        for one in ("SOUR", "OUTP", "TRIG"):
            message = message.replace(one + "1", one + "2")
        return message

    second: list[tuple[str | bytes, str | bytes | None]] = [
        (for_channel_2(message), answer) for message, answer in LOAD
    ]
    assert str(second[4][0]).endswith(":SOUR2:BURS:STAT ON")
    second[4] = (f"{second[4][0]!s};:OUTP:SYNC:SOUR CH2", None)  # Sync follows what was loaded last
    triggers = [("TRIG2", None), NO_ERROR, ("OUTP:SYNC:SOUR CH1;:TRIG1", None), NO_ERROR, ("TRIG1", None), NO_ERROR]
    with play(Keysight33500B, [*LOAD, *second, *triggers]) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.load(2, WAVEFORM, peak_v=2.5)
        for channel in (2, 1, 1):
            driver.trigger(channel)


def test_out_of_memory_is_a_refusal_and_nothing_counts_as_loaded(play: Callable[..., Any]) -> None:
    exchange = [
        *CLEAR,
        UPLOAD[0],
        ("SYST:ERR?", '+880,"Arb: Out of memory"'),
        NO_ERROR,
        *LOAD,
    ]
    with play(Keysight33500B, exchange) as driver:
        with pytest.raises(InstrumentRefusal, match=r"SOUR1:DATA:ARB:DAC.*\+880"):
            driver.load(1, WAVEFORM, peak_v=2.5)
        for forbidden in (lambda: driver.trigger(1), lambda: driver.set_output(1, True)):
            with pytest.raises(InstrumentError, match="no waveform is loaded on channel 1"):
                forbidden()
        driver.load(1, WAVEFORM, peak_v=2.5)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"vpp": 10.0}, "amplitude was set to 5, but it says 10"),
        ({"vpp": 4.99}, "amplitude"),
        ({"offset": 0.001}, "offset"),
        ({"rate": 1.001e6}, "sample rate"),
        ({"repeats": 9.9e37}, "burst count"),
        ({"burst": 0}, "burst state"),
        ({"load": 50.0}, "load"),
    ],
)
def test_wrong_readback_is_a_refusal(play: Callable[..., Any], wrong: dict[str, float], what: str) -> None:
    exchange = [*CLEAR, *UPLOAD, *settings(), readback(**wrong)]
    with play(Keysight33500B, exchange) as driver:
        with pytest.raises(InstrumentRefusal, match=what):
            driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentError, match="no waveform"):
            driver.trigger(1)


def test_amplitude_rounded_to_four_digits_is_accepted(play: Callable[..., Any]) -> None:
    exchange = [*CLEAR, *UPLOAD, *settings("0.246913578"), readback(vpp=0.2469)]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=0.123456789)


def test_burst_from_repeats_to_stop(play: Callable[..., Any]) -> None:
    exchange = [
        *LOAD,
        ("SOUR1:BURS:NCYC 12", None),
        NO_ERROR,
        ("SOUR1:BURS:NCYC?", "+1.20000000000000E+01"),
        ("OUTP1 ON", None),
        NO_ERROR,
        ("OUTP1?", "1"),
        ("TRIG1", None),
        NO_ERROR,
        ("OUTP1 OFF;:ABOR", None),
        NO_ERROR,
        ("OUTP1?", "0"),
    ]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.set_repeats(1, 12)
        driver.set_repeats(1, 12)  # it does that already
        driver.set_output(1, True)
        driver.trigger(1)
        driver.stop(1)


EXTERNAL = [
    ("TRIG1:SLOP POS;:TRIG1:DEL 0.00025;:TRIG1:SOUR EXT", None),
    NO_ERROR,
    ("TRIG1:DEL?", "+2.500000000000000E-04"),
    ("TRIG1:SOUR?", "EXT"),
]


def test_external_trigger_with_delay_and_back_to_the_bus(play: Callable[..., Any]) -> None:
    bus = [
        ("TRIG1:SLOP POS;:TRIG1:DEL 0;:TRIG1:SOUR BUS", None),
        NO_ERROR,
        ("TRIG1:DEL?", "+0.0E+00"),
        ("TRIG1:SOUR?", "BUS"),
    ]
    with play(Keysight33500B, [*LOAD, *EXTERNAL, *bus]) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.set_trigger(1, TriggerSource.EXTERNAL, 250e-6)
        driver.set_trigger(1, TriggerSource.BUS)


def test_load_takes_the_delay_back_once(play: Callable[..., Any]) -> None:
    with_delay = (settings()[0][0].replace(":TRIG1:SOUR BUS", ":TRIG1:DEL 0;:TRIG1:SOUR BUS"), None)
    exchange = [*LOAD, *EXTERNAL, with_delay, NO_ERROR, readback(), *settings(), readback()]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.set_trigger(1, TriggerSource.EXTERNAL, 250e-6)
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.load(1, WAVEFORM, peak_v=2.5)


@pytest.mark.parametrize(
    ("delay", "source", "what"),
    [("+2.6E-04", None, "trigger delay was set to 0.00025"), ("+2.5E-04", "BUS", "source was set to EXT")],
)
def test_a_trigger_that_is_not_as_set_is_a_refusal(
    play: Callable[..., Any], delay: str, source: str | None, what: str
) -> None:
    answers = [(EXTERNAL[2][0], delay), *([(EXTERNAL[3][0], source)] if source else [])]
    with play(Keysight33500B, [*LOAD, *EXTERNAL[:2], *answers]) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentRefusal, match=what):
            driver.set_trigger(1, TriggerSource.EXTERNAL, 250e-6)


@pytest.mark.parametrize("delay_s", [-1e-9, 1000.1, float("nan")])
def test_a_delay_beyond_the_limits_sends_nothing(play: Callable[..., Any], delay_s: float) -> None:
    with play(Keysight33500B, LOAD) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentError, match="delay can be 0 s to 1000 s"):
            driver.set_trigger(1, TriggerSource.EXTERNAL, delay_s)


def test_output_that_does_not_switch(play: Callable[..., Any]) -> None:
    exchange = [*LOAD, ("OUTP1 ON", None), NO_ERROR, ("OUTP1?", "0")]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentRefusal, match="output was set to 1, but it says 0"):
            driver.set_output(1, True)


def test_trigger_that_is_ignored_is_a_refusal(play: Callable[..., Any]) -> None:
    exchange = [*LOAD, ("TRIG1", None), ("SYST:ERR?", '-211,"Trigger ignored"'), NO_ERROR]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentRefusal, match="Trigger ignored"):
            driver.trigger(1)


MAKE_SAFE = [("OUTP1 OFF;:OUTP2 OFF", None), ("ABOR", None)]
CLEARED = [("*ESR?", "+0"), ("*CLS", None)]


def test_make_safe_proves_that_outputs_are_off(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, [IDENTITY, *MAKE_SAFE, ("OUTP1?;:OUTP2?", "0;0"), *CLEARED]) as driver:
        driver.identify()
        driver.make_safe()


def test_make_safe_does_not_wipe_out_that_it_was_switched_off_and_on(play: Callable[..., Any]) -> None:
    safe = [*MAKE_SAFE, ("OUTP1?;:OUTP2?", "0;0"), ("*ESR?", "+160"), ("*CLS", None)]
    with play(Keysight33500B, [IDENTITY, *safe, ("*ESR?", "+0"), ("*ESR?", "+0")]) as driver:
        driver.identify()
        driver.make_safe()
        assert driver.was_restarted()
        assert not driver.was_restarted(), "told once"


def test_make_safe_of_an_unknown_model_switches_off_before_it_asks(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, [*MAKE_SAFE, ONE_CHANNEL, ("OUTP1?", "0"), *CLEARED]) as driver:
        driver.make_safe()


def test_make_safe_that_fails_is_an_error(play: Callable[..., Any]) -> None:
    exchange = [*MAKE_SAFE, IDENTITY, ("OUTP1?;:OUTP2?", "0;1")]
    with play(Keysight33500B, exchange) as driver, pytest.raises(InstrumentRefusal, match="output"):
        driver.make_safe()


def test_instrument_that_vanishes_in_an_upload(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, [*CLEAR, (UPLOAD[0][0], None), ("SYST:ERR?", None)]) as driver:
        with pytest.raises(LinkError, match="no reply within"):
            driver.load(1, WAVEFORM, peak_v=2.5)
        with pytest.raises(InstrumentError, match="no waveform"):
            driver.trigger(1)


ZEROS = np.zeros(10)


@pytest.mark.parametrize(
    ("channel", "waveform", "peak_v", "message"),
    [
        (3, WAVEFORM, 1.0, "no channel 3"),
        (0, WAVEFORM, 1.0, "no channel 0"),
        (1, SampledWaveform(np.zeros(7), 1e6), 1.0, "8 to 1000000 samples, not 7"),
        (1, SampledWaveform(np.zeros(1_000_001), 1e6), 1.0, "not 1000001"),
        (1, SampledWaveform(ZEROS, 63e6), 1.0, "samples per second"),
        (1, SampledWaveform(ZEROS, 1e6, repeats=100_000_001), 1.0, "times per trigger"),
        (1, WAVEFORM, 10.01, "not 10.01 V"),
        (1, WAVEFORM, 0.0009, "not 0.0009 V"),
        (1, WAVEFORM, float("nan"), "not nan V"),
        (1, SampledWaveform(SAMPLES[1:], 1e6), 1.0, "does not begin with zero"),
    ],
)
def test_what_it_cannot_play_is_refused_before_anything_is_sent(
    play: Callable[..., Any], channel: int, waveform: SampledWaveform, peak_v: float, message: str
) -> None:
    with play(Keysight33500B, []) as driver, pytest.raises(InstrumentError, match=message):
        driver.load(channel, waveform, peak_v)


@given(st.lists(st.floats(min_value=-1, max_value=1), min_size=8, max_size=50))
def test_codes_are_within_half_a_step_and_never_overflow(values: list[float]) -> None:
    sent: list[bytes] = []

    class Recorder:
        def run(self, work: Callable[[], None]) -> None:
            work()

        def write(self, command: str) -> None: ...

        def write_block(self, command: str, payload: bytes) -> None:
            sent.append(payload)

        def query(self, command: str) -> str:
            return '+0,"No error"' if command == "SYST:ERR?" else readback(vpp=2.0, repeats=1)[1]

    driver = Keysight33500B("generator", Recorder(), Keysight33500B.Options())  # type: ignore[arg-type]
    driver.load(1, SampledWaveform(np.array([0.0, *values]), 1e6), peak_v=1.0)
    codes = np.frombuffer(sent[0], dtype="<i2")
    assert np.all(np.abs(codes / 32767 - np.array([0.0, *values])) <= 0.5 / 32767 + 1e-12)
