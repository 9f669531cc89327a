"""``aimdlab replay``: the record scored again, compared and shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from aimdlab.cli.output import console, print_json, status
from aimdlab.cli.replay_progress import ReplayProgress
from aimdlab.cli.verdicts import STYLE
from aimdlab.errors import ConfigurationError, RecordAlteredError, RecordError
from aimdlab.replay.attempt import AttemptReplay
from aimdlab.replay.rescoring import SUFFIX, check_rescoring
from aimdlab.replay.session import SCORING_CODE, Environment, Replay, replay_session
from aimdlab.scoring.results import Verdict
from aimdlab.session.base import Session
from aimdlab.session.folder_reader import sealed_path
from aimdlab.session.reader import open_session

NOT_REPRODUCED = 5

_SHOWN_ATTEMPTS = 10
_SHOWN_DIFFERENCES = 12


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    device: Path | None = None
    step: str | None = None
    attempt: int | None = None
    plot: bool = False
    out: Path | None = None
    operator: str = ""
    jobs: int | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.device is not None and (self.step is not None or self.plot):
            raise ConfigurationError("--device scores the whole record; leave --step and --plot out.")
        if self.step is None and (self.attempt is not None or self.plot):
            raise ConfigurationError("--attempt and --plot need --step: which exposure?")
        if self.out is not None and self.device is None and not self.plot:
            raise ConfigurationError("--out names the file that --device or --plot makes; neither is asked for.")


def replay(path: Path, asked: Asked, *, as_json: bool) -> int:
    """Do what was asked; the exit status."""
    if path.name.endswith(SUFFIX) and path.is_file():
        return _prove(path, asked, as_json=as_json)
    if asked.device is not None:
        from aimdlab.cli.replay_limits import rescore

        return rescore(path, asked.device, asked.out, asked.operator, asked.jobs, as_json=as_json)
    if asked.step is not None:
        from aimdlab.cli.replay_step import show_step

        return show_step(path, asked.step, asked.attempt, asked.out, plot=asked.plot, as_json=as_json)
    return compare(path, asked.jobs, as_json=as_json)


def _prove(path: Path, asked: Asked, *, as_json: bool) -> int:
    """Prove a record of a scoring under other limits; 0, or the error names the line that was altered."""
    if asked.device is not None or asked.step is not None:
        raise ConfigurationError(
            f"{path} is no session, but a record of one under other limits; it can only be proven."
        )
    found = check_rescoring(path)
    session, device = found.head["session"], found.head["device_file"]
    if as_json:
        shown = {
            "record": str(path),
            "session": session,
            "device_file": device["name"],
            "operator": found.head["operator"],
        }
        print_json({**shown, "attempts": found.attempts, "record_sha256": found.sha256, "exit_status": 0})
        return 0
    for line in (
        f"{session['title']}: session {session['session_id']} under the limits of {device['name']}, scored by "
        f"{found.head['operator']} at {found.head['created_utc']}",
        f"{found.attempts} attempts; every line is what was written; SHA-256 of the last line {found.sha256}",
    ):
        console.print(escape(line), soft_wrap=True)
    return 0


def compare(path: Path, jobs: int | None, *, as_json: bool) -> int:
    """Score a session again and compare; 0 if everything came out again, else 5."""
    try:
        return _replay(path, jobs, as_json=as_json)
    except RecordError:
        # A run may end and seal its folder while it is read.
        if not (path.suffix != ".h5" and not path.exists() and sealed_path(path).is_file()):
            raise
        status.print(escape(f"{path} was sealed meanwhile; its file is replayed instead"), soft_wrap=True)
        return _replay(sealed_path(path), jobs, as_json=as_json)


def _replay(path: Path, jobs: int | None, *, as_json: bool) -> int:
    with open_session(path) as session:
        with altered_said(path), ReplayProgress() as progress:
            result = replay_session(session, jobs, progress.told)
        exit_status = 0 if result.is_reproduced else NOT_REPRODUCED
        if as_json:
            print_json({**_as_json(session, result), "exit_status": exit_status})
        else:
            _show(session, result)
    return exit_status


@contextmanager
def altered_said(path: Path) -> Iterator[None]:
    """Says with an altered record that it is the record, not the scoring, and what to do."""
    try:
        yield
    except RecordAlteredError as error:
        raise RecordAlteredError(
            f"the record itself was altered, so it cannot be replayed: {error}. "
            f'"aimdlab verify {path}" checks all of it.'
        ) from error


def head(session: Session) -> str:
    """One line that says which record it is."""
    header = session.header
    training = "training, " if any(test.get("scenario") for test in header.tests) else ""
    return f"{header.title}: {training}session {header.session_id} of {header.created_utc}, {session.path}"


def _show(session: Session, result: Replay) -> None:
    console.print(escape(head(session)), soft_wrap=True)
    console.print(
        f"attempts scored again from their raw bytes: {result.attempts}; identical to the last bit: {result.identical}"
        + (f"; agree closely: {result.close}" if result.close else "")
        + (f"; [bold red]differ: {result.differing}[/]" if result.differing else "; differ: 0"),
        soft_wrap=True,
    )
    for problem in result.problems:
        console.print(f"[bold red]{escape(problem)}[/]", soft_wrap=True)
    shown = (result.listed or result.close_listed)[:_SHOWN_ATTEMPTS]
    for attempt in shown:
        show_differences(attempt)
    hidden = (result.differing or result.close) - len(shown)
    if hidden > 0:
        console.print(f"... and {hidden} more attempts (--json lists more)")
    for step in result.changed_steps:
        then, now = step.recorded, step.recomputed
        console.print(
            f"step {escape(now.step_id)}: recorded {styled(then.verdict)}, comes out as {styled(now.verdict)}",
            soft_wrap=True,
        )
    counts = Counter(step.verdict for step in result.steps)
    console.print("verdicts: " + ", ".join(f"{styled(v, f'{counts[v]} {v}')}" for v in Verdict if counts[v]))
    console.print(escape(_environment(result)), soft_wrap=True)
    if result.is_reproduced:
        console.print("[green]reproduced[/]: every feature, outcome and verdict comes out again")
    else:
        console.print(
            f"[bold red]NOT REPRODUCED[/]: {escape(explanation(result.then, result.now, result.problems))}",
            soft_wrap=True,
        )


def styled(verdict: Verdict, text: str = "") -> str:
    """A verdict in its colour."""
    return f"[{STYLE[verdict]}]{text or verdict}[/]"


def explanation(then: Environment, now: Environment, problems: Sequence[str] = ()) -> str:
    """What may be the cause of differences, in a sentence."""
    unlike = then.unlike(now)
    versions = [words for words in unlike if not words.startswith("computer ")]
    if problems:
        return "the header of the session does not agree with itself; somebody altered it and its hashes."
    if versions:
        return (
            f"the record was made with other software ({'; '.join(versions)}), which may explain it. Install those "
            "versions and replay again: if it then still differs, the record was altered together with its hashes."
        )
    if SCORING_CODE not in then.software:
        return (
            f"the version is the same ({then.software.get('aimdlab', '?')}), but the record does not say with which "
            "state of the scoring code it was made. Either that changed since, or the record was altered together with "
            'its hashes. See who signed it ("aimdlab verify --key"), and compare it with your copies.'
        )
    where = "on the same computer" if not unlike else unlike[0]
    return (
        f"the software is the same ({where}), so this is not what was scored then: the record was altered together "
        'with its hashes. See who signed it ("aimdlab verify --key"), and compare it with your copies.'
    )


def _environment(result: Replay) -> str:
    then, unlike = result.then, result.then.unlike(result.now)
    by = f"recorded by aimdlab {then.software.get('aimdlab', '?')} with numpy {then.software.get('numpy', '?')}"
    return f"{by}; {'; '.join(unlike)}" if unlike else f"{by}; the same software and computer now"


def show_differences(attempt: AttemptReplay) -> None:
    """What of an attempt comes out differently."""
    console.print(escape(f"{attempt.name}:"), soft_wrap=True)
    for one in attempt.differences[:_SHOWN_DIFFERENCES]:
        text = f"  {one.what}: recorded {_value(one.recorded)}, recomputed {_value(one.recomputed)}"
        console.print(escape(text), soft_wrap=True)
    if len(attempt.differences) > _SHOWN_DIFFERENCES:
        console.print(f"  ... and {len(attempt.differences) - _SHOWN_DIFFERENCES} more")


def _value(value: object) -> str:
    return "nothing" if value is None else repr(value)


def _as_json(session: Session, result: Replay) -> dict[str, Any]:
    unlike = result.then.unlike(result.now)
    return {
        "session": str(session.path),
        "session_id": session.header.session_id,
        "reproduced": result.is_reproduced,
        "attempts": result.attempts,
        "identical": result.identical,
        "close": result.close,
        "differing": result.differing,
        "differences": [attempt_json(attempt) for attempt in result.listed],
        "close_differences": [attempt_json(attempt) for attempt in result.close_listed],
        "problems": result.problems,
        "steps": [
            {
                "step_id": step.recomputed.step_id,
                "recorded": step.recorded.verdict.value,
                "recomputed": step.recomputed.verdict.value,
            }
            for step in result.changed_steps
        ],
        "verdicts": dict(Counter(step.verdict.value for step in result.steps)),
        "software_then": result.then.software,
        "software_now": result.now.software,
        "host_then": {"name": result.then.host, "machine": result.then.machine},
        "host_now": {"name": result.now.host, "machine": result.now.machine},
        "environment_differs": unlike,
        "explanation": "" if result.is_reproduced else explanation(result.then, result.now, result.problems),
    }


def attempt_json(attempt: AttemptReplay) -> dict[str, Any]:
    """An attempt with its differences, for scripts."""
    return {
        "attempt": attempt.index,
        "step": attempt.step,
        "step_id": attempt.step_id,
        "number": attempt.number,
        "recorded_verdict": attempt.recorded.verdict.value,
        "recomputed_verdict": attempt.recomputed.verdict.value,
        "differences": [
            {"what": one.what, "recorded": one.recorded, "recomputed": one.recomputed, "close": one.close}
            for one in attempt.differences
        ],
    }
