"""Connecting to one instrument of a bench file, and being sure that it is the right one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from aimdlab.bench.clock import Clock
from aimdlab.bench.driver import Driver, Identity
from aimdlab.bench.identity import mismatch
from aimdlab.bench.link import VisaLink
from aimdlab.bench.register import Equipment
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Loaded
from aimdlab.config.loading import problem
from aimdlab.errors import IdentityError, LinkError

# An instrument that accepts one connection may need a moment to notice that the guardian's is closed.
_FREED_LIMIT_S = 2.0
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Connected:
    """One instrument that answered as the bench file says."""

    equipment: Equipment
    driver: Driver
    link: VisaLink | None
    identity: Identity


def connect_one(
    bench: Loaded[BenchFile], equipment: Equipment, clock: Clock, resources: Mapping[str, str]
) -> Connected:
    """Connect to one instrument and check who answers; nothing is switched or set.

    Raises what :func:`aimdlab.bench.bench.connect` does.
    """
    name, entry = equipment.name, equipment.entry
    if not equipment.driver.NEEDS_LINK:
        driver = equipment.driver(name, None, equipment.options)
        return Connected(equipment, driver, None, driver.identify())
    resource = entry.resource or resources.get(name)
    if resource is None:
        raise problem(bench.source, ("instruments", name), f"the simulated world has no instrument {name!r}.")
    takeover = entry.guardian == "takeover"
    deadline_s = time.monotonic() + (_FREED_LIMIT_S if takeover else 0.0)
    while True:
        try:
            return _connect(bench, equipment, clock, resource)
        except LinkError as error:
            if time.monotonic() < deadline_s:
                time.sleep(_PAUSE_S)
                continue
            hint = "" if takeover else " If it accepts one connection only, say so with `guardian: takeover`."
            where = problem(bench.source, ("instruments", name), f"no usable answer at {resource}.{hint}")
            raise LinkError(f"{where} ({error})", instrument=name, command=error.command) from error


def check_identity(bench: Loaded[BenchFile], equipment: Equipment, found: Identity) -> None:
    """Raise IdentityError, which names the key of the bench file, if another instrument answers than it says."""
    expected = equipment.entry.identity
    if expected is None or not equipment.driver.NEEDS_LINK:
        return
    wrong = mismatch(expected.model_dump(), equipment.driver.MODELS, found)
    if wrong is not None:
        key = ("driver",) if wrong.field == "driver" else ("identity", wrong.field)
        where = problem(bench.source, ("instruments", equipment.name, *key), wrong.what)
        raise IdentityError(str(where), instrument=equipment.name, command="*IDN?")


def _connect(bench: Loaded[BenchFile], equipment: Equipment, clock: Clock, resource: str) -> Connected:
    link = VisaLink.open(equipment.name, resource, clock, timeout_s=equipment.entry.timeout)
    try:
        driver = equipment.driver(equipment.name, link, equipment.options)
        identity = driver.identify()
        check_identity(bench, equipment, identity)
    except BaseException:
        link.close()
        raise
    return Connected(equipment, driver, link, identity)
