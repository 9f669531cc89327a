"""The orders of a guardian from the bench file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aimdlab._platform import process_started
from aimdlab.bench.guardian.orders import InstrumentOrder, Orders
from aimdlab.bench.lock import guardian_locks
from aimdlab.bench.register import resolve_equipment
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Loaded


def orders_for(
    bench: Loaded[BenchFile],
    resources: Mapping[str, str],
    *,
    replacement: Sequence[str] = (),
    folder: Path | None = None,
) -> Orders:
    """What the guardian of this process is told.

    Args:
        bench: the bench file; passive instruments need no guardian.
        resources: VISA resources of a simulated bench, by instrument name; empty for a real one.
        replacement: the command that goes on with the session if this process hangs or dies; empty: none.
        folder: its working folder; None: that of this process.

    Raises:
        ConfigurationError: the bench file is wrong.
        InUseError: there is no folder for locks.
    """
    instruments = tuple(
        InstrumentOrder(
            name=name,
            driver=equipment.entry.driver,
            resource=resource,
            options=json.loads(json.dumps(equipment.entry.options, default=str)),  # a date in YAML is text again
            timeout_s=equipment.entry.timeout,
            identity=equipment.entry.identity.model_dump() if equipment.entry.identity is not None else {},
            mode=equipment.entry.guardian,
        )
        for name, equipment in resolve_equipment(bench).items()
        if equipment.driver.NEEDS_LINK and (resource := equipment.entry.resource or resources.get(name))
    )
    return Orders(
        instruments=instruments,
        pid=os.getpid(),
        started=process_started(os.getpid()),
        silence_s=bench.file.guardian.silence,
        replacement=tuple(replacement),
        folder=str((folder or Path.cwd()).absolute()),
        locks=tuple(str(path) for path in guardian_locks(order.resource for order in instruments)),
    )
