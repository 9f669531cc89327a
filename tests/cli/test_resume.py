"""A run that was killed or stopped is gone on with, or sealed as it is; nothing committed is lost, nothing done twice."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import held_command
from aimdlab.session.folder_reader import sealed_path
from aimdlab.session.reader import open_session
from command_line import COMMAND, Lab, read_json
from patience import LIMIT_S

HELD = [sys.executable, "-W", "error", held_command.__file__]
STEPS = ["1/settings", "1/baseline", "1/0001", "1/0002", "1/0003", "1/0004", "1/check", "1/settings-after"]
BEFORE = ["1/settings", "1/baseline"]
READ = "1/settings-after"  # what the exposures left is read before the device is programmed again

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@contextmanager
def held(lab: Lab, place: str, count: int, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, standing still at a place; it goes on with :func:`released`, or dies at the end."""
    with subprocess.Popen(
        [*HELD, place, str(count), *map(str, arguments)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        while (line := process.stderr.readline()) != "held\n":
            assert line, said
            said.append(line)
        try:
            yield process
        finally:
            process.kill()


def released(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """The exit status and what was said, after the command was let go."""
    output, said = process.communicate("go\n", timeout=LIMIT_S)
    return process.returncode, output, said


def resume(lab: Lab, *more: str | Path) -> tuple[int, dict[str, Any]]:
    done = lab.cli("resume", lab.session, "--json", *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def events(session: Path) -> list[Any]:
    with open_session(session) as found:
        found.verify()
        return list(found.events())


def committed(session: Path) -> list[tuple[str, int]]:
    """Step and number of each attempt, in the order of commit."""
    with open_session(session) as found:
        return [(str(record.attempt["step_id"]), record.number) for record in found.records()]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose run was killed from outside after four attempts: settings, baseline and two of four sequences."""
    lab = Lab(tmp_path_factory.mktemp("stopped"))
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["5 mT", "20 mT"]')
    with subprocess.Popen(
        [*COMMAND, "simulate", str(lab.bench), "--json"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=lab.folder,
    ) as bench:  # fmt: skip
        assert bench.stdout is not None
        control = read_json(bench.stdout)["control"]
        with held(lab, "committed", 4, "run", lab.campaign, "--session", lab.session, "--attach", control) as run:
            for command in ("resume", "seal"):
                refused = lab.cli(command, lab.session)
                assert refused.returncode == 2
                assert f"process {run.pid}" in refused.stderr
                assert "tell" in refused.stderr
            run.kill()
            run.wait(LIMIT_S)
        bench.kill()
    return lab


@pytest.fixture
def copy(stopped: Lab, tmp_path: Path) -> Lab:
    """A copy of that lab, to be changed; its session still names the campaign file of the first."""
    copied = Lab(tmp_path / "lab")
    for name in ("configs", "sequences", "session"):
        shutil.rmtree(copied.folder / name, ignore_errors=True)
        shutil.copytree(stopped.folder / name, copied.folder / name)
    return copied


def test_a_killed_run_ends_as_if_nobody_had_killed_it(stopped: Lab, copy: Lab) -> None:
    before = committed(copy.session)
    assert before == [(step, 1) for step in STEPS[:4]]
    again = copy.cli("run", copy.campaign, "--session", copy.session)
    assert again.returncode == 2
    assert f"aimdlab resume {copy.session}" in again.stderr
    assert f"aimdlab seal {copy.session}" in again.stderr

    status, result = resume(copy)
    assert (status, result["did"], result["ended_early"]) == (0, "resumed", "")
    assert [step["step_id"] for step in result["steps"]] == STEPS
    sealed = Path(result["session"])
    assert committed(sealed) == [
        *before, (READ, 1), *((step, 2) for step in BEFORE), *((step, 1) for step in STEPS[4:-1]), (READ, 2)
    ]  # fmt: skip
    assert not copy.session.exists()

    undisturbed = copy.cli("run", copy.campaign, "--session", "undisturbed", "--json")
    wanted = json.loads(undisturbed.stdout)
    assert undisturbed.returncode == 0
    for step, known in zip(result["steps"], wanted["steps"], strict=True):
        assert step["verdict"] == known["verdict"] == "PASS"
        _compare(step, known)
    exposures = [attempt.exposure_s for attempt in _attempts(sealed)]
    assert result["exposure_s"] == pytest.approx(sum(exposures))
    assert result["run_exposure_s"] == pytest.approx(sum(exposures[4:]))

    log = events(sealed)
    first, second = (event.data for event in log if event.kind in ("run.started", "run.resumed"))
    assert first["pid"] != second["pid"]
    assert first["host"] == second["host"]
    assert (second["attempts"], second["next_step"]) == (4, "1/0003")
    assert "killed" in second["interruption"]
    assert second["ambient"]["temperature"] == pytest.approx(22)
    assert [event.kind for event in log if event.kind.startswith("run.")] == ["run.started", "run.resumed", "run.ended"]
    assert second["bench_clock"] == "virtual"
    nothing = copy.cli("resume", copy.session)
    assert nothing.returncode == 2
    assert "nothing to go on with" in nothing.stderr


def _attempts(session: Path) -> list[Any]:
    with open_session(session) as found:
        return list(found.attempts())


def _compare(step: dict[str, Any], known: dict[str, Any]) -> None:
    """The same features: to the bit at the injection, whose noise has a key; the device is at another phase."""
    found, wanted = step["attempts"][0]["features"], known["attempts"][0]["features"]
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if name.startswith(("injected_", "injection_")):
            assert found[name] == value, name
        elif name.startswith(("pulse_interval_", "pulse_amplitude_")) and value["value"] is not None:
            assert found[name]["value"] == pytest.approx(value["value"], rel=0.02), name


def test_an_attempt_that_nobody_reported_is_not_repeated_and_a_stop_is_gone_on_with(copy: Lab) -> None:
    campaign = ("--campaign", copy.campaign)
    # Killed when the fourth attempt of this run has its name and no event.
    with held(copy, "written", 4, "resume", copy.session, *campaign):
        pass
    assert committed(copy.session)[4:] == [(READ, 1), ("1/settings", 2), ("1/baseline", 2), ("1/0003", 1)]
    # A wish to a run that is over is not obeyed.
    assert copy.cli("tell", copy.session, "stop").returncode == 0
    with held(copy, "committed", 4, "resume", copy.session, *campaign) as run:
        assert copy.cli("tell", copy.session, "stop").returncode == 0
        status, _, said = released(run)
    assert status == 4, said
    assert "what was measured is kept in" in said
    assert f"aimdlab resume {copy.session}" in said
    assert f"aimdlab seal {copy.session}" in said
    status, result = resume(copy, *campaign)
    assert status == 0
    done = committed(Path(result["session"]))
    assert done[8:] == [
        (READ, 2), ("1/settings", 3), ("1/baseline", 3), ("1/0004", 1),
        (READ, 3), ("1/settings", 4), ("1/baseline", 4), ("1/check", 1),
    ]  # fmt: skip
    assert {step["verdict"] for step in result["steps"]} == {"PASS"}
    log = events(Path(result["session"]))
    assert [event.data["step_id"] for event in log if event.kind == "attempt.found"] == ["1/0003"]
    assert [event.message for event in log if event.kind == "command.stale"] == [
        "said before the session was gone on with, and not obeyed: stop"
    ]


@posix_signals
def test_ctrl_c_while_it_goes_on_leaves_a_session_that_can_be_gone_on_with(copy: Lab) -> None:
    with held(copy, "committed", 1, "resume", copy.session, "--campaign", copy.campaign) as run:
        run.send_signal(signal.SIGINT)
        status, _, said = released(run)
    assert status == 4, said
    assert f"aimdlab resume {copy.session}" in said
    log = events(copy.session)
    kinds = [event.kind for event in log]
    assert kinds[-1] == "run.interrupted"
    assert "safety.made_safe" in kinds[kinds.index("run.resumed") :]
    sealed = copy.cli("seal", copy.session, "--json")
    result = json.loads(sealed.stdout)
    assert sealed.returncode == result["exit_status"] == 1
    assert result["did"] == "sealed"
    assert result["verdicts"] == {"PASS": 4, "NOT_RUN": 4}
    assert "stopped by Ctrl-C" in result["ended_early"]
    assert [event.data["not_run"] for event in events(Path(result["session"])) if event.kind == "run.given_up"] == [4]
    again = copy.cli("seal", copy.session)
    assert again.returncode == 1
    assert "nothing was done" in again.stdout


def test_a_bench_that_is_not_ready_costs_nothing_that_was_measured(copy: Lab) -> None:
    robust = copy.world.read_text(encoding="utf-8")
    copy.change(copy.world, "mode: VVI", "silent: true\n    mode: VVI")
    campaign = ("--campaign", copy.campaign)
    status, result = resume(copy, *campaign)
    assert (status, result["sealed"]) == (1, False)
    assert "no pulse in the baseline" in result["ended_early"]
    assert [step["verdict"] for step in result["steps"][:5]] == ["PASS", "INVALID", "PASS", "PASS", "NOT_RUN"]
    copy.world.write_text(robust, encoding="utf-8")
    status, result = resume(copy, *campaign)
    assert (status, result["sealed"]) == (0, True)
    baseline = result["steps"][1]
    assert [attempt["verdict"] for attempt in baseline["attempts"]] == ["PASS", *["INVALID"] * 3, "PASS"]


def test_a_full_disk_loses_nothing_and_the_session_goes_on_once_there_is_room(copy: Lab) -> None:
    arguments = ["resume", copy.session, "--campaign", copy.campaign]
    full = subprocess.run(
        [*HELD, "FULL", "4", *map(str, arguments)],
        cwd=copy.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert full.returncode == 5, full.stderr
    assert "disk full" in full.stderr
    assert f"aimdlab resume {copy.session}" in full.stderr
    kept = committed(copy.session)
    assert kept[4:] == [(READ, 1), ("1/settings", 2), ("1/baseline", 2), ("1/0003", 1)]
    assert [event.kind for event in events(copy.session)][-1] == "run.interrupted"
    status, result = resume(copy, *arguments[2:])
    assert status == 0
    assert committed(Path(result["session"]))[: len(kept)] == kept


def _bench(lab: Lab) -> None:
    lab.change(lab.bench, 'gain: 4, bandwidth: "1 MHz"', 'gain: 4, bandwidth: "2 MHz"')


def _device(lab: Lab) -> None:
    lab.change(lab.device, "# loop_area:", "# loop area:")


def _test(lab: Lab) -> None:
    with lab.test.open("a", encoding="utf-8") as file:
        file.write("# one more line\n")


def _campaign(lab: Lab) -> None:
    lab.change(lab.campaign, "A. Example", "B. Example")


def _gone(lab: Lab) -> None:
    lab.device.unlink()


def _firmware(lab: Lab) -> None:
    lab.change(lab.world, "02.50.2019022736", "02.60.2026010100")


def _serial(lab: Lab) -> None:
    lab.change(lab.world, "serial: MY54201234", "serial: MY99999999")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_bench, ["simulated_gradient_injection.yaml, line", "1 MHz", "2 MHz"]),
        (_device, ["pacemaker.yaml, line", "# loop_area", "# loop area"]),
        (_test, ["injected_ten_steps.yaml, line", "the file ends before", "# one more line"]),
        (_campaign, ["gradient_injected_ten_steps.yaml, line", "A. Example", "B. Example"]),
        (_gone, ["pacemaker.yaml", "Put it back"]),
        (_firmware, ["instrument oscilloscope, firmware", "02.50.2019022736", "02.60.2026010100"]),
        (_serial, ["oscilloscope", "MY54201234", "MY99999999"]),
    ],
)
def test_what_is_not_what_the_session_began_with_is_refused(
    copy: Lab, change: Callable[[Lab], None], said: list[str]
) -> None:
    change(copy)
    before = sorted((path, path.stat().st_size) for path in copy.session.rglob("*"))
    refused = copy.cli("resume", copy.session, "--campaign", copy.campaign)
    assert refused.returncode == 2, refused.stderr
    assert all(words in refused.stderr for words in [*said, f"aimdlab seal {copy.session}"]), refused.stderr
    assert sorted((path, path.stat().st_size) for path in copy.session.rglob("*")) == before


def test_a_person_accepts_the_twin_of_an_instrument_that_broke(copy: Lab) -> None:
    """First the bench file, which names it, then the instrument that answers: each as it was shown, nothing else."""
    copy.change(copy.world, "serial: MY54201234", "serial: MY99999999")
    copy.change(copy.bench, "serial: MY54201234", "serial: MY99999999")
    named = ["resume", copy.session, "--campaign", copy.campaign]
    why = ["--reason", "The oscilloscope broke; its twin is calibrated too", "--operator", "a.smith"]
    bench = _code(copy.cli(*named).stderr)
    unseen = copy.cli(*named, "--accept", bench, *why)
    assert unseen.returncode == 2
    assert "instrument oscilloscope, serial: then 'MY54201234'; now 'MY99999999'" in unseen.stderr
    assert f"--accept {bench} --accept {_code(unseen.stderr)}" in unseen.stderr
    before = committed(copy.session)
    with held(copy, "committed", 1, *named, "--accept", bench, "--accept", _code(unseen.stderr), *why):
        pass
    done = copy.cli(*named)  # what was accepted needs not be accepted again
    assert done.returncode == 0, done.stderr
    assert f"not as it began: accepted by {why[3]}" in done.stdout
    sealed = sealed_path(copy.session)
    assert committed(sealed)[: len(before)] == before
    (event,) = (event for event in events(sealed) if event.kind == "resume.accepted")
    assert (event.data["operator"], event.data["reason"]) == ("a.smith", why[1])
    whats = [difference["what"] for difference in event.data["differences"]]
    assert ["simulated_gradient_injection.yaml" in what for what in whats] == [True, False]
    assert whats[1] == "instrument oscilloscope, serial"
    assert list(event.data["configuration"].values()) == [copy.bench.read_text(encoding="utf-8")]
    assert event.data["equipment"]["oscilloscope"]["serial"] == "MY99999999"
    verified = copy.cli("verify", sealed)
    assert "by a.smith" in verified.stdout
    assert why[1] in verified.stdout


def test_a_stop_that_a_dead_run_did_not_hear_holds_where_nobody_attends(copy: Lab) -> None:
    """A person who resumes has thought again; the guardian, or a PC that starts anew, has not."""
    assert copy.cli("tell", copy.session, "stop").returncode == 0
    attempts = committed(copy.session)
    done = copy.cli("resume", copy.session, "--campaign", copy.campaign, "--unattended")
    assert done.returncode == 4, done.stderr
    assert committed(copy.session) == attempts
    assert [event.kind for event in events(copy.session)].count("command.stale") == 0


def _code(refusal: str) -> str:
    """The last code that a refusal asks to be accepted."""
    return re.findall("--accept ([0-9a-f]{8})", refusal)[-1]


def test_another_version_and_a_campaign_file_that_is_gone_are_refused(copy: Lab) -> None:
    done = subprocess.run(
        [*HELD, "VERSION=99.0", "0", "resume", str(copy.session)],
        cwd=copy.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "now 99.0. Go on with the software" in done.stderr
    for arguments, said in (
        (["resume", copy.session, "--campaign", "elsewhere.yaml"], "not there any more"),
        (["resume", "nowhere"], "no session"),
        (["seal", "nowhere"], "no session"),
    ):
        refused = copy.cli(*arguments)
        assert refused.returncode == 2, refused.stderr
        assert said in refused.stderr


@pytest.fixture(scope="module")
def all_done(stopped: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose run was gone on with, and killed when it began to seal."""
    lab = Lab(tmp_path_factory.mktemp("done"))
    shutil.copytree(stopped.session, lab.session)
    with held(lab, "sealing", 1, "resume", lab.session):
        pass
    return lab


@pytest.mark.parametrize(
    ("place", "command", "did"),
    [
        ("unnamed", "resume", "sealed"),
        ("named", "resume", "finished the seal"),
        ("removing", "seal", "finished the seal"),
    ],
)
def test_an_interrupted_seal_is_finished_by_the_next_command(
    all_done: Lab, lab: Lab, place: str, command: str, did: str
) -> None:
    shutil.copytree(all_done.session, lab.session)
    attempts = committed(lab.session)
    with held(lab, place, 1, "seal", lab.session):
        pass
    assert lab.session.exists() == (place != "removing")
    done = lab.cli(command, lab.session, "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["did"]) == (0, did)
    sealed = Path(result["session"])
    assert committed(sealed) == attempts
    events(sealed)
    assert [path.name for path in lab.folder.iterdir() if "session" in path.name] == ["session.h5"]


def test_a_device_that_was_exposed_and_not_yet_checked_is_checked_first(lab: Lab) -> None:
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["20 mT"]')
    lab.change(lab.test, "on_fail: continue", "on_fail: check")
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    with held(lab, "committed", 3, "run", lab.campaign, "--session", lab.session):
        pass
    with held(lab, "committed", 5, "resume", lab.session):
        pass
    order = [step for step, _ in committed(lab.session)]
    assert order[3:] == [READ, *BEFORE, "1/check", "1/0002"], "first the check that the kill prevented"
    sealed = lab.cli("seal", lab.session, "--json")
    with open_session(Path(json.loads(sealed.stdout)["session"])) as session:
        found = {result.step_id: result.verdict for result in session.steps()}
    assert found == {
        "1/settings": "PASS", "1/baseline": "PASS", "1/0001": "FAIL", "1/0002": "FAIL",
        "1/check": "NOT_RUN", "1/settings-after": "NOT_RUN",
    }  # fmt: skip
