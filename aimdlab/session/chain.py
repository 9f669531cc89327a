"""The chain: every record names the hash of the one before, so that none is changed, removed, added or moved unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from aimdlab.errors import RecordAlteredError


class Link(Protocol):
    """What the chain needs of a record."""

    @property
    def index(self) -> int:
        """Position in the chain, from 0."""

    @property
    def previous(self) -> str:
        """Hash of the record before, or the anchor for the first."""

    @property
    def sha256(self) -> str:
        """Hash of the record."""

    @property
    def name(self) -> str:
        """What to call it in a message."""


AnyLink = TypeVar("AnyLink", bound=Link)


def check_links(links: Iterable[AnyLink], *, anchor: str, anchor_name: str, kind: str) -> Iterator[AnyLink]:
    """Give the links on, each once it is known to follow the one before.

    The links' own hashes are the caller's to check. ``anchor`` is what the first one must name as its ``previous``,
    ``kind`` what a link is called ("attempt", "event"). Raises RecordAlteredError naming the first link altered,
    removed, added or moved.
    """
    previous, previous_name = anchor, anchor_name
    iterator = iter(links)
    for position, link in enumerate(iterator):
        if link.index < position:
            raise RecordAlteredError(f"{link.name} was added: there is another {kind} number {link.index} before it")
        if link.index > position:
            if any(later.index == position for later in iterator):
                raise RecordAlteredError(f"{link.name} was moved: {kind} number {position} stands after it")
            raise RecordAlteredError(
                f"{kind} number {position} was removed: {link.name}, number {link.index}, stands in its place"
            )
        if link.previous != previous:
            raise RecordAlteredError(f"{previous_name} was altered: the record after it was written after another one")
        yield link
        previous, previous_name = link.sha256, link.name
