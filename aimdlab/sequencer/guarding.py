"""The guardian of a run: started with it, told what to watch over, dismissed once the bench is safe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aimdlab import _platform
from aimdlab.bench.guardian.keeper import Keeper
from aimdlab.bench.guardian.log import read_log
from aimdlab.bench.guardian.orders import InstrumentOrder, Orders
from aimdlab.bench.lock import guardian_locks
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Campaign
from aimdlab.errors import SafeStateError
from aimdlab.sequencer.attention import Attention
from aimdlab.session.events import Event
from aimdlab.session.folder import SessionFolder

_MOST_TOLD = 4000


@contextmanager
def kept(keeper: Keeper, attention: Attention, *, outlives: bool) -> Iterator[None]:
    """Dismiss the guardian at the end; with ``outlives`` leave a bench that could not be made safe to it."""
    try:
        yield
    except SafeStateError:
        if outlives:
            keeper.hand_over()
        raise
    finally:
        attention.show_to(None)
        keeper.dismiss()  # nothing after a hand-over


def orders_for(bench: BenchFile, resources: Mapping[str, str], replacement: tuple[str, ...]) -> Orders:
    """What the guardian of this process is told.

    Args:
        bench: the bench file.
        resources: where each instrument is that the PC can talk to.
        replacement: the command that goes on in place of this process if it hangs or dies; empty: none.
    """
    pid = os.getpid()
    return Orders(
        instruments=tuple(_order(bench, name, resource) for name, resource in resources.items()),
        pid=pid,
        started=_platform.process_started(pid),
        silence_s=bench.guardian.silence,
        replacement=replacement,
        folder=str(Path.cwd()),
        locks=tuple(str(path) for path in guardian_locks(resources.values())),
    )


def must_wait(bench: BenchFile) -> bool:
    """Whether the guardian must have proven an instrument's reach before the run connects: it takes one connection."""
    return any(entry.guardian == "takeover" for entry in bench.instruments.values())


def replacement_for(
    made: Campaign, session: Path, operator: str, attach: str, scenario: Path | None, campaign: Path | None = None
) -> tuple[str, ...]:
    """The command that goes on with a session while nobody is there; empty if its campaign does not allow that.

    Args:
        made: the campaign.
        session: its folder.
        operator: who runs it.
        attach, scenario: how the bench is reached; see :class:`aimdlab.sequencer.opening.BenchChoice`.
        campaign: the campaign file, if it is not where the session says.
    """
    if not made.campaign.file.unattended.resume:
        return ()
    more = ["--attach", attach] if attach else []
    for option, path in (("--campaign", campaign), ("--scenario", scenario)):
        more += [option, str(path.absolute())] if path is not None else []
    # -P: what lies in the working folder is no module of ours.
    command = (sys.executable, "-P", "-m", "aimdlab", "resume", str(session.absolute()))
    return (*command, "--unattended", "--operator", operator, *more)


def copy_guardian_log(session: SessionFolder, copied: int) -> int:
    """Copy what guardians wrote, but for the first ``copied`` entries, into the event log; how many there are now."""
    entries = read_log(session.path)
    for entry in entries[copied:]:
        session.events.record(
            entry.kind,
            entry.message,
            source="guardian",
            durable=True,
            at_utc=entry.utc,
            at_monotonic_s=entry.monotonic_s,
            told=json.dumps(entry.data, ensure_ascii=False)[:_MOST_TOLD],
        )
    return max(len(entries), copied)


def copied_entries(events: Iterable[Event]) -> int:
    """How many entries of guardians an event log holds."""
    return sum(1 for event in events if event.source == "guardian")


def _order(bench: BenchFile, name: str, resource: str) -> InstrumentOrder:
    entry = bench.instruments[name]
    return InstrumentOrder(
        name=name,
        driver=entry.driver,
        resource=resource,
        options=entry.options,
        timeout_s=entry.timeout,
        identity=entry.identity.model_dump() if entry.identity is not None else {},
        mode=entry.guardian,
    )
