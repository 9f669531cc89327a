"""A session goes on with what it began with, or with what a person accepted; anything else is refused and named."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from aimdlab.session.folder_reader import sealed_path
from command_line import Lab
from resumed import HELD, committed, events, held


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
