"""Nothing above a ceiling reaches an output, whatever is asked: the guarded source on a simulated bench, over TCP."""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aimdlab.procedures
from aimdlab.bench.bench import Bench, connect
from aimdlab.bench.ceilings import NOTHING_SENT, Ceiling, Shape, StepCeilings, exceeded, peak, peak_power
from aimdlab.bench.clock import VirtualClock
from aimdlab.bench.operator import ScriptedOperator
from aimdlab.bench.roles import DriveAmplifier, RfGenerator, Role, SignalGenerator, TriggeredGenerator, TriggerSource
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.campaign import load_bench
from aimdlab.config.shipped import shipped_root
from aimdlab.errors import CeilingError
from aimdlab.signals.injected import InjectedSignal
from aimdlab.signals.waveform import Playable, SampledWaveform, SequencedWaveform, WaveformSegment

BENCH = shipped_root() / "configs/benches/simulated_gradient_injection.yaml"
GAIN = 4.0  # of its amplifier, in the bench file
SIGNAL = InjectedSignal(tbpw_s=2e-4, t_dwell_s=5e-4, cycles=1, t_off_s=0.02)
WAVEFORM = SIGNAL.sequenced(100e3, 0.1)


def rated(volts: float) -> StepCeilings:
    """A network whose input C stands so much."""
    return StepCeilings(
        (Ceiling("injection network, input C", "injection_network.rated_input", volts, "V", peak(1.0)),)
    )


class Simulated:
    """A bench over TCP, and what its generator does, as the simulation itself sees it."""

    def __init__(self) -> None:
        self.process = SimulatedBench.start(shipped_root() / "configs/worlds/robust_pacemaker.yaml", hold_time=True)
        clock = VirtualClock(self.process.advance, self.process.claim_time())
        self.bench: Bench = connect(load_bench(BENCH), clock, ScriptedOperator({}), self.process.resources)
        self.bench.initialise()

    def output(self, channel: int = 1) -> dict[str, object]:
        found: dict[str, object] = self.process.ask("state")["instruments"]["generator"]["channels"][str(channel)]
        return found

    def peak_v(self) -> float:
        """What the output gives at most, zero to peak; 0 while it is off."""
        found = self.output()
        return float(str(found["amplitude_vpp"])) / 2 if found["output"] else 0.0

    def close(self) -> None:
        self.bench.close()
        self.process.close()


@pytest.fixture(scope="module")
def started() -> Iterator[Simulated]:
    simulated = Simulated()
    yield simulated
    simulated.close()


@pytest.fixture
def simulated(started: Simulated) -> Simulated:
    started.bench.initialise()
    return started


def generator_of(simulated: Simulated) -> TriggeredGenerator:
    generator, channel = simulated.bench.play(Role.SIGNAL_GENERATOR, TriggeredGenerator)
    assert channel == 1
    return generator


def test_one_percent_above_is_refused_with_nothing_sent(simulated: Simulated) -> None:
    generator = generator_of(simulated)
    simulated.bench.begin_step("step 1/0001 (a step)", rated(8.0))
    generator.load(1, WAVEFORM, 8.0 / GAIN)
    generator.set_output(1, True)
    generator.set_output(1, False)
    before = simulated.output()
    assert before["amplitude_vpp"] == 4.0
    with pytest.raises(CeilingError) as refused:
        generator.load(1, WAVEFORM, 1.01 * 8.0 / GAIN)
    assert str(refused.value).startswith(
        "generator: refused in step 1/0001 (a step): injection network, input C: 8.08 V are demanded, it is rated for "
        "8 V (injection_network.rated_input). 2.02 V peak were asked for, the amplifier's gain is 4. "
        "Nothing of it was sent."
    )
    assert refused.value.exit_status == 3
    assert simulated.output() == before
    with pytest.raises(CeilingError, match="nothing was loaded and checked in this step"):
        generator.set_output(1, True)
    assert simulated.output() == before


