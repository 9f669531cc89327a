"""What a run makes of faults: which step is tried again, what is left INVALID, when it stops cleanly, and what stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aimdlab.bench import bench as connected_bench
from aimdlab.bench.roles import Role
from aimdlab.config.faults import Faults
from aimdlab.errors import (
    AmplifierTripError,
    FaultStopError,
    IdentityError,
    InstrumentError,
    InstrumentRefusal,
    InstrumentRestartedError,
    LinkError,
    ProbeLostError,
    SafeStateError,
    StoppedByPersonError,
)
from aimdlab.procedures.protocol import Exposure, Step, Verification
from aimdlab.scoring.results import DEVICE_SUSPECT, Feature, Score, Verdict
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.plan import Plan
from aimdlab.sequencer.progress import Silent
from aimdlab.sequencer.run import Run
from aimdlab.sequencer.tries import Tries, cut_off
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession
from aimdlab.session.header import new_header
from aimdlab.session.reader import open_session
from campaign_files import Files
from command_line import Lab

PASS, FAIL, INVALID = (
    Score(verdict, verdict.value, (), ()) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INVALID)
)
LINK = LinkError("no reply within 5 s", instrument="oscilloscope", command="WAV:DATA?")
RESTARTED = InstrumentRestartedError("it was switched off and on", instrument="generator")
REFUSAL = InstrumentRefusal("it reports an error", instrument="generator")
TRIP = AmplifierTripError("it reports a trip", instrument="amplifier")
PROBE = ProbeLostError("probe 2 gives no reading", instrument="thermometer")
IDENTITY = IdentityError("another instrument answers", instrument="oscilloscope")

SUSPECT = Score(Verdict.INVALID, "the device cannot be judged", (Feature(DEVICE_SUSPECT, 1.0, "1", 0.0),), ())

Story = dict[str, list[InstrumentError | Score | tuple[InstrumentError, Score]]]


class Procedure:
    """What becomes of the attempts at a step is told by a story; one that is not told of passes."""

    story: Story
    faulty: bool

    def __init__(self, bench: object, subject: object) -> None:
        self._score = PASS

    def prepare(self, step: Step) -> None:
        told = self.story.get(step.id.partition("/")[2], [])
        now = told.pop(0) if told else PASS
        self._at_the_end, self._now = now if isinstance(now, tuple) else (None, now)

    def verify(self) -> Verification:
        return Verification((), proven=True, reason="")

    def expose(self) -> Exposure:
        if isinstance(self._now, InstrumentError):
            raise self._now
        return Exposure((), (), 1.0)

    def finish(self) -> None:
        """Nothing is on; a fault that is told of with a score strikes here."""
        if self._at_the_end is not None:
            raise self._at_the_end

    def features(self, *_: object, **__: object) -> Score:
        return self._now if isinstance(self._now, Score) else PASS


class Amplifier:
    """One that can be reset."""

    ROLES = frozenset({Role.DRIVE_AMPLIFIER})
    MODELS = ()

    def __init__(self) -> None:
        self.resets = 0

    def initialise(self) -> None: ...

    def rating(self) -> None: ...

    def set_enabled(self, on: bool) -> None: ...

    def make_safe(self) -> None: ...

    def fault(self) -> str:
        return ""

    def reset_fault(self) -> None:
        self.resets += 1


class Bench:
    """A bench whose time stands still, with an amplifier."""

    meanwhile = connected_bench.Bench.meanwhile

    def __init__(self, session: SessionFolder) -> None:
        self.clock, self.events, self.operator = self, session.events, self
        self.kind = "real"
        self.amplifier = Amplifier()
        connected = SimpleNamespace(
            equipment=SimpleNamespace(name="amplifier"), driver=self.amplifier, link=None, identity=None
        )
        self.instruments: dict[str, Any] = {"amplifier": connected}
        self.unsafe_for = 0  # so many calls of make_safe fail
        self.made_safe = 0

    def now_s(self) -> float:
        return 0.0

    def sleep(self, duration_s: float) -> None:
        """It does not."""

    def initialise(self) -> None:
        """There is nothing."""

    def begin_step(self, *_: object) -> None:
        """Nothing can be sent."""

    def make_safe(self) -> None:
        self.made_safe += 1
        if self.unsafe_for:
            self.unsafe_for -= 1
            raise SafeStateError("NOT SAFE, switch off by hand now: generator.")


class Watched(Silent):
    """Somebody is at the terminal."""

    def __init__(self, told: list[str], attention: Attention, stops_at: str) -> None:
        self._told, self._attention, self._stops_at = told, attention, stops_at

    def trouble(self, message: str) -> None:
        self._told.append(message)
        if self._stops_at and message.startswith(self._stops_at):
            self._attention.stop("Ctrl-C")


class Scripted:
    """Runs of the shipped campaign of ten sequences, as stories tell them."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "lab")
        self.path = folder / "session"
        self.bench: Any = None
        self.told: list[str] = []

    def run(
        self, story: Story, unsafe_for: int = 0, retries: int = 2, stops_at: str = "", **policy: Any
    ) -> dict[str, list[str]]:
        """The verdicts of every step that was tried; goes on with the session if it is there.

        With ``stops_at`` a person presses Ctrl-C as soon as a message begins like that.
        """
        plan = self._plan(story, retries, policy)
        if self.path.exists():
            with FolderSession(self.path) as found:
                tries: Tries | None = Tries(found.header.plan, found.records(), cut_off(found.events()))
            session = SessionFolder.open(self.path)
        else:
            steps, tries = tuple(step.as_record() for step in plan.steps), None
            session = SessionFolder.create(self.path, new_header(title="x", plan=steps, configuration={}))
        with session:
            self.bench = Bench(session)
            self.bench.unsafe_for = unsafe_for
            attention = Attention()
            watched = Watched(self.told, attention, stops_at)
            try:
                Run(plan, self.bench, session, attention, watched, lambda *_: None, tries).execute()
            finally:
                self.tried = self._tried(plan)
        return self.tried

    def verdicts(self) -> dict[str, str]:
        with FolderSession(self.path) as session:
            session.verify()
            return {result.step_id.partition("/")[2]: result.verdict.value for result in session.steps()}

    def decisions(self) -> list[tuple[str, str]]:
        with FolderSession(self.path) as session:
            return [(e.data["decision"], e.data["fault"]) for e in session.events() if e.kind == "fault.policy"]

    def _tried(self, plan: Plan) -> dict[str, list[str]]:
        tried: dict[str, list[str]] = {}
        with FolderSession(self.path) as session:
            for attempt in session.attempts():
                tried.setdefault(attempt.step_id.partition("/")[2], []).append(attempt.score.verdict.value)
        return tried

    def _plan(self, story: Story, retries: int, policy: dict[str, Any]) -> Plan:
        plan = self.files.plan()
        scripted = type("Told", (Procedure,), {"story": {step: list(told) for step, told in story.items()}})
        loaded = plan.campaign.campaign
        file = loaded.file.model_copy(update={"faults": Faults.model_validate({"reconnect_for": "0 s", **policy})})
        tests = []
        for test in plan.tests:
            source = test.subject.test
            told = replace(source, file=source.file.model_copy(update={"retries": retries}))
            tests.append(
                replace(
                    test,
                    procedure=scripted,
                    subject=replace(test.subject, test=told),
                    steps=tuple(replace(step, storage_bytes=0) for step in test.steps),
                )
            )
        campaign = replace(plan.campaign, campaign=replace(loaded, file=file))
        return replace(plan, campaign=campaign, tests=tuple(tests))


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    (tmp_path / "lab").mkdir()
    return Scripted(tmp_path)


