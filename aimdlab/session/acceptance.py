"""What a session is held against when it is gone on with: what it began with, and what a person accepted since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aimdlab.errors import RecordAlteredError
from aimdlab.session import canonical
from aimdlab.session.canonical import Encodable
from aimdlab.session.event_log import EventLog
from aimdlab.session.events import Event
from aimdlab.session.header import SessionHeader

ACCEPTED = "resume.accepted"

WORLD_SHA256 = "simulated_world_sha256"
"""Fact of the header's host: SHA-256 of the world file of a simulated bench that the run started itself."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not what it was, in words for a person."""

    what: str
    was: str
    now: str


@dataclass(frozen=True)
class Basis:
    """What must be the same when a session is gone on with.

    Attributes:
        software: versions by name.
        configuration: texts by the names of their files.
        equipment: who answered, by the name of the instrument.
        world_sha256: of the world file of a simulated bench; "" if it is not known.
    """

    software: Mapping[str, str]
    configuration: Mapping[str, str]
    equipment: Mapping[str, Mapping[str, Any]]
    world_sha256: str


@dataclass(frozen=True)
class Changes:
    """What holds in place of the :class:`Basis` before, from an acceptance on.

    Attributes:
        software, equipment: what became another.
        configuration: texts that became others or came new; None for a file that is not used any more.
        world_sha256: of another world file, or "".
    """

    software: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, str | None] = field(default_factory=dict)
    equipment: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    world_sha256: str = ""


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a session may be gone on with although something differs.

    Attributes:
        utc: when.
        operator: who.
        reason: why.
        differences: what was shown to that person.
        changes: what holds from then on.
    """

    utc: str
    operator: str
    reason: str
    differences: tuple[Difference, ...]
    changes: Changes

    def in_words(self) -> str:
        """One line for a person."""
        what = ", ".join(difference.what for difference in self.differences)
        return f"accepted by {self.operator} ({self.utc}): {what}. Reason: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "utc": self.utc,
            "operator": self.operator,
            "reason": self.reason,
            "differences": [vars(difference) for difference in self.differences],
        }


def record_acceptance(
    events: EventLog, operator: str, reason: str, differences: Iterable[Difference], changes: Changes
) -> None:
    """Write an acceptance down, durably; RecordError if that fails."""
    shown: list[Encodable] = [dict(vars(difference)) for difference in differences]
    texts = changes.configuration
    events.record(
        ACCEPTED,
        f"{operator} accepts {len(shown)} differences from what the session began with: {reason}",
        source="sequencer",
        durable=True,
        operator=operator,
        reason=reason,
        differences=shown,
        software=dict(changes.software),
        configuration=dict(texts),
        configuration_sha256={name: text and canonical.sha256(text) for name, text in texts.items()},
        equipment={name: dict(entry) for name, entry in changes.equipment.items()},
        world_sha256=changes.world_sha256,
    )


def acceptances(events: Iterable[Event]) -> list[Acceptance]:
    """Every acceptance of a session; RecordAlteredError names an event that says it is one and is not."""
    found = []
    for event in events:
        if event.kind != ACCEPTED:
            continue
        try:
            found.append(_acceptance(event))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordAlteredError(f"{event.name} was altered: it accepts nothing that can be read") from error
    return found


def basis_of(header: SessionHeader, accepted: Iterable[Acceptance]) -> Basis:
    """What a session must be the same as now."""
    software = dict(header.software)
    texts: dict[str, str | None] = dict(header.configuration)
    equipment = {str(entry["name"]): dict(entry) for entry in header.equipment}
    world_sha256 = str(header.host.get(WORLD_SHA256, ""))
    for one in accepted:
        software |= one.changes.software
        texts |= one.changes.configuration
        equipment |= {name: dict(entry) for name, entry in one.changes.equipment.items()}
        world_sha256 = one.changes.world_sha256 or world_sha256
    used = {name: text for name, text in texts.items() if text is not None}
    return Basis(software, used, equipment, world_sha256)


def _acceptance(event: Event) -> Acceptance:
    data = event.data
    changes = Changes(
        software={_text(name): _text(version) for name, version in data["software"].items()},
        configuration={
            _text(name): None if text is None else _text(text) for name, text in data["configuration"].items()
        },
        equipment={_text(name): dict(entry) for name, entry in data["equipment"].items()},
        world_sha256=_text(data["world_sha256"]),
    )
    differences = tuple(
        Difference(_text(one["what"]), _text(one["was"]), _text(one["now"])) for one in data["differences"]
    )
    return Acceptance(event.utc, _text(data["operator"]), _text(data["reason"]), differences, changes)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
