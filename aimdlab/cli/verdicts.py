"""The verdict table: what a technician sees at the end, and the same as JSON. Read from the sealed session."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, covers, duration, print_json
from aimdlab.cli.signature import key_json, signed_with
from aimdlab.cli.verdict_columns import feature_columns, parameter_columns
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import Outcome, Score, Verdict
from aimdlab.sequencer.campaign import Outcome as CampaignOutcome
from aimdlab.sequencer.tries import cut_off
from aimdlab.session.acceptance import Acceptance
from aimdlab.session.attempt_record import StoredRecord, check_stored, parse_record, score_of
from aimdlab.session.base import Session
from aimdlab.session.events import Event
from aimdlab.session.reader import open_session
from aimdlab.session.remarks import REMARKABLE, remarks_of
from aimdlab.session.verdicts import StepResult, StepResults, TriedAttempts, results_of, tried_of

STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.INVALID: "bold magenta",
    Verdict.OMITTED: "dim",
    Verdict.NOT_RUN: "dim",
}

# Beyond this many steps only those that are not PASS are listed. What is left out is told by group, never by step.
_LONGEST = 40


def show(outcome: CampaignOutcome, *, as_json: bool) -> int:
    """Print the table of all that the session holds, or the same as JSON; returns the exit status."""
    with open_session(outcome.session) as session:
        whole = _read(session)
        if as_json:
            print_json(_as_json(outcome, whole), "steps", (row.as_json() for row in whole.rows()))
        else:
            _print_table(outcome, whole)
    return status_of(result.verdict for result in whole.results)


def status_of(verdicts: Iterable[Verdict]) -> int:
    """0 if every verdict is PASS or OMITTED, else 1."""
    return int(any(verdict not in (Verdict.PASS, Verdict.OMITTED) for verdict in verdicts))


def _as_json(outcome: CampaignOutcome, whole: _Whole) -> dict[str, Any]:
    """Everything the table shows, and more, for scripts; the steps follow one by one."""
    run = outcome.run
    return {
        "session": str(outcome.session),
        "sealed": outcome.is_sealed,
        "did": outcome.did,
        "signing_key": key_json(outcome.key) if outcome.key is not None else None,
        "tests": whole.tests,
        "accepted": [one.as_json() for one in whole.accepted],
        "clock": outcome.clock,
        "verdicts": dict(Counter(result.verdict.value for result in whole.results)),
        "ended_early": outcome.ended_early,
        "exposure_s": whole.exposure_s,
        "run_exposure_s": run.exposure_s if run is not None else 0.0,
        "bench_s": run.bench_s if run is not None else 0.0,
        "wall_s": run.wall_s if run is not None else 0.0,
        "exposure_per_wall": run.exposure_s / run.wall_s if run is not None and run.wall_s else None,
        "steps": [],
        "exit_status": status_of(result.verdict for result in whole.results),
    }


def _print_table(outcome: CampaignOutcome, whole: _Whole) -> None:
    """The table, the counts, the times and where the session is."""
    done = sum(result.verdict is not Verdict.OMITTED for result in whole.results)
    shown, judged_outcomes = _look_at(whole, every=done <= _LONGEST)
    parameters, fixed = parameter_columns(whole.session.header.plan)
    features = feature_columns(judged_outcomes)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("step", no_wrap=True)
    for title in (*(column.title for column in parameters), *(column.title for column in features)):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in shown:
        judged = {entry.criterion.feature: entry for entry in row.outcomes}
        cells = [column.cell(row.step["parameters"]) for column in parameters]
        cells += [feature.cell(judged, STYLE) for feature in features]
        tries = f" ({len(row.attempts)} tries)" if len(row.attempts) > 1 else ""
        verdict = row.result.verdict
        table.add_row(escape(row.step["step_id"]), *cells, f"[{STYLE[verdict]}]{verdict}[/]{tries}")
    console.print(table)
    if fixed:
        console.print(f"every sequence: {fixed}", soft_wrap=True)
    if len(shown) < done:
        console.print(f"{done - len(shown)} steps with PASS are not listed.")
    _print_reasons(outcome, shown, whole)
    for one in whole.accepted:
        console.print(f"[yellow]not as it began[/]: {escape(one.in_words())}", soft_wrap=True)
    for test in whole.tests:
        console.print(f"{escape(test['name'])}, {test['clause']}: {covers(test)}", soft_wrap=True)
        for omission in test.get("omissions", ()):
            text = f"  left out: {omission['sequences']} sequences: {omission['rationale']}"
            console.print(escape(text), soft_wrap=True)
    console.print(counted(result.verdict for result in whole.results))
    _print_times(outcome, whole.exposure_s)
    if outcome.is_sealed:
        console.print(escape(f"sealed session: {outcome.session}"), soft_wrap=True)
    if outcome.key is not None and (outcome.is_sealed or outcome.key.made):
        console.print(escape(signed_with(outcome.key, is_sealed=outcome.is_sealed)), soft_wrap=True)


def _look_at(whole: _Whole, *, every: bool) -> tuple[list[_Row], list[Outcome]]:
    """The rows to list (``every`` one, or those that are not PASS; never what is left out), and of each judged feature
    an outcome.

    Baselines and checks are judged by the device's programming too, and settings by a person: their own features show
    only where nothing else was done.
    """
    shown: list[_Row] = []
    of_sequences: dict[str, _Try] = {}
    of_all: dict[str, _Try] = {}
    for row in whole.rows():
        verdict = row.result.verdict
        if verdict is not Verdict.OMITTED and (every or verdict is not Verdict.PASS):
            shown.append(row)
        if row.telling is not None:
            of_step = dict.fromkeys(row.telling.judged, row.telling)
            of_all.update(of_step)
            if row.step["kind"] == KIND_SEQUENCE:
                of_sequences.update(of_step)
    exposed = any(
        group.is_sequence and step in whole.tried for step, group in enumerate(whole.session.header.steps.groups())
    )
    chosen = of_sequences if exposed else of_all
    return shown, [_of_feature(one.score.outcomes, name) for name, one in chosen.items()]


def _of_feature(outcomes: Sequence[Outcome], name: str) -> Outcome:
    """The last of them on the feature of this name."""
    return next(outcome for outcome in reversed(outcomes) if outcome.criterion.feature == name)


def _print_reasons(outcome: CampaignOutcome, rows: Iterable[_Row], whole: _Whole) -> None:
    """Why each step is no PASS, which attempts of every step were cut off, and why the run ended early."""
    for row in rows:
        verdict, reason = row.result.verdict, row.reason
        if verdict not in (Verdict.PASS, Verdict.OMITTED) and reason:
            console.print(f"[{STYLE[verdict]}]{row.result.step_id} {verdict}[/]: {escape(reason)}", soft_wrap=True)
    for step, numbers in sorted(whole.cut_off.items()):
        if step in range(len(whole.results)):
            console.print(
                f"[yellow]{whole.results[step].step_id}[/]: attempt {', '.join(map(str, numbers))} was begun and cut "
                "off; nothing of it is recorded",
                soft_wrap=True,
            )
    if outcome.ended_early:
        console.print(f"[bold red]ended early:[/] {escape(outcome.ended_early)}", soft_wrap=True)


def counted(verdicts: Iterable[Verdict]) -> str:
    """How many steps have which verdict, in colour."""
    counts = Counter(verdicts)
    return "verdicts: " + ", ".join(f"[{STYLE[v]}]{counts[v]} {v}[/]" for v in Verdict if counts[v])


def _print_times(outcome: CampaignOutcome, exposure_s: float) -> None:
    run = outcome.run
    if run is not None:
        console.print(
            f"exposure {duration(run.exposure_s)} in {run.wall_s:.1f} s of wall time "
            f"(exposure time / wall time {run.exposure_s / run.wall_s:.3g}, {outcome.clock} clock)",
            soft_wrap=True,
        )
    if outcome.did == "resumed":
        console.print(f"exposure in all, with what was done before: {duration(exposure_s)}")


@dataclass(frozen=True)
class _Try:
    """What is said of an attempt; the attempt itself, of which a session has thousands, is not kept."""

    record: StoredRecord

    @property
    def verdict(self) -> Verdict:
        """The attempt's."""
        return Verdict(self.record.attempt["score"]["verdict"])

    @property
    def judged(self) -> list[str]:
        """The features that there is a criterion on."""
        return [str(outcome["criterion"]["feature"]) for outcome in self.record.attempt["score"]["outcomes"]]

    @cached_property
    def score(self) -> Score:
        """All that was made of it."""
        return score_of(self.record)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        score = self.record.attempt["score"]
        return {
            "number": self.record.number,
            "verdict": score["verdict"],
            "reason": score["reason"],
            "features": {one["name"]: {key: one[key] for key in ("value", "unit", "u")} for one in score["features"]},
        }


