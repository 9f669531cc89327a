"""Through the command line: what is left out stays in record and table; what no file answers is asked at the start."""

import json
import subprocess
from pathlib import Path

import pytest

from aimdlab.scoring.results import Verdict
from aimdlab.session.reader import open_session
from campaign_files import Files
from command_line import COMMAND, Lab
from patience import LIMIT_S

RATIONALE = "Slower than the device senses, report 17."


def as_files(lab: Lab) -> Files:
    """The lab's files, with the means to change them."""
    files = Files.__new__(Files)
    files.folder, files.campaign, files.bench = lab.folder, lab.campaign, lab.bench
    files.device, files.test = lab.device, lab.test
    return files


@pytest.fixture
def leaving_out(lab: Lab) -> Lab:
    """A demonstration of Tier 2 with a baseline, two sequences that are done, and two that are left out."""
    files = as_files(lab)
    files.tier_2(f'where: {{t_off: ["2 s"]}}, rationale: "{RATIONALE}"')
    files.change(
        files.test,
        ("demonstration: false ", "demonstration: true "),
        ("b_g: all", 'b_g: ["5 mT", "20 mT"]'),
        ("tbpw: all", 'tbpw: ["0.2 ms"]'),
        ("cycles: all", "cycles: [2]"),
        ("t_off: all", 't_off: ["20 ms", "2 s"]'),
        ("t_dwell: all", 't_dwell: ["0.5 ms"]'),
    )
    return lab


def test_what_is_left_out_is_planned_recorded_and_never_run(leaving_out: Lab) -> None:
    lab = leaving_out
    text = lab.cli("plan", lab.campaign).stdout
    assert f"left out   2 sequences: {RATIONALE}" in text
    assert "omissions  2 sequences, each with its rationale" in text
    status, result = lab.run()
    assert status == 0, result
    assert result["verdicts"]["OMITTED"] == 2
    assert result["tests"][0]["omissions"] == [{"rationale": RATIONALE, "sequences": 2, "where": {"t_off_s": [2.0]}}]
    left_out = [step for step in result["steps"] if step["verdict"] == "OMITTED"]
    assert [step["omitted"] for step in left_out] == [RATIONALE] * 2
    assert not any(step["attempts"] for step in left_out)
    with open_session(Path(result["session"])) as session:
        steps = [step for step in session.steps() if step.verdict is Verdict.OMITTED]
        assert [step.reason for step in steps] == [RATIONALE] * 2
        recorded = session.header.tests[0]
    assert recorded["demonstration"] is True
    assert recorded["sequences_omitted"] == 2
    assert recorded["justification"]["tier"].startswith("Quasi-static")
    assert recorded["ambient"] == {"temperature": 22.0, "humidity": 0.45}


def test_the_table_tells_what_is_left_out_by_group(leaving_out: Lab) -> None:
    done = leaving_out.cli("run", leaving_out.campaign, "--session", leaving_out.session)
    assert done.returncode == 0, done.stderr
    assert f"left out: 2 sequences: {RATIONALE}" in done.stdout
    assert "not a complete test, a demonstration" in done.stdout
    assert "2 OMITTED" in done.stdout
    assert "1/0004" not in done.stdout


def answering(lab: Lab, text: str, *command: str) -> subprocess.CompletedProcess[str]:
    given = 'ambient:                        # at the bench when the tests begin; left out, the operator is asked then\n  temperature: "22 degC"\n  humidity: "45 %"\n'
    lab.change(lab.campaign, given, "")
    return subprocess.run(
        [*COMMAND, *command], input=text, capture_output=True, text=True, encoding="utf-8", timeout=3 * LIMIT_S, cwd=lab.folder,
        check=False,
    )  # fmt: skip


def test_ambient_conditions_that_no_file_gives_are_asked_for(lab: Lab) -> None:
    lab.fewer_steps()
    done = answering(
        lab, "warm\ndry\n23.5 degC\n51 %\n", "run", str(lab.campaign), "--session", str(lab.session), "--json"
    )
    assert done.returncode == 0, done.stderr
    with open_session(Path(json.loads(done.stdout)["session"])) as session:
        assert session.header.tests[0]["ambient"] == {"temperature": 23.5, "humidity": 0.51}
    assert "before the start: Read temperature and humidity" in lab.cli("plan", lab.campaign).stdout


def test_nothing_begins_if_nobody_answers(lab: Lab) -> None:
    done = answering(lab, "", "run", str(lab.campaign), "--session", str(lab.session))
    assert done.returncode == 4, done.stderr
    assert "nobody answered: Temperature at the bench" in done.stderr
    assert not lab.session.exists()
