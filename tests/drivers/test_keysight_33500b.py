"""The exact exchange of the Keysight 33500B driver."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.bench.driver import Driver
from aimdlab.bench.roles import Role, SignalGenerator, TriggeredGenerator, TriggerSource
from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError
from aimdlab.signals.waveform import SampledWaveform, SequencedWaveform, WaveformSegment
from aimdlab_drivers.keysight.waveform_33500b import Keysight33500B

NO_ERROR = ("SYST:ERR?", '+0,"No error"')
IDENTITY = ("*IDN?", "Keysight Technologies,33522B,MY57801234,4.00-1.19-2.00-52-00")
ONE_CHANNEL = ("*IDN?", "Keysight Technologies,33511B,MY57801234,4.00-1.19-2.00-52-00")

SAMPLES = np.array([0.0, 1.0, 1.0, -1.0, -1.0, 0.5, -0.25, 0.0, 0.0, 10 / 32767])
CODES = np.array([0, 32767, 32767, -32767, -32767, 16384, -8192, 0, 0, 10], dtype="<i2").tobytes()
WAVEFORM = SampledWaveform(SAMPLES, sample_rate_hz=1e6, repeats=300)


def arb_name(codes: bytes) -> str:
    return "A" + hashlib.sha256(codes).hexdigest()[:11].upper()


NAME = arb_name(CODES)
CLEAR = [("OUTP1 OFF;:SOUR1:BURS:STAT OFF;:SOUR1:DATA:VOL:CLE", None), NO_ERROR]
UPLOAD = [(f"SOUR1:DATA:ARB:DAC {NAME},#220".encode() + CODES, None), NO_ERROR]
READBACK = "SOUR1:VOLT?;:SOUR1:VOLT:OFFS?;:SOUR1:FUNC:ARB:SRAT?;:SOUR1:BURS:NCYC?;:SOUR1:BURS:STAT?;:OUTP1:LOAD?"


def settings(peak_vpp: str = "5", repeats: int = 300, plays: str = NAME) -> list[tuple[str, str | None]]:
    message = (
        f"OUTP1 OFF;:SOUR1:FUNC:ARB {plays};:SOUR1:FUNC ARB;:SOUR1:FUNC:ARB:FILT OFF;:SOUR1:FUNC:ARB:SRAT 1000000;"
        f":SOUR1:VOLT:UNIT VPP;:SOUR1:VOLT:OFFS 0;:SOUR1:VOLT {peak_vpp};:SOUR1:BURS:MODE TRIG;"
        f":SOUR1:BURS:NCYC {repeats};:TRIG1:SOUR BUS;:SOUR1:BURS:STAT ON"
    )
    return [(message, None), NO_ERROR]


def readback(
    vpp: float = 5.0, offset: float = 0.0, rate: float = 1e6, repeats: float = 300, burst: int = 1, load: float = 9.9e37
) -> tuple[str, str]:
    return READBACK, f"{vpp:+.14E};{offset:+.14E};{rate:+.14E};{repeats:+.14E};{burst};{load:+.1E}"


LOAD = [*CLEAR, *UPLOAD, *settings(), readback()]


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


MAKE_SAFE = [("OUTP1 OFF;:OUTP2 OFF", None), ("ABOR;*CLS", None)]


def test_make_safe_proves_that_outputs_are_off(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, [IDENTITY, *MAKE_SAFE, ("OUTP1?;:OUTP2?", "0;0")]) as driver:
        driver.identify()
        driver.make_safe()


def test_make_safe_of_an_unknown_model_switches_off_before_it_asks(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, [*MAKE_SAFE, ONE_CHANNEL, ("OUTP1?", "0")]) as driver:
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
        def write(self, command: str) -> None: ...

        def write_block(self, command: str, payload: bytes) -> None:
            sent.append(payload)

        def query(self, command: str) -> str:
            return '+0,"No error"' if command == "SYST:ERR?" else readback(vpp=2.0, repeats=1)[1]

    driver = Keysight33500B("generator", Recorder(), Keysight33500B.Options())  # type: ignore[arg-type]
    driver.load(1, SampledWaveform(np.array([0.0, *values]), 1e6), peak_v=1.0)
    codes = np.frombuffer(sent[0], dtype="<i2")
    assert np.all(np.abs(codes / 32767 - np.array([0.0, *values])) <= 0.5 / 32767 + 1e-12)


BURST = np.concatenate(([0.0], np.ones(20), -np.ones(20), np.zeros(9)))
REST = np.zeros(40)
BURST_CODES, REST_CODES = ((values * 32767).astype("<i2").tobytes() for values in (BURST, REST))
SEND_BURST = [(f"SOUR1:DATA:ARB:DAC {arb_name(BURST_CODES)},#3100".encode() + BURST_CODES, None), NO_ERROR]
SEND_REST = [(f"SOUR1:DATA:ARB:DAC {arb_name(REST_CODES)},#280".encode() + REST_CODES, None), NO_ERROR]
PREPARE = [("OUTP1 OFF;:SOUR1:BURS:STAT OFF", None), NO_ERROR]


def sequence(rests: int = 5, repeats: int = 300) -> SequencedWaveform:
    segments = (WaveformSegment(BURST), WaveformSegment(REST, rests))
    return SequencedWaveform(segments, sample_rate_hz=1e6, repeats=repeats)


def steps(rests: int) -> bytes:
    text = f'"{arb_name(BURST_CODES)}",0,once,maintain,4,"{arb_name(REST_CODES)}",{rests},repeat,maintain,4'
    return text.encode()


def sequence_name(rests: int) -> str:
    return "S" + hashlib.sha256(steps(rests)).hexdigest()[:11].upper()


def send_sequence(rests: int) -> list[tuple[bytes | str, str | None]]:
    content = f'"{sequence_name(rests)}",'.encode() + steps(rests)
    return [(f"SOUR1:DATA:SEQ #2{len(content)}".encode() + content, None), NO_ERROR]


LOAD_SEQUENCE = [
    *(*CLEAR, *SEND_BURST, *SEND_REST, *send_sequence(5)),
    *(*settings(plays=sequence_name(5)), readback()),
]


def test_a_sequence_is_its_segments_and_their_order(play: Callable[..., Any]) -> None:
    assert send_sequence(5)[0][0] == (
        b'SOUR1:DATA:SEQ #282"SC9A99B94325","A4535E22EC07",0,once,maintain,4,"A5B6FB58E61F",5,repeat,maintain,4'
    )
    with play(Keysight33500B, LOAD_SEQUENCE) as driver:
        driver.load(1, sequence(), peak_v=2.5)


def test_a_sequence_is_not_sent_again_and_a_new_one_shares_its_segments(play: Callable[..., Any]) -> None:
    exchange = [
        *LOAD_SEQUENCE,
        *(*settings("12.5", 7, plays=sequence_name(5)), readback(vpp=12.5, repeats=7)),
        *(*PREPARE, *send_sequence(6), *settings(plays=sequence_name(6)), readback()),
        *(*settings(plays=sequence_name(5)), readback()),
        *(*PREPARE, *UPLOAD, *settings(), readback()),
    ]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, sequence(), peak_v=2.5)
        driver.load(1, sequence(repeats=7), peak_v=6.25)
        driver.load(1, sequence(6), peak_v=2.5)
        driver.load(1, sequence(), peak_v=2.5)
        driver.load(1, WAVEFORM, peak_v=2.5)


def test_a_segment_that_is_used_twice_is_sent_once(play: Callable[..., Any]) -> None:
    name = arb_name(BURST_CODES)
    twice = f'"{name}",0,once,maintain,4,"{name}",0,once,maintain,4'.encode()
    plays = "S" + hashlib.sha256(twice).hexdigest()[:11].upper()
    content = f'"{plays}",'.encode() + twice
    send = (f"SOUR1:DATA:SEQ #2{len(content)}".encode() + content, None)
    exchange = [*CLEAR, *SEND_BURST, send, NO_ERROR, *settings(plays=plays), readback()]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, SequencedWaveform((WaveformSegment(BURST),) * 2, 1e6, 300), peak_v=2.5)


def test_one_segment_that_is_played_once_is_no_sequence(play: Callable[..., Any]) -> None:
    with play(Keysight33500B, LOAD) as driver:
        driver.load(1, SequencedWaveform((WaveformSegment(SAMPLES),), 1e6, 300), peak_v=2.5)


def test_a_full_memory_is_emptied(play: Callable[..., Any]) -> None:
    long = np.zeros(999_901)
    codes = bytes(2 * long.size)
    name = arb_name(codes)
    send = (f"SOUR1:DATA:ARB:DAC {name},#71999802".encode() + codes, None)
    # 90 points and 10 of WAVEFORM leave no room for 999 901; these leave room for 90, but then not for 10.
    exchange = [
        *LOAD_SEQUENCE,
        *(*PREPARE, *UPLOAD, *settings(), readback()),
        *(*CLEAR, send, NO_ERROR, *settings(repeats=1, plays=name), readback(repeats=1)),
        *(*PREPARE, *SEND_BURST, *SEND_REST, *send_sequence(5), *settings(plays=sequence_name(5)), readback()),
        *(*CLEAR, *UPLOAD, *settings(), readback()),
    ]
    with play(Keysight33500B, exchange) as driver:
        driver.load(1, sequence(), peak_v=2.5)
        driver.load(1, WAVEFORM, peak_v=2.5)
        driver.load(1, SampledWaveform(long, 1e6), peak_v=2.5)
        driver.load(1, sequence(), peak_v=2.5)
        driver.load(1, SampledWaveform(SAMPLES, 1e6, repeats=300), peak_v=2.5)


def test_the_memory_is_emptied_before_it_holds_too_many_sequences(play: Callable[..., Any]) -> None:
    exchange = list(LOAD_SEQUENCE)
    for rests in range(6, 27):  # two segments and 22 sequences make 24 names
        exchange += [*PREPARE, *send_sequence(rests), *settings(plays=sequence_name(rests)), readback()]
    exchange += [*CLEAR, *SEND_BURST, *SEND_REST, *send_sequence(27), *settings(plays=sequence_name(27)), readback()]
    with play(Keysight33500B, exchange) as driver:
        for rests in range(5, 28):
            driver.load(1, sequence(rests), peak_v=2.5)


def test_a_sequence_that_is_refused_leaves_nothing_loaded(play: Callable[..., Any]) -> None:
    refused = [send_sequence(5)[0], ("SYST:ERR?", '+785,"Specified arb waveform does not exist"'), NO_ERROR]
    with play(Keysight33500B, [*CLEAR, *SEND_BURST, *SEND_REST, *refused, *LOAD_SEQUENCE]) as driver:
        with pytest.raises(InstrumentRefusal, match=r"SOUR1:DATA:SEQ .*\+785|\+785.*SOUR1:DATA:SEQ "):
            driver.load(1, sequence(), peak_v=2.5)
        with pytest.raises(InstrumentError, match="no waveform"):
            driver.trigger(1)
        driver.load(1, sequence(), peak_v=2.5)


def test_an_instrument_that_cannot_burst_a_sequence_is_told_how_to_be_used(play: Callable[..., Any]) -> None:
    said = '-221,"Settings conflict; not able to burst this function"'
    refused = [settings(plays=sequence_name(5))[0], ("SYST:ERR?", said), NO_ERROR]
    with play(Keysight33500B, [*LOAD_SEQUENCE[:-3], *refused]) as driver:
        with pytest.raises(InstrumentRefusal, match="sequences: false"):
            driver.load(1, sequence(), peak_v=2.5)
        with pytest.raises(InstrumentError, match="no waveform"):
            driver.trigger(1)


def test_without_sequences_the_expanded_waveform_is_sent(play: Callable[..., Any]) -> None:
    codes = BURST_CODES + 2 * REST_CODES
    name = arb_name(codes)
    send = (f"SOUR1:DATA:ARB:DAC {name},#3260".encode() + codes, None)
    exchange = [*CLEAR, send, NO_ERROR, *settings(plays=name), readback()]
    with play(Keysight33500B, exchange, sequences=False) as driver:
        assert not driver.limits().sequencing
        driver.load(1, sequence(2), peak_v=2.5)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ((WaveformSegment(BURST),) * 9, "up to 8 segments, not 9"),
        ((WaveformSegment(BURST), WaveformSegment(np.zeros(31), 2)), "at least 32 samples, not 31"),
        ((WaveformSegment(BURST), WaveformSegment(REST, 100_001)), "up to 100000 times, not 100001"),
        ((WaveformSegment(BURST[1:]), WaveformSegment(REST, 2)), "does not begin with zero"),
        ((WaveformSegment(np.zeros(999_990)), WaveformSegment(REST, 2)), "1000000 samples, not 1000030"),
    ],
)
def test_a_sequence_that_it_cannot_play_is_refused_before_anything_is_sent(
    play: Callable[..., Any], segments: tuple[WaveformSegment, ...], message: str
) -> None:
    with play(Keysight33500B, []) as driver, pytest.raises(InstrumentError, match=message):
        driver.load(1, SequencedWaveform(segments, 1e6), 1.0)
