"""The verdict table: what a technician sees at the end, and the same as JSON. Read from the sealed session."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, covers, duration
from aimdlab.cli.signature import key_json, signed_with
from aimdlab.cli.verdict_columns import feature_columns, parameter_columns
from aimdlab.scoring.results import Feature, Outcome, Verdict
from aimdlab.sequencer.campaign import Outcome as CampaignOutcome
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session

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


def exit_status(outcome: CampaignOutcome) -> int:
    """0 if every step is PASS or OMITTED, else 1."""
    return int(any(verdict not in (Verdict.PASS, Verdict.OMITTED) for verdict in outcome.result.verdicts.values()))


def as_json(outcome: CampaignOutcome) -> dict[str, Any]:
    """Everything the table shows, and more, for scripts."""
    result = outcome.result
    tests, steps = _read(outcome)
    return {
        "session": str(outcome.sealed),
        "signing_key": key_json(outcome.key),
        "tests": tests,
        "clock": outcome.clock,
        "verdicts": dict(Counter(verdict.value for verdict in result.verdicts.values())),
        "ended_early": result.ended_early,
        "exposure_s": result.exposure_s,
        "bench_s": result.bench_s,
        "wall_s": result.wall_s,
        "exposure_per_wall": result.exposure_s / result.wall_s if result.wall_s else None,
        "steps": [_step_json(step, verdict, attempts) for step, verdict, attempts in steps],
        "exit_status": exit_status(outcome),
    }


def print_table(outcome: CampaignOutcome) -> None:
    """The table, the counts, the times and where the session is."""
    tests, steps = _read(outcome)
    done = [entry for entry in steps if entry[1] is not Verdict.OMITTED]
    shown = done if len(done) <= _LONGEST else [entry for entry in done if entry[1] is not Verdict.PASS]
    parameters, fixed = parameter_columns([step for step, _, _ in steps])
    # Baselines and checks are judged by the device's programming too, and settings by a person: their own columns show
    # only where nothing else was done.
    judged_steps = [entry for entry in steps if entry[0]["kind"] == "sequence" and entry[2]] or steps
    features = feature_columns([entry for _, _, attempts in judged_steps for entry in _last(attempts)])
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("step", no_wrap=True)
    for title in (*(column.title for column in parameters), *(column.title for column in features)):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for step, verdict, attempts in shown:
        judged = {entry.criterion.feature: entry for entry in _last(attempts)}
        cells = [column.cell(step["parameters"]) for column in parameters]
        cells += [feature.cell(judged, STYLE) for feature in features]
        tries = f" ({len(attempts)} tries)" if len(attempts) > 1 else ""
        table.add_row(escape(step["step_id"]), *cells, f"[{STYLE[verdict]}]{verdict}[/]{tries}")
    console.print(table)
    if fixed:
        console.print(f"every sequence: {fixed}", soft_wrap=True)
    if len(shown) < len(done):
        console.print(f"{len(done) - len(shown)} steps with PASS are not listed.")
    for step, verdict, attempts in shown:
        if verdict not in (Verdict.PASS, Verdict.OMITTED, Verdict.NOT_RUN) and attempts:
            reason = attempts[-1].score.reason
            console.print(f"[{STYLE[verdict]}]{step['step_id']} {verdict}[/]: {escape(reason)}", soft_wrap=True)
    result = outcome.result
    if result.ended_early:
        console.print(f"[bold red]ended early:[/] {escape(result.ended_early)}", soft_wrap=True)
    for test in tests:
        console.print(f"{escape(test['name'])}, {test['clause']}: {covers(test)}", soft_wrap=True)
        for omission in test.get("omissions", ()):
            text = f"  left out: {omission['sequences']} sequences: {omission['rationale']}"
            console.print(escape(text), soft_wrap=True)
    counts = Counter(result.verdicts.values())
    console.print("verdicts: " + ", ".join(f"[{STYLE[v]}]{counts[v]} {v}[/]" for v in Verdict if counts[v]))
    console.print(
        f"exposure {duration(result.exposure_s)} in {result.wall_s:.1f} s of wall time "
        f"(exposure time / wall time {result.exposure_s / result.wall_s:.3g}, {outcome.clock} clock)",
        soft_wrap=True,
    )
    console.print(escape(f"sealed session: {outcome.sealed}"), soft_wrap=True)
    console.print(escape(signed_with(outcome.key)), soft_wrap=True)


_StepRow = tuple[dict[str, Any], Verdict, list[Attempt]]


def _read(outcome: CampaignOutcome) -> tuple[list[dict[str, Any]], list[_StepRow]]:
    """The tests and the steps with their attempts, from the sealed session."""
    with open_session(outcome.sealed) as session:
        attempts: dict[str, list[Attempt]] = {}
        for attempt in session.attempts():
            attempts.setdefault(attempt.step_id, []).append(attempt)
        steps = [
            (dict(step), outcome.result.verdicts[str(step["step_id"])], attempts.get(str(step["step_id"]), []))
            for step in session.header.plan
        ]
        run = Counter(step["test"] for step, _, tried in steps if step["kind"] == "sequence" and tried)
        return [{**test, "sequences_run": run[place]} for place, test in enumerate(session.header.tests)], steps


def _last(attempts: list[Attempt]) -> tuple[Outcome, ...]:
    return attempts[-1].score.outcomes if attempts else ()


def _step_json(step: dict[str, Any], verdict: Verdict, attempts: list[Attempt]) -> dict[str, Any]:
    return {
        "step_id": step["step_id"],
        "kind": step["kind"],
        "title": step["title"],
        "parameters": step["parameters"],
        "verdict": verdict.value,
        "omitted": step.get("omitted", ""),
        "attempts": [
            {
                "number": attempt.number,
                "verdict": attempt.score.verdict.value,
                "reason": attempt.score.reason,
                "features": {feature.name: _feature_json(feature) for feature in attempt.score.features},
            }
            for attempt in attempts
        ],
    }


def _feature_json(feature: Feature) -> dict[str, Any]:
    return {"value": feature.value, "unit": feature.unit, "u": feature.u}
