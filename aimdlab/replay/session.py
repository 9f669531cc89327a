"""A whole session scored again and compared: attempts, then the steps that they decide."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.replay.attempt import AttemptReplay, Limits
from aimdlab.replay.scorings import unlike_files
from aimdlab.replay.workers import replay_all, workers_for
from aimdlab.scoring.results import Verdict
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.base import Session, commit_of
from aimdlab.session.chain import check_links
from aimdlab.session.header import SessionHeader, software_versions
from aimdlab.session.verdicts import StepResult, TriedAttempts, results_of

MOST_LISTED = 200
"""So many attempts that differ are kept with their differences; the others are counted."""

SCORING_CODE = "scoring code"
"""Name among the software of the fingerprint of what scores."""

Told = Callable[[int, AttemptReplay], None]
"""Is told how many attempts there are to do, and each as it is done."""


@dataclass(frozen=True)
class Environment:
    """What computed the numbers: versions by name, and the computer.

    Attributes:
        software: version by name.
        host: name of the computer.
        machine: its kind of processor.
    """

    software: dict[str, str]
    host: str
    machine: str

    def unlike(self, other: Environment) -> list[str]:
        """What differs, in words: "numpy 2.3.1 then, 2.4.6 now"."""
        names = [name for name in self.software if name in other.software]
        words = [
            f"{name} {self.software[name]} then, {other.software[name]} now"
            for name in names
            if self.software[name] != other.software[name]
        ]
        for what, then, now in (("computer", self.host, other.host), ("processor", self.machine, other.machine)):
            if then != now:
                words.append(f"{what} {then} then, {now} now")
        return words


@dataclass(frozen=True)
class StepReplay:
    """A step whose verdict, reason or deciding attempt is not what the recorded attempts say."""

    recorded: StepResult
    recomputed: StepResult


@dataclass
class Replay:
    """What became of a replay.

    Attributes:
        then, now: environments of the record and of this replay.
        attempts: how many were scored again.
        identical: of them, to the last bit.
        close: of them, that differ by the arithmetic of another environment alone.
        differing: the others; the first are kept in ``listed``.
        steps: the recomputed result of every step.
        changed_steps: those that come out differently.
        problems: sentences on a header that does not agree with itself.
    """

    then: Environment
    now: Environment
    attempts: int = 0
    identical: int = 0
    close: int = 0
    differing: int = 0
    listed: list[AttemptReplay] = field(default_factory=list)
    close_listed: list[AttemptReplay] = field(default_factory=list)
    steps: Sequence[StepResult] = ()
    changed_steps: list[StepReplay] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_reproduced(self) -> bool:
        """Whether everything came out again."""
        return not (self.differing or self.changed_steps or self.problems)

    def add(self, attempt: AttemptReplay) -> None:
        """Count an attempt."""
        self.attempts += 1
        if not attempt.differences:
            self.identical += 1
        elif is_reproduced(attempt, self.then, self.now):
            self.close += 1
            _keep(self.close_listed, attempt)
        else:
            self.differing += 1
            _keep(self.listed, attempt)


def is_reproduced(attempt: AttemptReplay, then: Environment, now: Environment) -> bool:
    """Whether an attempt came out again: to the last bit, or as closely as another environment computes."""
    return not attempt.differences or (all(one.close for one in attempt.differences) and bool(then.unlike(now)))


def environment_of(header: SessionHeader) -> Environment:
    """What recorded a session."""
    host = header.host
    return Environment(dict(header.software), str(host.get("name", "")), str(host.get("machine", "")))


def environment_now() -> Environment:
    """What computes here."""
    return Environment(software_versions(), platform.node(), platform.machine())


def replay_session(session: Session, workers: int | None = None, told: Told = lambda _todo, _done: None) -> Replay:
    """Score every attempt of a session again, with the limits in it, and derive every step's verdict from that.

    Args:
        session: open.
        workers: processes that share the work; None: as many as are worth it.
        told: hears of every attempt that was done.

    Raises:
        RecordAlteredError: a record is not what was written, named.
        RecordError: the session does not say how it was scored, or its procedure is not installed.
        WorkerLostError: a worker died.
    """
    result = Replay(environment_of(session.header), environment_now(), problems=unlike_files(session.header))
    recorded, recomputed = TriedAttempts(), TriedAttempts()
    for attempt in attempts_again(session, None, workers, told):
        recorded.add(attempt.step, attempt.recorded)
        recomputed.add(attempt.step, attempt.recomputed)
        result.add(attempt)
    result.steps = results_of(session.header, recomputed)
    for then, now in zip(results_of(session.header, recorded), result.steps, strict=True):
        # A reason may be rounded another way; the attempt says so.
        if (then.verdict, then.decided_by) != (now.verdict, now.decided_by):
            result.changed_steps.append(StepReplay(then, now))
    return result


def attempts_again(session: Session, limits: Limits | None, workers: int | None, told: Told) -> Iterator[AttemptReplay]:
    """Every attempt scored again, in the order of commit, each once its record is known to follow the one before."""
    planned = sum(1 for group in session.header.steps.groups() if not group.omitted)
    # Before the attempts: a run may commit more of them meanwhile, but none that was reported may be missing.
    reported = sum(1 for event in session.events() if commit_of(event) is not None)
    links: Iterator[StoredRecord] = check_links(
        session.records(), anchor=session.header_sha256, anchor_name="the session's header", kind="attempt"
    )
    count = 0
    for attempt in replay_all(session, links, limits, workers or workers_for(planned)):
        count += 1
        told(planned, attempt)
        yield attempt
    if not session.path.exists():
        raise RecordError(f"{session.path} was sealed or moved away while it was read. Replay it where it is now.")
    if count < reported:
        raise RecordAlteredError(
            f"{session.path}: attempt number {count} was removed: the event log reports {reported} attempts, {count} "
            "are there"
        )


def verdict_status(steps: Iterable[StepResult]) -> int:
    """0 if every step is PASS or OMITTED, else 1, as a run ends."""
    return int(any(step.verdict not in (Verdict.PASS, Verdict.OMITTED) for step in steps))


def _keep(kept: list[AttemptReplay], attempt: AttemptReplay) -> None:
    if len(kept) < MOST_LISTED:
        kept.append(_lean(attempt))


def _lean(attempt: AttemptReplay) -> AttemptReplay:
    """Without the features, which nobody asks for any more."""
    return replace(attempt, score=replace(attempt.score, features=(), outcomes=()), recorded_outcomes=())
