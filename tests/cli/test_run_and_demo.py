"""The main job from outside: the demo, other worlds, and a session from which every number comes out again."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filters
import numpy as np
import pytest

from aimdlab.config.campaign import load_campaign
from aimdlab.procedures.gradient_injected import GradientInjected
from aimdlab.session.reader import open_session
from command_line import COMMAND, Lab
from patience import LIMIT_S


def steps(result: dict[str, Any], kind: str = "sequence") -> list[dict[str, Any]]:
    return [step for step in result["steps"] if step["kind"] == kind]


def verdicts(result: dict[str, Any], kind: str = "sequence") -> list[str]:
    return [step["verdict"] for step in steps(result, kind)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, dict[str, Any]]:
    """A lab whose run nothing disturbed, made once; what was on standard output."""
    lab = Lab(tmp_path_factory.mktemp("ran"))
    lab.fewer_steps()
    status, result = lab.run("--operator", "A. Technician")
    assert status == result["exit_status"] == 0
    return lab, result


def test_the_demo_ends_with_all_pass_and_a_sealed_session(lab: Lab) -> None:
    done = lab.cli("demo", "--out", "first")
    assert done.returncode == 0, done.stderr
    sealed = lab.folder / "first" / "session.h5"
    assert "verdicts: 30 PASS" in done.stdout
    assert "sealed session: first" in done.stdout
    assert "exposure time / wall time" in done.stdout
    assert [path.name for path in (lab.folder / "first").iterdir()] == [sealed.name]
    again = lab.cli("demo", "--out", "first")
    assert again.returncode == 2
    assert "not empty" in again.stderr


def test_every_number_of_the_table_comes_out_of_the_file_again(ran: tuple[Lab, dict[str, Any]]) -> None:
    lab, result = ran
    with open_session(Path(result["session"])) as session:
        session.verify()
        criteria = [limit.criterion() for limit in load_campaign(lab.campaign).device.file.criteria]
        attempts = list(session.attempts())
        for attempt, step in zip(attempts, result["steps"], strict=True):
            again = GradientInjected.features(
                attempt.captures, attempt.parameters, attempt.scoring, criteria, attempt.readings
            )
            assert again.verdict == attempt.score.verdict == step["verdict"]
            assert [(f.name, f.unit, _bits(f.value), _bits(f.u)) for f in again.features] == [
                (f.name, f.unit, _bits(f.value), _bits(f.u)) for f in attempt.score.features
            ]
            for name, shown in step["attempts"][-1]["features"].items():
                assert shown["value"] == pytest.approx(again.feature(name).value, nan_ok=True) or shown["value"] is None
    _check_by_hand(Path(result["session"]), result)


def _bits(value: float) -> str:
    return value.hex()


def _check_by_hand(path: Path, result: dict[str, Any]) -> None:
    """With nothing but h5py and numpy: pulses of the device, found afresh in the raw codes of each exposure."""
    rows: dict[int, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        groups: list[h5py.Group] = []
        file.visititems(
            lambda _, item: groups.append(item) if isinstance(item, h5py.Group) and "codes" in item else None
        )
        for group in groups:
            name = group.name or ""
            if "device_monitor" in name:
                for row, step in enumerate(group["step"][()]):
                    volts = group["codes"][row] * group["scale"][row] + group["offset"][row]
                    rows[int(step)] = np.stack([group["t0_s"][row] + group["dt_s"][row] * np.arange(volts.size), volts])
    assert sorted(rows) == [1, 2, 3, 4]  # the first and the last step are a person's
    # The baseline has no injected signal: a bare threshold finds its pulses.
    t_s, volts = rows[1]
    high = volts > 1.75
    rises = t_s[1:][high[1:] & ~high[:-1]]
    features = result["steps"][1]["attempts"][-1]["features"]
    assert features["pulse_count"]["value"] == rises[(rises >= 0) & (rises < 15)].size >= 14
    assert features["pulse_interval_max"]["value"] == pytest.approx(np.diff(rises).max(), abs=2e-4)
    assert features["pulse_interval_min"]["value"] == pytest.approx(np.diff(rises).min(), abs=2e-4)
    assert features["pulse_amplitude_max"]["value"] == pytest.approx(volts[high].mean(), abs=0.1)
    # Under injection the pulses are still there, in step with the baseline's rate.
    assert result["steps"][3]["attempts"][-1]["features"]["pulse_count"]["value"] >= 14


def test_the_corners_of_table_2_run(lab: Lab) -> None:
    for old, new in (
        ('b_g: ["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', 'b_g: ["1 mT", "40 mT"]'),
        ('tbpw: ["0.2 ms"]', 'tbpw: ["0.2 ms", "2 ms"]'),
        ("cycles: [2]", "cycles: [1, 20]"),
        ('t_off: ["20 ms"]', 't_off: ["0.2 ms", "2 s"]'),
        ('t_dwell: ["0.5 ms", "5 ms"]', 't_dwell: ["0 ms", "20 ms"]'),
    ):
        lab.change(lab.test, old, new)
    status, result = lab.run()
    assert verdicts(result) == ["PASS"] * 32, [step["attempts"][-1]["reason"] for step in steps(result)]
    assert status == 0
    assert all(len(step["attempts"]) == 1 for step in result["steps"])


def test_a_susceptible_device_fails_exactly_above_its_threshold(lab: Lab) -> None:
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    status, result = lab.run()
    assert status == 1
    # The world file says 3 V at the port; the port sees half of the level (bench file).
    expected = ["PASS" if step["parameters"]["ivamp_v"] / 2 < 3 else "FAIL" for step in steps(result)]
    assert expected.count("FAIL") == 4
    assert verdicts(result) == expected
    assert verdicts(result, "check") == ["PASS"], "it paces again without the signal"
    assert all(len(step["attempts"]) == 1 for step in result["steps"]), "a FAIL stands"


@pytest.mark.parametrize(
    ("old", "new", "allowed", "reason"),
    [
        ("mode: VVI", "silent: true\n    mode: VVI", {"INVALID"}, "no pulse in the baseline"),
        ("mode: VVI", "present: false\n    mode: VVI", {"INVALID"}, "no pulse in the baseline"),
        ('gain_error: "-0.2 %"', 'connected: false, gain_error: "-0.2 %"', {"INVALID"}, "no pulse in the baseline"),
        ("mode: VVI", "drop_beat_at: [12]\n    mode: VVI", {"FAIL"}, "pulse_interval_max"),
    ],
)
def test_a_bench_or_device_that_is_not_in_order_ends_at_the_baseline(
    lab: Lab, old: str, new: str, allowed: set[str], reason: str
) -> None:
    lab.change(lab.world, old, new)
    status, result = lab.run()
    assert status == 1
    assert set(verdicts(result, "baseline")) <= allowed
    assert set(verdicts(result) + verdicts(result, "check")) == {"NOT_RUN"}
    assert reason in steps(result, "baseline")[0]["attempts"][-1]["reason"]
    assert "baseline" in result["ended_early"]
    assert reason in result["ended_early"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  oscilloscope.1: network.D\n", "", "no edge"),  # the monitor of the applied level hangs in the air
        ("gain: 4, ", "gain: 3.6, ", "pulse A is"),  # the amplifier is not what the bench file says
        ('clip: "40 V"', 'clip: "12 V"', "pulse A is"),
        ('bandwidth: "1 MHz"', 'bandwidth: "100 kHz"', "edge"),
    ],
)
def test_a_level_that_is_not_proven_is_invalid_and_the_device_is_not_exposed(
    lab: Lab, old: str, new: str, reason: str
) -> None:
    lab.fewer_steps()
    lab.change(lab.world, old, new)
    status, result = lab.run()
    assert status == 1
    last = steps(result)[-1]
    assert last["verdict"] == "INVALID"
    assert len(last["attempts"]) == 3, "INVALID is tried again, twice"
    assert all(reason in attempt["reason"] for attempt in last["attempts"])
    with open_session(Path(result["session"])) as session:
        exposed = [attempt.exposure_s for attempt in session.attempts() if attempt.step_id == last["step_id"]]
    assert exposed == [0.0] * 3


def test_a_monitor_cable_that_is_pulled_after_the_baseline_never_gives_a_pass(lab: Lab) -> None:
    # The network's divider is wrong: pulses are seen, but the injected share is not what the bench file says.
    lab.fewer_steps()
    lab.change(lab.world, 'series_resistance: "500 ohm"', 'series_resistance: "50 kohm"')
    status, result = lab.run()
    assert status == 1
    assert verdicts(result, "baseline") == ["PASS"]
    assert verdicts(result) == ["INVALID", "INVALID"]
    assert "check its cable" in steps(result)[-1]["attempts"][-1]["reason"]


@pytest.mark.parametrize(
    ("old", "new", "feature"),
    [
        ('rate: "60 1/min"', 'rate: "70 1/min"', "pulse_interval_mean"),
        ('amplitude: "3.5 V"', 'amplitude: "4.3 V"', "pulse_amplitude"),
        ('pulse_width: "0.5 ms"', 'pulse_width: "0.8 ms"', "pulse_width"),
    ],
)
def test_a_device_that_is_not_programmed_as_its_file_says_ends_at_the_baseline(
    lab: Lab, old: str, new: str, feature: str
) -> None:
    lab.change(lab.device, old, new)
    status, result = lab.run()
    assert status == 1
    (verdict,) = verdicts(result, "baseline")
    assert verdict in ("FAIL", "INVALID")
    assert set(verdicts(result)) == {"NOT_RUN"}
    assert feature in steps(result, "baseline")[0]["attempts"][-1]["reason"] or verdict == "INVALID"


def test_a_partial_test_says_so_wherever_its_verdicts_are(lab: Lab) -> None:
    lab.fewer_steps()
    lab.change(lab.test, "name: Gradient malfunction, injected (ten sequences)", 'name: "Partly [/] done"')
    done = lab.cli("run", lab.campaign, "--session", lab.session)
    assert done.returncode == 0, done.stderr
    assert "Partly [/] done, 20.2: 2 of the 7280 sequences" in done.stdout
    assert "not a complete test" in done.stdout
    with open_session(lab.session.with_suffix(".h5")) as session:
        (test,) = session.header.tests
    assert (test["sequences"], test["sequences_of_the_clause"]) == (2, 7280)


def test_a_run_goes_on_when_nobody_reads_what_it_says(lab: Lab) -> None:
    lab.fewer_steps()
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=lab.folder,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stderr is not None
        run.stderr.close()
        run.stdout.close()
        run.wait(timeout=LIMIT_S)
    assert lab.session.with_suffix(".h5").is_file()


def test_on_fail_stop_leaves_the_rest_not_run(lab: Lab) -> None:
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    lab.change(lab.test, "on_fail: continue", "on_fail: stop")
    status, result = lab.run()
    assert status == 1
    assert verdicts(result) == ["PASS"] * 3 + ["FAIL"] + ["NOT_RUN"] * 6
    assert "on_fail: stop" in result["ended_early"]
    assert [test["sequences_run"] for test in result["tests"]] == [4], "what was planned is not what was done"


def test_on_fail_check_goes_on_while_the_device_comes_back(lab: Lab) -> None:
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    lab.change(lab.test, "on_fail: continue", "on_fail: check")
    status, result = lab.run()
    assert status == 1
    assert verdicts(result).count("FAIL") == 4
    assert verdicts(result, "check") == ["PASS"]
    assert len(steps(result, "check")[0]["attempts"]) == 5, "after each FAIL, and at the end"
    assert not result["ended_early"]


def test_on_fail_check_stops_when_the_device_does_not_come_back(lab: Lab) -> None:
    lab.change(lab.bench, "robust_pacemaker", "resetting_pacemaker")
    lab.change(lab.test, "on_fail: continue", "on_fail: check")
    status, result = lab.run()
    assert status == 1
    assert verdicts(result, "check") == ["FAIL"]
    assert "does not come back" in result["ended_early"]
    # Reset above 12 V at C: after the first step at 15 V nothing more is exposed.
    assert [step["verdict"] for step in steps(result)[5:]] == ["NOT_RUN"] * 5
    assert verdicts(result)[4] not in ("PASS", "NOT_RUN")


def test_a_reset_within_the_limits_is_found_by_settings_or_check(lab: Lab) -> None:
    # Every exposure may pass: the parameters after the reset are within the manufacturer's limits.
    world = lab.folder / "configs/worlds/resetting_pacemaker.yaml"
    lab.change(lab.bench, "robust_pacemaker", "resetting_pacemaker")
    lab.change(world, 'altered_pulses: {level: "3 V"', 'altered_pulses: {level: "300 V"')
    lab.change(
        world,
        'pause: "2 s", rate: "65 1/min", amplitude: "5 V", pulse_width: "0.6 ms"}',
        'pause: "0.95 s", rate: "62 1/min", amplitude: "3.8 V", pulse_width: "0.5 ms"}',
    )
    status, result = lab.run()
    assert status == 1
    assert verdicts(result, "person") == ["PASS", "FAIL"]


def test_a_virtual_run_repeats_to_the_bit(ran: tuple[Lab, dict[str, Any]], lab: Lab) -> None:
    lab.fewer_steps()
    _, again = lab.run()
    first, second = ([step["attempts"][-1]["features"] for step in result["steps"]] for result in (ran[1], again))
    assert len(first) == 6
    assert first == second


@pytest.mark.waits
def test_the_real_clock_runs_the_same_campaign(lab: Lab) -> None:
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["20 mT"]')
    lab.change(lab.test, 't_dwell: ["0.5 ms", "5 ms"]', 't_dwell: ["5 ms"]')
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--clock", "real")
    assert done.returncode == 0, done.stderr
    assert "verdicts: 5 PASS" in done.stdout
    ratio = float(done.stdout.split("exposure time / wall time ")[1].split(",")[0])
    assert 0.0 < ratio <= 1.0
    assert "real clock" in done.stdout


def test_the_sealed_file_holds_the_whole_record(ran: tuple[Lab, dict[str, Any]]) -> None:
    lab, result = ran
    with open_session(Path(result["session"])) as session:
        header = session.header
        assert header.operator == "A. Technician"
        assert header.bench_clock == "virtual"
        assert [step["step_id"] for step in header.plan] == [
            "1/settings", "1/baseline", "1/0001", "1/0002", "1/check", "1/settings-after"
        ]  # fmt: skip
        assert {entry["name"] for entry in header.equipment} == {"generator", "oscilloscope", "amplifier"}
        assert all(
            (lab.campaign.parent / name).read_text(encoding="utf-8") == text
            for name, text in header.configuration.items()
        )
        assert not any("worlds" in name for name in header.configuration), "the world is the simulation's secret"
        kinds = [event.kind for event in session.events()]
        captures = [
            (capture.channel, capture.kind, capture.dt_s)
            for attempt in session.attempts()
            for capture in attempt.captures
        ]
    for kind in (
        "session.created",
        "instrument.connected",
        "run.started",
        "attempt.scored",
        "safety.made_safe",
        "run.ended",
    ):
        assert kind in kinds, kinds
    verify = [dt for _, kind, dt in captures if kind == "verify"]
    exposure = [dt for _, kind, dt in captures if kind == "exposure"]
    assert verify
    assert max(verify) <= 1 / 5e6 * (1 + 1e-9)
    assert exposure
    assert max(exposure) <= 1 / 20e3 * (1 + 1e-9)


def test_json_is_alone_on_standard_output(ran: tuple[Lab, dict[str, Any]]) -> None:
    lab, result = ran  # read from standard output as it was
    assert result["verdicts"] == {"PASS": 6}
    assert not any(math.isnan(f["value"]) for f in result["steps"][2]["attempts"][0]["features"].values() if f["value"])
    broken = lab.cli("run", "none.yaml", "--session", "s", "--json")
    assert broken.returncode == 2
    assert json.loads(broken.stdout)["error"]["exit_status"] == 2