@dataclass(frozen=True)
class _Row:
    """One step: as planned, what it came to, its attempts, and the numbers of those that were cut off."""

    step: dict[str, Any]
    result: StepResult
    attempts: list[_Try]
    cut_off: list[int]

    @property
    def telling(self) -> _Try | None:
        """The last attempt with the step's verdict, or the last one, or None."""
        alike = [attempt for attempt in self.attempts if attempt.verdict is self.result.verdict]
        return next(reversed(alike or self.attempts), None)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What the criteria said of it."""
        return self.telling.score.outcomes if self.telling is not None else ()

    @property
    def reason(self) -> str:
        """Why it is no PASS, for the technician."""
        if self.telling is None or self.result.decided_by is None:
            return self.result.reason
        return self.telling.score.reason

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        step = self.step
        return {
            "step_id": step["step_id"],
            "kind": step["kind"],
            "title": step["title"],
            "parameters": step["parameters"],
            "verdict": self.result.verdict.value,
            "omitted": step.get("omitted", ""),
            "cut_off": self.cut_off,
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }


@dataclass(frozen=True)
class _Whole:
    """All of a session, which is open: its tests, what its steps came to, all exposures, what persons accepted."""

    session: Session
    tests: list[dict[str, Any]]
    tried: TriedAttempts
    results: StepResults
    cut_off: dict[int, list[int]]
    exposure_s: float
    accepted: list[Acceptance]

    def rows(self) -> Iterator[_Row]:
        """The steps in the order of the plan with their attempts, which are read again; few are in memory at once."""
        records, taken = self.session.records(), 0
        early: dict[int, list[bytes]] = {}  # of later steps, and, if this one was done again at the end, most of all
        for planned, result in zip(self.session.header.plan, self.results, strict=True):
            attempts = [_Try(parse_record(zlib.decompress(text).decode())) for text in early.pop(result.step, [])]
            while result.attempts and taken <= result.attempts[-1]:
                record = next(records)
                if record.step == result.step:
                    attempts.append(_Try(record))
                else:
                    early.setdefault(record.step, []).append(zlib.compress(record.text.encode(), 1))
                taken += 1
            yield _Row(dict(planned), result, attempts, self.cut_off.get(result.step, []))


def _read(session: Session) -> _Whole:
    tried = TriedAttempts()
    exposure_s = 0.0
    for record in session.records():
        check_stored(record)
        tried.add(record.step, tried_of(record))
        exposure_s += float(record.attempt["exposure_s"])
    remarkable: list[Event] = []
    cut: dict[int, list[int]] = {}
    for one in cut_off(_kept(session.events(), remarkable)):
        cut.setdefault(one.step, []).append(one.number)
    remarks = remarks_of(remarkable)
    groups = enumerate(session.header.steps.groups())
    run = Counter(group.test for step, group in groups if group.is_sequence and step in tried)
    done: list[dict[str, int]] = [{"sequences_run": run[place]} for place in range(len(session.header.tests))]
    if remarks.faults_struck:
        done = [{**one, "faults_struck": remarks.faults_struck} for one in done]
    tests = [{**test, **one} for test, one in zip(session.header.tests, done, strict=True)]
    results = results_of(session.header, tried)
    return _Whole(session, tests, tried, results, cut, exposure_s, list(remarks.accepted))


def _kept(events: Iterable[Event], remarkable: list[Event]) -> Iterator[Event]:
    """The events, of which the remarkable ones are kept as they pass: there are three of each attempt."""
    for event in events:
        if event.kind in REMARKABLE:
            remarkable.append(event)
        yield event
