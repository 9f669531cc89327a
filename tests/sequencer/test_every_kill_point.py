"""A run killed after any of its attempts, and gone on with, comes to what an undisturbed one comes to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimdlab.procedures.protocol import Exposure, Step, Verification
from aimdlab.scoring.results import EXPOSURE_PROVEN, Feature, Score, Verdict
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.plan import Plan
from aimdlab.sequencer.progress import Silent
from aimdlab.sequencer.run import Run
from aimdlab.sequencer.tries import CutOff, Tries, cut_off
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession
from aimdlab.session.header import new_header
from campaign_files import Files

PASS, FAIL, INVALID = (
    Score(verdict, verdict.value, (), ()) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INVALID)
)
PROVEN_INVALID = replace(INVALID, features=(Feature(EXPOSURE_PROVEN, 1.0, "1", 0.0),))

# What every attempt at a step comes to; what is not named is PASS.
DEVICES = {
    "robust": {},
    "susceptible": {"0002": FAIL, "0004": FAIL},
    "damaged": {"0002": FAIL, "check": FAIL},
    "unproven": {"0002": INVALID},
    "unreadable": {"0003": PROVEN_INVALID},
    "lost": {"0003": FAIL, "check": INVALID},
    "worn": {"check": FAIL},
}


class Killed(BaseException):
    """The run dies here."""


class Procedure:
    """Measures nothing; the device under it is as a test says, and its check once it was exposed to what harms it."""

    device: dict[str, Score]
    exposed: set[str]
    dies_during = ""

    def __init__(self, bench: object, subject: object) -> None:
        self._step = ""

    def prepare(self, step: Step) -> None:
        self._step = step.id.partition("/")[2]

    def verify(self) -> Verification:
        return Verification((), proven=True, reason="")

    def expose(self) -> Exposure:
        if self._step == self.dies_during:
            raise Killed
        return Exposure((), (), 1.0)

    def finish(self) -> None:
        """Nothing is on."""

    def features(self, *_: object, **__: object) -> Score:
        if self._step.startswith("000"):
            self.exposed.add(self._step)
        harmful = self.device.keys() - {"check"}
        if self._step == "check" and not (self.exposed & harmful if harmful else self.exposed):
            return PASS
        return self.device.get(self._step, PASS)


class Bench:
    """A bench without instruments, whose time stands still."""

    def __init__(self, session: SessionFolder) -> None:
        self.clock, self.events, self.operator = self, session.events, self
        self.instruments: dict[str, Any] = {}

    def now_s(self) -> float:
        return 0.0

    def sleep(self, duration_s: float) -> None:
        """It does not."""

    def initialise(self) -> None:
        """There is nothing."""

    def begin_step(self, *_: object) -> None:
        """There is nothing to be sent."""

    def make_safe(self) -> None:
        """It is."""


class DiesAfter(Silent):
    """Kills the run after a number of attempts."""

    def __init__(self, left: int) -> None:
        self._left = left

    def attempt_done(self, step: Step, attempt: int, score: Score) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


@pytest.fixture
def plan_with(tmp_path: Path) -> Callable[[str, dict[str, Score]], Plan]:
    def make(rule: str, device: dict[str, Score]) -> Plan:
        files = Files(tmp_path)
        files.change(files.test, ("on_fail: continue", f"on_fail: {rule}"), ("retries: 2", "retries: 1"))
        files.change(files.test, ('["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["5 mT", "20 mT"]'))
        plan, scripted = files.plan(), type("Scripted", (Procedure,), {"device": device, "exposed": set()})
        return replace(
            plan,
            tests=tuple(
                replace(test, procedure=scripted, steps=tuple(replace(step, storage_bytes=0) for step in test.steps))
                for test in plan.tests
            ),
        )

    return make


def run(plan: Plan, path: Path, dies_after: int = 0) -> bool:
    """Begin a session or go on with it; whether the run came to its end."""
    if path.exists():
        with FolderSession(path) as found:
            tries = Tries(found.header.plan, found.records(), cut_off(found.events()))
        if tries.first_to_do() is None or any(tries.course(test).ended for test in plan.tests):
            return True
        session = SessionFolder.open(path)
    else:
        for test in plan.tests:
            test.procedure.exposed.clear()  # type: ignore[attr-defined]
        steps = tuple(step.as_record() for step in plan.steps)
        session, tries = SessionFolder.create(path, new_header(title="x", plan=steps, configuration={})), None
    with session:
        bench: Any = Bench(session)
        mark = lambda step, attempt: None  # noqa: E731
        try:
            Run(plan, bench, session, Attention(), DiesAfter(dies_after), mark, tries).execute()
        except Killed:
            return False
    return True


def verdicts(path: Path) -> dict[str, str]:
    with FolderSession(path) as session:
        session.verify()
        return {result.step_id: result.verdict.value for result in session.steps()}


@pytest.mark.parametrize(
    ("device", "rule"),
    [
        ("robust", "check"),
        ("unproven", "continue"),
        ("worn", "continue"),
        ("susceptible", "stop"),
        ("susceptible", "check"),
        ("damaged", "check"),
        ("unreadable", "check"),
        ("lost", "check"),
    ],
)
def test_a_run_killed_after_any_attempt_comes_to_the_same_verdicts(
    plan_with: Callable[[str, dict[str, Score]], Plan], tmp_path: Path, device: str, rule: str
) -> None:
    plan = plan_with(rule, DEVICES[device])
    assert run(plan, tmp_path / "undisturbed")
    wanted = verdicts(tmp_path / "undisturbed")
    with FolderSession(tmp_path / "undisturbed") as session:
        attempts = len(list(session.records()))
    assert attempts >= 4
    for killed_after in range(1, attempts + 1):
        path = tmp_path / f"killed{killed_after}"
        assert not run(plan, path, dies_after=killed_after)
        # Every other time again, at its first new attempt that is no repetition.
        if killed_after % 2 or not run(plan, path, dies_after=3):
            assert run(plan, path)
        assert verdicts(path) == wanted, killed_after


def test_an_attempt_that_is_cut_off_leaves_its_trace(
    plan_with: Callable[[str, dict[str, Score]], Plan], tmp_path: Path
) -> None:
    """Whoever stops an exposure that goes wrong, and goes on, does not get rid of it."""
    plan, path = plan_with("continue", {}), tmp_path / "session"
    procedure: Any = plan.tests[0].procedure
    step = next(step for step in plan.steps if step.id == "1/0002")
    procedure.dies_during = "0002"
    for _ in range(2):
        assert not run(plan, path)
    procedure.dies_during = ""
    assert run(plan, path)
    with FolderSession(path) as session:
        session.verify()
        records = [(str(record.attempt["step_id"]), record.number) for record in session.records()]
        cut = cut_off(session.events())
    assert [number for step_id, number in records if step_id == "1/0002"] == [3], "no number is used twice"
    assert [(one.step, one.number) for one in cut] == [(step.index, 1), (step.index, 2)]
    assert all(isinstance(one, CutOff) and one.committed_before > 2 for one in cut)


def test_a_check_that_a_cut_off_exposure_follows_is_done_again(
    plan_with: Callable[[str, dict[str, Score]], Plan],
) -> None:
    plan = plan_with("continue", {})
    places = {step.id.partition("/")[2]: step.index for step in plan.steps}
    tries = Tries([step.as_record() for step in plan.steps], (), [CutOff(places["0002"], 1, 0)])
    tries.add(places["check"], 1, PASS)
    assert tries.is_done(places["check"])
    tries = Tries([step.as_record() for step in plan.steps], (), [CutOff(places["0002"], 1, 1)])
    tries.add(places["check"], 1, PASS)
    assert not tries.is_done(places["check"])
