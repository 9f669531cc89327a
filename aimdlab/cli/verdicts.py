"""The verdict table: what a technician sees at the end, and the same as JSON. Read from the sealed session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, covers, duration, print_json
from aimdlab.cli.signature import key_json, signed_with
from aimdlab.cli.verdict_columns import feature_columns, parameter_columns
from aimdlab.scoring.results import Feature, Outcome, Score, Verdict
from aimdlab.sequencer.campaign import Outcome as CampaignOutcome
from aimdlab.sequencer.tries import cut_off
from aimdlab.session.acceptance import Acceptance
from aimdlab.session.attempt_record import score_of
from aimdlab.session.events import Event
from aimdlab.session.reader import open_session
from aimdlab.session.remarks import REMARKABLE, remarks_of
from aimdlab.session.verdicts import StepResult, Tried, results_of, tried_of

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
    whole = _read(outcome)
    if as_json:
        print_json(_as_json(outcome, whole))
    else:
        _print_table(outcome, whole)
    return status_of(row.result.verdict for row in whole.rows)


def status_of(verdicts: Iterable[Verdict]) -> int:
    """0 if every verdict is PASS or OMITTED, else 1."""
    return int(any(verdict not in (Verdict.PASS, Verdict.OMITTED) for verdict in verdicts))


def _as_json(outcome: CampaignOutcome, whole: _Whole) -> dict[str, Any]:
    """Everything the table shows, and more, for scripts."""
    run, rows = outcome.run, whole.rows
    return {
        "session": str(outcome.session),
        "sealed": outcome.is_sealed,
        "did": outcome.did,
        "signing_key": key_json(outcome.key) if outcome.key is not None else None,
        "tests": whole.tests,
        "accepted": [one.as_json() for one in whole.accepted],
        "clock": outcome.clock,
        "verdicts": dict(Counter(row.result.verdict.value for row in rows)),
        "ended_early": outcome.ended_early,
        "exposure_s": whole.exposure_s,
        "run_exposure_s": run.exposure_s if run is not None else 0.0,
        "bench_s": run.bench_s if run is not None else 0.0,
        "wall_s": run.wall_s if run is not None else 0.0,
        "exposure_per_wall": run.exposure_s / run.wall_s if run is not None and run.wall_s else None,
        "steps": [row.as_json() for row in rows],
        "exit_status": status_of(row.result.verdict for row in rows),
    }


def _print_table(outcome: CampaignOutcome, whole: _Whole) -> None:
    """The table, the counts, the times and where the session is."""
    rows = whole.rows
    done = [row for row in rows if row.result.verdict is not Verdict.OMITTED]
    shown = done if len(done) <= _LONGEST else [row for row in done if row.result.verdict is not Verdict.PASS]
    parameters, fixed = parameter_columns([row.step for row in rows])
    # Baselines and checks are judged by the device's programming too, and settings by a person: their own columns show
    # only where nothing else was done.
    judged_rows = [row for row in rows if row.step["kind"] == "sequence" and row.attempts] or rows
    features = feature_columns([entry for row in judged_rows for entry in row.outcomes])
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
    if len(shown) < len(done):
        console.print(f"{len(done) - len(shown)} steps with PASS are not listed.")
    _print_reasons(outcome, shown, rows)
    for one in whole.accepted:
        console.print(f"[yellow]not as it began[/]: {escape(one.in_words())}", soft_wrap=True)
    for test in whole.tests:
        console.print(f"{escape(test['name'])}, {test['clause']}: {covers(test)}", soft_wrap=True)
        for omission in test.get("omissions", ()):
            text = f"  left out: {omission['sequences']} sequences: {omission['rationale']}"
            console.print(escape(text), soft_wrap=True)
    console.print(counted(row.result.verdict for row in rows))
    _print_times(outcome, whole.exposure_s)
    if outcome.is_sealed:
        console.print(escape(f"sealed session: {outcome.session}"), soft_wrap=True)
    if outcome.key is not None and (outcome.is_sealed or outcome.key.made):
        console.print(escape(signed_with(outcome.key, is_sealed=outcome.is_sealed)), soft_wrap=True)


def _print_reasons(outcome: CampaignOutcome, rows: Iterable[_Row], every: Iterable[_Row]) -> None:
    """Why each step is no PASS, which attempts of ``every`` step were cut off, and why the run ended early."""
    for row in rows:
        verdict, reason = row.result.verdict, row.reason
        if verdict not in (Verdict.PASS, Verdict.OMITTED) and reason:
            console.print(f"[{STYLE[verdict]}]{row.result.step_id} {verdict}[/]: {escape(reason)}", soft_wrap=True)
    for row in every:
        if row.cut_off:
            which = ", ".join(map(str, row.cut_off))
            console.print(
                f"[yellow]{row.result.step_id}[/]: attempt {which} was begun and cut off; nothing of it is recorded",
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

    number: int
    score: Score


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
        alike = [attempt for attempt in self.attempts if attempt.score.verdict is self.result.verdict]
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
            "attempts": [
                {
                    "number": attempt.number,
                    "verdict": attempt.score.verdict.value,
                    "reason": attempt.score.reason,
                    "features": {feature.name: _feature_json(feature) for feature in attempt.score.features},
                }
                for attempt in self.attempts
            ],
        }


@dataclass(frozen=True)
class _Whole:
    """All of a session: its tests, its steps with their attempts, all exposures, and what persons accepted."""

    tests: list[dict[str, Any]]
    rows: list[_Row]
    exposure_s: float
    accepted: list[Acceptance]


def _read(outcome: CampaignOutcome) -> _Whole:
    with open_session(outcome.session) as session:
        attempts: dict[int, list[_Try]] = {}
        tried: dict[int, list[Tried]] = {}
        exposure_s = 0.0
        for record in session.records():
            score = score_of(record)
            attempts.setdefault(record.step, []).append(_Try(record.number, score))
            tried.setdefault(record.step, []).append(tried_of(record))
            exposure_s += float(record.attempt["exposure_s"])
        remarkable: list[Event] = []
        cut: dict[int, list[int]] = {}
        for one in cut_off(_kept(session.events(), remarkable)):
            cut.setdefault(one.step, []).append(one.number)
        remarks = remarks_of(remarkable)
        planned = zip(session.header.plan, results_of(session.header, tried), strict=True)
        rows = [
            _Row(dict(step), result, attempts.get(result.step, []), cut.get(result.step, []))
            for step, result in planned
        ]
        run = Counter(row.step["test"] for row in rows if row.step["kind"] == "sequence" and row.attempts)
        done: list[dict[str, int]] = [{"sequences_run": run[place]} for place in range(len(session.header.tests))]
        if remarks.faults_struck:
            done = [{**one, "faults_struck": remarks.faults_struck} for one in done]
        tests = [{**test, **one} for test, one in zip(session.header.tests, done, strict=True)]
        return _Whole(tests, rows, exposure_s, list(remarks.accepted))


def _kept(events: Iterable[Event], remarkable: list[Event]) -> Iterator[Event]:
    """The events, of which the remarkable ones are kept as they pass: there are three of each attempt."""
    for event in events:
        if event.kind in REMARKABLE:
            remarkable.append(event)
        yield event


def _feature_json(feature: Feature) -> dict[str, Any]:
    return {"value": feature.value, "unit": feature.unit, "u": feature.u}
