"""``aimdlab replay --step``: one step alone, in numbers or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, print_json
from aimdlab.cli.replay import NOT_REPRODUCED, altered_said, attempt_json, explanation, head, show_differences, styled
from aimdlab.errors import ConfigurationError, RecordError, SessionExistsError
from aimdlab.replay.scorings import scorings_of, unlike_files
from aimdlab.replay.session import environment_now, environment_of
from aimdlab.replay.view import AttemptView, ChosenStep, choose_attempt, choose_step, view_of
from aimdlab.scoring.criteria import allowed
from aimdlab.scoring.exposure import JUDGED
from aimdlab.session.base import Session
from aimdlab.session.reader import open_session


def show_step(path: Path, step: str, attempt: int | None, out: Path | None, *, plot: bool, as_json: bool) -> int:
    """Show one attempt at a step, scored again; 0 if it came out as recorded, else 5."""
    with open_session(path) as session, altered_said(path):
        scorings = scorings_of(session.header)
        chosen = choose_step(session, step)
        record = choose_attempt(chosen, attempt)
        view = view_of(session, chosen, record, scorings, marked=plot)
        picture = _draw(session, view, out) if plot else None
        then, now = environment_of(session.header), environment_now()
        problems = unlike_files(session.header)
        reproduced = view.reproduced and not problems
        exit_status = 0 if reproduced else NOT_REPRODUCED
        if as_json:
            shown = _as_json(session, chosen, view)
            print_json(
                {**shown, "picture": picture and str(picture), "reproduced": reproduced, "exit_status": exit_status}
            )
        else:
            _show(session, view)
            if not reproduced:
                console.print(f"[bold red]NOT REPRODUCED[/]: {escape(explanation(then, now))}", soft_wrap=True)
                for problem in problems:
                    console.print(escape(problem), soft_wrap=True)
                show_differences(view.replay)
            if picture is not None:
                console.print(escape(f"picture: {picture}"), soft_wrap=True)
    return exit_status


def _draw(session: Session, view: AttemptView, out: Path | None) -> Path:
    """The picture, as a new file."""
    from aimdlab.replay.picture import draw  # matplotlib takes its time to load

    name = view.step.step_id.replace("/", "-")
    stem = session.path.name.removesuffix(".h5")
    target = out or session.path.absolute().with_name(f"{stem}.step-{name}-attempt-{view.attempt.number}.png")
    try:
        stream = target.open("xb")
    except FileExistsError:
        raise SessionExistsError(f"{target} is there already. Choose another name with --out.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be made: {error.strerror or error}. Choose another place with --out."
        ) from error
    try:
        with stream:
            try:
                draw(view, stream)
            except BaseException:
                stream.close()
                target.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RecordError(
            f"{target} cannot be written: {error.strerror or error}. Choose another place with --out."
        ) from error
    return target


def _show(session: Session, view: AttemptView) -> None:
    score, chosen = view.replay.score, view.step
    console.print(escape(head(session)), soft_wrap=True)
    console.print(
        f"step {escape(chosen.step_id)} (index {chosen.index}), attempt {view.attempt.number} of "
        f"{len(chosen.records)}: {escape(str(chosen.planned.get('title', '')))}",
        soft_wrap=True,
    )
    outcomes = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("criterion", "measured", "U (k u)", "allowed", "rule", "clause", "verdict"):
        outcomes.add_column(title, no_wrap=True)
    for one in score.outcomes:
        criterion = one.criterion
        unit = "" if criterion.unit == "1" else f" {criterion.unit}"
        outcomes.add_row(
            escape(criterion.feature),
            f"{one.value:.6g}{unit}",
            f"{criterion.coverage_factor * one.u:.2g}{unit}",
            allowed(criterion),
            criterion.rule.value.replace("_", " "),
            escape(criterion.clause),
            styled(one.verdict),
        )
    console.print(outcomes)
    features = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("feature", "value", "u", "unit"):
        features.add_column(title, no_wrap=True)
    for feature in score.features:
        features.add_row(escape(feature.name), f"{feature.value!r}", f"{feature.u:.3g}", feature.unit)
    console.print(features)
    if view.attempt.captures:
        console.print(_captures(view))
    for note in view.attempt.notes:
        console.print(escape(f"note: {note}"), soft_wrap=True)
    console.print(f"attempt: {styled(score.verdict)}: {escape(score.reason)}", soft_wrap=True)
    if len(chosen.records) > 1:
        console.print(f"step: {styled(chosen.result.verdict)}: {escape(chosen.result.reason)}", soft_wrap=True)


def _captures(view: AttemptView) -> Table:
    """What was recorded, and whether anything is computed from it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("capture", "kind", "samples", "per second", "from", "to", ""):
        table.add_column(title, no_wrap=True)
    for one in view.attempt.captures:
        table.add_row(
            escape(one.channel),
            escape(one.kind),
            str(one.n),
            f"{1 / one.dt_s:.6g}" if one.dt_s else "",
            f"{one.t0_s:.6g} s",
            f"{one.t0_s + one.span_s:.6g} s",
            "" if one.channel in JUDGED else "stored, not judged",
        )
    return table


def _as_json(session: Session, chosen: ChosenStep, view: AttemptView) -> dict[str, Any]:
    score = view.replay.score
    return {
        "session": str(session.path),
        "session_id": session.header.session_id,
        "step_id": chosen.step_id,
        "title": chosen.planned.get("title", ""),
        "parameters": dict(view.attempt.parameters),
        "attempts": [record.number for record in chosen.records],
        "step_verdict": chosen.result.verdict.value,
        **attempt_json(view.replay),
        "verdict": score.verdict.value,
        "reason": score.reason,
        "notes": list(view.attempt.notes),
        "captures": [
            {
                "channel": one.channel,
                "kind": one.kind,
                "samples": one.n,
                "dt_s": one.dt_s,
                "t0_s": one.t0_s,
                "unit": one.unit,
                "judged": one.channel in JUDGED,
            }
            for one in view.attempt.captures
        ],
        "features": {one.name: {"value": one.value, "unit": one.unit, "u": one.u} for one in score.features},
        "outcomes": [
            {
                "feature": one.criterion.feature,
                "value": one.value,
                "u": one.u,
                "unit": one.criterion.unit,
                "lower": one.criterion.lower,
                "upper": one.criterion.upper,
                "rule": one.criterion.rule.value,
                "coverage_factor": one.criterion.coverage_factor,
                "clause": one.criterion.clause,
                "verdict": one.verdict.value,
                "reason": one.reason,
            }
            for one in score.outcomes
        ],
    }
