"""The assumed Fig. D.1: its ratios by hand, its ratings, and the selection of Cx."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.signals.cx_selection import CxSelection, SpuriousSignal, e12, filter_scale, select_cx
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.tissue_interface import (
    Interface,
    lags_from_text,
    lags_text,
    monitor_coupling,
    resistor_loads,
)
from aimdlab.standard import annex_d

D1 = annex_d.values(annex_d.TABLE_D_1)
D2 = annex_d.values(annex_d.TABLE_D_2)
RATINGS_W = annex_d.resistor_ratings_w()


def parallel(*impedances: complex) -> complex:
    return 1 / sum(1 / z for z in impedances)


def by_hand(hz: float, *, cx_f: float | None, load_ohm: float | None, load_f: float) -> dict[str, complex]:
    """Voltages for 1 V at C, one terminal, impedance by impedance from the far end back."""
    jw = 2j * math.pi * hz
    k = parallel(1e6, 1 / (jw * (180e-12 + 30e-12)))
    port = 1 / (1 / (1e6 + k) + (1 / load_ohm if load_ohm else 0) + jw * load_f)
    branch = parallel(560, 1 / (jw * 15e-9)) + (1 / (jw * cx_f) if cx_f else 0)
    d = parallel(120, branch + port)
    at_d = d / (82 + d)
    at_port = at_d * port / (branch + port)
    return {"D": at_d, "F": at_port, "K": at_port * k / (1e6 + k), "in": parallel(68, 82 + d)}


@given(
    st.floats(0.1, 1e7),
    st.none() | st.floats(1e-10, 1e-5),
    st.none() | st.floats(100, 1e6),
    st.just(0.0) | st.floats(1e-11, 1e-7),
)
def test_the_response_by_hand(hz: float, cx_f: float | None, load_ohm: float | None, load_f: float) -> None:
    load_f = load_f if load_ohm else 0.0
    network = Interface(D1, cx_f=cx_f, load_ohm=load_ohm, load_f=load_f).injected
    expected = by_hand(hz, cx_f=cx_f, load_ohm=load_ohm, load_f=load_f)
    for node in ("D", "F", "K"):
        assert abs(network.response(hz, node, "C") - expected[node]) < 1e-6
    assert abs(network.input_impedance(hz) - expected["in"]) < 1e-6 * abs(expected["in"])


def test_what_the_documentation_says() -> None:
    network = Interface(D1).injected
    assert network.transfer("D").dc == pytest.approx(0.594, abs=5e-4)
    assert network.transfer("F").dc == pytest.approx(0.594, abs=5e-4)
    assert abs(network.input_impedance(100.0)) == pytest.approx(50.9, abs=0.05)
    loaded = Interface(D1, load_ohm=20e3).injected
    assert loaded.transfer("F").dc == pytest.approx(0.576, abs=5e-4)


def test_a_source_resistance_divides_the_level() -> None:
    network = Interface(D1, source_ohm=50.0).injected
    assert network.transfer("C").dc == pytest.approx(50.9 / 100.9, rel=1e-3)
    assert network.response(10.0, "D", "C") == pytest.approx(Interface(D1).injected.response(10.0, "D"), abs=1e-9)


def test_pacing_reaches_the_monitor_and_a_little_of_d() -> None:
    paced = Interface(D1, load_ohm=20e3, load_f=1e-9).paced
    assert paced.transfer("K").dc == pytest.approx(0.5)
    back = 1 / (1 / 82 + 1 / 120)
    assert paced.transfer("D").dc == pytest.approx(back / (back + 560))
    assert paced.transfer("K").step(97e-6 * 210 / 195 * 1.0) == pytest.approx(0.5 * (1 - math.exp(-1)), rel=0.02)


def test_terminals_to_the_case_share_the_network() -> None:
    one = Interface(D1, connection="terminal_to_case", load_ohm=500.0)
    four = replace(one, terminals=4)
    assert one.injected.transfer("F").dc == pytest.approx(
        Interface(D1, load_ohm=500.0).injected.transfer("F").dc, rel=1e-12
    )
    ports = [four.injected.transfer(port).dc for port in "GHI"]
    assert ports == pytest.approx([ports[0]] * 3)
    assert four.injected.transfer("F").dc == pytest.approx(ports[0], rel=1e-3)  # it bears the monitor
    assert four.injected.transfer("D").dc < one.injected.transfer("D").dc
    assert four.paced.transfer("G").dc > 0


@pytest.mark.parametrize("interface", [{"terminals": 2}, {"connection": "terminal_to_case", "terminals": 5}])
def test_too_many_terminals_are_refused(interface: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="terminals at a time"):
        Interface(D1, **interface)  # type: ignore[arg-type]


def test_an_inhibition_generator_is_a_hundredth() -> None:
    """By reciprocity its resistor loads F: what reaches F from E is R4 and the source behind it over R5."""
    without, with_it = Interface(D1), Interface(D1, inhibition_generator=True)
    drop = 1 - with_it.injected.transfer("F").dc / without.injected.transfer("F").dc
    assert drop == pytest.approx(609 / 56e3, rel=0.02)


interfaces = st.builds(
    Interface,
    st.fixed_dictionaries({name: st.floats(0.5 * value, 2.0 * value) for name, value in D1.items()}),
    cx_f=st.none() | st.floats(1e-9, 1e-5),
    connection=st.just("terminal_to_case"),
    terminals=st.integers(1, 4),
    load_ohm=st.floats(300, 1e6),
    load_f=st.just(0.0) | st.floats(1e-11, 1e-7),
    monitor_f=st.floats(5e-12, 1e-10),
)


@given(interfaces, st.floats(0.5, 10), st.floats(1.0, 1e6))
def test_the_monitor_coupling_is_the_ratio_of_the_two_monitors(interface: Interface, factor: float, hz: float) -> None:
    coupling = monitor_coupling(interface, factor)
    lags = lags_from_text(coupling.coupling_lags)
    jw = 2j * math.pi * hz
    direct = coupling.expected_coupling - sum(share for share, _ in lags)
    answer = direct + sum(share / (1 + jw * lag_s) for share, lag_s in lags)
    loop_free = replace(interface, load_f=0.0)
    if interface.load_f == 0.0:
        assert abs(answer - factor * loop_free.injected.response(hz, "K", "D")) < 1e-6 * factor
    assert abs(answer - factor * from_d_by_hand(interface, hz)) < 1e-6 * factor
    assert all(lag_s > 0 for _, lag_s in lags)
    values = interface.values
    monitor = 1e6 * values["R6"] / (1e6 + values["R6"]) * (values["C2"] + interface.monitor_f)
    assert coupling.monitor_lag_s == pytest.approx(monitor, rel=1e-6)


def from_d_by_hand(interface: Interface, hz: float) -> complex:
    """K per volt at D; the branches to other terminals load only D."""
    jw, v = 2j * math.pi * hz, interface.values
    k = parallel(1e6, 1 / (jw * (v["C2"] + interface.monitor_f)))
    port = 1 / (1 / (v["R6"] + k) + 1 / (interface.load_ohm or math.inf) + jw * interface.load_f)
    branch = parallel(v["R4"], 1 / (jw * v["C1"]))
    if interface.cx_f is None:
        return port / (branch + port) * k / (v["R6"] + k)
    other = 1 / (1 / (interface.load_ohm or math.inf) + jw * interface.load_f)
    behind = 1 / (1 / (branch + port) + (interface.terminals - 1) / (branch + other))
    at_t = behind / (behind + 1 / (jw * interface.cx_f))
    return at_t * port / (branch + port) * k / (v["R6"] + k)


def test_the_monitor_coupling_of_the_example() -> None:
    coupling = monitor_coupling(Interface(D1, load_ohm=20e3, load_f=1e-9, monitor_f=15e-12), 2.0)
    share, lag_s = lags_from_text(coupling.coupling_lags)[0]
    assert coupling.expected_coupling == pytest.approx(2 * 1e6 / 2e6 * 1 / (1 + 560 * (1 / 20e3 + 1 / 2e6)))
    assert share == pytest.approx(0.976, abs=1e-3)
    assert lag_s == pytest.approx(97.5e-6, rel=1e-3)
    back = 1 / (1 / 82 + 1 / 120)
    assert coupling.back_coupling == pytest.approx(back / (back + 560), rel=1e-2)
    with_cx = monitor_coupling(Interface(D1, cx_f=1e-6, load_ohm=20e3, load_f=1e-9), 2.0)
    assert abs(with_cx.expected_coupling) < 1e-12
    assert with_cx.back_coupling > 0.07


def test_lags_as_text() -> None:
    lags = ((0.975, 9.75e-5), (-3.4e-3, 8.71e-6))
    assert lags_from_text(lags_text(reversed(lags))) == lags
    assert lags_text([(1.0, 1e-4), (1e-12, 1.0)]) == "1:0.0001"
    assert lags_from_text(lags_text([])) == ()
    for wrong in ("1", "1:", ":1", "1:0", "1:-1e-3", "nan:1", "1:inf", "1:2:3"):
        with pytest.raises(ConfigurationError, match="coupling lags"):
            lags_from_text(wrong)


signals = st.builds(
    InjectedSignal,
    tbpw_s=st.sampled_from([0.2e-3, 0.4e-3, 1e-3, 2e-3]),
    t_dwell_s=st.sampled_from([0.0, 0.5e-3, 5e-3, 20e-3]),
    cycles=st.sampled_from([1, 2, 5, 10, 20]),
    t_off_s=st.sampled_from([0.2e-3, 1e-3, 10e-3, 100e-3, 2.0]),
)


@settings(max_examples=40)
@given(signals, st.floats(0.1, 72.6))
def test_r1_bears_the_pulses_and_nothing_else(signal: InjectedSignal, ivamp_v: float) -> None:
    loads = {load.resistor: load for load in resistor_loads(Interface(D1, load_ohm=20e3), signal, ivamp_v, RATINGS_W)}
    on_s = 2 * signal.tbpw_s * signal.cycles
    assert loads["R1"].mean_w == pytest.approx(ivamp_v**2 / 68 * on_s / signal.period_s, rel=1e-9)
    assert loads["R1"].burst_w == pytest.approx(ivamp_v**2 / 68 * on_s / signal.burst_s, rel=1e-9)
    assert set(loads) == {"R1", "R2", "R3", "R4", "R6"}
    for load in loads.values():
        # Beyond D pulses that follow at once partly cancel; there an off time may raise the mean a little.
        assert load.mean_w <= load.burst_w * (1.001 if load.resistor < "R4" else 1.2)
        assert load.exceeds == (load.mean_w > RATINGS_W[load.resistor])
    quarter = resistor_loads(Interface(D1, load_ohm=20e3), signal, ivamp_v / 2, RATINGS_W)
    assert quarter[0].mean_w == pytest.approx(loads["R1"].mean_w / 4)


def test_thirty_volts_are_too_much_for_the_printed_ratings() -> None:
    """Tier 1, 1 m lead in the implant volume: 30 V, pulses without a pause."""
    signal = InjectedSignal(0.2e-3, 0.0, 20, 0.2e-3)
    exceeding = {load.resistor for load in resistor_loads(Interface(D1), signal, 30.0, RATINGS_W) if load.exceeds}
    assert exceeding == {"R1", "R2", "R3"}
    gentle = InjectedSignal(0.2e-3, 0.0, 1, 2.0)
    assert not any(load.exceeds for load in resistor_loads(Interface(D1), gentle, 30.0, RATINGS_W))
    uprated = dict.fromkeys(RATINGS_W, 20.0)
    assert not any(load.exceeds for load in resistor_loads(Interface(D1), signal, 30.0, uprated))


def test_every_branch_has_its_own_load() -> None:
    interface = Interface(D1, connection="terminal_to_case", terminals=3, load_ohm=500.0)
    loads = {
        load.resistor: load for load in resistor_loads(interface, InjectedSignal(1e-3, 0.0, 1, 1e-3), 10.0, RATINGS_W)
    }
    assert {"R4", "R4.G", "R4.H"} <= set(loads)
    assert loads["R4.G"].rating_w == 0.5


def select(signal: SpuriousSignal, **more: object) -> CxSelection:
    arguments: dict[str, object] = {
        "limit_v": annex_d.READING_LIMIT_V,
        "unscaled_from_hz": annex_d.FILTER_UNSCALED_FROM_HZ,
        "candidates_f": e12(1e-10, 1e-5),
    }
    return select_cx(Interface(D1), D2, signal, **(arguments | more))  # type: ignore[arg-type]


def filter_by_hand(hz: float, cx_f: float | None) -> float:
    """|B per volt at C| with the filter at F, from B back to C."""
    jw = 2j * math.pi * hz
    behind = parallel(1e6, 1 / (jw * (2.2e-9 + 30e-12)))
    ratio = behind / (47e3 + behind)
    before = parallel(47e3 + behind, 1 / (jw * 16.8e-9))
    ratio *= before / (15e3 + before)
    first = parallel(15e3 + before, 1 / (jw * 22e-9))
    ratio *= first / (4.7e3 + first)
    k = parallel(1e6, 1 / (jw * 210e-12))
    port = parallel(4.7e3 + first, 1e6 + k)
    branch = parallel(560, 1 / (jw * 15e-9)) + (1 / (jw * cx_f) if cx_f else 0)
    d = parallel(120, branch + port)
    return abs(ratio * d / (82 + d) * port / (branch + port))


@pytest.mark.parametrize("cx_f", [None, 1e-9, 4.7e-8])
def test_the_reading_by_hand(cx_f: float | None) -> None:
    selection = select(SpuriousSignal(2.0, 20e3, 3e-3, 50.0), candidates_f=[] if cx_f is None else [cx_f])
    row = selection.candidates[-1]
    assert row.cx_f == cx_f
    assert row.test_v == pytest.approx(2.0 * filter_by_hand(20e3, cx_f), rel=1e-6)
    assert row.spurious_v == pytest.approx(3e-3 * filter_by_hand(50.0, cx_f), rel=1e-6)
    assert row.reading_v == pytest.approx(row.test_v + row.spurious_v)


def test_the_largest_value_below_the_limit_is_selected() -> None:
    selection = select(SpuriousSignal(1.0, 500e3, 1e-3, 50.0))
    assert selection.selected is not None
    assert selection.selected.reading_v < 0.05e-3
    larger = [row for row in selection.candidates if row.cx_f is None or row.cx_f > (selection.selected.cx_f or 0)]
    assert larger
    assert all(row.reading_v >= 0.05e-3 for row in larger)
    assert [row.meets_limit for row in selection.candidates] == [
        row.reading_v < 0.05e-3 for row in selection.candidates
    ]


def test_a_clean_generator_needs_no_cx_and_a_low_signal_finds_none() -> None:
    clean = select(SpuriousSignal(1.0, 500e3, 1e-6, 50.0))
    assert clean.selected is not None
    assert clean.selected.cx_f is None
    assert clean.selected.passed == 1.0
    # 30 V at a gradient's own frequency: the reading is the test signal itself.
    assert select(SpuriousSignal(30.0, 2.5e3, 0.0, 50.0)).selected is None


@given(st.floats(1.0, 1e6))
def test_a_scaled_filter_keeps_its_attenuation(hz: float) -> None:
    assert filter_scale(hz, 9e3) == pytest.approx(max(1.0, 9e3 / hz))
    if hz < 9e3:
        scaled = {name: value * (9e3 / hz if name[0] == "C" else 1) for name, value in D2.items()}
        row = select(SpuriousSignal(1.0, hz, 0.0, 1.0), candidates_f=[]).candidates[0]
        direct = abs(Interface(D1).with_filter(scaled).response(hz, "B", "C"))
        assert row.test_v == pytest.approx(direct, rel=1e-9)
        assert row.test_v < 2.5e-3


def test_e12_is_the_series() -> None:
    assert e12(1e-9, 1e-8) == pytest.approx(
        np.array([1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2, 10]) * 1e-9
    )
    with pytest.raises(ConfigurationError, match="E12"):
        e12(1e-8, 1e-9)


@pytest.mark.parametrize("signal", [(1, 0, 1, 50), (1, 1e3, 1, math.nan), (-1, 1e3, 1, 50), (1, 1e3, math.inf, 50)])
def test_signals_without_a_meaning_are_refused(signal: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigurationError, match="Cx selection"):
        SpuriousSignal(*signal)
