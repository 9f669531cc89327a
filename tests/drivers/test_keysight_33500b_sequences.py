"""The 33500B driver plays a waveform in segments: a sequence of arbitrary waveforms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aimdlab.errors import InstrumentError, InstrumentRefusal
from aimdlab.signals.waveform import SampledWaveform, SequencedWaveform, WaveformSegment
from aimdlab_drivers.keysight.waveform_33500b import Keysight33500B
from exchange_33500b import (
    CLEAR,
    LOAD,
    NO_ERROR,
    SAMPLES,
    UPLOAD,
    WAVEFORM,
    arb_name,
    readback,
    settings,
)

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
