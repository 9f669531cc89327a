from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.scoring.results import EXPOSURE_PROVEN, Criterion, DecisionRule, Feature, Outcome, Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import SessionHeader
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from aimdlab.session.verdicts import Tried, results_of, step_verdict

PASS, FAIL, INCONCLUSIVE = (Tried(verdict, True) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE))
INVALID, PROVEN_INVALID = Tried(Verdict.INVALID, False), Tried(Verdict.INVALID, True)
NOT_RUN = Tried(Verdict.NOT_RUN, True)
CRITERION = Criterion("pulse_count", 1.0, None, "1", "9.1", DecisionRule.SIMPLE, 2.0, "it must pace")


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [
        ([], Verdict.NOT_RUN),
        ([PASS], Verdict.PASS),
        ([INVALID, PASS], Verdict.PASS),
        ([INVALID, INVALID], Verdict.INVALID),
        ([FAIL, PASS], Verdict.FAIL),
        ([PASS, INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([INCONCLUSIVE, FAIL, INVALID], Verdict.FAIL),
        ([PROVEN_INVALID, PASS], Verdict.INVALID),
        ([INCONCLUSIVE, PROVEN_INVALID], Verdict.INVALID),
        ([PROVEN_INVALID, FAIL], Verdict.FAIL),
        ([PASS, INVALID], Verdict.INVALID),
        ([PASS, INVALID, PASS], Verdict.PASS),
        ([INCONCLUSIVE, INVALID], Verdict.INCONCLUSIVE),
        ([NOT_RUN], Verdict.NOT_RUN),
    ],
)
def test_a_step_takes_its_worst_standing_attempt(attempts: list[Tried], verdict: Verdict) -> None:
    assert step_verdict(attempts) is verdict


def test_an_omission_is_one_only_without_attempts() -> None:
    assert step_verdict([], omitted=True) is Verdict.OMITTED
    assert step_verdict([FAIL], omitted=True) is Verdict.FAIL
    assert step_verdict([INVALID], omitted=True) is Verdict.INVALID


@given(st.lists(st.builds(Tried, st.sampled_from(list(Verdict)), st.booleans())), st.booleans())
def test_nothing_that_was_not_measured_is_a_pass(attempts: list[Tried], omitted: bool) -> None:
    attempts = [Tried(tried.verdict, tried.stands or tried.verdict is not Verdict.INVALID) for tried in attempts]
    verdict = step_verdict(attempts, omitted=omitted)
    covering = {FAIL, INCONCLUSIVE, PROVEN_INVALID}
    last = [tried for tried in attempts if tried.verdict in (Verdict.PASS, Verdict.INVALID)][-1:]
    assert (verdict is Verdict.PASS) == (last == [PASS] and not covering & set(attempts))
    assert (verdict is Verdict.FAIL) == (FAIL in attempts)


def test_a_later_pass_does_not_cover_a_device_that_could_not_be_judged(
    make_header: Callable[[int], SessionHeader], make_attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    proven = Score(Verdict.INVALID, "no pulses seen", (Feature(EXPOSURE_PROVEN, 1.0, "1", 0.0),), ())
    unproven = Score(Verdict.INVALID, "level off", (Feature(EXPOSURE_PROVEN, 0.0, "1", 0.0),), ())
    # What only an instrument's fault made INVALID hides nothing: its criteria were met.
    met, broken = (Outcome(CRITERION, 1.0, 0.0, verdict, "as told") for verdict in (Verdict.PASS, Verdict.INVALID))
    spoiled = replace(proven, reason="instrument fault: gone", outcomes=(met, met))
    judged_invalid = replace(proven, outcomes=(met, broken))
    with SessionFolder.create(tmp_path / "session", make_header(4)) as folder:
        for step, first in enumerate((proven, unproven, spoiled, judged_invalid)):
            assert first.stands is (first in (proven, judged_invalid))
            folder.commit(make_attempt(step, 1, score=unproven))
            folder.commit(make_attempt(step, 2, score=first))
            folder.commit(make_attempt(step, 3))
        sealed = seal(folder)
    with open_session(sealed) as session:
        judged = [(result.verdict, result.decided_by, result.reason) for result in session.steps()]
    assert judged == [
        (Verdict.INVALID, 1, "no pulses seen"),
        (Verdict.PASS, 5, "said PASS"),
        (Verdict.PASS, 8, "said PASS"),
        (Verdict.INVALID, 10, "no pulses seen"),
    ]


def test_a_check_before_the_last_exposures_is_not_done(
    make_header: Callable[[int], SessionHeader], make_attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    kinds = [("baseline", 0), ("sequence", 0), ("sequence", 0), ("check", 0), ("person", 0), ("sequence", 1)]
    plan = tuple({"step_id": f"step/{step}", "kind": kind, "test": test} for step, (kind, test) in enumerate(kinds))
    header = replace(make_header(len(plan)), plan=plan)

    def judged(*order: int, fail: int = -1) -> list[Verdict]:
        attempts: dict[int, list[Tried]] = {}
        for place, step in enumerate(order):
            verdict = Verdict.FAIL if place == fail else Verdict.PASS
            attempts.setdefault(step, []).append(Tried(verdict, True, place))
        return [result.verdict for result in results_of(header, attempts)]

    assert judged(0, 1, 3, 4) == [Verdict.PASS] * 2 + [Verdict.NOT_RUN] * 4, "a sequence was never recorded"
    assert judged(0, 1, 3, 4, 2)[3:5] == [Verdict.NOT_RUN] * 2, "a sequence was run after the check"
    assert judged(0, 1, 3, 4, 2, 3)[3:5] == [Verdict.PASS, Verdict.NOT_RUN]
    assert judged(0, 1, 3, 2, 3, 4, 5)[3:5] == [Verdict.PASS] * 2, "another test's exposures do not count"
    assert judged(0, 1, 3, 2, fail=2)[3] is Verdict.FAIL, "what was found before stays found"
    assert judged(0, 1, 2, 3, 0)[0] is Verdict.PASS, "a baseline is repeated after an interruption"
