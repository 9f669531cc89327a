"""The Keysight InfiniiVision driver: what it is, what each model can record, how it begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.bench.driver import DiffersByModel, Driver
from aimdlab.bench.roles import Oscilloscope, Role, ScopeChannel, ScopeSetup, TriggeringOscilloscope
from aimdlab.errors import InstrumentError, InstrumentRefusal
from aimdlab_drivers.keysight.infiniivision import KeysightInfiniiVision
from exchange_infiniivision import EXPOSURE, IDENTITY, NO_ERROR, POINTS


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