@pytest.mark.parametrize("ask", [
    lambda generator: generator.set_output(1, True),
    lambda generator: generator.trigger(1),
    lambda generator: generator.set_repeats(1, 10),
    lambda generator: generator.set_trigger(1, TriggerSource.EXTERNAL),
], ids=["output", "trigger", "repeats", "external trigger"])  # fmt: skip
def test_what_an_earlier_step_loaded_counts_for_nothing(
    simulated: Simulated, ask: Callable[[TriggeredGenerator], None]
) -> None:
    generator = generator_of(simulated)
    simulated.bench.begin_step("step 1/0001", rated(8.0))
    generator.load(1, WAVEFORM, 1.0)
    simulated.bench.begin_step("step 1/0002", rated(8.0))
    before = simulated.output()
    with pytest.raises(CeilingError, match=r"refused in step 1/0002: .* nothing was loaded and checked in this step"):
        ask(generator)
    assert simulated.output() == before


def test_what_a_step_left_on_is_off_before_the_next_begins(simulated: Simulated) -> None:
    generator = generator_of(simulated)
    simulated.bench.begin_step("step 1/0001", rated(8.0))
    generator.load(1, WAVEFORM, 1.0)
    generator.set_output(1, True)
    assert simulated.peak_v() == 1.0
    simulated.bench.begin_step("step 1/check", NOTHING_SENT)
    assert simulated.peak_v() == 0.0


def test_a_quiet_step_sends_nothing(simulated: Simulated) -> None:
    generator = generator_of(simulated)
    simulated.bench.begin_step("step 1/baseline", NOTHING_SENT)
    with pytest.raises(CeilingError, match=r"0\.001 V are demanded, it is rated for 0 V \(this step sends nothing\)"):
        generator.load(1, WAVEFORM, 0.001)
    generator.set_output(1, False)


@pytest.mark.parametrize("peak_v", [math.nan, math.inf, -1.0])
def test_what_is_no_level_is_refused(simulated: Simulated, peak_v: float) -> None:
    simulated.bench.begin_step("step 1/0001", rated(8.0))
    with pytest.raises(CeilingError, match="was asked for"):
        generator_of(simulated).load(1, WAVEFORM, peak_v)


def test_before_any_step_and_on_another_channel_nothing_is_sent(started: Simulated) -> None:
    fresh = Bench(started.bench.file, started.bench.instruments, started.bench.clock, started.bench.operator)
    generator, _ = fresh.play(Role.SIGNAL_GENERATOR, SignalGenerator)
    with pytest.raises(CeilingError, match="no step is in hand"):
        generator.load(1, WAVEFORM, 0.1)
    fresh.begin_step("step 1/0001", rated(8.0))
    with pytest.raises(CeilingError, match="channel 2 plays no part on this bench"):
        generator.load(2, WAVEFORM, 0.1)


@pytest.mark.parametrize("gain", [4.5, 0.0, math.nan])
def test_the_gain_is_the_one_that_the_amplifier_reports_now(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch, gain: float
) -> None:
    generator = generator_of(simulated)
    amplifier, _ = simulated.bench.play(Role.DRIVE_AMPLIFIER, DriveAmplifier)
    simulated.bench.begin_step("step 1/0001", rated(8.0))
    generator.load(1, WAVEFORM, 8.0 / GAIN)
    generator.set_output(1, True)
    options = amplifier._options.model_copy(update={"gain": gain})  # type: ignore[attr-defined]
    monkeypatch.setattr(amplifier, "_options", options)
    with pytest.raises(CeilingError, match=r"gain is 4\.5|reports a gain of"):
        generator.trigger(1)
    assert not simulated.output()["playing"]
    monkeypatch.undo()
    generator.trigger(1)
    assert simulated.output()["playing"]


def test_only_a_source_with_a_guard_is_handed_out(simulated: Simulated) -> None:
    roles = {**simulated.bench.file.roles, "rf_generator": simulated.bench.file.roles["signal_generator"]}
    file = simulated.bench.file.model_copy(update={"roles": roles})
    bench = Bench(file, simulated.bench.instruments, simulated.bench.clock, simulated.bench.operator)
    with pytest.raises(TypeError, match="rf_generator has no guard yet"):
        bench.play(Role.RF_GENERATOR, RfGenerator)


