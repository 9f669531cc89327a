"""``aimdlab doctor``."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyvisa
from rich.markup import escape

import aimdlab
from aimdlab import _platform
from aimdlab._platform import Holder
from aimdlab.bench._visa import shared_manager
from aimdlab.bench.discovery import DRIVERS, available, find
from aimdlab.cli.options import login_name
from aimdlab.cli.output import console, print_json
from aimdlab.errors import AimdlabError, BenchError, ConfigurationError
from aimdlab.sequencer.boot import go_on, make_benches_safe
from aimdlab.sequencer.known import known_benches, known_folder, sessions_at_work
from aimdlab.session.header import utc_now
from aimdlab.session.keys import keys_folder

_MARK = {True: "[green]ok[/]     ", False: "[bold red]problem[/]"}


@dataclass(frozen=True)
class _Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    text: str


def doctor(*, at_boot: bool, wait_s: float, as_json: bool) -> int:
    """Look at this computer, or do what is to be done after its restart; 0 if nothing is wrong."""
    return _at_boot(wait_s, as_json=as_json) if at_boot else _look(as_json=as_json)


def _look(*, as_json: bool) -> int:
    findings = list(_findings())
    is_well = all(finding.is_well for finding in findings)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "is_well": is_well})
    else:
        for finding in findings:
            console.print(f"{_MARK[finding.is_well]} {finding.what}: {escape(finding.text)}", soft_wrap=True)
    return 0 if is_well else BenchError.exit_status


def _findings() -> Iterator[_Finding]:
    where = f"Python {platform.python_version()} on {platform.platform()}"
    yield _Finding("software", True, f"aimdlab {aimdlab.__version__}, {where}")
    for name in available(DRIVERS):
        try:
            find(DRIVERS, name)
        except ConfigurationError as error:
            yield _Finding(f"driver {name}", False, str(error))
    yield _Finding("drivers", True, ", ".join(available(DRIVERS)))
    yield _visa()
    yield _folder("keys", keys_folder)
    yield _folder("locks", _platform.locks_folder)
    yield _folder("known benches", known_folder)
    clock = _platform.time_synchronisation()
    yield _Finding("clock kept to UTC", clock.synchronised != "no", f"{clock.synchronised} ({clock.told})")
    yield _Finding("benches", True, ", ".join(str(bench) for bench in known_benches()) or "none was run yet")
    for entry in sessions_at_work():
        text = f"process {entry.holder.pid} is at work on it" if entry.is_running() else "its run did not end by itself"
        yield _Finding(f"session {entry.session}", entry.is_running(), text)


def _visa() -> _Finding:
    try:
        shared_manager("@py")
    except (OSError, ValueError) as error:
        return _Finding("VISA", False, str(error))
    return _Finding("VISA", True, f"PyVISA {pyvisa.__version__} with its Python back end")


def _folder(what: str, folder: Callable[[], Path]) -> _Finding:
    try:
        path = folder().absolute()
        above = next(parent for parent in (path, *path.parents) if parent.is_dir())
        with tempfile.TemporaryFile(dir=above):
            return _Finding(what, True, str(path))
    except (OSError, RuntimeError, AimdlabError) as error:
        return _Finding(what, False, str(error))


def _at_boot(wait_s: float, *, as_json: bool) -> int:
    """Every known bench made safe, then the sessions that may go on by themselves; 3 if something may still be on."""
    benches = make_benches_safe(Holder.here(login_name(), utc_now()), wait_s)
    sessions = go_on(benches)
    exit_status = BenchError.exit_status if any(bench.problems for bench in benches) else 0
    if as_json:
        rows = [{**asdict(bench), "bench": str(bench.bench)} for bench in benches]
        print_json({"benches": rows, "sessions": [asdict(session) for session in sessions]})
        return exit_status
    for bench in benches:
        if bench.in_use:
            said = f"left alone: {escape(bench.in_use)}"
        elif not bench.problems:
            said = f"safe: {', '.join(bench.off) or 'it has nothing that can be switched off'}"
        else:
            why = "; ".join(f"{name}: {text}" if name else text for name, text in bench.problems.items())
            said = f"[bold red]NOT SAFE, switch off by hand now.[/] {escape(why)}"
        console.print(f"{escape(str(bench.bench))}: {said}", soft_wrap=True)
    for session in sessions:
        console.print(f"{escape(session.session)}: {session.happening}: {escape(session.text)}", soft_wrap=True)
    if not benches:
        console.print("no real bench was ever run from this computer by this user", soft_wrap=True)
    return exit_status
