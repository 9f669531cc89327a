"""Networks against impedance algebra, numerical integration and the balance of energy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.errors import ConfigurationError
from aimdlab.signals.network import Element, Network, capacitor_transfer
from aimdlab.signals.transfer import HeldSource, Outputs, Transfer, held

ohms = st.floats(1, 1e6)
farads = st.floats(1e-11, 1e-6)
sections = st.lists(st.tuples(ohms, farads, ohms), min_size=1, max_size=4)


def ladder(parts: list[tuple[float, float, float]]) -> Network:
    """Series resistor, then capacitor and resistor to 0, again and again: in -> n1 -> n2 ..."""
    elements = []
    for k, (series, farad, shunt) in enumerate(parts, start=1):
        before = "in" if k == 1 else f"n{k - 1}"
        elements += [
            Element("R", f"s{k}", before, f"n{k}", series),
            Element("C", f"c{k}", f"n{k}", "0", farad),
            Element("R", f"p{k}", f"n{k}", "0", shunt),
        ]
    return Network(elements, source="in", reference="0")


def ladder_by_algebra(parts: list[tuple[float, float, float]], hz: float) -> tuple[list[complex], complex]:
    """Voltages at n1, n2 ... for 1 V, and the input impedance, from the far end back."""
    jw = 2j * np.pi * hz
    seen: list[complex] = []  # impedance at node k to 0, everything behind it included
    behind = 0j  # admittance
    for series, farad, shunt in reversed(parts):
        node = 1 / (1 / shunt + jw * farad + behind)
        seen.insert(0, node)
        behind = 1 / (series + node)
    voltages, before = [], 1 + 0j
    for (series, _, _), node in zip(parts, seen, strict=True):
        before = before * node / (series + node)
        voltages.append(before)
    return voltages, 1 / behind


@given(sections, st.floats(0, 1e7))
def test_the_frequency_response_is_that_of_the_impedances(parts: list[tuple[float, float, float]], hz: float) -> None:
    network = ladder(parts)
    voltages, impedance = ladder_by_algebra(parts, hz)
    for k, expected in enumerate(voltages, start=1):
        assert abs(network.response(hz, f"n{k}") - expected) < 1e-6
    assert abs(network.input_impedance(hz) - impedance) < 1e-6 * abs(impedance)
    last = f"n{len(parts)}"
    assert network.response(hz, last, per="n1") * voltages[0] == pytest.approx(voltages[-1], abs=1e-6)


@given(sections)
def test_limits_of_the_step(parts: list[tuple[float, float, float]]) -> None:
    network = ladder(parts)
    dc, _ = ladder_by_algebra(parts, 0.0)
    for k, expected in enumerate(dc, start=1):
        transfer = network.transfer(f"n{k}")
        assert transfer.dc == pytest.approx(expected.real, rel=1e-6, abs=1e-12)
        begin, end = transfer.step([0.0, 60 * transfer.slowest_s])
        assert begin == pytest.approx(0.0, abs=1e-9)
        assert end == pytest.approx(expected.real, rel=1e-6, abs=1e-9)
        assert transfer.step(-1.0) == 0.0


def test_the_steady_state_is_exact_however_far_time_constants_are_apart() -> None:
    parts = [(1.0, 1e-11, 1e6), (1e6, 1e-6, 1e6), (1.0, 1e-11, 1.0), (1e6, 1e-6, 1.0)]
    dc, _ = ladder_by_algebra(parts, 0.0)
    for k, expected in enumerate(dc, start=1):
        transfer = ladder(parts).transfer(f"n{k}")
        assert transfer.dc == pytest.approx(expected.real, rel=1e-10)
        assert transfer.step(60 * transfer.slowest_s) == pytest.approx(expected.real, rel=1e-10)


def test_a_loop_of_capacitors_through_the_source_follows_it_at_once() -> None:
    """A compensated divider, 10:1 for every frequency; then one that is not."""
    parts = [Element("R", "r1", "a", "b", 9e6), Element("C", "c1", "a", "b", 1e-11)]
    parts += [Element("R", "r2", "b", "0", 1e6), Element("C", "c2", "b", "0", 9e-11)]
    transfer = capacitor_transfer(parts, "c2", source="a", reference="0")
    assert transfer.response([0.0, 1e3, 1e9]) == pytest.approx(np.full(3, 0.1))
    parts[1] = Element("C", "c1", "a", "b", 3e-11)
    transfer = capacitor_transfer(parts, "c2", source="a", reference="0")
    assert transfer.direct == pytest.approx(0.25)
    assert transfer.dc == pytest.approx(0.1)
    assert transfer.slowest_s == pytest.approx(9e5 * 1.2e-10)


@given(ohms, farads, st.floats(0.01, 10))
def test_one_pole_has_the_textbook_step(ohm: float, farad: float, constants: float) -> None:
    network = Network([Element("R", "r", "a", "b", ohm), Element("C", "c", "b", "0", farad)], source="a", reference="0")
    t_s = constants * ohm * farad
    assert network.transfer("b").step(t_s) == pytest.approx(1 - np.exp(-constants))
    assert network.transfer("a", "b").step(t_s) == pytest.approx(np.exp(-constants))


def by_integration(network: Network, node: str, levels: list[float], durations_s: list[float], n: int) -> float:
    """The last value at ``node`` by the trapezoidal rule on its own nodal equations, n steps for each level."""
    nodes = [name for name in network.nodes if name not in (network.source, network.reference)]
    size = len(nodes)
    g, c, b = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    for element in network.elements:
        target = c if element.kind == "C" else g
        value = element.value if element.kind == "C" else 1 / element.value
        for one, other in ((element.a, element.b), (element.b, element.a)):
            if one in nodes:
                target[nodes.index(one), nodes.index(one)] += value
                if other in nodes:
                    target[nodes.index(one), nodes.index(other)] -= value
                elif other == network.source:
                    assert element.kind == "R"
                    b[nodes.index(one)] += value
    v = np.zeros(size)
    for level, duration_s in zip(levels, durations_s, strict=True):
        h = duration_s / n
        left, right = c / h + g / 2, c / h - g / 2
        for _ in range(n):
            v = np.linalg.solve(left, right @ v + b * level)
    return float(v[nodes.index(node)])


def test_held_levels_against_numerical_integration() -> None:
    parts = [(68.0, 1e-7, 120.0), (560.0, 1.5e-8, 2e4), (1e5, 2e-10, 1e6)]
    network = ladder(parts)
    levels, durations_s = [1.0, -1.0, 0.5], [2e-5, 3e-5, 1e-5]
    expected = by_integration(network, "n3", levels, durations_s, 2000)
    found = network.transfer("n3").respond(held(levels, durations_s), np.array([sum(durations_s)]))
    assert found[0] == pytest.approx(expected, rel=1e-5)


@given(
    sections,
    st.lists(st.tuples(st.floats(-10, 10), st.floats(1e-6, 1e-2)), min_size=1, max_size=20),
    st.lists(st.floats(-0.1, 0.3), min_size=1, max_size=20),
)
def test_held_levels_are_the_sum_of_steps(
    parts: list[tuple[float, float, float]], steps: list[tuple[float, float]], times: list[float]
) -> None:
    transfer = ladder(parts).transfer("n1")
    levels, durations_s = [level for level, _ in steps], [duration_s for _, duration_s in steps]
    starts = np.concatenate([[0.0], np.cumsum(durations_s)[:-1]])
    times_s = np.array(sorted(times))
    expected = sum(
        jump * transfer.step(times_s - start) for jump, start in zip(np.diff(levels, prepend=0.0), starts, strict=True)
    )
    assert transfer.respond(held(levels, durations_s), times_s) == pytest.approx(expected, abs=1e-8)


@given(st.floats(1e2, 1e7), st.floats(1e2, 1e7), st.floats(0, 1e-3))
def test_a_tail_is_the_answer_of_one_pole_more(rate: float, tail_rate: float, t_s: float) -> None:
    """Two poles in a row by the textbook formula, the first given as a tail; equal rates included."""
    transfer = Transfer(np.array([-rate]), np.array([rate]), 0.0)
    source = HeldSource(np.array([-1e-9, 0.0]), np.array([0.0, 1.0]), np.array([0.0, -1.0]), tail_rate)
    if abs(rate - tail_rate) < 1e-3 * rate:
        source = HeldSource(source.starts_s, source.levels, source.tails, rate)
        expected = 1 - (1 + rate * t_s) * np.exp(-rate * t_s)
    else:
        slow, fast = np.exp(-rate * t_s), np.exp(-tail_rate * t_s)
        expected = 1 - (tail_rate * slow - rate * fast) / (tail_rate - rate)
    assert transfer.respond(source, np.array([t_s]))[0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60)
@given(sections, st.lists(st.tuples(st.floats(-75, 75), st.floats(1e-5, 1e-2)), min_size=1, max_size=12))
def test_the_resistors_take_what_the_source_gives(
    parts: list[tuple[float, float, float]], steps: list[tuple[float, float]]
) -> None:
    network = ladder(parts)
    levels, durations_s = [level for level, _ in steps], [duration_s for _, duration_s in steps]
    powers = network.resistor_powers_w(levels, durations_s)
    assert min(powers.values()) >= -1e-12
    source_w = network.source_power_w(levels, durations_s)
    assert sum(powers.values()) == pytest.approx(source_w, rel=1e-6, abs=1e-9 * max(map(abs, levels)) ** 2)


def test_the_mean_power_of_a_square_wave_is_that_of_its_samples() -> None:
    network = ladder([(1e3, 1e-7, 2e3), (5e2, 3e-8, 1e4)])
    levels, durations_s = [5.0, -5.0, 0.0], [1e-4, 2e-4, 3e-4]
    source = held(levels * 40, durations_s * 40)
    last = 39 * sum(durations_s) + (np.arange(60_000) + 0.5) / 1e8
    volts = network.transfer("n1", "n2").respond(source, last)
    expected = (volts**2).mean() / 5e2
    assert network.resistor_powers_w(levels, durations_s)["s2"] == pytest.approx(expected, rel=1e-6)


def test_outputs_of_several_networks_are_not_taken_for_those_of_one() -> None:
    one, other = ladder([(1e3, 1e-7, 2e3)]), ladder([(1e3, 2e-7, 2e3)])
    with pytest.raises(ValueError, match="share their modes"):
        Outputs([one.transfer("n1"), other.transfer("n1")])


R = Element("R", "r", "a", "b", 1e3)
C = Element("C", "c", "b", "0", 1e-9)


@pytest.mark.parametrize(
    ("elements", "what"),
    [
        ([R, C, Element("C", "c2", "b", "0", 1e-9)], "form a loop"),
        ([R, C, Element("C", "c2", "a", "0", 1e-9)], "form a loop"),
        ([R, C, Element("R", "far", "x", "y", 1.0)], "hangs in the air"),
        ([R, C, Element("C", "end", "b", "x", 1e-9)], "could never leave"),
        ([R, R, C], "two elements"),
        ([Element("R", "r", "b", "0", 1e3)], "the source"),
    ],
)
def test_networks_without_a_solution_are_refused(elements: list[Element], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        Network(elements, source="a", reference="0")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_values_must_be_above_0(value: float) -> None:
    with pytest.raises(ConfigurationError, match="r must be above 0"):
        Element("R", "r", "a", "b", value)
    with pytest.raises(ConfigurationError, match="are on node 'a'"):
        Element("R", "r", "a", "a", 1.0)


def test_unknown_nodes_and_broken_sources_are_refused() -> None:
    network = Network([R, C], source="a", reference="0")
    with pytest.raises(ConfigurationError, match="no node 'z'; there are a, b, 0"):
        network.transfer("z")
    for levels, durations_s in (([1.0], [0.0]), ([1.0], [1.0, 1.0]), ([], [])):
        with pytest.raises(ConfigurationError, match="periodic source"):
            network.resistor_powers_w(levels, durations_s)


modes = st.lists(st.tuples(st.floats(1e2, 1e7), st.floats(-1, 1)), min_size=0, max_size=4)


@given(modes, st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.floats(1e-8, 1e-2))
@settings(max_examples=60)
def test_no_source_within_one_causes_more_than_the_peak_gain(
    parts: list[tuple[float, float]], direct: float, levels: list[float], step_s: float
) -> None:
    rates = np.array([-rate for rate, _ in parts])
    transfer = Transfer(rates, np.array([share for _, share in parts]) * -rates, direct)
    times_s = np.linspace(0, (len(levels) + 1) * step_s, 500)
    answer = transfer.respond(held(levels, [step_s] * len(levels)), times_s)
    assert np.abs(answer).max() <= transfer.peak_gain * (1 + 1e-9) + 1e-12
    assert abs(transfer.dc) <= transfer.peak_gain * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize(
    ("rates", "gains", "direct"),
    [
        ([], [], -0.5),
        ([-1e3], [500.0], 0.0),
        ([-1e3, -1e5], [1e3, -2e5], 0.5),
        ([-1e2, -1e4, -1e6], [1e2, -2e4, 3e6], -0.1),
    ],
)
def test_the_peak_gain_is_what_the_worst_source_causes(rates: list[float], gains: list[float], direct: float) -> None:
    transfer = Transfer(np.array(rates), np.array(gains), direct)
    # The worst source has the sign of the impulse's answer, read backwards; its integral is taken bit by bit.
    times_s = np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 200_000)])
    middles_s = (times_s[1:] + times_s[:-1]) / 2
    impulse = sum((g * np.exp(r * middles_s) for g, r in zip(gains, rates, strict=True)), np.zeros_like(middles_s))
    assert transfer.peak_gain == pytest.approx(abs(direct) + float(np.abs(impulse) @ np.diff(times_s)), rel=1e-5)


def test_fast_modes_count_as_settled() -> None:
    transfer = Transfer(np.array([-1e3, -1e7]), np.array([500.0, -2e7]), 1.0)
    held_transfer = transfer.settled_within(1e-6)
    assert held_transfer.dc == pytest.approx(transfer.dc)
    assert held_transfer.direct == pytest.approx(-1.0)
    assert held_transfer.rates_per_s.tolist() == [-1e3]