@pytest.mark.parametrize("fault", [LINK, RESTARTED, REFUSAL], ids=["link", "restarted", "refusal"])
def test_a_step_is_tried_again_as_often_as_the_policy_says_then_left(
    scripted: Scripted, fault: InstrumentError
) -> None:
    tried = scripted.run({"0002": [fault, PASS], "0004": [fault] * 9}, link={"retries": 2})
    assert tried["0002"] == ["INVALID", "PASS"]
    assert tried["0004"] == ["INVALID"] * 3
    assert (tried["0005"], tried["check"]) == (["PASS"], ["PASS"]), "the run went on"
    kind = {LINK: "link", RESTARTED: "restarted", REFUSAL: "refusal"}[fault]
    assert scripted.decisions() == [(what, kind) for what in ("retry", "retry", "retry", "go_on")]


def test_faults_and_exposures_that_were_not_proven_are_counted_apart(scripted: Scripted) -> None:
    """A cable that was hit says nothing of a level that is off, nor the other way round."""
    story: Story = {"0001": [LINK, INVALID, LINK, INVALID, PASS], "0002": [INVALID, LINK, INVALID, INVALID, PASS]}
    tried = scripted.run(story)
    assert tried["0001"] == ["INVALID"] * 4 + ["PASS"]
    assert tried["0002"] == ["INVALID"] * 4, "three exposures were not proven, with two retries"
    assert tried["0003"] == ["PASS"]


