"""Clause 16 from outside: both connections, and bursts on the device's own pulses, on good benches and on bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimdlab.capture import Capture
from aimdlab.config.campaign import load_campaign
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.extrinsic_potential_synchronised import SynchronisedPotential
from aimdlab.sequencer.plan import make_plan
from aimdlab.session.reader import open_session
from command_line import Lab

SYNCHRONISED = "extrinsic_synchronised_twelve_steps.yaml"
BIPOLAR, UNIPOLAR = "extrinsic_bipolar_ten_steps.yaml", "extrinsic_unipolar_ten_steps.yaml"
OFFSET_S = 2e-4


def only(lab: Lab, *tests: str) -> Path:
    """A campaign of these tests; of the synchronised one the highest level at one offset."""
    campaign = lab.folder / "configs/campaigns/extrinsic_potential_demo.yaml"
    lines = campaign.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("  - test:") or any(test in line for test in tests)]
    campaign.write_text("".join(kept), encoding="utf-8")
    lab.campaign = campaign
    lab.test = lab.folder / "sequences/gradient" / tests[0]
    if SYNCHRONISED in tests:
        lab.change(lab.test, '["5 mT", "10 mT"]', '["20 mT"]')
        lab.change(lab.test, 't_dwell: ["0 ms", "0.5 ms"]', 't_dwell: ["0 ms"]')
        lab.change(lab.test, 'offsets: ["0 ms", "0.2 ms", "0.5 ms"]', 'offsets: ["0.2 ms"]')
        lab.change(lab.test, "retries: 2", "retries: 0")
    return campaign


def sequences(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in result["steps"] if step["step_id"].rpartition("/")[2].isdigit()]


def volts(capture: Capture) -> tuple[np.ndarray, np.ndarray]:
    t = capture.t0_s + np.arange(capture.n) * capture.dt_s
    return t, capture.codes.astype(float) * capture.scale + capture.offset


def test_every_burst_falls_on_a_pulse_and_the_pulse_is_measured_through_it(lab: Lab) -> None:
    only(lab, SYNCHRONISED)
    status, result = lab.run()
    (step,) = sequences(result)
    assert (status, step["verdict"]) == (0, "PASS"), step
    with open_session(Path(result["session"])) as session:
        session.verify()
        (attempt,) = [attempt for attempt in session.attempts() if attempt.kind == "sequence"]
        criteria = [limit.criterion() for limit in load_campaign(lab.campaign).device.file.criteria]
        again = SynchronisedPotential.features(attempt.captures, attempt.parameters, attempt.scoring, criteria)
        assert [(f.name, f.value.hex()) for f in again.features] == [
            (f.name, f.value.hex()) for f in attempt.score.features
        ]
        exposed = [capture for capture in attempt.captures if capture.kind == "exposure"]
    assert len(exposed) == 2 * 15
    for injection, device in zip(exposed[::2], exposed[1::2], strict=True):
        # With nothing but numpy: one burst, 0.2 ms after the leading edge that the device shows before it.
        t, x = volts(injection)
        _, y = volts(device)
        rise_s = t[np.flatnonzero(y > 1.75)[0]]
        burst = np.flatnonzero(np.abs(x) > 7.5)
        assert t[burst[0]] - rise_s == pytest.approx(OFFSET_S, abs=2.1e-5)
        assert t[burst[-1]] - t[burst[0]] == pytest.approx(4e-4, abs=2.1e-5)
        later = t[(y - 0.5 * x > 1.75) & (t > 0.5)]
        assert later[0] - rise_s == pytest.approx(1.0, abs=5e-3)
    assert again.feature("superposed_max").value == pytest.approx(3.4 + 7.5, abs=0.3)


@pytest.mark.parametrize(
    ("world", "change", "long", "allowed", "reason"),
    [
        ("robust", ("  generator.ext_trig: oscilloscope.trig_out", "# "), False, "INVALID", "no injected signal"),
        ("clamping", ('level: "5 V"', 'level: "4.5 V"'), False, "FAIL", "pulse_amplitude_min"),
        ("susceptible", None, True, "FAIL", "pulse_interval_max"),
    ],
    ids=["unplugged", "altered by superposition", "inhibited by the burst"],
)
def test_what_must_not_pass(
    lab: Lab, world: str, change: tuple[str, str] | None, long: bool, allowed: str, reason: str
) -> None:
    only(lab, SYNCHRONISED)
    lab.change(lab.bench, "robust_pacemaker", f"{world}_pacemaker")
    if change is not None:
        lab.change(lab.folder / f"configs/worlds/{world}_pacemaker.yaml", *change)
    if world == "clamping":  # beyond the diodes' level at the port with the pulse, not alone
        lab.change(lab.test, 'b_g: ["20 mT"]', 'b_g: ["10 mT"]')
    if long:  # beyond the refractory period, to the next beat
        lab.change(lab.test, "cycles: [1]", "cycles: [20]")
        lab.change(lab.test, 't_dwell: ["0 ms"]', 't_dwell: ["20 ms"]')
    status, result = lab.run()
    (step,) = sequences(result)
    assert (status, step["verdict"]) == (1, allowed), step
    assert reason in step["attempts"][-1]["reason"]


def test_what_beats_proved_before_a_fault_stays_a_fail(lab: Lab) -> None:
    only(lab, SYNCHRONISED)
    lab.change(lab.bench, "robust_pacemaker", "clamping_pacemaker")
    lab.change(lab.folder / "configs/worlds/clamping_pacemaker.yaml", 'level: "5 V"', 'level: "4.5 V"')
    lab.change(lab.test, 'b_g: ["20 mT"]', 'b_g: ["10 mT"]')
    # Verify, share of both monitors, three beats of both, then half of the fourth.
    scenario = lab.scenario('fault: drop, instrument: oscilloscope, step: "1/0001", command: "WAV:DATA?", message: 10')
    status, result = lab.run("--scenario", str(scenario))
    (step,) = sequences(result)
    assert (status, step["verdict"], len(step["attempts"])) == (1, "FAIL", 1), step
    assert "pulse_amplitude_min" in step["attempts"][0]["reason"]
    with open_session(Path(result["session"])) as session:
        session.verify()
        (attempt,) = [attempt for attempt in session.attempts() if attempt.kind == "sequence"]
    assert attempt.fault
    assert len([capture for capture in attempt.captures if capture.kind == "exposure"]) == 2 * 3


def on_annex_d(lab: Lab) -> None:
    """On the network of Annex D, wired terminal to terminal."""
    lab.change(lab.campaign, "simulated_gradient_injection", "annex_d_gradient_injection")
    lab.bench = lab.folder / "configs/benches/annex_d_gradient_injection.yaml"


def test_behind_annex_d_the_pulse_is_measured_through_the_burst_as_well(lab: Lab) -> None:
    only(lab, SYNCHRONISED)
    on_annex_d(lab)
    lab.change(lab.test, 'b_g: ["20 mT"]', 'b_g: ["5 mT"]')
    lab.change(lab.test, 'offsets: ["0.2 ms"]', 'offsets: ["0 ms"]')
    status, result = lab.run()
    (step,) = sequences(result)
    assert (status, step["verdict"]) == (0, "PASS"), step
    features = {name: shown["value"] for name, shown in step["attempts"][-1]["features"].items()}
    # The monitor shows the edge late: it triggers at a quarter of the height, 28 us after it.
    assert features["burst_offset_min"] == pytest.approx(28e-6, abs=15e-6)
    assert features["pulse_width_max"] == pytest.approx(5e-4, abs=1e-5)
    assert 3.2 < features["pulse_amplitude_min"] < features["pulse_amplitude_max"] < 3.6


@pytest.mark.parametrize("test", [UNIPOLAR, SYNCHRONISED])
def test_the_wrong_connection_is_refused(lab: Lab, test: str) -> None:
    only(lab, test)
    on_annex_d(lab)
    if test == SYNCHRONISED:
        lab.change(lab.bench, "connection: terminal_to_terminal", "connection: terminal_to_case")
    with pytest.raises(ConfigurationError, match=r"signal\.connection: this test needs connection"):
        planned(lab)


def test_both_connections_are_asked_for_and_the_rectified_offset_is_judged(lab: Lab) -> None:
    only(lab, BIPOLAR, UNIPOLAR)
    for name in (BIPOLAR, UNIPOLAR):
        test = lab.folder / "sequences/gradient" / name
        lab.change(test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["5 mT", "20 mT"]')
        lab.change(test, 't_dwell: ["0.5 ms", "5 ms"]', 't_dwell: ["0.5 ms"]')
    text = lab.device.read_text(encoding="utf-8")
    limit = (
        '  - {feature: rectified_offset, upper: "0.2 V", unit: V, clause: "16", rule: simple, rationale: Corrosion.}\n'
    )
    lab.device.write_text(text + limit, encoding="utf-8")
    status, result = lab.run()
    offsets = [step["attempts"][-1]["features"]["rectified_offset"]["value"] for step in sequences(result)]
    assert offsets == pytest.approx([0.0] * 4, abs=0.05)
    assert status == 0, result
    assert [step["verdict"] for step in sequences(result)] == ["PASS"] * 4
    with open_session(Path(result["session"])) as session:
        asked = [event.message for event in session.events() if event.kind == "person.done"]
    assert [message.partition(":")[0] for message in asked] == [
        "Connect the device terminal to terminal",
        "Connect the device terminal to case",
    ]


def planned(lab: Lab) -> Any:
    return make_plan(load_campaign(lab.campaign))


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("bench", "  from: trig_out", "  from: sync", "therapy_trigger.from: expected 'trig_out'"),
        (
            "test",
            'offsets: ["0.2 ms"]',
            'offsets: ["0.6 ms"]',
            r"signal.offsets\[0\]: the burst must begin within the pulse",
        ),
        ("test", 'offsets: ["0.2 ms"]', 'offsets: ["0 ms", "0 ms"]', "a value stands twice"),
        (
            "test",
            "  cycles: [1]",
            '  cycles: [1]\n  t_off: ["20 ms"]',
            "signal.t_off: a synchronised test has no off time",
        ),
        ("test", 'beat_rate: "100 kHz"', 'beat_rate: "12 kHz"', "captures.beat_rate: pulses of 0.5 ms need 16 kHz"),
        ("test", 'beat_rate: "100 kHz"', 'beat_rate: "10 MHz"', "captures: cannot be recorded on this bench"),
        ("test", 'clause: "16"', 'clause: "20.2"', "clause: this procedure carries out '16'"),
        ("device", "feature: pulse_width_max", "feature: pulse_sound", "this test yields no 'pulse_sound'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_connected(
    lab: Lab, file: str, old: str, new: str, reason: str
) -> None:
    only(lab, SYNCHRONISED)
    lab.change(getattr(lab, file), old, new)
    with pytest.raises(ConfigurationError, match=reason):
        planned(lab)


def test_a_bench_without_the_wire_is_refused(lab: Lab) -> None:
    only(lab, SYNCHRONISED)
    text = lab.bench.read_text(encoding="utf-8")
    lab.bench.write_text(text.partition("therapy_trigger:")[0], encoding="utf-8")
    with pytest.raises(ConfigurationError, match="therapy_trigger is missing"):
        planned(lab)


def test_the_plan_has_every_combination_once_at_every_offset(lab: Lab) -> None:
    only(lab, SYNCHRONISED)
    lab.change(lab.test, 'offsets: ["0.2 ms"]', 'offsets: ["0.5 ms", "0 ms"]')
    lab.change(lab.test, 'b_g: ["20 mT"]', "b_g: all")
    plan = planned(lab)
    steps = [step for step in plan.steps if step.kind == "sequence"]
    offsets = [step.parameters["offset_s"] for step in steps]
    assert offsets == [0.0, 5e-4] * 7
    assert [step.id for step in steps] == [f"1/{number:04d}" for number in range(1, 15)]
    assert all("t_off_s" not in step.parameters for step in steps)
    assert plan.tests[0].coverage.full == 7280 // 13 * 2
    assert plan.steps[0].instruction is not None
    assert plan.steps[0].instruction.kind == "connect"
