"""``aimdlab replay --device``: the record under other limits, as a new record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.options import login_name
from aimdlab.cli.output import console, print_json
from aimdlab.cli.replay import NOT_REPRODUCED, altered_said, head, styled
from aimdlab.cli.replay_progress import ReplayProgress
from aimdlab.replay.limits import OtherLimits, other_limits
from aimdlab.replay.rescoring import Rescoring, StepChange, default_path
from aimdlab.replay.rescoring import rescore as write_rescoring
from aimdlab.replay.scorings import scorings_of
from aimdlab.replay.session import verdict_status
from aimdlab.scoring.criteria import allowed
from aimdlab.scoring.results import Outcome, Verdict
from aimdlab.session.base import Session
from aimdlab.session.reader import open_session

_LONGEST = 40


def rescore(path: Path, device: Path, out: Path | None, operator: str, jobs: int | None, *, as_json: bool) -> int:
    """Score a session by the limits of another device file; 0 or 1 by the new verdicts, 5 if it is not reproduced."""
    with open_session(path) as session:
        scorings = scorings_of(session.header)
        limits = other_limits(device, session.header, scorings)
        target = out or default_path(session.path, device)
        with altered_said(path), ReplayProgress() as progress:
            result = write_rescoring(session, scorings, limits, target, operator or login_name(), jobs, progress.told)
        status = NOT_REPRODUCED if result.not_reproduced else verdict_status(result.steps)
        if as_json:
            print_json({**_as_json(session, device, limits, result), "exit_status": status})
        else:
            _show(session, device, limits, result)
    return status


def _show(session: Session, device: Path, limits: OtherLimits, result: Rescoring) -> None:
    console.print(escape(head(session)), soft_wrap=True)
    console.print(escape(f"scored by the limits of {device}; the record itself stays as it is"), soft_wrap=True)
    if limits.also_different:
        console.print(
            escape(f"also different in that file, without a part in the scoring: {', '.join(limits.also_different)}"),
            soft_wrap=True,
        )
    if result.changes:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for title in ("step", "recorded", "now", "limit recorded", "limit now", "measured"):
            table.add_column(title, overflow="fold")
        for change in result.changes[:_LONGEST]:
            _add_rows(table, change)
        console.print(table)
        if len(result.changes) > _LONGEST:
            console.print(f"... and {len(result.changes) - _LONGEST} more steps (all of them are in the new record)")
    else:
        console.print("no verdict changes")
    loosened = [change.after.step_id for change in result.changes if change.fail_becomes_pass]
    if loosened:
        some = ", ".join(loosened[:_LONGEST]) + (", ..." if len(loosened) > _LONGEST else "")
        console.print(
            f"[bold red]FAIL BECOMES PASS[/] in {len(loosened)} of {len(result.steps)} steps, because the limits are "
            f"others, not the device: {escape(some)}",
            soft_wrap=True,
        )
    if result.not_reproduced:
        console.print(
            f"[bold red]NOT REPRODUCED[/]: the features of {len(result.not_reproduced)} attempts do not come out as "
            f"recorded ({escape(result.not_reproduced[0])}), so a change there is no matter of limits alone; "
            'see "aimdlab replay" without --device',
            soft_wrap=True,
        )
    counts = Counter(step.verdict for step in result.steps)
    console.print("verdicts now: " + ", ".join(styled(v, f"{counts[v]} {v}") for v in Verdict if counts[v]))
    console.print(escape(f"new record: {result.path}, SHA-256 of its last line {result.sha256}"), soft_wrap=True)


def _add_rows(table: Table, change: StepChange) -> None:
    before, after = change.before.verdict, change.after.verdict
    first = (escape(change.after.step_id), styled(before), styled(after))
    outcomes = change.outcomes or ((None, None),)
    for place, (then, now) in enumerate(outcomes):
        table.add_row(*(first if place == 0 else ("", "", "")), _limit(then), _limit(now), _measured(then, now))


def _limit(outcome: Outcome | None) -> str:
    return "-" if outcome is None else f"{allowed(outcome.criterion)}: {styled(outcome.verdict)}"


def _measured(then: Outcome | None, now: Outcome | None) -> str:
    outcome = now or then
    if outcome is None:
        return "-"
    unit = "" if outcome.criterion.unit == "1" else f" {outcome.criterion.unit}"
    return f"{outcome.criterion.feature} {outcome.value:.6g}{unit}"


def _as_json(session: Session, device: Path, limits: OtherLimits, result: Rescoring) -> dict[str, Any]:
    return {
        "session": str(session.path),
        "session_id": session.header.session_id,
        "device": str(device),
        "also_different": list(limits.also_different),
        "record": str(result.path),
        "record_sha256": result.sha256,
        "attempts": result.attempts,
        "not_reproduced": result.not_reproduced,
        "verdicts": dict(Counter(step.verdict.value for step in result.steps)),
        "fail_becomes_pass": [change.after.step_id for change in result.changes if change.fail_becomes_pass],
        "changes": [
            {
                "step_id": change.after.step_id,
                "recorded": change.before.verdict.value,
                "now": change.after.verdict.value,
                "outcomes": [
                    {"recorded": _outcome_json(then), "now": _outcome_json(now)} for then, now in change.outcomes
                ],
            }
            for change in result.changes
        ],
    }


def _outcome_json(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    criterion = outcome.criterion
    return {
        "feature": criterion.feature,
        "value": outcome.value,
        "u": outcome.u,
        "unit": criterion.unit,
        "lower": criterion.lower,
        "upper": criterion.upper,
        "rule": criterion.rule.value,
        "coverage_factor": criterion.coverage_factor,
        "verdict": outcome.verdict.value,
    }
