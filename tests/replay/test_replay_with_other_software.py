"""What a difference means depends on which software and computer recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.session.reader import open_session
from replays import printed, with_feature


def older(path: Path, **versions: str) -> dict[str, str]:
    with open_session(path) as session:
        return {**session.header.software, **versions}


def test_other_software_explains_a_difference(injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]) -> None:
    forged = rebuild(
        injected,
        {"1/0001": with_feature("pulse_width_max", lambda value: value * 1.01)},
        alone=True,
        software=older(injected, numpy="2.0.1", aimdlab="0.0.9"),
    )
    assert replay(forged, Asked(), as_json=False) == 5
    said = capsys.readouterr().out
    assert "recorded by aimdlab 0.0.9 with numpy 2.0.1; aimdlab 0.0.9 then, " in said
    assert "made with other software (aimdlab 0.0.9 then, " in said
    assert "numpy 2.0.1 then, " in said


def test_another_state_of_the_scoring_code_explains_a_difference_too(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change = {"1/0001": with_feature("pulse_width_max", lambda value: value * 1.01)}
    now = older(injected)["scoring code"]
    assert len(now) == 16
    assert int(now, 16)
    other = older(injected, **{"scoring code": "0" * 16})
    found = printed(rebuild(injected, change, "other", alone=True, software=other), capsys)[1]
    assert f"scoring code {'0' * 16} then, {now} now" in found["explanation"]
    silent = {name: version for name, version in other.items() if name != "scoring code"}
    found = printed(rebuild(injected, change, "silent", alone=True, software=silent), capsys)[1]
    assert "does not say with which state of the scoring code" in found["explanation"]


def test_the_last_digits_may_differ_on_another_computer_and_are_told(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change = {"1/0001": with_feature("pulse_width_max", lambda value: value * (1 + 1e-9))}
    other = rebuild(injected, change, "other", alone=True, software=older(injected, numpy="2.0.1"))
    status, found = printed(other, capsys)
    assert (status, found["close"], found["identical"], found["differing"]) == (0, 1, 0, 0)
    assert found["close_differences"][0]["differences"][0]["what"] == "feature pulse_width_max: value"
    # The same software on the same computer gives the same bits.
    status, found = printed(rebuild(injected, change, "same", alone=True), capsys)
    assert (status, found["close"], found["differing"]) == (5, 0, 1)


def test_other_software_that_gives_the_same_bits_reproduces(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    same = {"1/0002": lambda attempt: attempt}
    software = older(injected, numpy="2.0.1")
    status, found = printed(rebuild(injected, same, alone=True, software=software), capsys)
    assert (status, found["identical"]) == (0, 1)
    assert any(words.startswith("numpy 2.0.1 then") for words in found["environment_differs"])
