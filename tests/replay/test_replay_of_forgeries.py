"""What was forged with every hash right does not come out again, and is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from replays import printed, replayed, with_feature, with_score


def test_a_forged_feature_is_named_with_both_values(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = rebuild(injected, {"1/0002": with_feature("pulse_interval_max", lambda _: 1.0)}, sealed=True)
    with open_session(forged) as session:
        session.verify()
    assert replay(forged, Asked(jobs=1), as_json=False) == 5
    said = capsys.readouterr().out
    assert "attempt 1 at step 3 (1/0002):" in said
    assert "feature pulse_interval_max: value: recorded 1.0, recomputed 16.2" in said
    assert "NOT REPRODUCED: the software is the same (on the same computer)" in said
    assert "differ: 1" in said


def _last_bit(value: float) -> float:
    return float(np.nextafter(value, np.inf))


@pytest.mark.parametrize(
    ("step", "forge", "what"),
    [
        ("1/0001", with_feature("pulse_width_max", _last_bit), ["feature pulse_width_max: value"]),
        ("1/0001", with_feature("injected_clipped", lambda _: -0.0), ["feature injected_clipped: value"]),
        ("1/0002", with_feature("pulse_amplitude_min", lambda _: 0.0), ["feature pulse_amplitude_min: value"]),
        ("1/0002", with_score(verdict=Verdict.PASS), ["verdict"]),
        ("1/0002", with_score(reason="as it should be"), ["reason"]),
        ("1/0001", with_score(outcomes=()), ["number of outcomes"]),
        ("1/0001", lambda a: with_score(features=a.score.features[1:])(a), ["feature injected_pulse_a"]),
        ("1/0001", lambda a: with_score(features=a.score.features[::-1])(a), ["order of the features"]),
        ("1/settings", with_score(verdict=Verdict.FAIL), ["verdict"]),
    ],
)  # fmt: skip
def test_whatever_is_forged_in_a_score_is_found(
    injected: Path, rebuild: Any, step: str, forge: Callable[[Attempt], Attempt], what: list[str]
) -> None:
    result = replayed(rebuild(injected, {step: forge}, alone=True))
    assert not result.is_reproduced
    (attempt,) = result.listed
    assert attempt.step_id == step
    assert [one.what for one in attempt.differences] == what


def test_a_forged_limit_of_an_outcome_is_found(injected: Path, rebuild: Any) -> None:
    def forge(attempt: Attempt) -> Attempt:
        first, *others = attempt.score.outcomes
        looser = replace(first, criterion=replace(first.criterion, upper=20.0), verdict=Verdict.PASS)
        return with_score(outcomes=(looser, *others))(attempt)

    (attempt,) = replayed(rebuild(injected, {"1/0002": forge}, alone=True)).listed
    assert [one.what for one in attempt.differences] == [
        "outcome on pulse_interval_max: verdict",
        "outcome on pulse_interval_max: limit, upper",
    ]
    assert (attempt.differences[1].recorded, attempt.differences[1].recomputed) == (20.0, 1.1)


def test_a_step_that_was_not_scored_as_planned_is_found(injected: Path, rebuild: Any) -> None:
    def forge(attempt: Attempt) -> Attempt:
        return replace(attempt, scoring={**attempt.scoring, "level_tolerance": 0.5})

    (attempt,) = replayed(rebuild(injected, {"1/0001": forge}, alone=True)).listed
    assert [one.what for one in attempt.differences] == ["planned scoring"]


def test_limits_that_are_not_those_of_the_recorded_device_file_are_found(
    injected: Path, rebuild: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_session(injected) as session:
        (test,) = session.header.tests
    person = {"1/settings": lambda attempt: attempt}
    looser = [{**limit, "upper": limit["upper"] and 20.0} for limit in test["criteria"]]
    status, found = printed(rebuild(injected, person, alone=True, tests=({**test, "criteria": looser},)), capsys)
    assert status == 5
    assert "are not those of the device file" in found["problems"][0]
    status, found = printed(
        rebuild(injected, person, alone=True, name="second", tests=({**test, "procedure": "extrinsic_potential"},)),
        capsys,
    )
    assert status == 5
    assert "is not that of the test file" in found["problems"][0]


def test_a_scoring_that_failed_then_and_works_now_is_a_difference(injected: Path, rebuild: Any) -> None:
    score = Score(Verdict.INVALID, "the scoring itself failed, please report this: KeyError: 1.", (), ())
    result = replayed(rebuild(injected, {"1/0001": lambda attempt: replace(attempt, score=score)}, alone=True))
    assert [(step.recorded.verdict, step.recomputed.verdict) for step in result.changed_steps] == [("INVALID", "PASS")]
    assert not result.is_reproduced


def test_a_scoring_that_fails_again_in_the_same_way_is_reproduced(injected: Path, rebuild: Any) -> None:
    with open_session(injected) as session:
        plan = [dict(step) for step in session.header.plan]
    broken = {key: value for key, value in plan[2]["scoring"].items() if key != "level_tolerance"}
    plan[2]["scoring"] = broken

    def fail(attempt: Attempt) -> Attempt:
        reason = (
            "the scoring itself failed, please report this: ConfigurationError: scoring record: 'level_tolerance' is "
            "missing or not a number, got None. The captures are kept."
        )
        suspect = replace(attempt.score.features[0], name="device_suspect", value=1.0, unit="1", u=0.0)
        return replace(attempt, scoring=broken, score=Score(Verdict.INVALID, reason, (suspect,), ()))

    result = replayed(rebuild(injected, {"1/0001": fail}, alone=True, plan=tuple(plan)))
    assert (result.differing, result.is_reproduced) == (0, True)
