"""What was recorded comes out again to the last bit, whatever became of the run."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import AimdlabError, ConfigurationError
from aimdlab.session.reader import open_session
from command_line import ROOT, Lab
from replays import printed, replayed

DATA = ROOT / "tests/data"


def test_a_session_with_every_kind_of_step_comes_out_again(injected: Path, lab: Lab) -> None:
    done = lab.cli("replay", injected)
    assert done.returncode == 0, done.stderr
    assert "attempts scored again from their raw bytes: 6; identical to the last bit: 6; differ: 0" in done.stdout
    assert "verdicts: 5 PASS, 1 FAIL" in done.stdout
    assert "reproduced: every feature, outcome and verdict" in done.stdout


def test_beats_come_out_again(synchronised: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = printed(synchronised, capsys)
    assert (status, found["identical"], found["differing"], found["close"]) == (0, found["attempts"], 0, 0)
    assert found["verdicts"] == {"PASS": 5}


def test_retries_faults_and_a_stop_come_out_again(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_session(stopped) as session:
        recorded = [(attempt.step_id, attempt.score.verdict, attempt.fault) for attempt in session.attempts()]
    assert recorded[2:] == [
        ("1/0001", "INVALID", "oscilloscope, command ':DIG': the link broke"),
        ("1/0001", "PASS", ""),
        ("1/0002", "FAIL", "amplifier: it reports an over-temperature"),
    ]
    status, found = printed(stopped, capsys)
    assert (status, found["attempts"], found["identical"]) == (0, 5, 5)
    assert found["verdicts"] == {"PASS": 3, "FAIL": 1, "NOT_RUN": 2}


SESSIONS = [path for path in sorted(DATA.glob("format_*/*")) if path.suffix in ("", ".h5")]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_version_of_the_format_is_replayed(path: Path) -> None:
    result = replayed(path)
    assert result.attempts > 2
    assert (result.differing, result.problems, result.changed_steps) == (0, [], [])


def test_the_first_version_names_neither_limits_nor_procedure_nor_fault() -> None:
    with open_session(DATA / "format_1/sealed.h5") as session:
        assert not {"criteria", "procedure"} & session.header.tests[0].keys()
        assert all("fault" not in record.attempt for record in session.records())


def test_a_fault_of_the_first_version_is_the_last_note_that_is_no_other(stopped: Path, rebuild: Any) -> None:
    from aimdlab.replay.scorings import fault_of

    with open_session(stopped) as session:
        for record in session.records():
            fault = record.attempt.pop("fault")
            assert fault_of(record) == fault
        record.attempt["notes"] = ["not exposed: the oscilloscope saw no edge"]
        assert fault_of(record) == ""
        record.attempt["notes"] += ["generator: stuck"]
        assert fault_of(record) == "generator: stuck"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"device": Path("x.yaml"), "step": "1"}, "--device scores the whole record"),
        ({"plot": True}, "need --step"),
        ({"attempt": 1}, "need --step"),
        ({"out": Path("x.png")}, "--out names the file"),
        ({"step": "1", "out": Path("x.png")}, "--out names the file"),
    ],
)
def test_options_that_do_not_go_together(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Asked(**asked)


def test_no_session_is_status_2(lab: Lab) -> None:
    with pytest.raises(AimdlabError, match="there is no session") as caught:
        replay(lab.folder / "nowhere", Asked(), as_json=True)
    assert caught.value.exit_status == 2


def test_a_folder_that_is_sealed_meanwhile_is_replayed_as_the_file(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aimdlab.cli import replay as command
    from aimdlab.session.folder import SessionFolder
    from aimdlab.session.seal import seal

    copy = Path(shutil.copytree(stopped, tmp_path / "copy"))
    opened = command.open_session
    calls: Iterator[int] = itertools.count()

    def open_and_seal(path: Path) -> Any:
        session = opened(path)
        if next(calls) == 0:
            seal(SessionFolder.open(copy))
        return session

    monkeypatch.setattr(command, "open_session", open_and_seal)
    status, found = printed(copy, capsys)
    assert (status, found["identical"]) == (0, 5)
    assert found["session"].endswith("copy.h5")
