"""A record scored under other limits: a new record beside the old one, which is never touched.

The new record is a file of lines, each the canonical text of an object with ``n``, ``previous`` and ``sha256`` as in
the event log: a head (which session, which device file, verbatim, who, when, with what), one line per attempt, an end
(every step's verdict before and after). The hash of its last line stands for all of it. ``docs/replay.md`` has every
key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from aimdlab import _platform
from aimdlab.errors import ConfigurationError, RecordAlteredError, RecordError, SessionExistsError
from aimdlab.replay.attempt import AttemptReplay
from aimdlab.replay.limits import OtherLimits
from aimdlab.replay.scorings import TestScoring, criterion_record, recorded_device, unlike_files
from aimdlab.replay.session import Told, attempts_again, environment_now, environment_of, is_reproduced
from aimdlab.scoring.results import Outcome, Verdict
from aimdlab.session import canonical
from aimdlab.session.base import Session
from aimdlab.session.header import software_versions, utc_now
from aimdlab.session.other_file import RESCORED_SUFFIX
from aimdlab.session.sealed import SealedSession
from aimdlab.session.verdicts import StepResult, TriedAttempts, results_of

FORMAT = "aimdlab-rescoring"
FORMAT_VERSION = 1
SUFFIX = RESCORED_SUFFIX
_HEAD, _ATTEMPT, _END = "head", "attempt", "end"
_LONGEST_LINE = 64 << 20


@dataclass(frozen=True)
class StepChange:
    """A step before and after, and of the attempts that decide it the outcomes that became others.

    Attributes:
        before, after: recorded, and under the new limits.
        outcomes: (recorded, new) of every criterion whose outcome is another one; None where it is not in the one or
            the other file.
    """

    before: StepResult
    after: StepResult
    outcomes: tuple[tuple[Outcome | None, Outcome | None], ...]

    @property
    def fail_becomes_pass(self) -> bool:
        """The change that must never be overlooked."""
        return self.before.verdict is Verdict.FAIL and self.after.verdict is Verdict.PASS


@dataclass
class Rescoring:
    """What came of it.

    Attributes:
        path: the new record.
        sha256: hash of its last line.
        attempts: how many were scored.
        not_reproduced: names of attempts whose features did not come out as recorded: their change is no matter of
            limits.
        steps: the result of every step under the new limits.
        changes: the steps whose verdict is another one.
    """

    path: Path
    sha256: str = ""
    attempts: int = 0
    not_reproduced: list[str] = field(default_factory=list)
    steps: Sequence[StepResult] = ()
    changes: list[StepChange] = field(default_factory=list)


@dataclass(frozen=True)
class RescoringSummary:
    """A record of this kind, read again and proven.

    Attributes:
        head, end: its first and last line.
        attempts: how many lines of attempts.
        sha256: hash of the last line.
    """

    head: Mapping[str, Any]
    end: Mapping[str, Any]
    attempts: int
    sha256: str


def default_path(session: Path, device: Path) -> Path:
    """Where the new record goes unless it is told: beside the session, named after both."""
    stem = session.name.removesuffix(".h5")
    return session.absolute().with_name(f"{stem}.{device.stem}{SUFFIX}")


def rescore(
    session: Session,
    scorings: tuple[TestScoring, ...],
    limits: OtherLimits,
    out: Path,
    operator: str,
    workers: int | None,
    told: Told,
) -> Rescoring:
    """Score every attempt under other limits and write the new record.

    Raises:
        SessionExistsError: ``out`` is there already; nothing recorded is ever overwritten.
        RecordError: it cannot be written; what was written of it is removed.
        RecordAlteredError: the session is not what was recorded, or its header does not agree with itself.
    """
    problems = unlike_files(session.header)
    if problems:
        raise RecordAlteredError(f"{session.path}: the header was altered together with its hashes: {problems[0]}")
    result = Rescoring(out)
    recorded, recomputed = TriedAttempts(), TriedAttempts()
    changed: dict[int, tuple[tuple[Outcome | None, Outcome | None], ...]] = {}
    last = session.header_sha256
    with _new_file(out) as stream:
        lines = _Lines(stream)
        lines.write(_HEAD, _head(session, scorings, limits, operator))
        then_environment, now_environment = environment_of(session.header), environment_now()
        for attempt in attempts_again(session, [limits.criteria] * len(scorings), workers, told):
            lines.write(_ATTEMPT, _attempt(attempt))
            recorded.add(attempt.step, attempt.recorded)
            recomputed.add(attempt.step, attempt.recomputed)
            if attempt.recorded.verdict is not attempt.recomputed.verdict:
                changed[attempt.index] = _changed_outcomes(attempt)
            if not is_reproduced(attempt, then_environment, now_environment):
                result.not_reproduced.append(attempt.name)
            result.attempts += 1
            last = attempt.sha256
        before = results_of(session.header, recorded)
        result.steps = results_of(session.header, recomputed)
        for then, now in zip(before, result.steps, strict=True):
            if then.verdict is not now.verdict:
                deciding = dict.fromkeys(one for one in (then.decided_by, now.decided_by) if one is not None)
                outcomes = [pair for index in deciding for pair in changed.get(index, ())]
                result.changes.append(StepChange(then, now, tuple(outcomes)))
        lines.write(_END, _end(result, before, last))
        result.sha256 = lines.previous
    return result


def check_rescoring(path: Path) -> RescoringSummary:
    """Read a record of this kind again and prove every hash.

    Raises RecordError if it is none, RecordAlteredError naming the first line that is not what was written.
    """
    head: Mapping[str, Any] = {}
    end: Mapping[str, Any] = {}
    attempts, previous, n = 0, canonical.NO_HASH, 0
    for n, line in enumerate(_read_lines(path)):
        where = f"{path}, line {n + 1}"
        if end:
            raise RecordAlteredError(f"{where} was added: the record ends before it")
        found = _check_line(line, n, previous, where)
        previous = str(found["sha256"])
        kind = found.get("kind")
        if (kind == _HEAD) != (n == 0):
            raise RecordError(f"{path} is no record of a scoring under other limits")
        if kind == _HEAD:
            head = found
            if found.get("format") != FORMAT or found.get("format_version") != FORMAT_VERSION:
                raise RecordError(f"{path} is {found.get('format')!r} of version {found.get('format_version')!r}; this "
                                  f"aimdlab reads {FORMAT!r} of version {FORMAT_VERSION}")  # fmt: skip
        elif kind == _END:
            end = found
        else:
            attempts += 1
    if not end:
        raise RecordAlteredError(f"{path} has no end: it was cut off, or the computer stopped while it was written")
    if end.get("attempts") != attempts:
        raise RecordAlteredError(
            f"{path} was altered: it holds {attempts} attempts, its end says {end.get('attempts')}"
        )
    return RescoringSummary(head, end, attempts, previous)


class _Lines:
    """Writes the lines, each chained to the one before."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n = 0
        self.previous = canonical.NO_HASH

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        line = {**values, "kind": kind, "n": self._n, "previous": self.previous}
        digest = canonical.sha256(canonical.encode(line))
        self._stream.write(canonical.encode({**line, "sha256": digest}).encode() + b"\n")
        self._n += 1
        self.previous = digest


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, on the medium when the context ends; removed if it ends with an error."""
    try:
        stream = path.open("xb")
    except FileExistsError:
        raise SessionExistsError(
            f"{path} is there already, and nothing recorded is ever overwritten. Choose another name with --out."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be made: {error.strerror or error}. Choose another place with --out."
        ) from error
    try:
        with stream:
            yield stream
            _platform.fsync_file(stream)
        _platform.fsync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RecordError(f"{path} cannot be written: {error.strerror or error}. Nothing was kept of it.") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _head(session: Session, scorings: tuple[TestScoring, ...], limits: OtherLimits, operator: str) -> dict[str, Any]:
    header, recorded, source = session.header, recorded_device(session.header), limits.device.source
    root = canonical.sha256(canonical.encode(session.root)) if isinstance(session, SealedSession) else None
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "session": {
            "file": session.path.name,
            "session_id": header.session_id,
            "title": header.title,
            "header_sha256": session.header_sha256,
            "root_sha256": root,
        },
        "recorded_device_file": {"name": recorded.path.as_posix(), "sha256": canonical.sha256(recorded.text)},
        "device_file": {
            "name": source.path.name,
            "text": source.text,
            "sha256": canonical.sha256(source.text),
        },
        "also_different": list(limits.also_different),
        "tests": [
            {
                "name": scoring.name,
                "procedure": scoring.procedure_name,
                "recorded_criteria": [criterion_record(limit) for limit in scoring.criteria],
                "criteria": [criterion_record(limit) for limit in limits.criteria],
            }
            for scoring in scorings
        ],
        "software": software_versions(),
        "recorded_software": dict(header.software),
        "host": _platform.describe_host(),
        "operator": operator,
        "created_utc": utc_now(),
    }


def _attempt(attempt: AttemptReplay) -> dict[str, Any]:
    return {
        "index": attempt.index,
        "step": attempt.step,
        "step_id": attempt.step_id,
        "number": attempt.number,
        "record_sha256": attempt.sha256,
        "recorded_verdict": attempt.recorded.verdict,
        "score": asdict(attempt.score),
        "not_reproduced": [one.what for one in attempt.differences],
    }


def _end(result: Rescoring, before: Sequence[StepResult], last: str) -> dict[str, Any]:
    return {
        "attempts": result.attempts,
        "last_attempt_sha256": last,
        "not_reproduced": len(result.not_reproduced),
        "steps": [
            {
                "step": now.step,
                "step_id": now.step_id,
                "recorded": {"verdict": then.verdict, "reason": then.reason},
                "now": {"verdict": now.verdict, "reason": now.reason},
            }
            for then, now in zip(before, result.steps, strict=True)
        ],
    }


def _changed_outcomes(attempt: AttemptReplay) -> tuple[tuple[Outcome | None, Outcome | None], ...]:
    """Criteria are told apart by their feature and by which of several on it they are."""
    then, now = _numbered(attempt.recorded_outcomes), _numbered(attempt.score.outcomes)
    pairs = [(then.get(key), now.get(key)) for key in dict.fromkeys((*then, *now))]
    return tuple((one, other) for one, other in pairs if one is None or other is None or one.verdict != other.verdict)


def _numbered(outcomes: tuple[Outcome, ...]) -> dict[tuple[str, int], Outcome]:
    found: dict[tuple[str, int], Outcome] = {}
    for outcome in outcomes:
        name = outcome.criterion.feature
        found[name, sum(1 for other, _ in found if other == name)] = outcome
    return found


def _read_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while line := stream.readline(_LONGEST_LINE):
                yield line
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_line(line: bytes, n: int, previous: str, where: str) -> dict[str, Any]:
    try:
        found = canonical.decode_object(line.decode())
        text = canonical.encode({key: value for key, value in found.items() if key != "sha256"})
        whole = canonical.encode(found).encode() + b"\n"
    except (ValueError, RecursionError) as error:
        if n == 0:
            raise RecordError(f"{where}: no record of a scoring under other limits: {error}") from error
        raise RecordAlteredError(f"{where} was altered: {error}") from error
    if canonical.sha256(text) != found.get("sha256") or line != whole:
        raise RecordAlteredError(f"{where} was altered: its hash is another one")
    if found.get("n") != n or found.get("previous") != previous:
        raise RecordAlteredError(f"{where} was moved, or a line before it was altered, added or removed")
    return found