def test_what_a_fail_proved_stays_whatever_came_after_it(scripted: Scripted) -> None:
    tried = scripted.run({"0002": [FAIL], "0003": [LINK, FAIL]})
    assert (tried["0002"], tried["0003"]) == (["FAIL"], ["INVALID", "FAIL"])


def test_stop_is_a_clean_stop_that_can_be_gone_on_with(scripted: Scripted) -> None:
    with pytest.raises(FaultStopError) as caught:
        scripted.run({"0002": [REFUSAL] * 9}, refusal={"retries": 1, "then": "stop"})
    assert caught.value.exit_status == 3
    for part in ("step 1/0002 ended with a fault (refusal)", "it reports an error", "resume the session"):
        assert part in str(caught.value)
    assert scripted.tried["0002"] == ["INVALID"] * 2
    assert "0003" not in scripted.tried
    assert scripted.bench.made_safe > 2
    assert scripted.decisions() == [("retry", "refusal"), ("stop", "refusal")]
    scripted.run({})  # gone on with: the step that was left INVALID is tried again, with as many retries as before
    assert set(scripted.verdicts().values()) == {"PASS"}


def test_another_instrument_always_stops(scripted: Scripted) -> None:
    with pytest.raises(FaultStopError, match="another instrument answers"):
        scripted.run({"0002": [IDENTITY]})
    assert scripted.decisions() == [("stop", "identity")]


def test_a_probe_that_is_lost_stops_after_one_more_try(scripted: Scripted) -> None:
    with pytest.raises(FaultStopError, match="probe 2 gives no reading"):
        scripted.run({"0001": [PROBE] * 5})
    assert scripted.decisions() == [("retry", "probe"), ("stop", "probe")]


def test_a_dead_instrument_does_not_make_a_night_of_invalid(scripted: Scripted) -> None:
    dead: Story = {f"{number:04d}": [LINK] * 9 for number in range(3, 9)}
    with pytest.raises(FaultStopError, match=r"2 steps in a row ended INVALID by a fault, the last one 1/0004: osc"):
        scripted.run(dead, link={"retries": 1}, give_up_after=2)
    assert (scripted.tried["0003"], scripted.tried["0004"]) == (["INVALID"] * 2, ["INVALID"] * 2)
    assert "0005" not in scripted.tried


def test_steps_that_a_fault_left_invalid_for_good_count_as_well(scripted: Scripted) -> None:
    """What is not tried again, lest it hide a failure, is no better a night."""
    struck: Story = {f"{number:04d}": [(LINK, SUSPECT)] for number in range(3, 9)}
    with pytest.raises(FaultStopError, match=r"2 steps in a row ended INVALID by a fault, the last one 1/0004: osc"):
        scripted.run(struck, give_up_after=2)
    assert (scripted.tried["0003"], scripted.tried["0004"]) == (["INVALID"], ["INVALID"])
    assert scripted.run({})["0003"] == ["INVALID"]


