"""Is what a session would go on with still what it began with? Software, files, plan, world and instruments.

Every difference is found before anything is switched on, and all of a stage are told at once. What makes another plan
is refused for good; anything else a person may accept (:mod:`aimdlab.sequencer.consent`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from pathlib import Path, PureWindowsPath
from typing import Any

from aimdlab.bench.bench import Bench
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Loaded, load_campaign, resolve
from aimdlab.config.loading import problem
from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.consent import Found, Settlement
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.sequencer.training import SCENARIO
from aimdlab.sequencer.unlike import alike, first_difference, first_lines, shown, tidy
from aimdlab.session import canonical
from aimdlab.session.acceptance import WORLD_SHA256, Basis, Changes, Difference
from aimdlab.session.header import FORMAT_VERSION, SessionHeader, software_versions

# Where an instrument is reached may change (a simulated one gets other ports each time); the bench file is compared.
_ELSEWHERE = "resource"
# Another instrument of the same driver and options may stand in for one that broke, if a person says so.
_REPLACED = ("manufacturer", "model", "serial", "firmware", "calibration")
_JUDGING = ("aimdlab", "scoring code", "numpy")
_LISTED = 5
# Changed texts are kept whole in the event that accepts them, which has a largest size.
_LARGEST_TEXTS = 1 << 20

_GO_BACK = "Go on with the software that began it."
_PUT_BACK = "Put the file back as it was."


@dataclass(frozen=True)
class PlannedAgain:
    """The plan of a session, made again, and what of its basis is to be written down as changed."""

    plan: Plan
    changes: Changes


def world_facts(bench: Loaded[BenchFile], attached: str) -> dict[str, str]:
    """For the header's host: which world a simulated bench is, where the run starts it itself from the bench file.

    The framework reads no world; the hash of its bytes tells whether it is the same. Of a bench that is attached to
    nobody knows what it was made from.
    """
    if bench.file.simulated is None or attached:
        return {}
    world = resolve(bench.source, ("simulated", "world"), bench.file.simulated.world)
    try:
        return {WORLD_SHA256: hashlib.sha256(world.read_bytes()).hexdigest()}
    except OSError as error:
        what = f"{world} cannot be read: {error.strerror or error}."
        raise problem(bench.source, ("simulated", "world"), what) from error


def plan_again(
    header: SessionHeader,
    basis: Basis,
    campaign: Path | None,
    settlement: Settlement,
    attached: str = "",
    today: date | None = None,
) -> PlannedAgain:
    """The plan of a session, made again from its files as they are now.

    Args:
        header: the session's.
        basis: what must be the same.
        campaign: the campaign file, if it is not where it was.
        settlement: settles what differs.
        attached: address of the simulated bench that is attached to, or "".
        today: when calibrations must be valid; None is this computer's date.

    Raises:
        ConfigurationError: software, a file, the world or the plan is not what it was, or a file is wrong.
    """
    if campaign is None and not header.campaign_file:
        raise ConfigurationError("the session does not say where its campaign file lies. Name it with --campaign.")
    path = campaign or Path(header.campaign_file)
    if not path.is_file():
        raise ConfigurationError(
            f"{path}: the campaign file is not there any more. Put it back, or name the place with --campaign."
        )
    # Every name is relative to the campaign's folder; its own may have changed.
    own_name = PureWindowsPath(header.campaign_file).name or path.name
    found = [*_other_software(header, basis), *_other_texts(basis, path, own_name)]
    try:
        plan = make_plan(load_campaign(path), today)
    except ConfigurationError as error:
        if found:
            settlement.settle(found, f"As they are now, they make no plan: {error}")
        raise
    texts = _changed_texts(basis, plan, own_name)
    found += _files_in_and_out(basis, path, own_name, texts)
    found += _other_world(basis, plan.campaign.bench, attached)
    found += _other_plan(header, plan)
    settlement.settle(found)
    world = world_facts(plan.campaign.bench, attached).get(WORLD_SHA256, "")
    versions = software_versions()
    changes = Changes(
        software={
            name: versions[name] for name in _JUDGING if basis.software.get(name, versions[name]) != versions[name]
        },
        configuration=texts,
        world_sha256=world if basis.world_sha256 and world != basis.world_sha256 else "",
    )
    return PlannedAgain(plan, changes)


def instruments_again(basis: Basis, bench: Bench, settlement: Settlement) -> dict[str, dict[str, Any]]:
    """Compare who answered with the instruments of the session's beginning; returns those that are others now.

    Raises ConfigurationError unless all are the same, or the differences are accepted.
    """
    now = {str(instrument["name"]): instrument for instrument in bench.equipment_list()}
    found: list[Found] = []
    for name in [*basis.equipment, *(name for name in now if name not in basis.equipment)]:
        found += _other_instrument(name, basis.equipment.get(name), now.get(name))
    settlement.settle(found)
    return {
        name: entry for name, entry in now.items() if not alike(_reachable(basis.equipment[name]), _reachable(entry))
    }


def _other_instrument(name: str, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[Found]:
    if was is None or now is None:
        there, absent = ("it was not there", "it is") if was is None else ("it was there", "it is not")
        difference = Difference(f"instrument {name}", there, absent)
        yield Found(difference, "Make the bench what it was.", name, acceptable=False)
        return
    for key in [*_reachable(was), *(key for key in _reachable(now) if key not in was)]:
        if not alike(was.get(key), now.get(key)):
            yield Found(
                Difference(f"instrument {name}, {key}", *shown(was.get(key), now.get(key))),
                "Connect the instrument that was there.",
                canonical.encode([name, key, was.get(key), now.get(key)]),
                acceptable=key in _REPLACED,
            )


def _reachable(instrument: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in instrument.items() if key != _ELSEWHERE}


def _other_software(header: SessionHeader, basis: Basis) -> Iterator[Found]:
    now = software_versions()
    for name in _JUDGING:
        was = basis.software.get(name, "unknown" if name == "aimdlab" else None)  # older ones did not tell the others
        if was is not None and was != now[name]:
            yield Found(Difference(f"software, {name}", was, now[name]), _GO_BACK, f"{name} {was} {now[name]}")
    if header.format_version != FORMAT_VERSION:
        versions = (str(header.format_version), str(FORMAT_VERSION))
        yield Found(Difference("format of the session", *versions), _GO_BACK, "format", acceptable=False)


def _other_texts(basis: Basis, campaign: Path, own_name: str) -> Iterator[Found]:
    """The files that the session began with, as far as they are missing or others now."""
    for name, text in basis.configuration.items():
        path = _path_of(name, campaign, own_name)
        try:
            now = path.read_bytes().decode("utf-8-sig", errors="replace")
        except OSError as error:
            difference = Difference(str(path), "there", f"it cannot be read ({error.strerror or error})")
            yield Found(difference, "Put it back as it was.", f"missing {name}")
            continue
        if now != text:
            where, before, after = first_lines(text, now)
            exact = f"{name} {canonical.sha256(text)} {canonical.sha256(now)}"
            yield Found(Difference(f"{path}, {where}", before, after), _PUT_BACK, exact)


def _path_of(name: str, campaign: Path, own_name: str) -> Path:
    return campaign if name == own_name else tidy(campaign.parent / name)


def _changed_texts(basis: Basis, plan: Plan, own_name: str) -> dict[str, str | None]:
    """The texts that are others now, came new, or (None) are not used any more."""
    used = {
        own_name if source == plan.campaign.campaign.source.path.name else source: text
        for source, text in plan.campaign.texts().items()
    }
    changed: dict[str, str | None] = {
        name: text for name, text in used.items() if basis.configuration.get(name) != text
    }
    return changed | {name: None for name in basis.configuration if name not in used}


def _files_in_and_out(basis: Basis, campaign: Path, own_name: str, texts: Mapping[str, str | None]) -> Iterator[Found]:
    """Files that are named now and were not, and the other way round; and texts too long to be recorded."""
    for name, text in texts.items():
        path = _path_of(name, campaign, own_name)
        if text is None and path.is_file():  # else it was found missing
            yield Found(Difference(str(path), "used", "not used"), "Name it again where it was named.", f"out {name}")
        elif text is not None and name not in basis.configuration:
            hashed = canonical.sha256(text)
            difference = Difference(str(path), "not used", f"used (SHA-256 {hashed[:16]}...)")
            yield Found(difference, "Name the file that was named before.", f"in {name} {hashed}")
    size = sum(len(text or "") for text in texts.values())
    if size > _LARGEST_TEXTS:
        difference = Difference("size of the changed files", "recorded whole", f"{size} characters")
        yield Found(difference, f"An event holds at most {_LARGEST_TEXTS}.", "size", acceptable=False)


def _other_world(basis: Basis, bench: Loaded[BenchFile], attached: str) -> Iterator[Found]:
    now = world_facts(bench, attached).get(WORLD_SHA256, "")
    if basis.world_sha256 and now and now != basis.world_sha256 and bench.file.simulated is not None:
        yield Found(
            Difference(
                f"world file {bench.file.simulated.world} of the simulated bench",
                f"SHA-256 {basis.world_sha256[:16]}...",
                f"{now[:16]}...",
            ),
            _PUT_BACK,
            basis.world_sha256 + now,
        )


def _other_plan(header: SessionHeader, plan: Plan) -> Iterator[Found]:
    """The first steps, and every test, that are not recorded in the same words."""
    listed = 0
    for before, step in zip_longest(header.plan, plan.steps):
        was, now = dict(before or {}), step.as_record() if step is not None else {}
        difference = first_difference(was, now)
        if difference is not None and listed < _LISTED:
            listed += 1
            yield _of_plan(f"plan, step {was.get('step_id', now.get('step_id'))}", *difference)
    for recorded, test in zip_longest(header.tests, plan.tests):
        was, now = dict(recorded or {}), dict(test.as_record()) if test is not None else {}
        for conditions in (was, now):  # of the day, not of the plan
            conditions.pop("ambient", None)
            conditions.pop(SCENARIO, None)
        difference = first_difference(was, now)
        if difference is not None:
            yield _of_plan(f"test {was.get('name', now.get('name'))!r}", *difference)


def _of_plan(where: str, key: str, was: str, now: str) -> Found:
    advice = "Another plan, limit or reason is another session: put back the file, picture, driver or procedure."
    return Found(Difference(f"{where}, {key}", was, now), advice, where, acceptable=False)
