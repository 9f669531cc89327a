"""Parameters that no bench records, with every hash right: refused by name before they fill the memory or hang."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import RecordAlteredError
from aimdlab.replay.plausible import refuse_absurd
from aimdlab.scoring.exposure import score_gradient_injected
from aimdlab.scoring.results import Verdict
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session

STEP = "1/0001"


def attempt_of(path: Path) -> Attempt:
    """The first sequence of a session, with its codes."""
    with open_session(path) as session:
        (attempt,) = [attempt for attempt in session.attempts() if attempt.step_id == STEP]
        for capture in attempt.captures:
            _ = capture.codes
    return attempt


def changed(attempt: Attempt, part: str, **values: Any) -> Attempt:
    return replace(attempt, **{part: {**getattr(attempt, part), **values}})


@pytest.mark.parametrize(
    ("part", "values", "named"),
    [
        ("parameters", {"cycles": 10**7}, "parameter 'cycles' asks for 1e[+]07 cycles"),
        ("parameters", {"cycles": 10**400}, "parameter 'cycles' asks for inf cycles"),
        ("scoring", {"exposure_s": 2e6}, "'exposure_s' of its scoring asks for some .* pulses in 2e[+]06 s"),
        ("scoring", {"exposure_s": float("inf")}, "'exposure_s' of its scoring"),
        ("parameters", {"tbpw_s": 1e-9, "t_dwell_s": 0.0, "t_off_s": 1e-9}, "'tbpw_s', 't_dwell_s', 't_off_s' ask for"),
        ("scoring", {"coupling_lags": "0.1:1e-4 " * 65}, "'coupling_lags' of its scoring holds 65 lags"),
        ("scoring", {"monitor_lag_s": 1.0}, "'monitor_lag_s' of its scoring is 2[0-9]+ samples"),
    ],
)
def test_an_absurd_parameter_is_refused_by_its_name(
    injected: Path, part: str, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(RecordAlteredError, match=rf"attempt 1 at step 2 \(1/0001\): .*{named}"):
        refuse_absurd(changed(attempt_of(injected), part, **values))


def test_a_session_with_one_is_not_replayed_in_any_way(injected: Path, rebuild: Any) -> None:
    def forge(attempt: Attempt) -> Attempt:
        return changed(changed(attempt, "parameters", cycles=10**7), "scoring", exposure_s=2e6)

    forged = rebuild(injected, {STEP: forge}, alone=True)
    for asked in (Asked(), Asked(step=STEP)):
        with pytest.raises(RecordAlteredError, match=r"'cycles' asks for 1e\+07 cycles") as caught:
            replay(forged, asked, as_json=True)
        assert caught.value.exit_status == 5


def test_bursts_of_beats_are_bounded_too(synchronised: Path) -> None:
    attempt = attempt_of(synchronised)
    refuse_absurd(attempt)
    with pytest.raises(RecordAlteredError, match="'cycles'"):
        refuse_absurd(changed(attempt, "parameters", cycles=10**6))
    with pytest.raises(RecordAlteredError, match="'monitor_lag_s'"):
        refuse_absurd(changed(attempt, "scoring", monitor_lag_s=0.1))


@pytest.mark.parametrize(
    ("part", "values"),
    [
        # Within what a bench may do, or nothing at all: for the scoring to judge.
        ("scoring", {"exposure_s": 60.0}),
        ("scoring", {"monitor_lag_s": 1e-3}),
        ("parameters", {"cycles": 20, "tbpw_s": 2e-4, "t_dwell_s": 0.0, "t_off_s": 2e-4}),
        ("parameters", {"cycles": "two"}),
        ("parameters", {"cycles": None}),
        ("parameters", {"cycles": 0}),
        ("parameters", {"tbpw_s": 0.0, "t_dwell_s": 0.0, "t_off_s": 0.0}),
        ("parameters", {"t_off_s": float("nan")}),
    ],
)
def test_what_a_scoring_can_judge_is_left_to_it(injected: Path, part: str, values: dict[str, Any]) -> None:
    refuse_absurd(changed(attempt_of(injected), part, **values))


def test_a_lag_that_is_just_allowed_takes_no_memory_and_no_time(injected: Path) -> None:
    attempt = changed(attempt_of(injected), "scoring", monitor_lag_s=0.07, coupling_lags="0.49:9.7e-05")
    refuse_absurd(attempt)
    score = score_gradient_injected(attempt.captures, attempt.parameters, attempt.scoring, ())
    assert score.verdict is Verdict.INVALID
    assert score.reason.startswith("device monitor: more than half of the capture exceeds half of the expected pulse")


def test_an_attempt_without_captures_is_left_alone(injected: Path) -> None:
    refuse_absurd(replace(attempt_of(injected), captures=()))
