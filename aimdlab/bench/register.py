"""The equipment of a bench file, resolved and checked before anything is connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aimdlab.bench.discovery import DRIVERS, find
from aimdlab.bench.driver import DiffersByModel, Driver
from aimdlab.bench.roles import Role
from aimdlab.config.bench import BenchFile, InstrumentEntry
from aimdlab.config.campaign import Loaded
from aimdlab.config.loading import problem, validate_part
from aimdlab.errors import ConfigurationError

Player = TypeVar("Player")


@dataclass(frozen=True)
class Equipment:
    """One instrument of the bench file, with its driver class and checked options."""

    name: str
    entry: InstrumentEntry
    driver: type[Driver]
    options: Any

    def unconnected(self, protocol: type[Player]) -> Player:
        """The driver without a link, as ``protocol``: good for what it can tell without asking the instrument."""
        driver = self.driver(self.name, None, self.options)
        if isinstance(driver, DiffersByModel) and self.entry.identity is not None:
            driver.plan_for(self.entry.identity.model)
        if not isinstance(driver, protocol):
            raise TypeError(f"driver {self.entry.driver!r} does not implement {protocol.__name__}")
        return driver


def resolve_equipment(bench: Loaded[BenchFile]) -> dict[str, Equipment]:
    """Find every driver and check its options, the roles and the monitors; ConfigurationError names file and key."""
    found = {name: _resolve_one(bench, name, entry) for name, entry in bench.file.instruments.items()}
    for role, player in bench.file.roles.items():
        equipment = _named(bench, ("roles", role, "instrument"), found, player.instrument)
        if Role(role) not in equipment.driver.ROLES:
            plays = ", ".join(sorted(equipment.driver.ROLES)) or "nothing"
            raise problem(
                bench.source,
                ("roles", role, "instrument"),
                f"the driver {equipment.entry.driver!r} of {player.instrument!r} cannot play {role}; it plays {plays}.",
            )
    for name, monitor in bench.file.monitors.items():
        equipment = _named(bench, ("monitors", name, "instrument"), found, monitor.instrument)
        if Role.OSCILLOSCOPE not in equipment.driver.ROLES:
            raise problem(
                bench.source,
                ("monitors", name, "instrument"),
                f"{monitor.instrument!r} is not an oscilloscope and cannot watch a point.",
            )
    return found


def play(bench: Loaded[BenchFile], found: Mapping[str, Equipment], role: Role) -> Equipment:
    """The equipment that plays ``role``; ConfigurationError if the bench file gives the role to nobody."""
    player = bench.file.roles.get(role.value)
    if player is None:
        raise problem(bench.source, ("roles",), f"no instrument plays {role}, which this test needs.")
    return found[player.instrument]


def _resolve_one(bench: Loaded[BenchFile], name: str, entry: InstrumentEntry) -> Equipment:
    key = ("instruments", name)
    try:
        driver: type[Driver] = find(DRIVERS, entry.driver)
    except ConfigurationError as error:
        raise problem(bench.source, (*key, "driver"), str(error)) from None
    if driver.NEEDS_LINK and entry.identity is None:
        raise problem(bench.source, key, "identity is missing: which manufacturer, model and serial must answer?")
    if driver.NEEDS_LINK and entry.resource is None and bench.file.simulated is None:
        raise problem(bench.source, key, 'resource is missing: where is it, e.g. "TCPIP::192.0.2.7::5025::SOCKET"?')
    if entry.resource is not None and bench.file.simulated is not None:
        raise problem(
            bench.source, (*key, "resource"), "a simulated bench hands its resources out itself. Remove this key."
        )
    options = validate_part(bench.source, (*key, "options"), entry.options, driver.Options)
    return Equipment(name=name, entry=entry, driver=driver, options=options)


def _named(
    bench: Loaded[BenchFile], key: tuple[str, ...], found: Mapping[str, Equipment], instrument: str
) -> Equipment:
    if instrument not in found:
        raise problem(
            bench.source, key, f"there is no instrument {instrument!r}. This bench has: {', '.join(sorted(found))}."
        )
    return found[instrument]