def test_no_procedure_reaches_past_the_guard() -> None:
    folder = Path(aimdlab.procedures.__file__).parent
    found = [
        f"{path.name}:{node.lineno} .{node.attr}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"instruments", "driver", "link", "_generator", "_guard"}
        and not (node.attr == "_generator" and isinstance(node.value, ast.Name) and node.value.id == "self")
    ]  # fmt: skip
    allowed = {"extrinsic_potential_plan.py"}  # names the driver of the bench file in a refusal
    assert [place for place in found if place.partition(":")[0] not in allowed] == []


RATINGS_V = st.sampled_from([8.0, 2.0, 0.5, 0.0])
PEAKS_V = st.one_of(st.sampled_from([0.1, 0.5, 2.0, 2.0 * (1 + 1e-3), math.nan]), st.floats(0.002, 5.0))
# In this order, each or not: a new step, a load, the output, a burst.
ACTS = st.tuples(*(st.none() | one for one in (RATINGS_V, PEAKS_V, st.just(True), st.sampled_from(TriggerSource))))


@settings(max_examples=120)
@given(st.lists(ACTS, min_size=6, max_size=12))
def test_no_order_of_calls_leads_to_an_output_above_the_ceiling(
    started: Simulated, acts: list[tuple[float | None, float | None, bool | None, TriggerSource | None]]
) -> None:
    started.bench.make_safe()
    generator, ceiling_v = generator_of(started), 0.0
    started.bench.begin_step("step 0", NOTHING_SENT)
    for rating_v, peak_v, on, source in acts:
        if rating_v is not None:
            ceiling_v = rating_v
            started.bench.begin_step(f"step of {rating_v} V", rated(rating_v) if rating_v else NOTHING_SENT)
        if peak_v is not None:
            with contextlib.suppress(CeilingError):
                generator.load(1, WAVEFORM, peak_v)
        if on:
            with contextlib.suppress(CeilingError):
                generator.set_output(1, True)
        if source is not None:
            with contextlib.suppress(CeilingError):
                generator.set_trigger(1, source)
                generator.trigger(1)
        # The instrument rounds amplitudes to four digits.
        assert started.peak_v() * GAIN <= ceiling_v * (1 + 5e-4)


SAMPLES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=8).map(np.array)


@given(st.lists(st.tuples(SAMPLES, st.integers(1, 4)), min_size=1, max_size=4))
def test_a_shape_is_what_is_played(parts: list[tuple[np.ndarray, int]]) -> None:
    sequence = SequencedWaveform(tuple(WaveformSegment(samples, repeats) for samples, repeats in parts), 1e3)
    expanded = sequence.expanded()
    for waveform in (sequence, expanded):
        assert_played(Shape.of(waveform), expanded)


def assert_played(shape: Shape, played: SampledWaveform) -> None:
    counts = np.rint(shape.durations_s * played.sample_rate_hz).astype(int)
    assert np.array_equal(np.repeat(shape.levels, counts), played.samples)
    assert shape.largest == np.abs(played.samples).max()


@pytest.mark.parametrize("waveform", [WAVEFORM, WAVEFORM.expanded()], ids=["sequence", "samples"])
def test_power_goes_with_the_square_and_rest_with_the_time(waveform: Playable) -> None:
    shape = Shape.of(waveform)
    assert shape.durations_s.sum() == pytest.approx(SIGNAL.period_s)
    ceilings = StepCeilings((Ceiling("R", "key", 1.0, "W", peak_power(0.5, 10.0), order=2),))
    (demand,) = ceilings.demands(ceilings.per_volt(shape), 2.0, GAIN)
    assert demand.value == pytest.approx((0.5 * 8.0) ** 2 / 10.0)
    assert ceilings.largest_v(ceilings.per_volt(shape), GAIN) == pytest.approx(math.sqrt(10.0) / 0.5 / GAIN)
    assert shape.rested(0.001) is shape
    assert shape.rested(1.0).durations_s.sum() == pytest.approx(1.0)


def test_not_a_number_is_above_every_rating() -> None:
    ceilings = rated(1e9)
    assert exceeded(ceilings.demands((math.nan,), 1.0, 1.0))
    assert not exceeded(ceilings.demands((1.0,), 1.0, 1.0))
