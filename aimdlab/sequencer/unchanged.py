"""Is what a session would go on with still what it began with? Software, files, plan and instruments; else refused.

Everything is refused before anything is switched on, with what is different and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from itertools import zip_longest
from pathlib import Path, PureWindowsPath
from typing import Any

import aimdlab
from aimdlab.bench.bench import Bench
from aimdlab.config.campaign import load_campaign
from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.session import canonical
from aimdlab.session.header import FORMAT_VERSION, SessionHeader, software_versions

# Where an instrument is reached may change (a simulated one gets other ports each time); the bench file is compared.
_ELSEWHERE = "resource"
_SHOWN = 100


def plan_again(header: SessionHeader, campaign: Path | None, today: date | None = None) -> Plan:
    """The plan of a session, made again from its files as they are now.

    Args:
        header: the session's.
        campaign: the campaign file, if it is not where it was.
        today: when calibrations must be valid; None is this computer's date.

    Raises:
        ConfigurationError: software, a file or the plan is not what the session began with, or a file is wrong.
    """
    _refuse_other_software(header)
    if campaign is None and not header.campaign_file:
        raise ConfigurationError("the session does not say where its campaign file lies. Name it with --campaign.")
    path = campaign or Path(header.campaign_file)
    _refuse_other_texts(header, path)
    plan = make_plan(load_campaign(path), today)
    _refuse_other_plan(header, plan)
    return plan


def refuse_other_instruments(header: SessionHeader, bench: Bench) -> None:
    """Raise ConfigurationError unless the instruments that answered are those of the session's beginning."""
    found = {str(instrument["name"]): instrument for instrument in bench.equipment_list()}
    known = {str(instrument["name"]): instrument for instrument in header.equipment}
    for name in [*known, *(name for name in found if name not in known)]:
        difference = _difference(_reachable(known.get(name, {})), _reachable(found.get(name, {})))
        if difference is not None:
            key, was, now = difference
            raise ConfigurationError(
                f"instrument {name}, {key}: {was} answered when the session began, {now} answers now. Its captures "
                "would not be comparable. Connect the instrument that was there."
            )


def _refuse_other_software(header: SessionHeader) -> None:
    began = header.software.get("aimdlab", "unknown")
    if began != aimdlab.__version__:
        raise ConfigurationError(
            f"the session began with aimdlab {began}, this is aimdlab {aimdlab.__version__}: what both measured could "
            f"not be compared. Go on with aimdlab {began}."
        )
    now = software_versions()
    for name in ("scoring code", "numpy"):
        if name in header.software and header.software[name] != now.get(name):
            raise ConfigurationError(
                f"the session began with {name} {header.software[name]}, this is {now.get(name)}: the same captures "
                "could be judged otherwise. Go on with the software that began it."
            )
    if header.format_version != FORMAT_VERSION:
        raise ConfigurationError(
            f"the session began in format {header.format_version}, this software writes format {FORMAT_VERSION}. Go on "
            "with the software that began it."
        )


def _refuse_other_texts(header: SessionHeader, campaign: Path) -> None:
    if not campaign.is_file():
        raise ConfigurationError(
            f"{campaign}: the campaign file is not there any more. Put it back, or name the place with --campaign."
        )
    # Every name is relative to the campaign's folder; its own may have changed.
    recorded_name = PureWindowsPath(header.campaign_file).name or campaign.name
    for name, text in header.configuration.items():
        path = campaign if name == recorded_name else campaign.parent / name
        try:
            now = path.read_bytes().decode("utf-8-sig", errors="replace")
        except OSError as error:
            raise ConfigurationError(
                f"{path}: the session began with this file, and it cannot be read ({error.strerror or error}). "
                "Put it back as it was."
            ) from error
        if now != text:
            line, was, is_now = _first_difference(text, now)
            raise ConfigurationError(
                f"{path}, line {line}: not what the session began with. Then: {was}; now: {is_now}. "
                "Put the file back as it was."
            )


def _first_difference(was: str, now: str) -> tuple[int, str, str]:
    """Line number from 1, and the line in both texts."""
    pairs = zip_longest(was.splitlines(keepends=True), now.splitlines(keepends=True))
    for number, (before, after) in enumerate(pairs, start=1):
        if before != after:
            return number, *_shown(_line(before), _line(after))
    raise ValueError("the texts are the same")


def _line(line: str | None) -> str:
    return "(the file ends before)" if line is None else line


def _refuse_other_plan(header: SessionHeader, plan: Plan) -> None:
    for before, step in zip_longest(header.plan, plan.steps):
        was, now = dict(before or {}), step.as_record() if step is not None else {}
        difference = _difference(was, now)
        if difference is not None:
            raise _other_plan(f"step {was.get('step_id', now.get('step_id'))}", *difference)
    for recorded, test in zip_longest(header.tests, plan.tests):
        was, now = dict(recorded or {}), dict(test.as_record()) if test is not None else {}
        for conditions in (was, now):  # of the day, not of the plan
            conditions.pop("ambient", None)
        difference = _difference(was, now)
        if difference is not None:
            raise _other_plan(f"test {was.get('name', now.get('name'))!r}", *difference)


def _other_plan(where: str, key: str, was: str, now: str) -> ConfigurationError:
    return ConfigurationError(
        f"the same files no longer make the plan that the session began with: {where}, {key} was {was} and is {now}. "
        "A picture, a driver or a procedure has changed. Put it back as it was."
    )


def _reachable(instrument: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in instrument.items() if key != _ELSEWHERE}


def _difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The first key whose values are not recorded in the same words, with both values; None if there is none."""
    for key in [*was, *(key for key in now if key not in was)]:
        before, after = was.get(key), now.get(key)
        if canonical.encode(before) != canonical.encode(after):
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                inner = _difference(before, after)
                if inner is not None:
                    return f"{key}.{inner[0]}", inner[1], inner[2]
            return key, *_shown(before, after)
    return None


def _shown(was: object, now: object) -> tuple[str, str]:
    """Two values for a person, of long ones the part in which they differ."""
    texts = [_text(value) for value in (was, now)]
    same = next((place for place, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), None)
    same = min(map(len, texts)) if same is None else same
    start = max(same - _SHOWN // 2, 0) if max(map(len, texts)) > _SHOWN else 0
    before, after = (f"{'...' if start else ''}{text[start : start + _SHOWN]}" for text in texts)
    return before, after


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
