"""Whole runs behind the network of Annex D: what each simulated device does to the verdicts, from outside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aimdlab.session.reader import open_session
from command_line import Lab

BENCH = "configs/benches/annex_d_gradient_injection.yaml"
CAMPAIGN = "configs/campaigns/gradient_injected_tier_1.yaml"
TEST = "sequences/gradient/injected_tier_1.yaml"


@pytest.fixture
def annex_d(lab: Lab) -> Lab:
    """Sixteen sequences that show much: every pulse width, no dwell and a long one, dense and sparse bursts."""
    lab.bench, lab.campaign, lab.test = (lab.folder / name for name in (BENCH, CAMPAIGN, TEST))
    lab.world = lab.folder / "configs/worlds/annex_d_pacemaker.yaml"
    for old, new in (
        ("method: injected", "method: injected\ndemonstration: true"),
        ("b_g: all", 'b_g: ["1 mT", "40 mT"]'),
        ("tbpw: all", 'tbpw: ["0.2 ms", "2 ms"]'),
        ("cycles: all", "cycles: [2]"),
        ("t_off: all", 't_off: ["0.2 ms", "200 ms"]'),
        ("t_dwell: all", 't_dwell: ["0 ms", "20 ms"]'),
    ):
        lab.change(lab.test, old, new)
    return lab


def steps(result: dict[str, Any], kind: str = "sequence") -> list[dict[str, Any]]:
    return [step for step in result["steps"] if step["kind"] == kind]


def verdicts(result: dict[str, Any], kind: str = "sequence") -> list[str]:
    return [step["verdict"] for step in steps(result, kind)]


def use(lab: Lab, world: str) -> None:
    lab.change(lab.bench, "annex_d_pacemaker", world)
    lab.world = lab.folder / f"configs/worlds/{world}.yaml"


def test_a_robust_device_passes_under_levels_ten_times_its_pulses(annex_d: Lab) -> None:
    status, result = annex_d.run()
    assert verdicts(result) == ["PASS"] * 16, [step["attempts"][-1]["reason"] for step in steps(result)]
    assert status == 0
    with open_session(annex_d.session.with_suffix(".h5")) as session:
        (test,) = session.header.tests
        network = dict(test["injection_network"])  # type: ignore[call-overload]
        assert network["d_to_port"] == pytest.approx(0.972, abs=1e-3)
        assert test["justification"]
        shown = [attempt.captures for attempt in session.attempts() if attempt.kind == "sequence"]
    assert all({(c.channel, c.kind) for c in captures} == {
        ("injection_monitor", "verify"), ("injection_monitor", "exposure"), ("device_monitor", "exposure")
    } for captures in shown)  # fmt: skip


def test_a_susceptible_device_fails_exactly_above_its_threshold(annex_d: Lab) -> None:
    use(annex_d, "annex_d_susceptible")
    annex_d.change(annex_d.test, 'b_g: ["1 mT", "40 mT"]', 'b_g: ["10 mT", "20 mT"]')
    status, result = annex_d.run()
    assert status == 1
    # 3 V at the port, which has 0.573 of the level at C.
    expected = ["FAIL" if step["parameters"]["ivamp_v"] * 0.573 > 3 else "PASS" for step in steps(result)]
    assert 0 < expected.count("FAIL") < 16
    assert verdicts(result) == expected
    assert verdicts(result, "check") == ["PASS"], "without the signal it paces"


@pytest.mark.parametrize("world", ["annex_d_clamping", "annex_d_resetting"])
def test_a_device_that_clamps_or_resets_does_not_pass(annex_d: Lab, world: str) -> None:
    use(annex_d, world)
    status, result = annex_d.run()
    assert status == 1
    assert set(verdicts(result)) & {"FAIL", "INVALID", "INCONCLUSIVE"}
    strong = [step for step in steps(result) if step["parameters"]["ivamp_v"] > 20]
    assert all(step["verdict"] != "PASS" for step in strong)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mode: VVI", "silent: true\n    mode: VVI"),
        ("  oscilloscope.2: network.K\n", ""),
        ("  oscilloscope.1: network.D\n", ""),
        ("  oscilloscope.ext: generator.sync            # its external trigger input: a burst triggers, whatever the device does\n", ""),
        ("input: generator.1", "input: generator.2"),
        ("drop_beat_at", "drop_beat_at"),
    ],
    ids=["inhibited", "device monitor off", "level monitor off", "trigger wire off", "generator silent", "dropped beat"],
)  # fmt: skip
def test_nothing_that_is_not_as_it_should_be_passes(annex_d: Lab, old: str, new: str) -> None:
    if old == new:  # the last beat within the first exposure: baseline 17 s, verify, then about 18 s
        old, new = "mode: VVI", "drop_beat_at: [34, 35]\n    mode: VVI"
    annex_d.change(annex_d.test, 'b_g: ["1 mT", "40 mT"]', 'b_g: ["5 mT"]')
    annex_d.change(annex_d.test, 'tbpw: ["0.2 ms", "2 ms"]', 'tbpw: ["0.2 ms"]')
    annex_d.change(annex_d.test, 't_dwell: ["0 ms", "20 ms"]', 't_dwell: ["20 ms"]')
    annex_d.change(annex_d.test, 't_off: ["0.2 ms", "200 ms"]', 't_off: ["20 ms"]')
    annex_d.change(annex_d.world, old, new)
    status, result = annex_d.run()
    assert status == 1
    assert set(verdicts(result)) <= {"FAIL", "INVALID", "NOT_RUN"}, result


def test_a_dummy_load_is_found_at_the_baseline(annex_d: Lab) -> None:
    use(annex_d, "annex_d_dummy_load")
    status, result = annex_d.run()
    assert status == 1
    assert verdicts(result, "baseline") == ["INVALID"]
    assert set(verdicts(result)) == {"NOT_RUN"}


def test_normal_mode_is_checked_before_and_after(annex_d: Lab) -> None:
    use(annex_d, "annex_d_mr_mode")
    annex_d.change(
        annex_d.device,
        "# normal_mode:                  #",
        'normal_mode: {mode: VVI, rate: "70 1/min", amplitude: "2.5 V", pulse_width: "0.4 ms"}\n#',
    )
    annex_d.change(annex_d.device, "  mode: VVI\n  rate", "  mode: VOO\n  rate")
    annex_d.change(annex_d.test, 'tbpw: ["0.2 ms", "2 ms"]', 'tbpw: ["2 ms"]')
    plan = json.loads(annex_d.cli("plan", annex_d.campaign, "--json", "--steps").stdout)
    assert [step["step_id"] for step in plan["step_list"] if step["kind"] != "sequence"] == [
        "1/normal-before", "1/baseline", "1/settings", "1/check", "1/settings-after", "1/normal-check"
    ]  # fmt: skip
    status, result = annex_d.run()
    assert status == 0, [step["attempts"][-1]["reason"] for step in result["steps"] if step["verdict"] != "PASS"]
    with open_session(annex_d.session.with_suffix(".h5")) as session:
        asked = [event.message for event in session.events() if event.kind == "person.asked"]
    assert len(asked) == 3
    assert "normal mode: VVI, 70 1/min, 2.5 V, 0.4 ms" in asked[0]
    assert "MR mode, in which it is tested: VOO, 60 1/min" in asked[1]
