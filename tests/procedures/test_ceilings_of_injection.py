"""The ceilings of an injection bench: what planning refuses, what the guard finds in what is really sent, trimming."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aimdlab.bench.bench import connect
from aimdlab.bench.ceilings import Demand, Shape
from aimdlab.bench.clock import VirtualClock
from aimdlab.bench.operator import ScriptedOperator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.errors import CeilingError, ConfigurationError
from aimdlab.procedures.injection.playing import generator_peak_v, waveform_of
from aimdlab.procedures.protocol import Step
from aimdlab.scoring.parameters import signal_from_flat
from aimdlab.scoring.synchronised import burst_from_flat
from aimdlab.sequencer.plan import Plan
from aimdlab.session.reader import open_session
from campaign_files import Files
from command_line import Lab

GAIN = 4.0
TABLE_D_1 = "configs/benches/annex_d_gradient_injection.yaml"
TEST = "sequences/gradient/injected_tier_1.yaml"
TIER_1 = "configs/campaigns/gradient_injected_tier_1.yaml"
EXTRINSIC = "configs/campaigns/extrinsic_potential_demo.yaml"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def annex_d(files: Files) -> None:
    """The four hardest sequences of Tier 1 through the tissue interface: 30 V at C, next to no pause."""
    files.bench, files.campaign, files.test = (files.folder / name for name in (TABLE_D_1, TIER_1, TEST))
    files.change(
        files.test,
        ("method: injected", "method: injected\ndemonstration: true"),
        ("b_g: all", 'b_g: ["40 mT"]'),
        ("tbpw: all", 'tbpw: ["0.2 ms"]'),
        ("cycles: all", "cycles: [1, 20]"),
        ("t_off: all", 't_off: ["0.2 ms", "20 ms"]'),
        ("t_dwell: all", 't_dwell: ["0 ms"]'),
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("device", 'max_voltage: "50 V"', 'max_voltage: "17 V"',
         "device, between terminal and return: 17.18 V are demanded, it is rated for 17 V "
         "(pacemaker.yaml: input.max_voltage)"),
        ("device", '# max_current: "100 mA"', 'max_current: "28 mA"',
         "device, into its terminal: 0.02884 A are demanded, it is rated for 0.028 A "
         "(pacemaker.yaml: input.max_current)"),
        ("bench", 'rated_port: "30 V"', 'rated_port: "17 V"',
         "injection network, device port: 17.18 V are demanded, it is rated for 17 V (injection_network.rated_port)"),
        ("bench", 'R1: "20 W", R2: "5 W", R3: "5 W", R4: "0.5 W", R5: "0.5 W", R6: "0.5 W"}  # T',
         'R1: "13 W", R2: "1.8 W", R3: "2.5 W", R4: "0.5 W", R5: "0.5 W", R6: "0.5 W"}  # T',
         "injection network, R3 (mean power): 2.56 W are demanded, it is rated for 2.5 W (injection_network.ratings.R3)"),
        ("bench", 'ratings: {R1: "20 W", R2: "5 W", R3: "5 W", R4: "0.5 W", R5: "0.5 W", R6: "0.5 W"}  # Table D.1: 2 W, 1 W, 0.5 W\n  peak_ratings: {R1: "100 W"',
         'ratings: {R1: "13 W", R2: "5 W", R3: "5 W", R4: "0.5 W", R5: "0.5 W", R6: "0.5 W"}\n  peak_ratings: {R1: "13 W"',
         "injection network, R1 (peak power): 13.24 W are demanded, it is rated for 13 W "
         "(injection_network.peak_ratings.R1)"),
        ("bench", 'level: "1 V"', 'level: "1 V"\n  sync_voltage: "5 V"\n  rated_input: "3.3 V"',
         "oscilloscope, external trigger input: 5 V are demanded, it is rated for 3.3 V "
         "(exposure_trigger.rated_input)"),
        ("bench", 'level: "1 V"', 'level: "1 V"\n  rated_input: "3.3 V"',
         "rated_input is held against sync_voltage: what does the generator's Sync output give?"),
        ("bench", 'R2: "25 W", R3: "25 W"', 'R2: "25 W", R3: "2 W"',
         "peak rating of R3 is 2 W, less than the 5 W that it bears continuously"),
        ("device", "max_rationale: Data sheet of the maker, absolute maximum ratings (example).", "",
         "max_rationale is missing: which document of the maker says max_voltage or max_current?"),
        ("device", 'max_voltage: "50 V"  ', "#", "max_rationale without max_voltage or max_current"),
    ],
)  # fmt: skip
def test_what_planning_refuses_of_the_tissue_interface(files: Files, file: str, old: str, new: str, said: str) -> None:
    annex_d(files)
    files.change(files.device if file == "device" else files.bench, (old, new))
    with pytest.raises(ConfigurationError) as refused:
        files.plan()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("bench", 'series: {resistance: "500 ohm", share: 0.5, rating: "1 W", peak_rating: "10 W"}',
         'series: {resistance: "500 ohm", share: 0.5, rating: "1 mW", peak_rating: "10 W"}',
         "W are demanded, it is rated for 0.001 W (injection_network.resistors.series.rating)"),
        ("bench", 'shunt: {resistance: "500 ohm", share: 0.5, rating: "1 W", peak_rating: "10 W"}',
         'shunt: {resistance: "500 ohm", share: 0.5, rating: "1 W", peak_rating: "0.1 W"}',
         "injection network, shunt (peak power): 0.1125 W are demanded, it is rated for 0.1 W "
         "(injection_network.resistors.shunt.peak_rating)"),
        ("bench", 'rated_port: "20 V"', 'rated_port: "7 V"',
         "injection network, device port: 7.5 V are demanded, it is rated for 7 V (injection_network.rated_port)"),
        ("device", '# max_current: "100 mA"', 'max_current: "28 mA"',
         "injection_network: port_resistance is missing: pacemaker.yaml states input.max_current"),
    ],
)  # fmt: skip
def test_what_planning_refuses_of_a_divider(files: Files, file: str, old: str, new: str, said: str) -> None:
    files.change(files.device if file == "device" else files.bench, (old, new))
    with pytest.raises(ConfigurationError) as refused:
        files.plan()
    assert said in str(refused.value)


def test_what_nobody_stated_is_said_once(files: Files) -> None:
    assert files.plan().notices == ()
    files.campaign = files.folder / EXTRINSIC
    files.change(files.device, ('max_voltage: "50 V"  ', "#"), ("max_rationale: Data sheet", "# Data sheet"))
    (notice,) = files.plan().notices
    assert notice.startswith("pacemaker.yaml states no maximum of the device (input.max_voltage)")


def sent(step: Step) -> tuple[Demand, ...]:
    """What the guard makes of the waveform that is really sent, as the procedures send it."""
    if "offset_s" in step.parameters:
        burst = burst_from_flat(step.parameters)
        waveform = waveform_of(burst, 500e3, burst.period_s)
    else:
        waveform = waveform_of(signal_from_flat(step.parameters), 100e3, step.exposure_s)
    ceilings = step.ceilings
    return ceilings.demands(ceilings.per_volt(Shape.of(waveform)), generator_peak_v(step, GAIN), GAIN)


def sequences(plan: Plan) -> Iterator[Step]:
    return (step for step in plan.steps if step.kind == "sequence")


def test_the_guard_finds_in_what_is_sent_what_was_planned(files: Files) -> None:
    files.campaign = files.folder / EXTRINSIC
    looked_at = 0
    for step in sequences(files.plan()):
        *parts, own = sent(step)
        assert [(demand.part, demand.rating) for demand in parts] == [
            (demand.part, demand.rating) for demand in step.demands
        ]
        assert [demand.value for demand in parts] == pytest.approx([demand.value for demand in step.demands], rel=1e-9)
        assert own.value == pytest.approx(own.rating) == pytest.approx(step.parameters["ivamp_v"])
        assert not own.is_exceeded
        looked_at += 1
    assert looked_at == 32


def test_what_a_step_asks_above_its_plan_is_refused_and_the_source_stays_as_it_was(files: Files) -> None:
    plan = files.plan()
    (test,) = plan.tests
    simulated = SimulatedBench.start(files.folder / "configs/worlds/robust_pacemaker.yaml", hold_time=True)
    clock = VirtualClock(simulated.advance, simulated.claim_time())
    bench = connect(plan.campaign.bench, clock, ScriptedOperator({}), simulated.resources)
    try:
        bench.initialise()
        procedure = test.procedure(bench, test.subject)
        first, second, *_ = sequences(plan)
        bench.begin_step(first.id, first.ceilings)
        procedure.prepare(first)
        assert procedure.verify().proven
        procedure.finish()
        before = simulated.ask("state")["instruments"]["generator"]["channels"]["1"]
        assert (before["output"], before["amplitude_vpp"]) == (False, pytest.approx(2 * generator_peak_v(first, GAIN)))
        level_v = float(second.parameters["ivamp_v"] or 0.0)
        bench.begin_step(second.id, second.ceilings)
        with pytest.raises(CeilingError, match=r"level at input C: .* V are demanded, it is rated for .* \(the plan's"):
            procedure.prepare(replace(second, parameters={**second.parameters, "ivamp_v": 1.01 * level_v}))
        assert simulated.ask("state")["instruments"]["generator"]["channels"]["1"] == before
    finally:
        bench.close()
        simulated.close()


def test_bursts_that_prove_a_level_follow_no_sooner_than_the_mean_power_was_reckoned_with(files: Files) -> None:
    files.campaign = files.folder / EXTRINSIC
    plan = files.plan()
    test = plan.tests[2]
    step = next(step for step in test.steps if "offset_s" in step.parameters)
    simulated = SimulatedBench.start(files.folder / "configs/worlds/robust_pacemaker.yaml", hold_time=True)
    clock = VirtualClock(simulated.advance, simulated.claim_time())
    bench = connect(plan.campaign.bench, clock, ScriptedOperator({}), simulated.resources)
    try:
        bench.initialise()
        procedure = test.procedure(bench, test.subject)
        bench.begin_step(step.id, step.ceilings)
        procedure.prepare(step)
        began_s = clock.now_s()
        verification = procedure.verify()
        bursts = len([capture for capture in verification.captures if capture.channel == "injection_monitor"])
        assert bursts == 2
        assert step.ceilings.every_s > 0.1
        assert clock.now_s() - began_s >= bursts * step.ceilings.every_s
        procedure.finish()
    finally:
        bench.close()
        simulated.close()


@pytest.mark.parametrize(
    ("trim", "rated_input", "verdicts"),
    [
        ("0 %", "30 V", ["INVALID", "INVALID"]),
        # The second level is the very rating: the generator may not be raised, whatever the amplifier has lost.
        ("10 %", "15 V", ["PASS", "INVALID"]),
    ],
)
def test_a_drifted_gain_is_made_up_for_where_the_bench_allows_it(
    lab: Lab, trim: str, rated_input: str, verdicts: list[str]
) -> None:
    lab.fewer_steps()
    lab.change(lab.test, "retries: 2", "retries: 0")
    # 7 % less than the bench file says.
    lab.change(lab.bench, "gain: 4, ", "gain: 4.3, ")
    lab.change(lab.bench, '# level_trim: "10 %"', f'level_trim: "{trim}"')
    lab.change(lab.bench, 'rated_input: "30 V"', f'rated_input: "{rated_input}"')
    status, result = lab.run()
    steps = [step for step in result["steps"] if step["kind"] == "sequence"]
    assert [step["verdict"] for step in steps] == verdicts
    assert status == 1
    assert "pulse A is 14.02 V instead of 15 V" in steps[1]["attempts"][-1]["reason"]
    with open_session(lab.session.with_suffix(".h5")) as session:
        trims = [event.message for event in session.events() if event.kind == "level.trimmed"]
        first = next(attempt for attempt in session.attempts() if attempt.kind == "sequence")
    levels = [feature.value for feature in first.score.features if feature.name == "injected_pulse_a"]
    if verdicts[0] == "PASS":
        assert trims == ["generator set from 0.8721 V to 0.9331 V: level at test point D 3.505 V before, 3.746 V after"]
        assert levels == [pytest.approx(3.75, rel=0.005)]
        assert len([capture for capture in first.captures if capture.kind == "verify"]) == 1
    else:
        assert trims == []
