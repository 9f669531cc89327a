"""``aimdlab plan``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from aimdlab.cli.output import console, covers, duration, print_json, size
from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.plan import Plan, PlannedTest, make_plan
from aimdlab.session.room import bytes_at_start

_LABEL_WIDTH = 11


def plan(campaign: Path, *, list_steps: bool, as_json: bool) -> int:
    """Show the plan; always 0 if there is one."""
    made = make_plan(load_campaign(campaign))
    if as_json:
        print_json(_as_json(made, list_steps=list_steps))
        return 0
    console.print(f"[bold]{escape(made.campaign.campaign.file.name)}[/]", soft_wrap=True)
    _print_rows(_subject_rows(made))
    for number, test in enumerate(made.tests, start=1):
        file = test.subject.test.file
        console.print(f"\n[bold]{number}. {escape(file.name)}[/]", soft_wrap=True)
        _print_rows(_test_rows(test))
    console.print("\n[bold]The whole campaign[/]")
    _print_rows(_total_rows(made))
    console.print("\n[bold]What is said in writing[/]")
    _print_rows(_reason_rows(made))
    if list_steps:
        console.print(_step_table(made))
    return 0


def _subject_rows(made: Plan) -> Iterator[tuple[str, str]]:
    bench, device = made.campaign.bench.file, made.campaign.device.file
    yield "bench", f"{bench.name}; {bench.site.facility}, {bench.site.location}"
    yield "device", f"{device.name}: {device.manufacturer} {device.model}, serial {device.serial}"
    for component in device.description.components:
        if component.part != "device":
            part = component.part.replace("_", " ")
            yield part, f"{component.manufacturer} {component.model}, serial {component.serial}"


def _test_rows(test: PlannedTest) -> Iterator[tuple[str, str]]:
    file = test.subject.test.file
    yield "standard", f"{file.edition}, clause {file.clause}, {file.method}"
    if levels := _levels(test):
        yield "level", levels
    count = test.coverage.planned
    each = f"{count} sequence{'s' if count != 1 else ''} of {duration(file.exposure)}"
    yield "sequences", f"{each}: {duration(test.nominal_s)}"
    yield "covers", covers(test.as_record())
    for omission in test.omissions():
        yield "left out", f"{omission['sequences']} sequences: {omission['rationale']}"


def _levels(test: PlannedTest) -> str:
    """Tier, what it is computed from, and the largest level; "" if the procedure does not say."""
    levels = test.facts.get("levels")
    if not isinstance(levels, dict):
        return ""
    lead = test.subject.device.file.lead
    known = {"tier2_bg": lead.tier2_bg, "loop_area": lead.loop_area, "ivamp_max": lead.ivamp_max}
    where = "partly outside the implant volume" if levels["volume"] == "outside" else f"{levels['volume']} volume"
    words = [f"Tier {levels['tier']} ({levels['clause']})", f"{_LEAD[lead.kind]} {lead.length * 100:g} cm", where]
    if levels["lead_length_factor"] is not None:
        words.append(f"{levels['lead_length_factor']:g} V per T/s")
    if levels["tier"] == 2 and levels["lead_length_factor"] is not None and known["tier2_bg"] is not None:
        words.append(f"TIER2BG {known['tier2_bg'] * 1e3:g} mT")
    if levels["tier"] == 2 and levels["lead_length_factor"] is None and known["loop_area"] is not None:
        words.append(f"loop area {known['loop_area'] * 1e4:g} cm2")
    largest_v = test.largest_ivamp_v
    reaches = "" if largest_v is None else f"; IVAMP up to {largest_v:.4g} V, zero to pulse, at input C"
    return ", ".join(words) + reaches


_LEAD = {"lead": "lead", "leadless": "leadless, terminals apart by", "external_antenna": "antenna"}


def _total_rows(made: Plan) -> Iterator[tuple[str, str]]:
    todo = made.steps_to_do
    others = [step for step in todo if step.kind != "sequence"]
    left_out = sum(test.coverage.omitted for test in made.tests)
    kinds = ", ".join(
        f"{count} {name}{'s' if count != 1 else ''}"
        for kind, name in (
            ("sequence", "sequence"),
            ("baseline", "baseline"),
            ("check", "check"),
            ("person", "reading"),
        )
        if (count := sum(step.kind == kind for step in todo))
    )
    yield "steps", f"{len(made.steps)}: {kinds}" + (f", {left_out} left out" if left_out else "")
    nominal_s = sum(test.nominal_s for test in made.tests)
    quiet_s = sum(step.exposure_s for step in others)
    bursts_s = made.exposure_s - nominal_s - quiet_s
    yield (
        "exposure",
        f"{duration(made.exposure_s)} without retries: {duration(nominal_s)} of sequences, {duration(bursts_s)} more "
        f"because bursts are whole, {duration(quiet_s)} of baselines and checks",
    )
    if made.bench_s:
        yield (
            "bench time",
            f"{duration(made.bench_s)} at least: with the proof of each level, and what is recorded before and after "
            "each exposure",
        )
    yield (
        "storage",
        f"{size(made.storage_bytes)} before compression; a run starts if there is room for "
        f"{size(_room_bytes(made))}: the session as far as can be foreseen, and its sealed copy",
    )
    yield "omissions", f"{left_out} sequences, each with its rationale" if left_out else "none"
    for notice in made.notices:
        yield "notice", notice
    yield from _people_rows(made)
    yield from _trouble_rows(made)


def _trouble_rows(made: Plan) -> Iterator[tuple[str, str]]:
    """What happens while nobody looks."""
    file = made.campaign.campaign.file
    resets, steps = file.faults.amplifier_resets, file.faults.give_up_after
    yield (
        "faults",
        f"of an instrument: link {file.faults.link.retries} more tries, then {_THEN[file.faults.link.then]}; "
        f"a tripped amplifier is reset {f'up to {resets} times' if resets else 'by a person'}; "
        f"{steps} spoiled step{'s' if steps != 1 else ''} in a row stop the run",
    )
    alone = "goes on by itself" if file.unattended.resume else "waits for a person"
    yield "alone", f"a run that died, or was ended because it hung, {alone}; every source is off"


_THEN = {"go_on": "the next step", "stop": "a clean stop"}


def _room_bytes(made: Plan) -> int:
    return bytes_at_start([step.storage_bytes for step in made.steps_to_do])


def _people_rows(made: Plan) -> Iterator[tuple[str, str]]:
    if not made.prompts:
        yield "people", "nobody is needed once it runs"
    for step_id, text in made.prompts:
        yield "people", f"{'before the start' if step_id == 'start' else f'step {step_id}'}: {text}"
    if made.prompts and made.campaign.bench.file.simulated is not None:
        yield "", "The simulation programs, connects and reads its device itself."
    elif made.prompts:
        yield "", "The run waits at each of these; nobody is needed in between."


def _reason_rows(made: Plan) -> Iterator[tuple[str, str]]:
    file = made.campaign.campaign.file
    reasons = file.justification
    if file.personnel:
        yield "personnel", "; ".join(f"{person.name}, {person.role}" for person in file.personnel)
    if file.ambient is not None:
        yield "ambient", f"{file.ambient.temperature:g} degC, {file.ambient.humidity * 100:g} % relative humidity"
    done = {test.subject.test.file.method for test in made.tests}
    for method in ("injected", "radiated"):
        given = getattr(reasons.applicability, method)
        if given.applies is None:
            continue
        applies = "applies" if given.applies else "does not apply"
        here = ", but is not in this campaign" if given.applies and method not in done else ""
        yield method, f"{applies}{here}: {given.evidence}"
    if reasons.conservative.evidence:
        yield "network", f"IVAMP at input C; why that is conservative: {reasons.conservative.evidence}"
    if reasons.tier:
        yield "tier", reasons.tier
    if reasons.static_field.applied is not None:
        on = "on" if reasons.static_field.applied else "off"
        yield "B0", f"{on} during the tests: {reasons.static_field.evidence}"
    yield "traceable", _calibrations(made)


def _calibrations(made: Plan) -> str:
    bench = made.campaign.bench.file
    if bench.simulated is not None:
        return "nothing: the bench is simulated"
    due = [f"{name} until {entry.calibration.due}" for name, entry in bench.instruments.items() if entry.calibration]
    none = [name for name, entry in bench.instruments.items() if entry.calibration is None]
    return "; ".join([*due, *([f"no calibration on file: {', '.join(none)}"] if none else [])])


def _print_rows(rows: Iterator[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=_LABEL_WIDTH, no_wrap=True)
    table.add_column(overflow="fold")
    shown = ""
    for label, text in rows:
        table.add_row("" if label == shown else f" {label}", text if label == "covers" else escape(text))
        shown = label
    console.print(table)


def _step_table(made: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("step", "signal", "exposure"):
        table.add_column(name)
    for step in made.steps:
        exposure = f"left out: {step.omitted}" if step.omitted else duration(step.exposure_s)
        table.add_row(step.id, escape(step.title), escape(exposure))
    return table


def _as_json(made: Plan, *, list_steps: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "campaign": made.campaign.campaign.file.name,
        "bench": made.campaign.bench.file.name,
        "device": made.campaign.device.file.name,
        "tests": [{**test.as_record(), "largest_ivamp_v": test.largest_ivamp_v} for test in made.tests],
        "steps": len(made.steps),
        "steps_to_do": len(made.steps_to_do),
        "sequences_exposure_s": sum(test.nominal_s for test in made.tests),
        "exposure_s": made.exposure_s,
        "bench_s": made.bench_s,
        "storage_bytes": made.storage_bytes,
        "room_at_start_bytes": _room_bytes(made),
        "omissions": [
            {"test": number, **omission}
            for number, test in enumerate(made.tests, start=1)
            for omission in test.omissions()
        ],
        "prompts": [{"step_id": step_id, "text": text} for step_id, text in made.prompts],
        "notices": list(made.notices),
    }
    if list_steps:
        result["step_list"] = [step.as_record() for step in made.steps]
    return result
