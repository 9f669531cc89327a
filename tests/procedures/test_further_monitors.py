"""Monitors besides the two that are judged: recorded with every exposure, stored, and without a say in the verdict."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.session.reader import open_session
from command_line import Lab
from measured_run import measured_run
from patience import LIMIT_S

FURTHER = "  device_port:                  # through a 10:1 probe\n    instrument: oscilloscope\n    channel: 4\n"

EXTERNAL = 'exposure_trigger: {from: sync, level: "1 V"}\n'


@pytest.fixture
def four(lab: Lab) -> Lab:
    """Two sequences, four monitors."""
    lab.campaign = lab.folder / "configs/campaigns/gradient_injected_long_captures.yaml"
    lab.bench = lab.folder / "configs/benches/four_monitors.yaml"
    lab.world = lab.folder / "configs/worlds/four_monitors.yaml"
    lab.test = lab.folder / "sequences/gradient/injected_long_captures.yaml"
    lab.fewer_steps()
    lab.change(lab.test, '["10 ms", "20 ms", "50 ms", "100 ms", "200 ms"]', '["20 ms"]')
    lab.change(lab.test, "cycles: [2, 10]", "cycles: [2]")
    return lab


def slower(four: Lab) -> Lab:
    four.change(four.test, 'exposure_rate: "1 MHz"', 'exposure_rate: "20 kHz"')
    return four


def plan(four: Lab) -> Plan:
    return make_plan(load_campaign(four.campaign))


def channels(four: Lab) -> dict[str, list[Any]]:
    """The captures of every step but the proofs of level, by step and channel."""
    with open_session(four.session) as session:
        attempts = [session.load(record) for record in session.records()]
        return {
            attempt.step_id: [(one.channel, one.n, float(one.codes.std())) for one in attempt.captures]
            for attempt in attempts
        }


def test_they_are_recorded_with_every_exposure_and_baseline_and_replayed(four: Lab) -> None:
    status, result = slower(four).run()
    assert (status, {step["verdict"] for step in result["steps"]}) == (0, {"PASS"})
    found = channels(four)
    exposed = ["injection_monitor", "device_monitor", "amplifier_output", "device_port"]
    assert [channel for channel, _, _ in found["1/baseline"]] == exposed
    assert [channel for channel, _, _ in found["1/0002"]] == ["injection_monitor", *exposed]
    verify, *exposure = found["1/0002"]
    assert len({n for _, n, _ in exposure}) == 1, "over the same time, at the same rate"
    assert all(spread > 0 for _, _, spread in (verify, *exposure)), "each shows its point"
    assert four.cli("verify", f"{four.session}.h5").returncode == 0
    assert four.cli("replay", f"{four.session}.h5").returncode == 0
    shown = json.loads(four.cli("replay", f"{four.session}.h5", "--step", "1/0002", "--json").stdout)
    judged = {capture["channel"]: capture["judged"] for capture in shown["captures"]}
    assert judged == dict(zip(exposed, (True, True, False, False), strict=True))
    said = four.cli("replay", f"{four.session}.h5", "--step", "1/0002").stdout
    assert said.count("stored, not judged") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the largest memory")
def test_captures_of_millions_of_samples_are_scored_and_stored_in_little_memory(four: Lab) -> None:
    four.change(four.test, 'exposure_rate: "1 MHz"', 'exposure_rate: "200 kHz"')
    done = measured_run(four, timeout_s=3 * LIMIT_S)
    assert (done.status, {step["verdict"] for step in done.result["steps"]}) == (0, {"PASS"})
    (samples,) = {n for _, n, _ in channels(four)["1/0002"][1:]}
    recorded_bytes = 4 * 2 * samples
    assert recorded_bytes > 30_000_000
    # A process that runs without captures has 90 MB. One float64 per sample of the two that are judged would be twice
    # what is recorded; the codes themselves and their packing are in it.
    assert done.own_bytes < 160_000_000 + 3 * recorded_bytes


def test_an_input_that_shows_nothing_changes_no_verdict(four: Lab) -> None:
    four.change(four.world, "  oscilloscope.4: network.port\n", "")
    status, result = slower(four).run()
    assert (status, {step["verdict"] for step in result["steps"]}) == (0, {"PASS"})


def test_the_plan_counts_them_and_says_what_is_held_against_nothing(four: Lab) -> None:
    whole = plan(four)
    step = next(step for step in whole.steps if step.kind == "sequence")
    exposure_bytes = 4 * 2 * 20_000_000
    assert exposure_bytes < step.storage_bytes < exposure_bytes + 2_000_000
    assert any("device_port" in notice and "rating" in notice for notice in whole.notices)
    (test,) = whole.tests
    described = test.subject.bench.file.monitors["device_port"]
    assert described.largest == 20.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (FURTHER, FURTHER.replace("4", "2"), "device_monitor is watched by this input already"),
        (FURTHER, FURTHER.replace("4", "3"), "amplifier_output is watched by this input already"),
        ('    largest: "20 V"\n', "", "what is the largest voltage that this point is to show"),
        ('    largest: "20 V"\n', '    largest: "1600 V"\n', "160 V at the input, more than its rated_input of 150 V"),
        ('    largest: "20 V"\n', '    largest: "190 V"\n', "input 4 takes up to 18.18 V peak"),
        (FURTHER, FURTHER.replace("4", "5"), "inputs 1 to 4"),
    ],
)
def test_one_that_cannot_be_recorded_is_refused_in_the_plan(four: Lab, old: str, new: str, said: str) -> None:
    four.change(four.bench, old, new)
    done = four.cli("plan", four.campaign)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_an_external_trigger_is_no_obstacle_to_a_fast_exposure(four: Lab) -> None:
    four.change(four.bench, "injection_network:", EXTERNAL + "injection_network:")
    assert plan(four).steps


def test_another_oscilloscope_is_refused(four: Lab) -> None:
    other = (
        "  second:\n    driver: keysight_infiniivision\n    identity: {manufacturer: K, model: HD304MSO, serial: X}\n"
    )
    four.change(four.bench, "  amplifier:\n", other + "  amplifier:\n")
    four.change(four.bench, FURTHER, FURTHER.replace("oscilloscope", "second"))
    done = four.cli("plan", four.campaign)
    assert done.returncode == 2
    assert "must be an input of the oscilloscope that watches device_monitor" in " ".join(done.stderr.split())


def test_a_capture_beyond_the_memory_of_the_named_model_is_refused_in_the_plan(four: Lab) -> None:
    four.change(four.bench, "model: HD304MSO", "model: DSO-X 3024A")
    done = four.cli("plan", four.campaign)
    assert done.returncode == 2
    assert "its memory holds 1000000 samples of each of these inputs" in " ".join(done.stderr.split())


def test_a_fault_while_one_is_read_out_erases_nothing_of_what_the_device_did(four: Lab) -> None:
    four.change(four.world, "    mode: VVI\n", '    mode: VVI\n    sensing_threshold: "0.5 V"\n')
    # The proof of the level, both that are judged, then half of the third.
    scenario = four.scenario('fault: drop, instrument: oscilloscope, step: "1/0002", command: "WAV:DATA?", message: 4')
    status, result = slower(four).run("--scenario", str(scenario))
    step = next(step for step in result["steps"] if step["step_id"] == "1/0002")
    assert (status, step["verdict"], len(step["attempts"])) == (1, "FAIL", 1), step
    with open_session(Path(result["session"])) as session:
        session.verify()
        (attempt,) = [attempt for attempt in session.attempts() if attempt.step_id == "1/0002"]
    assert attempt.fault
    assert attempt.exposure_s > 0
    assert [capture.channel for capture in attempt.captures if capture.kind == "exposure"] == [
        "injection_monitor",
        "device_monitor",
    ]