def test_steps_that_came_to_something_end_the_row(scripted: Scripted) -> None:
    gone: Story = {f"{number:04d}": [LINK] * 9 for number in (1, 3, 5, 7)}
    tried = scripted.run(gone | {"0002": [FAIL], "0004": [INVALID] * 9}, link={"retries": 0}, give_up_after=2)
    assert tried["0010"] == ["PASS"]


@pytest.mark.parametrize("step", ["settings", "baseline", "check", "settings-after"])
def test_what_all_else_rests_on_is_not_given_up(scripted: Scripted, step: str) -> None:
    """A session is not sealed without its baseline or its check because a plug fell out: it can be gone on with."""
    with pytest.raises(FaultStopError, match=rf"step 1/{step} \(.*\) could not be done: oscilloscope"):
        scripted.run({step: [LINK] * 9}, link={"retries": 1, "then": "go_on"})
    scripted.run({})
    assert set(scripted.verdicts().values()) == {"PASS"}


def test_a_trip_stops_unless_the_campaign_allows_resets(scripted: Scripted) -> None:
    with pytest.raises(
        FaultStopError, match=r"amplifier tripped, and the campaign allows no reset .*Look for the cause"
    ):
        scripted.run({"0002": [TRIP]})
    assert scripted.bench.amplifier.resets == 0
    assert scripted.tried["0002"] == ["INVALID"]


def test_resets_are_counted_over_the_whole_run(scripted: Scripted) -> None:
    with pytest.raises(FaultStopError, match="the campaign allows 2 resets"):
        scripted.run({"0002": [TRIP], "0004": [TRIP], "0006": [TRIP]}, amplifier_resets=2)
    assert scripted.bench.amplifier.resets == 2
    assert (scripted.tried["0002"], scripted.tried["0004"]) == (["INVALID", "PASS"],) * 2
    assert [what for what, _ in scripted.decisions()] == ["retry", "reset", "retry", "reset", "retry", "stop"]


def test_an_amplifier_that_tripped_is_reset_before_the_next_step_too(scripted: Scripted) -> None:
    """The step is not tried again, but nothing passes through an amplifier that is off."""
    story: Story = {"0002": [TRIP]}
    scripted.run(story, amplifier_resets=1, trip={"retries": 0, "then": "go_on"})
    assert scripted.tried["0002"] == ["INVALID"]
    assert scripted.bench.amplifier.resets == 1
    assert scripted.tried["0003"] == ["PASS"]


def test_a_bench_that_is_not_safe_yet_is_made_safe_once_it_can_be(scripted: Scripted) -> None:
    """What was measured is committed either way; whoever is at the bench is told at once."""
    assert scripted.run({"0002": [LINK]}, unsafe_for=1)["0002"] == ["INVALID", "PASS"]
    assert scripted.told == [
        "step 1/0002: oscilloscope, command 'WAV:DATA?': no reply within 5 s",
        "NOT SAFE, switch off by hand now: generator. It is tried on for 0 s.",
        "The bench is safe now.",
        "oscilloscope is brought back to its known state",
    ]


def test_a_bench_that_cannot_be_made_safe_ends_the_run_and_loses_nothing(scripted: Scripted) -> None:
    with pytest.raises(SafeStateError, match="NOT SAFE"):
        scripted.run({"0002": [LINK]}, unsafe_for=9)
    assert scripted.tried["0002"] == ["INVALID"]


def test_a_person_who_stops_while_the_bench_is_not_safe_loses_nothing_that_was_measured(scripted: Scripted) -> None:
    with pytest.raises(StoppedByPersonError):
        scripted.run({"0002": [LINK]}, unsafe_for=1, stops_at="NOT SAFE")
    assert scripted.tried["0002"] == ["INVALID"]
    assert scripted.bench.made_safe > 1


# --- whole runs on the simulated bench, with faults of scenario files ---------------------------------------------------


