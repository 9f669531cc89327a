"""The exact exchange of the Keysight InfiniiVision driver."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.bench.driver import DiffersByModel, Driver
from aimdlab.bench.roles import Oscilloscope, Role, ScopeChannel, ScopeSetup, TriggerEdge, TriggeringOscilloscope
from aimdlab.errors import InstrumentError, InstrumentRefusal, LinkError
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision

NO_ERROR = ("SYST:ERR?", '+0,"No error"')
IDENTITY = ("*IDN?", "AGILENT TECHNOLOGIES,DSO-X 3024A,MY54201234,02.50.2019022736")
TWO_CHANNELS = ("*IDN?", "KEYSIGHT TECHNOLOGIES,DSO-X 1102G,CN57000000,01.20")

# 15 s after and 0.1 s before the trigger, two inputs, 25 kSa/s: the exposure capture.
EXPOSURE = ScopeSetup(
    channels=(ScopeChannel(1, 10.0), ScopeChannel(2, 2.5)),
    span_s=15.0,
    pre_trigger_s=0.1,
    sample_rate_hz=25e3,
    trigger_source=1,
    trigger_level_v=2.0,
)
SETTINGS = (
    "STOP;:CHAN3:DISP OFF;:CHAN4:DISP OFF"
    ";:CHAN1:DISP ON;:CHAN1:PROB 1;:CHAN1:COUP DC;:CHAN1:IMP ONEM;:CHAN1:BWL OFF;:CHAN1:INV OFF;:CHAN1:RANG 22;:CHAN1:OFFS 0"
    ";:CHAN2:DISP ON;:CHAN2:PROB 1;:CHAN2:COUP DC;:CHAN2:IMP ONEM;:CHAN2:BWL OFF;:CHAN2:INV OFF;:CHAN2:RANG 5.5;:CHAN2:OFFS 0"
    ";:ACQ:TYPE HRES;:TIM:MODE MAIN;:TIM:REF CENT;:TIM:RANG 15.251;:TIM:POS 7.45"
    ";:TRIG:MODE EDGE;:TRIG:EDGE:SOUR CHAN1;:TRIG:EDGE:SLOP POS;:TRIG:EDGE:LEV 2;:TRIG:SWE NORM"
)
ASKED = "CHAN1:RANG?;:CHAN2:RANG?;:TIM:RANG?;:TIM:POS?;:TRIG:EDGE:LEV?"
CONFIGURE = [(SETTINGS, None), NO_ERROR, (ASKED, "+22.0E+00;+5.50E+00;+15.251E+00;+7.45E+00;+2.0E+00")]
ARM = [("AER?;:TER?", "+0;+0"), ("SING", None), NO_ERROR]
ASKS = "AER?;:OPER:COND?;:TER?"
COMPLETE = [(ASKS, "+1;+0;+1")]
POINTS = 500_000
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


def test_plays_its_role() -> None:
    driver: Driver = KeysightInfiniiVision("scope", None, KeysightInfiniiVision.Options())
    assert isinstance(driver, Oscilloscope)
    assert isinstance(driver, TriggeringOscilloscope)
    assert frozenset({Role.OSCILLOSCOPE}) == driver.ROLES
    assert {"DSO-X 3024A", "DSOX3024A", "DSO-X 1102G", "MSOX4154A"} <= set(driver.MODELS)


def test_initialise(play: Callable[..., Any]) -> None:
    exchange = [
        IDENTITY,
        ("*RST;*CLS", None),
        ("STOP;:WAV:FORM WORD;:WAV:BYT LSBF;:WAV:UNS ON;:WAV:POIN:MODE RAW", None),
        NO_ERROR,
    ]
    with play(KeysightInfiniiVision, exchange) as driver:
        driver.initialise()
        driver.make_safe()


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": ()}, "inputs 1 to 4"),
        ({"channels": (ScopeChannel(5, 1.0),)}, r"inputs 1 to 4.*\(5,\)"),
        ({"channels": (ScopeChannel(1, 1.0), ScopeChannel(1, 1.0))}, "each once"),
        ({"channels": (ScopeChannel(1, 18.5),)}, r"input 1 takes up to 18\.18 V.*not 18\.5 V.*dividing probe"),
        ({"channels": (ScopeChannel(1, math.nan),)}, "not nan V"),
        ({"sample_rate_hz": 100e3}, "holds 1000000 samples.*not 100000"),
        ({"sample_rate_hz": 3e9}, "2e.09 samples per second"),
        ({"sample_rate_hz": 0.0}, "samples per second"),
        ({"span_s": 0.0}, "windows of"),
        ({"span_s": 500.0}, "windows of"),
        ({"pre_trigger_s": -1.0}, "windows of"),
        ({"span_s": math.nan}, "windows of"),
        ({"trigger_source": 3}, "an input that it records, not on 3"),
        ({"trigger_level_v": 16.6}, r"up to 16\.5 V in this range"),
        ({"trigger_source": "external", "trigger_level_v": 8.1}, r"up to 8 V in this range, not 8\.1 V"),
        ({"trigger_level_v": math.nan}, "not nan V"),
    ],
)
def test_what_it_cannot_record_is_said_without_sending(
    play: Callable[..., Any], change: dict[str, Any], message: str
) -> None:
    with play(KeysightInfiniiVision, [IDENTITY]) as driver:
        driver.identify()
        setup = replace(EXPOSURE, **change)
        with pytest.raises(InstrumentError, match=message):
            driver.check_setup(setup)
        with pytest.raises(InstrumentError, match=message):
            driver.configure(setup)


def test_planning_goes_by_the_smallest_model() -> None:
    driver = KeysightInfiniiVision("scope", None, KeysightInfiniiVision.Options())
    assert driver.check_setup(EXPOSURE) == POINTS
    with pytest.raises(InstrumentError, match="holds 500000 samples"):
        driver.check_setup(replace(EXPOSURE, sample_rate_hz=33e3))
    assert driver.check_setup(replace(EXPOSURE, channels=EXPOSURE.channels[:1], sample_rate_hz=33e3)) == 1_000_000


def test_planning_goes_by_the_model_of_the_bench_file_once_it_is_known() -> None:
    driver = KeysightInfiniiVision("scope", None, KeysightInfiniiVision.Options())
    assert isinstance(driver, DiffersByModel)
    driver.plan_for("DSO-X 3024A")
    assert driver.check_setup(replace(EXPOSURE, sample_rate_hz=60e3)) == 1_000_000
    driver.plan_for("another")
    with pytest.raises(InstrumentError, match="holds 1000000 samples"):
        driver.check_setup(replace(EXPOSURE, sample_rate_hz=70e3))


def test_inputs_of_the_deep_memory_do_not_share_it() -> None:
    driver = KeysightInfiniiVision("scope", None, KeysightInfiniiVision.Options())
    driver.plan_for("HD304MSO")
    inputs = tuple(ScopeChannel(channel, 1.0) for channel in (1, 2, 3, 4))
    deep = replace(EXPOSURE, channels=inputs, sample_rate_hz=1e6, trigger_level_v=0.5)
    assert driver.check_setup(deep) == 20_000_000
    with pytest.raises(InstrumentError, match="holds 20000000 samples"):
        driver.check_setup(replace(deep, sample_rate_hz=1.4e6))
    driver.plan_for("HD302MSO")
    with pytest.raises(InstrumentError, match="inputs 1 to 2"):
        driver.check_setup(deep)


@given(
    span_s=st.floats(1e-6, 400),
    pre_s=st.floats(0, 20),
    rate=st.floats(1.0, 1e6),
    full_scale_v=st.floats(1e-3, 18),
)
def test_every_accepted_plan_covers_what_was_asked(
    span_s: float, pre_s: float, rate: float, full_scale_v: float
) -> None:
    setup = ScopeSetup((ScopeChannel(1, full_scale_v),), span_s, pre_s, rate, None)
    driver = KeysightInfiniiVision("scope", None, KeysightInfiniiVision.Options())
    try:
        points = driver.check_setup(setup)
    except InstrumentError:
        assert rate * (span_s + pre_s) * 1.01 > 500_000  # half the memory: allowed numbers are up to twice as many
        return
    plan = driver._planned(setup)
    assert plan.position_s - plan.window_s / 2 <= -pre_s
    assert plan.position_s + plan.window_s / 2 >= span_s
    before_s, after_s = driver.window_s(setup)
    assert pre_s <= before_s <= pre_s + 0.01 * (pre_s + span_s)
    assert span_s <= after_s <= span_s + 0.01 * (pre_s + span_s)
    assert points / plan.window_s >= rate
    assert plan.ranges_v[0] / 2 > full_scale_v


def test_trig_out_gives_every_trigger(play: Callable[..., Any]) -> None:
    with play(KeysightInfiniiVision, [("CAL:OUTP TRIG", None), NO_ERROR, ("CAL:OUTP?", "TRIG")]) as driver:
        driver.send_triggers()


def test_trig_out_that_gives_something_else_is_a_refusal(play: Callable[..., Any]) -> None:
    exchange = [("CAL:OUTP TRIG", None), NO_ERROR, ("CAL:OUTP?", "MASK")]
    with play(KeysightInfiniiVision, exchange) as driver, pytest.raises(InstrumentRefusal, match="it says MASK"):
        driver.send_triggers()
