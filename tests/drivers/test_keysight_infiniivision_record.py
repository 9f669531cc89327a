"""The InfiniiVision driver records once it is armed, and hands over all that was recorded or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision
from exchange_infiniivision import ARM, ASKS, COMPLETE, CONFIGURE, EXPOSURE, IDENTITY, NO_ERROR, POINTS

RANDOM = np.random.default_rng(1).integers(1, 2**16, POINTS, dtype=np.uint16)
RANDOM[:4] = [0x0A0A, 0x0A0A, 0x0A23, 0x0A0A]  # LF, LF, '#'


def preamble(points: int = POINTS, dt_s: float = 15.251 / POINTS, t0_s: float = 7.45 - 15.251 / 2) -> str:
    return f"+1,+0,+{points},+1,{dt_s:+.8E},{t0_s:+.8E},+0,{5.5 / 65536:+.8E},+1.0E-03,+32768"


def block(codes: np.ndarray[Any, Any]) -> bytes:
    payload = codes.astype("<u2").tobytes()
    return f"#8{len(payload):08d}".encode() + payload + b"\n"


def select(points: int = POINTS, answer: str | None = None) -> list[tuple[str, str | None]]:
    return [(f"WAV:SOUR CHAN2;:WAV:POIN {points}", None), ("WAV:PRE?", preamble() if answer is None else answer)]


def ready(play: Callable[..., Any], *exchange: tuple[str | bytes, str | bytes | None], **options: Any) -> Any:
    """A driver that has configured EXPOSURE and recorded it."""
    return play(KeysightInfiniiVision, [IDENTITY, *CONFIGURE, *ARM, *COMPLETE, *exchange], **options)


def record(driver: KeysightInfiniiVision) -> None:
    driver.identify()
    driver.configure(EXPOSURE)
    driver.arm()
    assert driver.is_complete()


def test_arm_and_poll(play: Callable[..., Any]) -> None:
    exchange = [
        IDENTITY,
        *CONFIGURE,
        ("AER?;:TER?", "+1;+1"),  # of an acquisition before: cleared, not counted
        ("SING", None),
        NO_ERROR,
        ("AER?", "+0"),
        (ASKS, "+0;+8;+0"),  # pre-trigger part
        (ASKS, "+0;+0;+0"),  # stopped without ever having been armed is not complete
        ("AER?", "+1"),  # armed: read once, cleared by reading, remembered
        (ASKS, "+0;+4136;+1"),  # running, other bits too; a trigger is cleared by reading and remembered too
        (ASKS, "+0;+4128;+0"),
    ]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.configure(EXPOSURE)
        driver.arm()
        assert not driver.is_armed()
        assert not driver.is_complete()
        assert not driver.is_complete()
        assert driver.is_armed()
        assert driver.is_armed()
        assert not driver.is_complete()
        assert driver.is_complete()
        assert driver.is_complete()  # asks no more


def test_new_arming_forgets_the_acquisition_before(play: Callable[..., Any]) -> None:
    with ready(play, *ARM, ("AER?", "+0"), (ASKS, "+0;+8;+0"), *CONFIGURE) as driver:
        record(driver)
        driver.arm()
        assert not driver.is_armed()
        assert not driver.is_complete()
        driver.configure(EXPOSURE)
        with pytest.raises(InstrumentError, match="not complete"):
            driver.fetch(1)


def test_one_that_stopped_without_a_trigger_holds_no_new_acquisition(play: Callable[..., Any]) -> None:
    exchange = [IDENTITY, *CONFIGURE, *ARM, (ASKS, "+1;+40;+0"), (ASKS, "+0;+0;+0")]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.configure(EXPOSURE)
        driver.arm()
        assert not driver.is_complete()
        with pytest.raises(InstrumentRefusal, match="stopped before a trigger came"):
            driver.is_complete()


def test_stopped_acquisition_cannot_be_fetched(play: Callable[..., Any]) -> None:
    exchange = [IDENTITY, *CONFIGURE, *ARM, ("STOP", None), NO_ERROR]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.identify()
        driver.configure(EXPOSURE)
        driver.arm()
        driver.stop()
        assert not driver.is_complete()
        assert not driver.is_armed()
        with pytest.raises(InstrumentError, match="not complete"):
            driver.fetch(1)


def test_fetch(play: Callable[..., Any]) -> None:
    with ready(play, *select(), ("WAV:DATA?", block(RANDOM)), NO_ERROR) as driver:
        record(driver)
        waveform = driver.fetch(2)
    assert waveform.codes.dtype == np.uint16
    assert np.array_equal(waveform.codes, RANDOM)
    assert not waveform.codes.flags.owndata  # a view of what the link received
    assert not waveform.codes.flags.writeable
    assert waveform.scale_v == pytest.approx(5.5 / 65536)
    assert 32768 * waveform.scale_v + waveform.offset_v == pytest.approx(1e-3, abs=1e-7)
    assert waveform.dt_s == pytest.approx(15.251 / POINTS)
    assert waveform.t0_s == pytest.approx(-0.1755)
    assert waveform.hole_code == 0
    assert (waveform.code_min, waveform.code_max) == (0x0101, 0xFEFF)
    assert waveform.u_gain == pytest.approx(0.04 / math.sqrt(3))
    assert waveform.u_offset_v == pytest.approx((0.1 * 5.5 / 8 + 2e-3) / math.sqrt(3))
    assert waveform.u_time == pytest.approx(75e-6 / math.sqrt(3))


def test_certificate_beats_data_sheet(play: Callable[..., Any]) -> None:
    answers = (*select(), ("WAV:DATA?", block(RANDOM)), NO_ERROR)
    with ready(play, *answers, gain_error="0.5 %", timebase_error="3 ppm") as driver:
        record(driver)
        waveform = driver.fetch(2)
    assert waveform.u_gain == pytest.approx(0.005 / math.sqrt(3))
    assert waveform.u_time == pytest.approx(3e-6 / math.sqrt(3))


def test_more_points_if_the_record_is_coarser_than_planned(play: Callable[..., Any]) -> None:
    # The memory held 3.8 million samples: "at most 500 000" became every twelfth, which is too few.
    coarse = preamble(points=317_000, dt_s=48e-6)
    fine = preamble(points=762_550, dt_s=20e-6)
    codes = np.resize(RANDOM, 762_550)
    exchange = (*select(answer=coarse), *select(1_000_000, fine), ("WAV:DATA?", block(codes)), NO_ERROR)
    with ready(play, *exchange) as driver:
        record(driver)
        assert driver.fetch(2).codes.size == 762_550


def test_record_that_stays_too_coarse_is_a_refusal(play: Callable[..., Any]) -> None:
    coarse = preamble(points=200_000, dt_s=76e-6)
    exchange = [entry for n in (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000) for entry in select(n, coarse)]
    with ready(play, *exchange) as driver:
        record(driver)
        with pytest.raises(InstrumentRefusal, match=r"13157\.9 samples per second instead of 25000"):
            driver.fetch(2)


def test_record_that_ends_too_early_is_a_refusal(play: Callable[..., Any]) -> None:
    with ready(play, *select(answer=preamble(points=400_000))) as driver:
        record(driver)
        with pytest.raises(InstrumentRefusal, match=r"instead of -0\.1 s to 15 s"):
            driver.fetch(2)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "garbage",
        "+1,+0,+500000",
        preamble().replace("+1,", "+0,", 1),  # BYTE format
        preamble().replace("+500000", "+0"),
        preamble().replace("+500000", "nan"),
        preamble() + ",1",
    ],
)
def test_preamble_that_cannot_be_used(play: Callable[..., Any], answer: str) -> None:
    with ready(play, *select(answer=answer)) as driver:
        record(driver)
        with pytest.raises(LinkError, match="the preamble"):
            driver.fetch(2)


def test_data_that_do_not_fit_the_preamble(play: Callable[..., Any]) -> None:
    with ready(play, *select(), ("WAV:DATA?", block(RANDOM[:-1])), NO_ERROR) as driver:
        record(driver)
        with pytest.raises(LinkError, match="announced 500000 words and sent 999998 bytes"):
            driver.fetch(2)


def test_error_after_the_data_is_a_refusal(play: Callable[..., Any]) -> None:
    errors = (("SYST:ERR?", '-230,"Data corrupt or stale"'), NO_ERROR)
    with ready(play, *select(), ("WAV:DATA?", block(RANDOM)), *errors) as driver:
        record(driver)
        with pytest.raises(InstrumentRefusal, match="corrupt or stale"):
            driver.fetch(2)


def test_channel_that_was_not_recorded(play: Callable[..., Any]) -> None:
    with ready(play) as driver:
        record(driver)
        with pytest.raises(InstrumentError, match="channel 3 was not recorded"):
            driver.fetch(3)