def events(path: Path, kind: str) -> list[dict[str, Any]]:
    with open_session(path) as session:
        return [dict(event.data, message=event.message) for event in session.events() if event.kind == kind]


@pytest.mark.waits
def test_whatever_strikes_the_verdicts_are_those_of_a_run_that_nothing_struck(lab: Lab) -> None:
    lab.fewer_steps()
    lab.change(
        lab.campaign,
        "tests:",
        "faults: {link: {retries: 20}, restarted: {retries: 20}, refusal: {retries: 20}}\ntests:",
    )
    struck = [
        # the same step over and over, each attempt with another fault
        "fault: corrupt, part: text, instrument: generator, step: 1/0001, attempt: 1, command: 'OUTP1?'",
        "fault: truncate, close: true, instrument: oscilloscope, step: 1/0001, attempt: 2, command: 'WAV:DATA?'",
        "fault: repeat, instrument: generator, step: 1/0001, attempt: 3, command: 'SYST:ERR?'",
        "fault: flood, instrument: generator, step: 1/0001, attempt: 4, command: 'BURS:NCYC?'",
        "fault: full_error_queue, instrument: generator, step: 1/0001, attempt: 5, command: 'BURS:NCYC?'",
        # Nobody misses the generator during the exposure, nor its answers after it: only its power-on bit tells.
        "fault: power_cycle, for: 0 s, hold_connection: true, instrument: generator, step: 1/0001, attempt: 6,"
        " after: 12 s",
        "fault: power_cycle, for: 1 s, instrument: generator, step: 1/0001, attempt: 7, message: 3",
        "fault: drop, instrument: oscilloscope, step: 1/0001, attempt: 8, command: 'SING'",
        "fault: stuck, instrument: oscilloscope, step: 1/0001, attempt: 9, command: 'SING'",
        "fault: hang, instrument: oscilloscope, step: 1/0002, attempt: 1, command: 'WAV:PRE?'",
        "fault: swap, instrument: generator, step: 1/baseline, attempt: 1, message: 2",
    ]
    status, result = lab.run("--scenario", str(lab.scenario(*struck)))
    assert status == 0, result
    assert {step["verdict"] for step in result["steps"]} == {"PASS"}
    path = Path(result["session"])
    happened = events(path, "simulation.fault")
    assert len(happened) == len(struck), [one["message"] for one in happened]
    kinds = [(one["step"], one["attempt"], one["fault"]) for one in events(path, "instrument.fault")]
    wanted = ["link", "link", "link", "link", "refusal", "restarted", "link", "link"]
    assert [kind for step, attempt, kind in kinds if step == "1/0001"] == wanted
    # One that says for ever that it records looks like one that saw no signal: reset with all others, it does again.
    (stuck,) = (step for step in result["steps"] if step["step_id"] == "1/0001")
    assert [attempt["verdict"] for attempt in stuck["attempts"]] == ["INVALID"] * 9 + ["PASS"]
    assert ("1/0002", 1, "link") in kinds
    assert ("1/baseline", 1, "link") in kinds
    assert len(events(path, "instrument.recovered")) >= len(struck)
    assert events(path, "instrument.not_recovered") == []


def test_another_instrument_stops_the_run_which_goes_on_when_the_right_one_is_back(lab: Lab) -> None:
    lab.fewer_steps()
    wrong = lab.scenario(
        "fault: wrong_identity, serial: MY00000000, instrument: oscilloscope, step: 1/0002, message: 5"
    )
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--scenario", wrong)
    assert done.returncode == 3
    assert "another instrument answers" in done.stderr
    assert "serial MY00000000" in done.stderr
    assert f"aimdlab resume {lab.session}" in done.stderr
    (stop,) = [one for one in events(lab.session, "fault.policy") if one["decision"] == "stop"]
    assert stop["fault"] == "identity"
    resumed = lab.cli("resume", lab.session, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert {step["verdict"] for step in json.loads(resumed.stdout)["steps"]} == {"PASS"}
